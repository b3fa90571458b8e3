"""Reads are asked again where the way fails, and only there; a change is never sent twice."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from mcp.server import MCPServer
from mcp_types import CallToolResult, TextContent

from codenb.config import Retries, ServerSettings
from codenb.errors import (
    CodenbError,
    CredentialsRejected,
    NotApproved,
    PermissionMissing,
    ToolError,
    Unavailable,
)
from codenb.host import Ask, Host
from codenb.models import ToolCall
from tests.host.helpers import PATIENCE_S, SERVERS, Journal, eventually
from tests.ports import free_port

MakeHost = Callable[..., Host]

PATIENT = Retries(attempts=100, pause_after_s=3600)


async def test_a_read_whose_server_is_killed_is_answered_by_the_next(
    reach: Callable[[str, str], Host], era: str, journal: Journal
) -> None:
    """Out of memory, an upgrade, a person: the process is gone in the middle of a call, the question still stands."""
    host = reach("stdio", era)

    assert (await host.call("plain", "stumble", {"word": era})).data == "went on"
    assert journal.lines() == [f"stumbled {era}"] * 2
    assert [(record.status, record.attempts) for record in host.calls] == [("ok", 2)]


async def test_reads_are_answered_while_an_http_server_is_killed_and_started_again(
    make_host: MakeHost, era: str, tmp_path: Path
) -> None:
    """A deployment restarts behind its address: for some seconds nobody listens, and then another process does."""
    port = free_port()
    (tmp_path / "journal").touch()
    settings = ServerSettings(
        "plain",
        "http",
        url=f"http://127.0.0.1:{port}/mcp",
        mode=era,  # type: ignore[arg-type]
        read_only=("*",),
        timeout_s=4 * PATIENCE_S,
    )
    host = make_host(settings, retry=PATIENT)
    process = _start(port, tmp_path)
    answered: list[int] = []
    ends = asyncio.Event()

    async def read(first: int) -> None:
        for at in count(first):
            if ends.is_set():
                return
            answered.append((await host.call("plain", "add", {"a": at, "b": 1}, fresh=True)).data - at)

    readers = [asyncio.create_task(read(1000 * at)) for at in range(4)]
    try:
        await eventually(lambda: len(answered) > 20, "reads to be answered")
        process.kill()
        process.wait()
        process = _start(port, tmp_path)
        before = len(answered)
        await eventually(lambda: len(answered) > before + 20, "reads to be answered by the next one")
        ends.set()
        await asyncio.gather(*readers)
    finally:
        process.kill()
        process.wait()

    assert set(answered) == {1}
    assert {record.status for record in host.calls} == {"ok"}
    assert any(record.attempts > 1 for record in host.calls)


async def test_a_call_that_is_waiting_to_be_made_again_ends_with_the_session(make_host: MakeHost) -> None:
    """Closing must not open a new connection for somebody who is still trying."""
    refused = ServerSettings("gone", "http", url=f"http://127.0.0.1:{free_port()}/mcp", read_only=("*",))
    host = make_host(refused, retry=PATIENT)
    call = asyncio.create_task(host.call("gone", "go"))
    await eventually(lambda: host.status()[0].problem, "the first attempt to fail")

    await host.close()

    with pytest.raises(CodenbError, match=r"cannot be reached|session is closed"):
        await asyncio.wait_for(call, PATIENCE_S)
    assert host.status()[0].connections == 0


class _Moody(BaseHTTPRequestHandler):
    """A handshake-era MCP endpoint whose one tool answers with the statuses that it is given, then well."""

    protocol_version = "HTTP/1.1"
    answers: list[tuple[int, dict[str, str]]]
    calls: int

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if "id" not in message:
            self._send(202, b"")
        elif message["method"] == "tools/call":
            type(self).calls += 1
            status, headers = self.answers.pop(0) if self.answers else (200, {})
            self._send(status, _result(message, {"content": [{"type": "text", "text": "went"}]}), headers)
        elif message["method"] == "initialize":
            about = {"name": "moody", "version": "1"}
            body = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": about}
            self._send(200, _result(message, body))
        elif message["method"] == "tools/list":
            self._send(200, _result(message, {"tools": [{"name": "go", "inputSchema": {"type": "object"}}]}))
        else:
            error = {"code": -32601, "message": "no such method"}
            self._send(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode())

    def do_GET(self) -> None:
        self._send(405, b"")

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"content-type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def moody() -> Iterator[Callable[..., tuple[type[_Moody], ServerSettings]]]:
    """Makes the endpoint; it counts the calls that it got."""
    servers: list[ThreadingHTTPServer] = []

    def make(*answers: tuple[int, dict[str, str]]) -> tuple[type[_Moody], ServerSettings]:
        handler = type("Handler", (_Moody,), {"answers": list(answers), "calls": 0})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"http://127.0.0.1:{servers[-1].server_port}/mcp"
        return handler, ServerSettings("moody", "http", url=url, read_only=("*",), timeout_s=PATIENCE_S)

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.usefixtures("no_waits")
async def test_a_server_that_is_busy_is_asked_again(make_host: MakeHost, moody, status: int) -> None:
    """A gateway that restarts and a limit that was reached say so, and mean: a little later."""
    endpoint, settings = moody((status, {"retry-after": "1"}), (status, {}))
    host = make_host(settings)

    assert (await host.call("moody", "go")).text == "went"
    assert endpoint.calls == 3
    assert host.calls[-1].attempts == 3


@pytest.mark.parametrize(
    ("status", "kind"), [(401, CredentialsRejected), (403, PermissionMissing)], ids=["unauthorized", "forbidden"]
)
@pytest.mark.usefixtures("no_waits")
async def test_who_is_refused_is_not_asked_again(make_host: MakeHost, moody, status: int, kind: type) -> None:
    """A wrong token does not become right by sending it five times; it may lock the account."""
    endpoint, settings = moody((status, {}))
    host = make_host(settings)

    with pytest.raises(kind):
        await host.call("moody", "go")

    assert endpoint.calls == 1
    assert (host.calls[-1].attempts, host.calls[-1].status) == (1, "denied")


@pytest.mark.parametrize("when", ["3600", "a date"])
async def test_a_wait_that_nobody_would_bear_is_said_at_once(make_host: MakeHost, moody, when: str) -> None:
    """An hour until the limit is lifted is for the person to know now, not a cell that seems to hang."""
    header = when if when.isdigit() else format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    endpoint, settings = moody(*[(429, {"retry-after": header})] * 9)
    host = make_host(settings)

    with pytest.raises(Unavailable, match="HTTP 429"):
        await host.call("moody", "go")

    assert endpoint.calls == 1


def _marking(journal: Path, *, transient: int) -> MCPServer:
    """A server whose tools fail so often, say that it may be tried again, and then go well."""
    server = MCPServer("marking", log_level="ERROR")
    left = dict.fromkeys(("look", "keep", "do"), transient)

    async def answer(tool: str) -> CallToolResult:
        with journal.open("a") as file:
            file.write(f"{tool}\n")
        if not left[tool]:
            return CallToolResult(content=[TextContent(text="went")])
        left[tool] -= 1
        marked = {"type": "ServerError", "transient": True}
        return CallToolResult(is_error=True, content=[TextContent(text="too busy")], _meta={"codenb/error": marked})

    @server.tool(meta={"codenb/kind": "reads"})
    async def look() -> CallToolResult:
        """Only look."""
        return await answer("look")

    @server.tool(meta={"codenb/kind": "memory"})
    async def keep() -> CallToolResult:
        """Keep something."""
        return await answer("keep")

    @server.tool()
    async def do() -> CallToolResult:
        """Do something."""
        return await answer("do")

    return server


@pytest.fixture
def marking(make_host: MakeHost, tmp_path: Path) -> Callable[..., tuple[Host, Path]]:
    def made(*, transient: int, attempts: int) -> tuple[Host, Path]:
        journal = tmp_path / "marking"
        journal.touch()
        server = _marking(journal, transient=transient)
        return make_host(factories={"marking": lambda: server}, retry=Retries(attempts=attempts)), journal

    return made


@pytest.mark.usefixtures("no_waits")
async def test_what_a_server_marks_as_passing_is_asked_again(marking) -> None:
    """The server knows that its own backend is only busy; the host cannot tell by the words."""
    host, journal = marking(transient=2, attempts=4)

    assert (await host.call("marking", "look")).text == "went"
    assert journal.read_text().split() == ["look"] * 3
    assert host.calls[-1].attempts == 3


@pytest.mark.usefixtures("no_waits")
async def test_the_last_error_is_told_when_all_attempts_failed(marking) -> None:
    """As often as it is configured, and then the server's own reason, with the number of attempts in the record."""
    host, journal = marking(transient=99, attempts=4)

    with pytest.raises(ToolError, match="too busy"):
        await host.call("marking", "look")

    assert journal.read_text().split() == ["look"] * 4
    assert (host.calls[-1].attempts, host.calls[-1].status) == (4, "error")


@pytest.mark.usefixtures("no_waits")
async def test_what_is_remembered_or_changed_is_sent_once(marking) -> None:
    """Whether the first sending took effect nobody knows; a second one could do it again."""
    host, journal = marking(transient=99, attempts=4)

    async def yes(ask: Ask) -> bool:
        return True

    with pytest.raises(ToolError, match="too busy"):
        await host.call("marking", "keep")
    with pytest.raises(ToolError, match="too busy"):
        await host.change(ToolCall(server="marking", tool="do", arguments={}), yes)
    with pytest.raises(NotApproved):
        await host.call("marking", "do")

    assert journal.read_text().split() == ["keep", "do"]
    assert [record.attempts for record in host.calls] == [1, 1, 1]


async def test_retries_load_their_library_when_needed_and_print_nothing_into_the_cell(tmp_path: Path) -> None:
    """Python prints warnings of loggers without a handler; and a session without faults need not import for them."""
    program = f"""
import asyncio, sys
from pathlib import Path
from codenb.config import Retries, ServerSettings, Settings
from codenb.host import Host

async def main():
    gone = ServerSettings("gone", "http", url="http://127.0.0.1:{free_port()}/mcp", read_only=("*",))
    settings = Settings(home=Path({str(tmp_path)!r}), servers={{"gone": gone}}, retry=Retries(attempts=2))
    async with Host(settings) as host:
        print(sorted({{"stamina", "prometheus_client"}} & set(sys.modules)))
        try:
            await host.call("gone", "go")
        except Exception as error:
            print(type(error).__name__)

asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\nConnectFailed\n"
    assert done.stderr == ""


def _result(message: dict[str, str], body: dict[str, object]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": body}).encode()


def _start(port: int, folder: Path) -> subprocess.Popen[bytes]:
    """Start the fixture server; whether it listens is what the retries are about."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
    command = [sys.executable, str(SERVERS / "plain.py"), "http", str(folder / "journal"), str(port)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)
