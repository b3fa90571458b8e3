"""A server that fails again and again is paused: seen, explained, tried by one call, and resumed by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from codenb.config import Retries, ServerSettings
from codenb.errors import (
    CodenbError,
    ConnectFailed,
    ConnectionLost,
    DeadlineExceeded,
    PermissionMissing,
    ToolError,
    Unavailable,
    UnknownServer,
    UnknownTool,
)
from codenb.host import Host
from codenb.host._breaker import Breaker
from tests.host.helpers import PATIENCE_S, eventually
from tests.ports import free_port

MakeHost = Callable[..., Host]

AT_ONCE = Retries(attempts=1, pause_after_s=0, pause_s=3600)
"""Paused after the fewest faults, and for longer than a test lasts."""


def _breaker(**settings: float) -> Breaker:
    return Breaker("shop", Retries(**{"attempts": 1, "pause_after_s": 0, "pause_s": 3600} | settings))  # type: ignore[arg-type]


async def _fail(breaker: Breaker, error: CodenbError) -> None:
    with suppress(type(error)), breaker.watching():
        raise error


async def _worn_out(breaker: Breaker) -> None:
    for _ in range(3):
        await _fail(breaker, ConnectionLost("shop is gone"))
    assert breaker.open


async def test_a_server_that_is_down_is_paused_and_says_so(make_host: MakeHost) -> None:
    """Each panel and expert waited out its own retries on a server that everybody knew to be down."""
    host = make_host(_gone(), retry=AT_ONCE)
    for _ in range(3):
        with pytest.raises(ConnectFailed, match="cannot be reached"):
            await host.call("gone", "go")

    with pytest.raises(
        Unavailable, match=r"gone is paused for another \d+ s.*cannot be reached.*nb\.reset\('gone'\)"
    ) as told:
        await host.call("gone", "go")

    status = host.status()[0]
    assert "\n" not in str(told.value)
    assert (status.state, status.paused_until is not None) == ("paused", True)
    assert "nb.reset('gone')" in status.problem
    assert "paused" in host.status()._repr_mimebundle_()["text/plain"]
    assert [record.error_type for record in host.calls] == ["ConnectFailed"] * 3 + ["Unavailable"]


async def test_a_paused_server_is_resumed_by_hand(make_host: MakeHost, web: str) -> None:
    """Who has just mended the server need not wait until the pause is over."""
    host = make_host(_gone(), ServerSettings("plain", "http", url=web, read_only=("*",)), retry=AT_ONCE)
    for _ in range(3):
        with pytest.raises(ConnectFailed):
            await host.call("gone", "go")
    assert host.status()[0].state == "paused"

    host.reset("gone")

    assert (host.status()[0].state, host.status()[0].paused_until) == ("failed", None)
    with pytest.raises(ConnectFailed):
        await host.call("gone", "go")
    host.reset()
    assert (await host.call("plain", "add", {"a": 1, "b": 2})).data == 3
    with pytest.raises(UnknownServer, match="did you mean 'gone'"):
        host.reset("gine")


async def test_after_the_pause_one_call_tries_and_the_others_follow() -> None:
    """Two hundred callers at once are what a server that is just coming up does not survive."""
    breaker = _breaker(pause_s=0.001)
    await _worn_out(breaker)
    await eventually(lambda: "until a call tries it" in breaker.why, "the pause to be over")

    with breaker.watching():
        with pytest.raises(Unavailable, match="one call, which is under way"), breaker.watching():
            pytest.fail("two calls try at once")
        assert breaker.open

    assert not breaker.open
    with breaker.watching(), breaker.watching():
        pass


async def test_a_try_that_fails_begins_the_pause_anew() -> None:
    """One fault is enough then: the server has not come back."""
    breaker = _breaker(pause_s=0.001)
    await _worn_out(breaker)
    await eventually(lambda: "until a call tries it" in breaker.why, "the pause to be over")
    breaker._settings = Retries(pause_s=3600)

    await _fail(breaker, ConnectFailed("still down"))

    with pytest.raises(Unavailable, match=r"for another 3\d\d\d s.*still down"), breaker.watching():
        pass


async def test_a_try_that_is_cancelled_leaves_the_try_to_the_next() -> None:
    """A stopped cell says nothing about the server; it must neither resume it nor keep it paused for good."""
    breaker = _breaker(pause_s=0.001)
    await _worn_out(breaker)
    await eventually(lambda: "until a call tries it" in breaker.why, "the pause to be over")

    with pytest.raises(asyncio.CancelledError), breaker.watching():
        raise asyncio.CancelledError

    assert breaker.open
    with breaker.watching():
        pass
    assert not breaker.open


@pytest.mark.parametrize(
    "error",
    [
        ToolError("no such pod"),
        UnknownTool("no such tool"),
        PermissionMissing("you may not"),
        DeadlineExceeded("too slow for half a second"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_a_person_does_wrong_never_pauses_a_server(error: CodenbError) -> None:
    """A server that says no, or is given too little time, is there."""
    breaker = _breaker()
    for _ in range(9):
        await _fail(breaker, error)

    assert not breaker.open


async def test_asking_too_often_does_not_pause_a_server() -> None:
    """429 is about this caller; what others ask through the same server is answered."""
    breaker, error = _breaker(), Unavailable("HTTP 429")
    error.overused = True
    for _ in range(9):
        await _fail(breaker, error)

    assert not breaker.open


async def test_many_calls_on_one_connection_that_breaks_are_one_fault() -> None:
    """One `kill -9` took 32 calls with it and paused a server that was back a second later."""
    breaker = _breaker()
    lost = asyncio.Event()

    async def call() -> None:
        with suppress(ConnectionLost), breaker.watching():
            await lost.wait()
            await asyncio.sleep(0.002)
            raise ConnectionLost("shop is gone")

    calls = [asyncio.create_task(call()) for _ in range(32)]
    await asyncio.sleep(0)
    lost.set()
    await asyncio.gather(*calls)

    assert not breaker.open


async def test_an_answer_in_between_begins_the_count_anew() -> None:
    """A server that answers every now and then is slow, and not down."""
    breaker = _breaker()
    for _ in range(9):
        await _fail(breaker, ConnectionLost("shop is gone"))
        await _fail(breaker, ConnectionLost("shop is gone"))
        with breaker.watching():
            pass

    assert not breaker.open


async def test_others_are_not_held_up_by_one_that_is_paused(make_host: MakeHost, in_process: Host) -> None:
    """Each server has its own; a list of all tools names the one that is paused and has the rest."""
    factory = in_process._peers["plain"]._factory
    host = make_host(_gone(), factories={"plain": factory}, retry=AT_ONCE)
    for _ in range(3):
        with pytest.raises(ConnectFailed):
            await host.call("gone", "go")

    tools = await asyncio.wait_for(host.tools(), PATIENCE_S)

    assert {tool.server for tool in tools} == {"plain"}
    assert "paused" in tools.problems["gone"]
    assert (await host.call("plain", "add", {"a": 1, "b": 2})).data == 3


def _gone() -> ServerSettings:
    return ServerSettings("gone", "http", url=f"http://127.0.0.1:{free_port()}/mcp", read_only=("*",))
