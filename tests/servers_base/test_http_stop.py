"""The end of a web server in the middle of a change: a rolling update must not tear one in two, nor lose its answer."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.types import CallToolResult
from starlette.types import Receive, Scope, Send

from codenb.servers import Server
from codenb.servers._base import _connections
from codenb.servers._base._address import Names
from codenb.servers._base._guard import Guard, Traffic
from codenb.servers._base._http import listening, serve_http
from tests.servers_base.people import Person, http_process, text
from tests.servers_base.raw import Plain
from tests.servers_base.test_processes import until
from tests.servers_base.toy import Toy

CALL = {"name": "checkout", "value": 6}


async def changed(url: str, mode: str = "auto") -> CallToolResult:
    """Approve a change; what the client has to know of the tool to read the answer, it asks before."""
    async with Client(url, mode=mode, elicitation_callback=Person()) as client:
        await client.list_tools()
        return await client.call_tool("set_count", CALL)


async def takes_connections(url: str) -> bool:
    address = httpx2.URL(url)
    try:
        _, writer = await asyncio.open_connection(address.host, address.port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.parametrize(("mode", "number"), [("auto", signal.SIGTERM), ("legacy", signal.SIGINT)])
async def test_whoever_called_for_a_change_hears_of_it_although_the_server_was_told_to_stop(
    tmp_path: Path, mode: str, number: signal.Signals
):
    """Told to stop, and told again by somebody impatient: the change is finished and answered all the same."""
    toy = Toy(tmp_path)
    (tmp_path / "closed").touch()

    with http_process(tmp_path) as (process, url):
        calling = asyncio.create_task(changed(url, mode))
        await until((tmp_path / "writing").exists)
        process.send_signal(number)
        while await takes_connections(url):  # noqa: ASYNC110  another process does it
            await asyncio.sleep(0.02)
        process.send_signal(number)
        assert process.poll() is None
        (tmp_path / "gate").touch()
        result = await calling
        code = await asyncio.to_thread(process.wait, 60)

    assert not result.is_error, text(result)
    assert result.structured_content["status"] == "applied"
    assert toy.backend.writes() == [(6, "")]
    assert code == 0


async def test_what_comes_while_it_stops_is_told_to_come_again():
    """A connection that is kept open still brings requests: none of them may begin something new."""
    begun = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.append(scope)

    guard = Guard(app, Names("127.0.0.1"), Traffic(stopping=True))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=guard), base_url="http://localhost") as http:
        response = await http.post("/toy/mcp", json={})

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json()["error"]["message"] == "this server is stopping: try again in a moment"
    assert begun == []


async def test_a_server_that_is_cancelled_finishes_the_change(server: Server, toy: Toy):
    """In a notebook the cell that serves is interrupted; that ends the serving, and not a write half way."""
    toy.gate = asyncio.Event()
    ready = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_http(server, port=0, on_listening=ready.set_result))
    calling = asyncio.create_task(changed((await ready).urls["toy"]))
    await toy.started.wait()
    for _ in range(3):
        serving.cancel()
        await asyncio.sleep(0)
    assert not serving.done()
    toy.gate.set()
    result = await calling
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert result.structured_content["status"] == "applied"
    assert toy.backend.writes() == [(6, "")]


async def test_an_answer_that_never_comes_does_not_hold_up_the_end(
    server: Server, monkeypatch: pytest.MonkeyPatch, mode: str
):
    """A read that hangs, on a system that is gone, would keep the old server beside the new one."""
    monkeypatch.setattr(_connections, "_LAST_ANSWERS_S", 0.1)
    begun, over = asyncio.Event(), asyncio.Event()

    @server.reads
    async def hang() -> str:
        """Wait for nothing."""
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            over.set()
        return ""

    async with listening(server) as web:

        async def ask() -> int:
            async with Plain(web.urls["toy"], era=mode) as plain:
                return (await plain.call("hang")).status

        asking = asyncio.create_task(ask())
        await begun.wait()

    assert over.is_set()
    (answer,) = await asyncio.gather(asking, return_exceptions=True)
    assert answer == 503 or isinstance(answer, httpx2.TransportError | IndexError), answer
