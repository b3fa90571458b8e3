"""`make bench`: the figures that a user waits for, beside those of other people's clients in the same run.

Nothing here fails a build: a busy machine is no fault. What a goal is and whether it was met stands in the table.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from pathlib import Path

from tests.benchmarks import callers, calls, consulting, gathering, records, startup, validating
from tests.benchmarks.peers import FASTMCP, fastmcp, toy_over_http
from tests.benchmarks.report import Row, as_text, machine, write

OUTPUT = Path("build") / "benchmarks"
GROUPS = ("start", "calls", "callers", "records", "gather", "consult", "validation")


async def measured(wanted: list[str], *, quick: bool) -> list[Row]:
    """Measure some groups, one after the other.

    Args:
        wanted: Which.
        quick: A few rounds only, to see that it works.
    """
    rows: list[Row] = []
    rounds = 2 if quick else 12
    with toy_over_http() as url:
        async with fastmcp() as peer:
            for group in wanted:
                begun = time.monotonic()
                match group:
                    case "start":
                        rows += await asyncio.to_thread(startup.measured, 1 if quick else 7)
                    case "calls":
                        rows += await calls.measured(url, peer, rounds=rounds, calls=5 if quick else 25)
                    case "callers":
                        rows += await callers.coalesced(url, peer)
                        rows += await callers.growing(url, peer)
                    case "records":
                        rows += await records.measured(10_000 if quick else records.MILLION)
                    case "gather":
                        rows += await gathering.measured(rounds)
                    case "consult":
                        rows += await consulting.measured(quick=quick)
                    case _:
                        rows += await validating.measured(20 if quick else validating.DISTINCT)
                print(f"{group}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    """Measure, print the table, write it as JSON and Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], help="which to measure; all by default")
    parser.add_argument("--quick", action="store_true", help="a few rounds only, to see that it works")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"folder for JSON and Markdown ({OUTPUT})")
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # of the libraries: a line a call would be measured too
    about = machine([] if FASTMCP.exists() else ["FastMCP, which `make test` fetches"])
    rows = asyncio.run(measured(given.groups or list(GROUPS), quick=given.quick))
    write(given.output, rows, about)
    print(as_text(rows, about))
    print(f"\nwritten to {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
