"""`make bench`: what a user waits for before the first cell answers.

Each figure is the median of fresh interpreters; the bare interpreter is measured beside it in the same rounds, so that
a slow machine slows both. Goals are the design's; nothing here fails a build.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from statistics import median

ROUNDS = 9
CONNECT = """
import time
begun = time.perf_counter()
import asyncio, codenb
async def main():
    nb = await codenb.connect("demo")
    print(time.perf_counter() - begun)
    await nb.close()
asyncio.run(main())
"""


def spawned(source: str) -> float:
    """Seconds until a fresh interpreter has run some code."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", source], check=True)
    return time.perf_counter() - begun


def connected() -> float:
    """Seconds from the import to a connected session, without the interpreter's own start and end."""
    ran = subprocess.run([sys.executable, "-c", CONNECT], check=True, capture_output=True, text=True)
    return float(ran.stdout)


def main() -> None:
    """Measure in turns and print one table, then the same as JSON."""
    spawned("import codenb")  # the first import writes bytecode
    connected()
    bare, imported, sessions = [], [], []
    for _ in range(ROUNDS):
        bare.append(spawned("pass"))
        imported.append(spawned("import codenb"))
        sessions.append(connected())
    over = median(imported) - median(bare)
    rows = [
        ("the bare interpreter", median(bare), max(bare), None),
        ("import codenb, over the interpreter", over, max(imported) - median(bare), 0.15),
        ('connect("demo"), imports included', median(sessions), max(sessions), 1.5),
    ]
    print(f"{'':38} {'median s':>9} {'worst s':>9} {'goal s':>7}")
    for name, middle, worst, goal in rows:
        print(f"{name:38} {middle:9.3f} {worst:9.3f} {goal or '':>7}")
    print(
        json.dumps({name: {"median_s": middle, "worst_s": worst, "goal_s": goal} for name, middle, worst, goal in rows})
    )


if __name__ == "__main__":
    main()
