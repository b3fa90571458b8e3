"""What infrastructure costs, resource by resource, before and after."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from codenb.errors import BadInput
from codenb.models import CostComparison, CostEstimate
from codenb.plots._chart import BLUE, GREY, GRID, Chart, titled
from codenb.views import Table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_MOST = 25
"""Bars that one can still read; the table has all."""

_LONGEST = 44

_Cost = float | None


def infrastructure_cost(estimate: CostEstimate, before: CostEstimate | None = None) -> Chart:
    """Show what each resource costs: one bar a resource, the dearest on top; with `before`, two bars.

    Args:
        estimate: Such as `await nb.estimate(...)` gives.
        before: What it costs now, for the same time and in the same currency.

    Returns:
        The chart. Its table has every resource, with what is unpriced marked as such, and the total.

    Raises:
        BadInput: Nothing is estimated, or the two are for different times.
    """
    if before and (before.duration_hours, before.currency) != (estimate.duration_hours, estimate.currency):
        raise BadInput(
            f"the estimates are for {before.duration_hours:g} and {estimate.duration_hours:g} hours: "
            f"estimate both with the same duration_hours"
        )
    if not estimate.lines and not (before and before.lines):
        raise BadInput("the estimate has no lines to plot: estimate something that costs money")
    after_only = {resource: _number(amount) for resource, amount in estimate.by_resource.items()}
    unit = f"{estimate.currency} for {estimate.duration_hours:,g} hours"
    title = f"Infrastructure cost: {estimate.total_text}"
    if before is None:
        rows = [[resource, _cell(amount)] for resource, amount in after_only.items()]
        table = Table(["resource", unit], [*rows, ["total", estimate.total_text]], caption="What it costs")
        return Chart(_figure(title, unit, {"cost": after_only}), table, title)
    compared = CostComparison(
        before=before,
        after=estimate,
        difference=estimate.total - before.total,
        exact=not (before.at_least or estimate.at_least),
    )
    sides: dict[str, dict[str, _Cost]] = {"before": {}, "after": {}}
    rows = []
    for row in compared.rows():
        for side, costs in sides.items():
            costs[row["resource"]] = row[side]
        rows.append([row["resource"], *(_cell(row[key]) for key in ("before", "after", "difference"))])
    last = ["total", before.total_text, estimate.total_text, f"{compared.difference:+,.2f} {estimate.currency}"]
    table = Table(["resource", "before", "after", "difference"], [*rows, last], caption=f"In {unit}")
    title = f"{title} ({compared.difference:+,.2f})"
    return Chart(_figure(title, unit, sides), table, title)


def _number(amount: Any) -> _Cost:
    return None if amount is None else float(amount)


def _cell(amount: _Cost) -> str:
    return "unpriced" if amount is None else f"{amount:,.2f}"


def _figure(title: str, unit: str, sides: dict[str, dict[str, _Cost]]) -> Figure:
    from plotly.graph_objects import Bar, Figure  # noqa: PLC0415  heavy, and many notebooks never plot

    resources = list(next(iter(sides.values())))
    order = sorted(resources, key=lambda name: -max(costs[name] or 0 for costs in sides.values()))
    shown, rest = order[:_MOST], order[_MOST:]
    if rest:
        other = f"{len(rest)} others"
        for costs in sides.values():
            costs[other] = sum(costs[name] or 0 for name in rest)
        shown.append(other)
    figure = Figure()
    looks = {"before": (GREY, "/"), "after": (BLUE, ""), "cost": (BLUE, "")}
    for side, costs in sides.items():
        colour, pattern = looks[side]
        figure.add_trace(
            Bar(
                name=side,
                orientation="h",
                y=shown,
                x=[costs[name] or 0 for name in shown],
                text=[_cell(costs[name]) for name in shown],
                textposition="outside",
                cliponaxis=False,
                marker={"color": colour, "pattern": {"shape": pattern, "fgcolor": "#ffffff", "size": 6}},
                customdata=[escape(name) for name in shown],
                hovertemplate="%{customdata}<br>%{text}<extra>" + side + "</extra>",
            )
        )
    titled(figure, title, height=150 + (30 if len(sides) == 1 else 48) * len(shown), legend=len(sides) > 1)
    figure.update_layout(barmode="group", legend_traceorder="normal")
    most = max((costs[name] or 0 for costs in sides.values() for name in shown), default=0)
    figure.update_xaxes(
        title=unit, range=[0, most * 1.18 or 1], gridcolor=GRID, zeroline=False, linecolor=GRID, tickformat=",~g"
    )
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=shown,
        autorange="reversed",
        tickvals=shown,
        ticktext=[escape(_short(name)) for name in shown],
        showgrid=False,
        automargin=True,
        linecolor=GRID,
        title=None,
    )
    return figure


def _short(name: str) -> str:
    """A label that leaves room for the bars; the end of an address tells more than its middle."""
    if len(name) <= _LONGEST:
        return name
    half = _LONGEST // 2
    return f"{name[: half - 1]}…{name[-half:]}"
