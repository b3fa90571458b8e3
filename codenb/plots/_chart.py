"""What every chart is, and how all of them look: readable on a white page and on a black one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codenb.views import Shown, Table, View

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

GREY = "#7f8790"  # readable on white and on black
GRID = "rgba(127, 135, 144, 0.25)"
BLUE = "#2a78c2"
_PLOTLY = "application/vnd.plotly.v1+json"


@dataclass(frozen=True)
class Chart(Shown):
    """A figure and the table of what it shows.

    Attributes:
        figure: Plotly's own figure, to be restyled or exported.
        table: The numbers.
        title: Of both.
    """

    figure: Figure
    table: Table
    title: str

    def view(self) -> View:
        """The table: what remains where no script runs."""
        return View(title=self.title, blocks=[self.table])

    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        return pd.DataFrame(list(self.table.rows), columns=list(self.table.columns))

    def to_dict(self) -> dict[str, Any]:
        """Title and table as JSON data; the figure itself is `figure.to_plotly_json()`."""
        rows = [dict(zip(self.table.columns, row, strict=True)) for row in self.table.rows]
        return {"title": self.title, "rows": rows}

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(include, exclude)
        if (include is None or _PLOTLY in include) and (exclude is None or _PLOTLY not in exclude):
            bundle[_PLOTLY] = self.figure.to_plotly_json()
        return bundle


def titled(figure: Figure, title: str, *, height: int, legend: bool) -> None:
    """Give a figure its title and the look of the house.

    Args:
        figure: To be changed.
        title: In one line.
        height: In pixels.
        legend: Whether its traces have to be told apart.
    """
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left"},
        height=height,
        margin={"l": 10, "r": 20, "t": 50, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": GREY, "size": 13},
        showlegend=legend,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
