"""The chart of latencies and its table."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb import plots
from codenb.errors import BadInput
from codenb.models import CallRecord


def record(tool: str, ms: float, status: str = "ok") -> CallRecord:
    return CallRecord(started_at=datetime.now(UTC), server="kubernetes", tool=tool, status=status, duration_ms=ms)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_the_95th_percentile_is_one_of_the_calls_and_at_least_95_percent_are_not_slower(durations):
    """Nearest rank, as the docstring says: no interpolated number that no call ever took."""
    chart = plots.latency([record("get_pods", ms) for ms in durations])

    p95 = chart.table.rows[0][4]
    rounded = [round(ms, 1) for ms in durations]
    assert p95 in rounded
    assert sum(ms <= p95 for ms in rounded) >= 0.95 * len(durations)


def test_slowest_tool_comes_first_and_failures_are_counted():
    """A reader looks for what was slow and what failed."""
    chart = plots.latency([record("get_pods", 3), record("gather_context", 80), record("gather_context", 90, "error")])

    assert [row[0] for row in chart.table.rows] == ["kubernetes.gather_context", "kubernetes.get_pods"]
    assert chart.table.rows[0][1:3] == [2, 1]


def test_one_object_is_a_figure_a_table_and_text():
    """The same output is interactive in JupyterLab, a table on a page, and readable in a terminal."""
    bundle = plots.latency([record("get_pods", 3)])._repr_mimebundle_()

    assert bundle["application/vnd.plotly.v1+json"]["layout"]["title"]["text"] == "How long calls took"
    assert "ms" in bundle["application/vnd.plotly.v1+json"]["layout"]["xaxis"]["title"]["text"]
    assert "<caption>" in bundle["text/html"]
    assert "kubernetes.get_pods" in bundle["text/plain"]


def test_the_numbers_can_be_used_further():
    """A chart is a list of rows as well; who compares two runs needs them as data."""
    chart = plots.latency([record("get_pods", 3), record("gather_context", 80)])

    assert chart.to_dict()["rows"][0]["tool"] == "kubernetes.gather_context"
    assert list(chart.frame()["worst ms"]) == [80, 3]


def test_no_calls_is_said_in_words():
    """An empty chart explains nothing."""
    with pytest.raises(BadInput, match="no calls to plot yet"):
        plots.latency([])
