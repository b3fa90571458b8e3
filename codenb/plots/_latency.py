"""How long calls took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import TYPE_CHECKING

from codenb.errors import BadInput
from codenb.models import CallRecord
from codenb.plots._chart import BLUE, GREY, GRID, Chart, titled
from codenb.views import Table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_STATUS_COLOURS = {"ok": BLUE, "error": "#d1483b", "timeout": "#c77700", "denied": "#8a5bb5"}
_STATUS_SYMBOLS = {"ok": "circle", "error": "x", "timeout": "triangle-up", "denied": "diamond"}


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
                    "color": _STATUS_COLOURS.get(status, GREY),
                    "symbol": _STATUS_SYMBOLS.get(status, "square"),
                },
                hovertemplate="%{y}<br>%{x:.1f} ms<extra>" + status + "</extra>",
            )
        )
    titled(figure, title, height=150 + 30 * len(order), legend=len(by_status) > 1)
    figure.update_xaxes(
        title="duration in ms (logarithmic)", type="log", dtick=1, gridcolor=GRID, zeroline=False, linecolor=GRID
    )
    figure.update_yaxes(
        categoryorder="array", categoryarray=order, gridcolor=GRID, automargin=True, linecolor=GRID, title=None
    )
    return figure
