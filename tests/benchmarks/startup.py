"""What a user waits for before the first cell answers.

Each figure is of fresh interpreters; the bare interpreter is measured beside it in the same rounds, so that a slow
machine slows both.
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

from tests.benchmarks.measure import quantile
from tests.benchmarks.report import Row

_GROUP = "start"
_CONNECT = """
import time
begun = time.perf_counter()
import asyncio, codenb
async def main():
    nb = await codenb.connect("demo")
    print(time.perf_counter() - begun)
    await nb.close()
asyncio.run(main())
"""


def measured(rounds: int) -> list[Row]:
    """The bare interpreter, the import, and a session on the embedded world, in turns."""
    _spawned("import codenb")  # the first import writes bytecode
    _connected()
    bare, imported, sessions = [], [], []
    for _ in range(rounds):
        bare.append(_spawned("pass"))
        imported.append(_spawned("import codenb"))
        sessions.append(_connected())
    over = [one - other for one, other in zip(imported, bare, strict=True)]
    return [
        Row(_GROUP, "the bare interpreter", median(bare), quantile(bare, 0.95)),
        _row("import codenb, over the interpreter", over, 0.15),
        _row('connect("demo"), imports included', sessions, 1.5),
    ]


def _row(name: str, seconds: list[float], goal: float) -> Row:
    middle = median(seconds)
    return Row(_GROUP, name, middle, quantile(seconds, 0.95), goal=f"< {goal} s", met=middle < goal)


def _spawned(source: str) -> float:
    """Seconds until a fresh interpreter has run some code."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", source], check=True)
    return time.perf_counter() - begun


def _connected() -> float:
    """Seconds from the import to a connected session, without the interpreter's own start and end."""
    ran = subprocess.run([sys.executable, "-c", _CONNECT], check=True, capture_output=True, text=True)
    return float(ran.stdout)
