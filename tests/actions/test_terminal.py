"""A terminal is asked once, and only a yes typed after the question is a yes."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from codenb.actions import at_terminal
from codenb.errors import Interrupted
from codenb.models import ApprovalRequest, Place, Proposal, ToolCall

REQUEST = ApprovalRequest(
    proposal=Proposal(call=ToolCall(server="toy", tool="scale", arguments={"name": "web\x1b[2J"}), why="more load"),
    place=Place(kind="server", name="toy", address="in process", identity="toy"),
    asked_at="2026-03-01T12:00:00Z",  # type: ignore[arg-type]
)


@pytest.fixture
def terminal() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """Both ends of a pseudo-terminal: what a person types into, and what the program reads."""
    person, program = os.openpty()
    with open(program, encoding="utf-8") as file:  # noqa: PTH123  a descriptor, not a path
        yield person, file
    os.close(person)


def pipe(text: bytes) -> io.TextIOWrapper:
    """An input that holds this and ends."""
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    return open(reading, encoding="utf-8")  # noqa: PTH123  closed by the test


@pytest.mark.parametrize(
    ("typed", "approves", "pending"),
    [
        (b"y\n", True, False),
        (b" YES \n", True, False),
        (b"n\n", False, False),
        (b"\n", False, False),
        (b"yesterday\n", False, False),
        (b"y" * 10_000 + b"\n", False, False),
        (b"", False, True),
    ],
)
async def test_only_yes_is_yes(typed: bytes, approves: bool, pending: bool) -> None:  # noqa: FBT001
    """Anything else is a no, and an input that has ended is nobody."""
    out = io.StringIO()
    with pipe(typed) as source:
        decided = await at_terminal(source, out).decide(REQUEST)

    assert (decided.approve, decided.pending) == (approves, pending)
    assert decided.digest == REQUEST.digest
    assert "Approve? [y/N]" in out.getvalue()


async def test_two_questions_read_two_lines() -> None:
    """Answers piped in, one a line, are not all taken for the first question."""
    with pipe(b"y\nn\n") as source:
        asks = at_terminal(source, io.StringIO())

        assert [(await asks.decide(REQUEST)).approve for _ in range(3)] == [True, False, False]


async def test_nobody_is_asked_where_there_is_no_input() -> None:
    """A closed input, /dev/null and an object that is no file: all of them are nobody, and none blocks."""
    closed = pipe(b"y\n")
    closed.close()
    with Path(os.devnull).open() as null:  # noqa: ASYNC230  it is the input that is tested
        for source in (closed, null, io.StringIO("y\n")):
            assert (await at_terminal(source, io.StringIO()).decide(REQUEST)).pending


async def test_the_loop_goes_on_while_the_person_thinks(terminal: tuple[int, io.TextIOWrapper]) -> None:
    """Connections are kept and other work is done meanwhile."""
    person, source = terminal

    deciding = asyncio.create_task(at_terminal(source, io.StringIO()).decide(REQUEST))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not deciding.done()
    os.write(person, b"y\n")

    assert (await deciding).approve


async def test_what_was_typed_before_the_question_does_not_answer_it(terminal: tuple[int, io.TextIOWrapper]) -> None:
    """A person who pressed y and Enter a moment too early has not seen the diff."""
    person, source = terminal
    os.write(person, b"y\n")

    deciding = asyncio.create_task(at_terminal(source, io.StringIO()).decide(REQUEST))
    await asyncio.sleep(0)  # it asks in its first step
    os.write(person, b"n\n")

    assert not (await deciding).approve


async def test_ctrl_c_is_a_no_and_gives_the_signal_back(terminal: tuple[int, io.TextIOWrapper]) -> None:
    """It ends the question; afterwards Ctrl-C means what it meant before."""
    _, source = terminal
    before = signal.getsignal(signal.SIGINT)

    deciding = asyncio.create_task(at_terminal(source, io.StringIO()).decide(REQUEST))
    await asyncio.sleep(0)  # it asks in its first step
    os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="nothing was approved"):
        await deciding
    assert signal.getsignal(signal.SIGINT) is before


async def test_a_cancelled_question_leaves_the_input_to_others(terminal: tuple[int, io.TextIOWrapper]) -> None:
    """The next question gets the next line."""
    person, source = terminal
    asks = at_terminal(source, io.StringIO())
    first = asyncio.create_task(asks.decide(REQUEST))
    await asyncio.sleep(0)  # it asks in its first step
    first.cancel()
    await asyncio.wait({first})

    second = asyncio.create_task(asks.decide(REQUEST))
    await asyncio.sleep(0)  # it asks in its first step
    os.write(person, b"y\n")

    assert (await second).approve


async def test_text_from_outside_cannot_steer_the_terminal() -> None:
    """An argument that holds control characters must not clear the screen above the question."""
    out = io.StringIO()
    with pipe(b"n\n") as source:
        await at_terminal(source, out).decide(REQUEST)

    assert "\x1b" not in out.getvalue()
