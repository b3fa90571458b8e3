"""The pool: fair, bounded, without a place lost or a broken connection handed on, whatever happens to who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from mcp import Client
from mcp.server import MCPServer

from codenb.errors import CodenbError, ConfigError, ConnectFailed, ConnectionLost
from codenb.host._connection import Connection
from codenb.host._deadline import Deadline
from codenb.host._pool import Pool
from tests.host.helpers import PATIENCE_S, eventually


@dataclass
class Server:
    """A server in process whose calls end when they are told to."""

    may_end: dict[int, asyncio.Event] = field(default_factory=dict)
    entered: set[int] = field(default_factory=set)
    broken = False
    fails: CodenbError | None = None

    def spare(self) -> None:
        pass

    def target(self) -> MCPServer:
        if self.fails:
            raise self.fails
        server = MCPServer("waits", log_level="ERROR")

        @server.tool()
        async def wait(at: int) -> str:
            """Wait until told to end."""
            self.entered.add(at)
            await self.may_end.setdefault(at, asyncio.Event()).wait()
            return "ended"

        return server

    def watch(self) -> Callable[[BaseException], None]:
        return lambda error: None

    def connection(self) -> Connection:
        return Connection("waits", self, mode="auto", open_s=PATIENCE_S)

    def end(self, at: int) -> None:
        self.may_end.setdefault(at, asyncio.Event()).set()


@dataclass
class Caller:
    """One call: waits for a place, holds it while the server answers, gives it back."""

    pool: Pool
    server: Server
    at: int
    holds: Connection | None = None
    was_usable: bool | None = None

    async def __call__(self) -> str:
        self.holds = await self.pool.take()
        self.was_usable = self.holds.usable
        try:
            return await self.holds.ask("waits.wait", self._send, Deadline(None))
        finally:
            self.pool.give_back(self.holds)
            self.holds = None

    async def _send(self, client: Client) -> str:
        await client.call_tool("wait", {"at": self.at})
        return "ended"


class Pools(RuleBasedStateMachine):
    """Calls come, end, are cancelled and lose their connections in any order."""

    @initialize(most=st.integers(1, 3), each=st.integers(1, 3))
    def begin(self, most: int, each: int) -> None:
        self.most, self.each = most, each
        self.runner = asyncio.Runner()
        self.server, self.made = Server(), []
        self.pool = Pool(self._made, most=most, each=each)
        self.callers: list[Caller] = []
        self.tasks: list[asyncio.Task[str]] = []
        self.served: list[int] = []

    def _made(self) -> Connection:
        self.made.append(self.server.connection())
        return self.made[-1]

    @rule(count=st.integers(1, 4))
    def come(self, count: int) -> None:
        async def come() -> None:
            for _ in range(count):
                self.callers.append(Caller(self.pool, self.server, len(self.callers)))
                self.tasks.append(asyncio.create_task(self.callers[-1]()))

        self._do(come)

    @precondition(lambda self: self._running())
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from(self._running()))

        async def answer() -> None:
            self.server.end(at)
            if self.callers[at].holds:
                await asyncio.wait({self.tasks[at]}, timeout=PATIENCE_S)

        self._do(answer)

    @precondition(lambda self: self._running())
    @rule(data=st.data(), at_once=st.booleans())
    def cancel(self, data: st.DataObject, at_once: bool) -> None:  # noqa: FBT001  hypothesis draws it
        """Cancel one; perhaps in the very moment in which a place becomes free for it."""
        at = data.draw(st.sampled_from(self._running()))
        holding = [one.at for one in self.callers if one.holds]

        async def cancel() -> None:
            if at_once and holding:
                self.tasks[holding[0]].cancel()
                await asyncio.wait({self.tasks[holding[0]]}, timeout=PATIENCE_S)
            self.tasks[at].cancel()
            await asyncio.wait({self.tasks[at]}, timeout=PATIENCE_S)

        self._do(cancel)

    @precondition(lambda self: self.pool.connections)
    @rule(data=st.data())
    def break_one(self, data: st.DataObject) -> None:
        connection = data.draw(st.sampled_from(self.pool.connections))

        async def break_one() -> None:
            connection.end()
            await asyncio.wait_for(connection.ended(), PATIENCE_S)

        self._do(break_one)

    @precondition(lambda self: self.pool.connections)
    @rule()
    def time_passes(self) -> None:
        async def time_passes() -> None:
            busy = {one.holds for one in self.callers if one.holds}
            self.pool._idle_s = 0
            self.pool._close_idle()
            self.pool._idle_s = 300
            assert busy <= set(self.pool.connections)

        self._do(time_passes)

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "pool"):
            return
        held = [one.holds for one in self.callers if one.holds]
        in_line = [one.at for one in self.callers if not one.holds and not self.tasks[one.at].done()]
        assert all(one.was_usable is not False for one in self.callers), "a broken connection was handed on"
        assert self.pool.busy == len(held)
        assert all(held.count(one) <= self.each for one in held)
        assert len(self.pool.connections) <= self.most
        assert self.pool.waiting == len(in_line)
        assert not in_line or len(held) == self.most * self.each, "somebody waits although there is room"
        assert not in_line or all(one.at < in_line[0] for one in self.callers if one.holds), "one who waited was passed"

    def teardown(self) -> None:
        if not hasattr(self, "pool"):
            return

        async def close() -> None:
            self.pool.close()
            await asyncio.wait_for(asyncio.gather(*self.tasks, return_exceptions=True), PATIENCE_S)
            await asyncio.wait_for(asyncio.gather(*(one.ended() for one in self.made)), PATIENCE_S)
            with pytest.raises(ConnectFailed, match="closed"):
                await self.pool.take()

        self.runner.run(close())
        self.runner.close()
        for task in self.tasks:
            fault = None if task.cancelled() else task.exception()
            assert fault is None or isinstance(fault, ConnectionLost | ConnectFailed), fault

    def _running(self) -> list[int]:
        return [at for at, task in enumerate(self.tasks) if not task.done()]

    def _do(self, what: Callable[[], object]) -> None:
        async def done() -> None:
            await what()  # type: ignore[misc]
            async with asyncio.timeout(PATIENCE_S):
                while not self._settled():  # noqa: ASYNC110  it is the pool itself that is looked at
                    await asyncio.sleep(0)

        self.runner.run(done())

    def _settled(self) -> bool:
        """Whether everybody has his answer, is in a call, or stands in line."""
        going = [self.callers[at] for at in self._running()]
        inside = [one for one in going if one.holds and one.at in self.server.entered]
        ends = any(one.at in self.server.may_end and self.server.may_end[one.at].is_set() for one in inside)
        return not ends and len(inside) + self.pool.waiting == len(going)


Pools.TestCase.settings = settings(max_examples=40, stateful_step_count=25)


class TestPools(Pools.TestCase):
    """Whatever comes, ends, breaks and is cancelled: no place is lost, and nobody is passed."""


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def make_pool(server: Server) -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def make(make: Callable[[], Connection] | None = None, **how: float) -> Pool:
        made.append(Pool(make or server.connection, **{"most": 1} | how))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for pool in made:
        connections = pool.connections
        pool.close()
        await asyncio.gather(*(one.ended() for one in connections))


async def test_who_waits_for_an_opening_that_fails_is_told_so_and_it_is_not_tried_for_each(
    make_pool: Callable[..., Pool], server: Server
) -> None:
    """A server that cannot start was started once more for every 32 callers, one start after the other."""
    server.fails = ConnectFailed("waits: there is no such program")
    made: list[Connection] = []

    def make() -> Connection:
        made.append(server.connection())
        return made[-1]

    pool = make_pool(make, each=2)
    calls = [asyncio.create_task(Caller(pool, server, at)()) for at in range(9)]
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), PATIENCE_S)

    assert {str(one) for one in results} == {"waits: there is no such program"}
    assert len(made) == 1
    assert (pool.busy, pool.waiting) == (0, 0)


async def test_a_connection_that_cannot_be_made_costs_no_place(make_pool: Callable[..., Pool], server: Server) -> None:
    """A setting that is wrong is told to each caller; once it is right the pool is as good as new."""
    wrong = [ConfigError("mend .mcp.json")] * 3

    def make() -> Connection:
        if wrong:
            raise wrong.pop()
        return server.connection()

    pool = make_pool(make, each=1)
    for _ in range(3):
        with pytest.raises(ConfigError, match=r"mend \.mcp\.json"):
            await pool.take()

    assert pool.busy == 0
    assert (await pool.take()).usable


async def test_one_who_gives_up_while_it_opens_leaves_the_opening_to_the_others(
    make_pool: Callable[..., Pool], server: Server
) -> None:
    """The first caller's cell was stopped while the server started; those behind him had to start it anew."""
    opening = asyncio.Event()

    class Slow(Server):
        def target(self) -> MCPServer:
            opening.set()
            return super().target()

    slow = Slow()
    made: list[Connection] = []

    def make() -> Connection:
        made.append(slow.connection())
        return made[-1]

    pool = make_pool(make)
    first, second = (asyncio.create_task(Caller(pool, slow, at)()) for at in range(2))
    await asyncio.wait_for(opening.wait(), PATIENCE_S)
    first.cancel()
    await eventually(lambda: 1 in slow.entered, "the second call to be under way")
    slow.end(1)

    assert await second == "ended"
    assert first.cancelled()
    assert len(made) == 1


async def test_a_connection_that_nobody_uses_is_closed_and_opened_again_when_needed(
    make_pool: Callable[..., Pool], server: Server
) -> None:
    """A server over stdio is a process of 75 MB; a notebook left open over night needs none of them."""
    pool = make_pool(idle_s=0.02, each=1, most=2)
    calls = [asyncio.create_task(Caller(pool, server, at)()) for at in range(2)]
    await eventually(lambda: server.entered == {0, 1}, "both calls to be under way")
    first, second = pool.connections
    server.end(1)
    await calls[1]

    await eventually(lambda: second.over, "the one that nobody uses to be closed")
    assert pool.connections == (first,), "the one that carries a call stays"
    server.end(0)
    server.end(2)
    await calls[0]
    await eventually(lambda: first.over, "the other to be closed as well")

    assert await Caller(pool, server, 2)() == "ended"


async def test_a_place_handed_over_in_the_moment_of_a_cancellation_is_passed_on(
    make_pool: Callable[..., Pool], server: Server
) -> None:
    """Who is served and cancelled in one turn of the loop must not take the place with him."""
    pool = make_pool(each=1)
    held = await pool.take()
    second, third = (asyncio.create_task(pool.take()) for _ in range(2))
    await eventually(lambda: pool.waiting == 2, "both to stand in line")

    pool.give_back(held)  # to the second, who has not heard of it yet
    second.cancel()

    assert await asyncio.wait_for(third, PATIENCE_S) is held
    assert second.cancelled()
    assert pool.busy == 1


async def test_a_connection_that_breaks_while_it_is_handed_over_is_not_taken(
    make_pool: Callable[..., Pool], server: Server
) -> None:
    """It was good when the place became free and is gone when the next in line wakes; he gets another, and his turn."""
    pool = make_pool(each=1)
    held = await pool.take()
    await held.open()
    second, third = (asyncio.create_task(pool.take()) for _ in range(2))
    await eventually(lambda: pool.waiting == 2, "both to stand in line")

    pool.give_back(held)
    held.end()
    taken = await asyncio.wait_for(second, PATIENCE_S)

    assert taken is not held
    assert taken.usable
    assert not third.done()
    pool.give_back(taken)
    assert await asyncio.wait_for(third, PATIENCE_S) is taken
    await held.ended()


async def test_who_was_handed_what_broke_is_the_next_to_be_served(
    make_pool: Callable[..., Pool], server: Server
) -> None:
    """He had waited; where others took the place of the broken one meanwhile, he does not wait behind newcomers."""
    pool = make_pool(each=1)
    held = await pool.take()
    second, third = (asyncio.create_task(pool.take()) for _ in range(2))
    await eventually(lambda: pool.waiting == 2, "both to stand in line")

    newcomer = asyncio.create_task(pool.take())
    pool.give_back(held)  # to the second
    held.end()  # before he wakes; the newcomer, who wakes first, hands a new one to the third
    taken = await asyncio.wait_for(third, PATIENCE_S)
    await eventually(lambda: pool.waiting == 2, "the second to be in line again")
    pool.give_back(taken)

    assert await asyncio.wait_for(second, PATIENCE_S) is taken
    assert not newcomer.done()
    pool.give_back(taken)
    assert await asyncio.wait_for(newcomer, PATIENCE_S) is taken
