"""Progress from inside a tool: it grows on the wire, holds no secret, and never fails what it tells of."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from codenb.redaction import redactor
from codenb.servers import hide, progress
from codenb.servers._base._hiding import hiding
from codenb.servers._base._progress import reporting

STEPS = st.tuples(st.text(max_size=20), st.none() | st.floats(0, 10), st.none() | st.floats(1, 10))


async def test_without_a_caller_who_listens_nothing_happens() -> None:
    """A tool is called in a test as a function."""
    await progress("working", 1, 2)


@given(steps=st.lists(STEPS, max_size=10))
def test_on_the_wire_it_only_grows(steps: list[tuple[str, float | None, float | None]]) -> None:
    """The protocol wants each notification to be further than the last; the phases of a tool begin anew."""
    sent: list[tuple[float, float | None]] = []

    async def report(done: float, total: float | None, message: str) -> None:
        sent.append((done, total))
        assert "\n" not in message

    async def work() -> None:
        with reporting(report, redactor().text):
            for step in steps:
                await progress(*step)

    asyncio.run(work())
    assert len(sent) == len(steps)
    assert all(one[0] < other[0] for one, other in pairwise(sent))
    assert [one for one in sent if one[1] is not None] == [
        (done, total) for (_, done, total), one in zip(steps, sent, strict=True) if one[1] is not None
    ]


async def test_a_caller_who_has_left_stops_nothing() -> None:
    """Telling somebody who is gone fails once, and is not tried again."""
    tried = 0

    async def report(done: float, total: float | None, message: str) -> None:
        nonlocal tried
        tried += 1
        raise ConnectionError("gone")

    with reporting(report, redactor().text):
        await progress("one")
        await progress("two")

    assert tried == 1


async def test_a_line_is_short_and_without_secrets() -> None:
    """A program's output goes through here, and so may a password that only its tool knows to be one."""
    lines: list[str] = []

    async def report(done: float, total: float | None, message: str) -> None:
        lines.append(message)

    with hiding(redactor()) as hides, reporting(report, hides.text):
        hide({"variables": {"db": "hunter2hunter2", "region": "eu"}}, {"variables": {"db": "***", "region": "eu"}})
        await progress("set db to hunter2hunter2 in eu\nand wait")
        await progress("token ghp_" + "a1B2c3D4e5" * 4)
        await progress("x" * 10_000)

    assert lines[0] == "set db to *** in eu and wait"
    assert "ghp_" not in lines[1]
    assert len(lines[2]) == 500
