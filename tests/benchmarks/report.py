"""What was measured, as a table for people, and as JSON for whoever wants to compare runs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_HEAD = ("what", "median", "p95", "rate/s", "against", "ratio", "goal", "")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        group: Under which heading it stands.
        name: What was measured.
        median_s: Seconds.
        p95_s: Seconds.
        rate: A second.
        peer: What stands beside it in the same run.
        ratio: How many times as long as the peer's it takes; under 1 is faster.
        goal: What is to be reached, in words; empty where there is no goal.
        met: Whether it is.
        note: What else there is to say.
    """

    group: str
    name: str
    median_s: float | None = None
    p95_s: float | None = None
    rate: float | None = None
    peer: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        return (
            self.name,
            shown(self.median_s),
            shown(self.p95_s),
            "" if self.rate is None else f"{self.rate:,.0f}" if self.rate >= 10 else f"{self.rate:.2f}",
            self.peer,
            "" if self.ratio is None else f"{self.ratio:.2f}",
            self.goal,
            {True: "met", False: "MISSED", None: ""}[self.met] + (f" ({self.note})" if self.note else ""),
        )


def shown(seconds: float | None) -> str:
    """Seconds with a unit in which they are easily read."""
    if seconds is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def machine(missing: Sequence[str]) -> dict[str, Any]:
    """What the figures hold for.

    Args:
        missing: Peers that could not be measured.
    """
    versions = {name: importlib.metadata.version(name) for name in ("codenb", "mcp", "pydantic", "uvicorn")}
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": [round(one, 2) for one in os.getloadavg()],
        "versions": versions,
        "missing": list(missing),
    }


def as_text(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """For a terminal."""
    cells = [row.cells() for row in rows]
    widths = [max(len(line[at]) for line in [_HEAD, *cells]) for at in range(len(_HEAD))]

    def line(parts: Sequence[str]) -> str:
        padded = [
            part.rjust(width) if 0 < at < 4 or at == 5 else part.ljust(width)
            for at, (part, width) in enumerate(zip(parts, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return _listed(rows, [line(_HEAD)], lambda group: ["", group.upper()], line) + "\n\n" + _about(about)


def as_markdown(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """For a page."""

    def line(parts: Sequence[str]) -> str:
        return "| " + " | ".join(part.replace("|", "\\|") for part in parts) + " |"

    rule = "|---|---:|---:|---:|---|---:|---|---|"
    return (
        _listed(rows, ["# Benchmarks"], lambda group: ["", f"## {group}", "", line(_HEAD), rule], line)
        + f"\n\n{_about(about)}\n"
    )


def _listed(
    rows: Sequence[Row],
    head: list[str],
    heading: Callable[[str], list[str]],
    line: Callable[[Sequence[str]], str],
) -> str:
    lines, group = head, ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines = [*lines, *heading(group)]
        lines = [*lines, line(row.cells())]
    return "\n".join(lines)


def _about(about: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    missing = f" Not measured: {'; '.join(about['missing'])}." if about["missing"] else ""
    busy = ", ".join(map(str, about["load"]))
    return (
        f"Python {about['python']} on {about['cores']} cores of {about['machine']}; load before the run {busy}; "
        f"{versions}.{missing} Ratios are medians over rounds in which all contenders took turns; under 1 is faster "
        f"than what stands beside it."
    )


def write(folder: Path, rows: Sequence[Row], about: dict[str, Any]) -> None:
    """Write `benchmarks.json` and `benchmarks.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"about": about, "rows": [asdict(row) for row in rows]}
    (folder / "benchmarks.json").write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    (folder / "benchmarks.md").write_text(as_markdown(rows, about), "utf-8")
