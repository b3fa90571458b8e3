"""The benchmarks' own arithmetic: a figure that is wrong is worse than none."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.measure import Samples, interleaved, quantile
from tests.benchmarks.report import Row, as_markdown, as_text, machine, shown, write


async def test_contenders_take_turns_and_the_first_round_does_not_count():
    """Whoever is always first would always warm up the machine for the others."""
    order = []

    def batch(name):
        async def run(calls):
            order.append(name)
            return [1.0] * calls

        return run

    found = await interleaved({"a": batch("a"), "b": batch("b")}, rounds=2, calls=3)

    assert order == ["b", "a", "a", "b", "b", "a"]
    assert found["a"].rounds == [[1.0] * 3] * 2


def test_a_busy_minute_moves_neither_ratio_nor_difference():
    """In one of three rounds everything took ten times as long; the comparison stays what it was."""
    base = Samples([[1.0], [1.0], [10.0]])
    ours = Samples([[1.1], [1.1], [11.0]])

    assert ours.ratio(base) == pytest.approx(1.1)
    assert ours.over(base) == pytest.approx(0.1)
    assert quantile([float(one) for one in range(100)], 0.95) == 95


def test_the_table_says_what_was_reached_and_what_was_not(tmp_path):
    """Printed, as Markdown and as JSON, the same rows."""
    rows = [
        Row("calls", "a hit", 2e-4, 4e-4, 12_000, "the bare SDK", 0.1, "p95 < 0.5 ms", met=True),
        Row("calls", "a miss", 2e-3, goal="10 %", met=False, note="+1 ms"),
    ]
    about = machine(["FastMCP"])
    write(tmp_path, rows, about)

    text = as_text(rows, about)
    assert "200 µs" in text
    assert "12,000" in text
    assert "MISSED (+1 ms)" in text
    assert "Not measured: FastMCP." in text
    assert (tmp_path / "benchmarks.md").read_text() == as_markdown(rows, about)
    assert [row["met"] for row in json.loads((tmp_path / "benchmarks.json").read_text())["rows"]] == [True, False]
    assert [shown(one) for one in (None, 0.0025, 1.5)] == ["", "2.5 ms", "1.5 s"]
