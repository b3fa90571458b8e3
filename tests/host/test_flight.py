"""One call for many callers: what is shared, and what stays each caller's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.errors import CodenbError, DeadlineExceeded, Interrupted, ToolError
from codenb.host._deadline import Deadline
from codenb.host._flight import Shared, SingleFlight, Waiting
from codenb.host._progress import Listener
from codenb.redaction import Redactor


def waiting(seconds: float | None = None, hears: Callable[[str], None] | None = None) -> Waiting:
    """A caller, for ever unless told otherwise."""
    return Waiting(
        "toy.read", Deadline(None) if seconds is None else Deadline.within(seconds), Listener(hears, Redactor())
    )


class Backend:
    """Answers when it is told to, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.shared: Shared | None = None

    async def __call__(self, shared: Shared) -> Any:
        self.calls += 1
        self.shared = shared
        try:
            async with shared.deadline:
                return await asyncio.shield(self.answer)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        except TimeoutError as error:
            raise DeadlineExceeded("the backend knows why") from error


async def begun(tasks: list[asyncio.Task[Any]]) -> None:
    """Let every task come as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


def joined(flights: SingleFlight[Any], backend: Backend, count: int) -> list[asyncio.Task[Any]]:
    return [asyncio.ensure_future(flights.join("key", waiting(), backend)) for _ in range(count)]


async def test_many_equal_calls_are_one():
    """Six panels that open at once ask the cluster once; the next one after them asks again."""
    flights, backend = SingleFlight[Any](), Backend()
    tasks = joined(flights, backend, 50)
    await begun(tasks)

    backend.answer.set_result("pods")

    assert await asyncio.gather(*tasks) == ["pods"] * 50
    assert backend.calls == 1
    assert not flights.running("key")
    assert await flights.join("key", waiting(), backend) == "pods"
    assert backend.calls == 2


async def test_an_error_reaches_everybody_as_an_object_of_their_own():
    """One exception raised in many tasks gathers all their tracebacks, and a note that one adds shows in all."""
    flights, backend = SingleFlight[Any](), Backend()
    tasks = joined(flights, backend, 3)
    await begun(tasks)
    cause = OSError("no route")
    failure = ToolError("no", error_type="PermissionMissing")
    failure.__cause__ = cause
    failure.add_note("seen by the server")

    backend.answer.set_exception(failure)
    errors = await asyncio.gather(*tasks, return_exceptions=True)

    assert backend.calls == 1
    assert len({id(error) for error in errors}) == 3
    for error in errors:
        assert isinstance(error, ToolError)
        assert (str(error), error.error_type, error.__cause__) == ("no", "PermissionMissing", cause)
        assert error.__notes__ == ["seen by the server"]
    errors[0].add_note("mine")
    assert "mine" not in errors[1].__notes__
    assert not flights.running("key")


async def test_the_first_caller_may_leave_without_the_others():
    """Who asked first has no duty to wait: a cell that is stopped must not take the answer from the other panels."""
    flights, backend = SingleFlight[Any](), Backend()
    first, *others = joined(flights, backend, 3)
    await begun([first, *others])

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    backend.answer.set_result("pods")

    assert await asyncio.gather(*others) == ["pods", "pods"]
    assert (backend.calls, backend.cancelled) == (1, 0)


async def test_the_last_caller_to_leave_stops_the_call_and_the_next_begins_a_new_one():
    """What nobody waits for is not worth a server's time; and nobody may join what is being stopped."""
    flights, backend = SingleFlight[Any](), Backend()
    tasks = joined(flights, backend, 2)
    await begun(tasks)

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    late = joined(flights, backend, 1)
    await begun(late)
    backend.answer.set_result("pods")

    assert await late[0] == "pods"
    assert (backend.calls, backend.cancelled) == (2, 1)


async def test_a_call_that_is_stopped_from_outside_is_an_error_to_who_waits():
    """A cancellation that nobody asked for would end the cell without a word."""
    flights, backend = SingleFlight[Any](), Backend()
    tasks = joined(flights, backend, 2)
    await begun(tasks)

    backend.answer.cancel()
    errors = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(error) for error in errors] == [Interrupted, Interrupted]


async def test_each_caller_waits_as_long_as_it_wants():
    """The first caller's short deadline is its own: others who have time get the answer."""
    flights, backend = SingleFlight[Any](), Backend()
    hasty = asyncio.ensure_future(flights.join("key", waiting(0.01), backend))
    patient = asyncio.ensure_future(flights.join("key", waiting(3600), backend))

    with pytest.raises(DeadlineExceeded, match=r"toy.read did not answer within \d+\.\d s: allow more time"):
        await hasty
    backend.answer.set_result("pods")

    assert await patient == "pods"
    assert backend.calls == 1


async def test_the_last_deadline_is_the_calls_own():
    """Only the transport knows why there is no answer, so who waits longest is told what it says."""
    flights, backend = SingleFlight[Any](), Backend()
    callers = [flights.join("key", waiting(seconds), backend) for seconds in (0.02, 0.01)]

    errors = await asyncio.gather(*callers, return_exceptions=True)

    assert all(isinstance(error, DeadlineExceeded) for error in errors)
    assert str(errors[0]) == "the backend knows why"
    assert not flights.running("key")


async def test_a_call_whose_time_is_over_is_not_joined():
    """Whoever comes while it ends has time of their own, and would be told that it is over."""
    flights, backend = SingleFlight[Any](), Backend()
    first = waiting(3600)
    hasty = asyncio.ensure_future(flights.join("key", first, backend))
    await begun([hasty])
    assert backend.shared
    for deadline in (first.deadline, backend.shared.deadline):
        deadline.reschedule(asyncio.get_running_loop().time())

    late = asyncio.ensure_future(flights.join("key", waiting(3600), backend))
    with pytest.raises(DeadlineExceeded):
        await hasty
    backend.answer.set_result("pods")

    assert await late == "pods"
    assert backend.calls == 2


async def test_all_hear_what_the_server_is_doing_and_one_that_cannot_does_not_hinder_the_rest():
    """Everybody who waits sees why; what one caller's own code does wrong with it is not the others' matter."""
    flights, backend = SingleFlight[Any](), Backend()
    heard: list[str] = []

    def broken(line: str) -> None:
        raise ValueError(line)

    callers = [waiting(hears=broken), waiting(hears=heard.append), waiting(hears=heard.append)]
    tasks = [asyncio.ensure_future(flights.join("key", one, backend)) for one in callers]
    await begun(tasks)
    assert backend.shared

    with pytest.raises(ValueError, match="reading"):
        await backend.shared.hear(1, 2, "reading")
    backend.answer.set_result("pods")

    assert await asyncio.gather(*tasks) == ["pods"] * 3
    assert heard == ["reading", "reading"]


async def test_news_of_the_server_lets_those_wait_longer_who_would():
    """A server that says what it does is alive; a time that a caller gave stands all the same."""
    flights, backend = SingleFlight[Any](), Backend()
    fixed, usual = waiting(100), waiting(100)
    usual.listener.extends(usual.deadline, wait_s=500, at_most_s=1000)
    tasks = [asyncio.ensure_future(flights.join("key", one, backend)) for one in (fixed, usual)]
    await begun(tasks)
    assert backend.shared

    await backend.shared.hear(1, None, "still here")
    left = [one.left() or 0 for one in (fixed.deadline, usual.deadline, backend.shared.deadline)]
    backend.answer.set_result("pods")
    await asyncio.gather(*tasks)

    assert left[0] <= 100 < left[1] <= 500
    assert left[2] == pytest.approx(left[1], abs=1)


class Panels:
    """Callers who come and go, over three questions."""

    def __init__(self) -> None:
        self.flights = SingleFlight[Any]()
        self.backends = [Backend() for _ in range(3)]
        self.callers: list[tuple[int, asyncio.Task[Any]]] = []

    async def step(self, key: int, what: str) -> None:
        """Let one thing happen, and everything that follows from it."""
        backend, waits = self.backends[key], self.flights.running(key)
        match what:
            case "join":
                caller = self.flights.join(key, waiting(), backend)
                self.callers.append((key, asyncio.ensure_future(caller)))
            case "leave" if waits:
                next(task for of, task in self.callers if of == key and not task.done()).cancel()
            case "answer" if waits:
                backend.answer.set_result("pods")
            case "fail" if waits:
                backend.answer.set_exception(CodenbError("no"))
            case "stop" if waits:
                backend.answer.cancel()
        await self.settled()
        if backend.answer.done():
            assert not self.flights.running(key)
            self.backends[key] = Backend()

    async def settled(self) -> None:
        """Let every task come as far as it can."""
        for _ in range(8):
            await asyncio.sleep(0)


WHAT = st.sampled_from(["join", "join", "leave", "answer", "fail", "stop"])


@given(st.lists(st.tuples(st.integers(0, 2), WHAT), max_size=40))
def test_whatever_happens_nobody_is_left_waiting_and_every_call_ends(steps: list[tuple[int, str]]):
    """Joining, leaving, answers, failures and stops in any order: each caller gets one end, and nothing stays."""

    async def run() -> None:
        panels = Panels()
        for key, what in steps:
            await panels.step(key, what)
            waits = {of for of, task in panels.callers if not task.done()}
            assert waits == {key for key in range(3) if panels.flights.running(key)}
        for _, task in panels.callers:
            task.cancel()
        ends = await asyncio.gather(*(task for _, task in panels.callers), return_exceptions=True)
        await panels.settled()
        assert all(end == "pods" or isinstance(end, CodenbError | asyncio.CancelledError) for end in ends)
        assert not any(panels.flights.running(key) for key in range(3))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
