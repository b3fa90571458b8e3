"""Connections: held by owner tasks, shared by all cells, replaced when they break."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codenb.config import ServerSettings
from codenb.errors import ConnectFailed, ConnectionLost, DeadlineExceeded
from codenb.host import Host
from tests.host.helpers import PATIENCE_S, SERVERS, Journal, alive, children, command, eventually


async def test_a_host_opened_in_one_task_is_used_and_closed_in_others(plain_host: Host) -> None:
    """The SDK's client must be left by the task that entered it; a notebook opens in one cell and closes in another."""
    await asyncio.create_task(plain_host.open())

    answer = await asyncio.create_task(plain_host.call("plain", "add", {"a": 1, "b": 2}))
    await asyncio.create_task(plain_host.close())

    assert answer.data == 3


async def test_fifty_calls_at_once_share_one_connection(plain_host: Host, journal: Journal) -> None:
    """Cells, widgets and experts ask at the same moment; each gets its own answer, and no process is started for it."""
    answers = await asyncio.gather(
        *(plain_host.call("plain", "add", {"a": at, "b": 1}) for at in range(50)),
        *(plain_host.call("plain", "wait", {"seconds": 0.05}) for _ in range(5)),
    )

    assert [answer.data for answer in answers[:50]] == list(range(1, 51))
    assert len({line for line in journal.lines() if line.startswith("waiting")}) == 1


async def test_a_server_is_opened_and_listed_once_however_many_ask(
    make_host: Callable[..., Host], raw: Callable[..., ServerSettings], tmp_path: Path
) -> None:
    """Ten first calls at once started ten listings; a server that cannot start must not be started ten times."""
    host = make_host(raw("dies-at-once", str(tmp_path / "starts")))

    results = await asyncio.gather(*(host.call("raw", "go") for _ in range(10)), return_exceptions=True)

    assert all(isinstance(result, ConnectFailed) for result in results)
    assert (tmp_path / "starts").read_text() == "started\n"


async def test_a_cancelled_call_is_cancelled_on_the_server_and_the_connection_stays(
    plain_host: Host, journal: Journal
) -> None:
    """A stopped cell must not leave a query running on a cluster, nor cost the session its connection."""
    await plain_host.open()
    call = asyncio.create_task(plain_host.call("plain", "wait", {"seconds": 600}))
    await eventually(lambda: any("waiting" in line for line in journal.lines()), "the tool to start")

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    await eventually(lambda: "cancelled" in journal.lines(), "the server to see the cancellation")
    assert (await plain_host.call("plain", "add", {"a": 1, "b": 1})).data == 2
    assert [record.status for record in plain_host.calls] == ["cancelled", "ok"]


async def test_a_time_out_reaches_the_server_and_the_connection_stays(plain_host: Host, journal: Journal) -> None:
    """A call that nobody waits for any more is stopped where it runs."""
    await plain_host.open()

    with pytest.raises(DeadlineExceeded, match=r"plain\.wait did not answer within"):
        await plain_host.call("plain", "wait", {"seconds": 600}, timeout_s=2)

    await eventually(lambda: "cancelled" in journal.lines(), "the server to see the time-out")
    assert (await plain_host.call("plain", "add", {"a": 1, "b": 1})).data == 2
    assert [record.status for record in plain_host.calls] == ["timeout", "ok"]


async def test_closing_ends_calls_under_way_with_an_error(plain_host: Host, journal: Journal) -> None:
    """Whoever waits for an answer while the session closes is told so; a bare cancellation would look like his own."""
    call = asyncio.create_task(plain_host.call("plain", "wait", {"seconds": 600}))
    await eventually(lambda: any("waiting" in line for line in journal.lines()), "the tool to start")

    await plain_host.close()

    with pytest.raises(ConnectionLost, match="closed"):
        await call


async def test_an_interrupt_takes_effect_although_nothing_else_wakes_the_loop(
    in_process: Host, journal: Journal
) -> None:
    """A kernel's interrupt cancels from a signal handler, which wakes no sleeping loop: it waited for the answer."""
    call = asyncio.create_task(in_process.call("plain", "wait", {"seconds": 600}))
    await eventually(lambda: any("waiting" in line for line in journal.lines()), "the tool to start")
    before = signal.signal(signal.SIGALRM, lambda *_: call.cancel())
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(asyncio.CancelledError):
            await call
    finally:
        signal.signal(signal.SIGALRM, before)

    assert in_process.calls[-1].status == "cancelled"
    assert in_process.calls[-1].duration_ms < PATIENCE_S * 1000


@pytest.mark.usefixtures("short_grace")
async def test_an_interrupted_cell_does_not_wait_for_a_server_that_does_not_listen(
    make_host: Callable[..., Host], raw: Callable[..., ServerSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """News of a cancellation that the server does not read must not hold up the cell, as the SDK alone would."""
    monkeypatch.setattr("mcp.shared.jsonrpc_dispatcher._ABANDON_WRITE_TIMEOUT", 10 * PATIENCE_S)
    host = make_host(raw("deaf"))
    await host.open()
    call = asyncio.create_task(host.call("raw", "go", {"filler": "x" * 1_000_000}))
    await asyncio.sleep(0.2)

    call.cancel()
    done, _ = await asyncio.wait({call}, timeout=PATIENCE_S)

    assert call in done
    assert call.cancelled()


async def test_a_server_that_fails_does_not_fail_the_others(in_process: Host, make_host: Callable[..., Host]) -> None:
    """One broken entry of .mcp.json must not keep the rest of a session from coming up."""
    broken = ServerSettings("broken", "stdio", command="no-such-program-anywhere")
    peers = in_process._peers["plain"]
    host = make_host(broken, factories={"plain": peers._factory})

    await host.open()

    assert [(row.server, row.state) for row in host.status()] == [("plain", "open"), ("broken", "failed")]
    assert "no-such-program-anywhere" in host.status()[1].problem
    assert (await host.call("plain", "add", {"a": 1, "b": 1})).data == 2
    with pytest.raises(ConnectFailed, match=r"no-such-program-anywhere.*mcpServers\.broken"):
        await host.call("broken", "anything")


async def test_a_server_that_died_between_two_cells_is_replaced_unnoticed(
    make_host: Callable[..., Host], raw: Callable[..., ServerSettings]
) -> None:
    """The process may be gone when the next cell runs; that is no reason for the cell to fail."""
    host = make_host(raw("well"))
    await host.call("raw", "go")
    connection = host._peers["raw"]._pool.connections[0]
    process = next(pid for pid in children() if _is_raw(pid))
    os.kill(process, signal.SIGKILL)
    await eventually(lambda: not connection.usable, "the host to see that the server is gone")

    answer = await host.call("raw", "go")

    assert answer.text == "went"
    assert [record.status for record in host.calls] == ["ok", "ok"]


async def test_two_hosts_on_one_folder_do_not_disturb_each_other(
    make_host: Callable[..., Host], raw: Callable[..., ServerSettings]
) -> None:
    """Two notebooks of one project are open at once as a matter of course."""
    first, second = make_host(raw("well")), make_host(raw("well"))

    await asyncio.gather(first.open(), second.open())
    await first.close()

    assert (await second.call("raw", "go")).text == "went"


async def test_a_closed_host_says_so_and_can_be_opened_again(in_process: Host) -> None:
    """A cell run after close() is told what to do; open() makes it work again."""
    await in_process.open()
    await in_process.close()
    with pytest.raises(ConnectFailed, match="connect again"):
        await in_process.call("plain", "add", {"a": 1, "b": 1})

    await in_process.open()

    assert (await in_process.call("plain", "add", {"a": 1, "b": 1})).data == 2


@pytest.mark.usefixtures("short_grace")
async def test_nothing_of_a_stubborn_server_runs_after_close(
    make_host: Callable[..., Host], raw: Callable[..., ServerSettings], tmp_path: Path
) -> None:
    """A server that ignores the end of its input and SIGTERM, and has a child that does too, ends with the session."""
    pids = tmp_path / "pids"
    host = make_host(raw("stubborn", str(pids)))
    await host.open()
    started = [int(pid) for pid in pids.read_text().split()]
    assert all(alive(pid) for pid in started)

    await host.close()

    await eventually(lambda: not any(alive(pid) for pid in started), "the server and its child to end")
    assert not [pid for pid in children() if _is_raw(pid) or "_keeper" in command(pid)]


async def test_nothing_runs_after_the_kernel_was_killed(tmp_path: Path) -> None:
    """`kill -9` on a kernel leaves nobody to clean up; a server that ignores its input's end used to live on."""
    pids = tmp_path / "pids"
    program = f"""
import asyncio, sys
from pathlib import Path
from codenb.config import ServerSettings, Settings
from codenb.host import Host

async def main():
    server = ServerSettings("raw", "stdio", command=sys.executable, args=("-S", {str(SERVERS / "raw.py")!r}, "stubborn",
                            {str(pids)!r}), read_only=("*",), mode="legacy")
    host = Host(Settings(home=Path({str(tmp_path)!r}), servers={{"raw": server}}))
    await host.open()
    print("open", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
    kernel = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert kernel.stdout
    assert (await asyncio.wait_for(kernel.stdout.readline(), PATIENCE_S)) == b"open\n"
    started = [int(pid) for pid in pids.read_text().split()]
    assert all(alive(pid) for pid in started)

    kernel.kill()
    await kernel.wait()

    await eventually(lambda: not any(alive(pid) for pid in started), "the server and its child to end")


def _is_raw(pid: int) -> bool:
    return "raw.py" in command(pid)


async def test_two_hundred_callers_share_few_connections(some_host: Host) -> None:
    """A gateway allows so many connections a client; who finds all of them full waits, and is answered in his turn."""
    answers = await asyncio.gather(
        *(some_host.call("plain", "add", {"a": at, "b": 1}, fresh=True) for at in range(200))
    )

    assert [answer.data for answer in answers] == list(range(1, 201))
    status = some_host.status()[0]
    assert status.connections <= (1 if status.transport == "in process" else 10)


@pytest.mark.usefixtures("short_grace")
async def test_who_waits_for_a_place_in_vain_is_told_why(
    make_host: Callable[..., Host], raw: Callable[..., ServerSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it did not answer would be about the server; what was missing is a place, and there is a setting for it."""
    monkeypatch.setattr("codenb.host._pool.CALLS_EACH", 1)
    host = make_host(raw("deaf"))
    await host.open()
    first = asyncio.create_task(host.call("raw", "go"))
    await eventually(lambda: host._peers["raw"]._pool.busy == 1, "the first call to be under way")

    with pytest.raises(DeadlineExceeded, match=r"no connection was free.*max_connections under \[servers\.raw\]"):
        await host.call("raw", "go", {"other": True}, timeout_s=0.3)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
