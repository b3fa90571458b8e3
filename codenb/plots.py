"""Figures, each with its table beside it.

A figure is for seeing, a table for reading on, and a saved notebook must be readable where no script runs. So a chart
carries both: plotly's mimetype for JupyterLab, a table as HTML for everything else, and plain text for a terminal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from codenb.errors import BadInput
from codenb.models import CallRecord
from codenb.views import Shown, Table, View

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

_PLOTLY = "application/vnd.plotly.v1+json"
_GREY = "#7f8790"  # readable on white and on black
_GRID = "rgba(127, 135, 144, 0.25)"
_STATUS_COLOURS = {"ok": "#2a78c2", "error": "#d1483b", "timeout": "#c77700", "denied": "#8a5bb5"}
_STATUS_SYMBOLS = {"ok": "circle", "error": "x", "timeout": "triangle-up", "denied": "diamond"}


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


def latency(calls: Iterable[CallRecord]) -> Chart:
    """Show how long calls took: one mark a call, one row a tool, on a logarithmic axis in milliseconds.

    Args:
        calls: Such as `nb.calls`.

    Returns:
        The chart; its table has calls, errors, median, 95th percentile (nearest rank) and worst a tool.

    Raises:
        BadInput: There are no calls yet.
    """
    by_tool: dict[str, list[CallRecord]] = defaultdict(list)
    for call in calls:
        by_tool[f"{call.server}.{call.tool}"].append(call)
    if not by_tool:
        raise BadInput("no calls to plot yet: call a tool first, such as `await nb.gather(target)`")
    order = sorted(by_tool, key=lambda name: median(call.duration_ms for call in by_tool[name]))
    title = "How long calls took"
    table = Table(
        ["tool", "calls", "not ok", "median ms", "p95 ms", "worst ms"],
        [_row(name, by_tool[name]) for name in reversed(order)],
        caption="Wall time, waiting for people included",
    )
    return Chart(_latency_figure(title, order, by_tool), table, title)


def _row(name: str, calls: list[CallRecord]) -> list[str | int | float]:
    times = sorted(call.duration_ms for call in calls)
    p95 = times[max(0, -(-len(times) * 95 // 100) - 1)]
    bad = sum(call.status != "ok" for call in calls)
    return [name, len(calls), bad, round(median(times), 1), round(p95, 1), round(times[-1], 1)]


def _latency_figure(title: str, order: list[str], by_tool: dict[str, list[CallRecord]]) -> Figure:
    from plotly.graph_objects import Figure, Scatter  # noqa: PLC0415  heavy, and many notebooks never plot

    by_status: dict[str, list[tuple[str, CallRecord]]] = defaultdict(list)
    for name in order:
        for call in by_tool[name]:
            by_status[call.status].append((name, call))
    figure = Figure()
    for status, marks in by_status.items():
        figure.add_trace(
            Scatter(
                x=[max(call.duration_ms, 0.01) for _, call in marks],
                y=[name for name, _ in marks],
                name=status,
                mode="markers",
                marker={
                    "size": 11,
                    "opacity": 0.75,
                    "color": _STATUS_COLOURS.get(status, _GREY),
                    "symbol": _STATUS_SYMBOLS.get(status, "square"),
                },
                hovertemplate="%{y}<br>%{x:.1f} ms<extra>" + status + "</extra>",
            )
        )
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left"},
        height=150 + 30 * len(order),
        margin={"l": 10, "r": 20, "t": 50, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _GREY, "size": 13},
        showlegend=len(by_status) > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )
    figure.update_xaxes(
        title="duration in ms (logarithmic)", type="log", dtick=1, gridcolor=_GRID, zeroline=False, linecolor=_GRID
    )
    figure.update_yaxes(
        categoryorder="array", categoryarray=order, gridcolor=_GRID, automargin=True, linecolor=_GRID, title=None
    )
    return figure
