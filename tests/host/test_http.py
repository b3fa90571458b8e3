"""Servers over HTTP that refuse, break off or are not there: told apart, and in one line."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codenb.config import ServerSettings
from codenb.errors import (
    AnswerTooLarge,
    ConnectFailed,
    CredentialsRejected,
    PermissionMissing,
    ServerError,
)
from codenb.host import Host
from tests.host.helpers import PATIENCE_S, serve

MakeHost = Callable[..., Host]

_TOKENS = {"Bearer right": 200, "Bearer weak": 403}


class _Guarded(BaseHTTPRequestHandler):
    """A handshake-era MCP endpoint behind tokens, with one tool that answers 50 MB of JSON."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status = _TOKENS.get(self.headers.get("authorization", ""), 401)
        if status == 401:
            challenge = 'Bearer error="invalid_token", error_description="The token expired at 12:00"'
            self._send(401, b'{"error": "invalid_token"}', {"www-authenticate": challenge})
        elif message["method"] == "tools/call" and status == 403:
            self._send(403, b'{"error": {"message": "role viewer may not call go"}}')
        elif "id" not in message:
            self._send(202, b"")
        elif message["method"] == "tools/call":
            body = {"content": [{"type": "text", "text": "x" * 50_000_000}]}
            self._send(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": body}).encode())
        else:
            self._send(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], **_answer(message)}).encode())

    def do_GET(self) -> None:
        self._send(405, b"")

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"content-type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def _answer(message: dict[str, str]) -> dict[str, object]:
    match message["method"]:
        case "initialize":
            about = {"name": "guarded", "version": "1"}
            return {"result": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": about}}
        case "tools/list":
            return {"result": {"tools": [{"name": "go", "inputSchema": {"type": "object"}}]}}
        case _:
            return {"error": {"code": -32601, "message": "no such method"}}


@pytest.fixture
def guarded() -> Iterator[Callable[[str], ServerSettings]]:
    """Settings for the guarded endpoint, with a token."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Guarded)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/mcp"
    yield lambda token: ServerSettings(
        "guarded", "http", url=url, headers={"Authorization": f"Bearer {token}"}, read_only=("*",)
    )
    server.shutdown()
    server.server_close()


async def test_expired_credentials_are_named_with_the_servers_reason(make_host: MakeHost, guarded) -> None:
    """The SDK reports a 401 as an internal error of the server; a person would look in the wrong place."""
    host = make_host(guarded("stale-token-value"))

    with pytest.raises(CredentialsRejected, match=r"The token expired at 12:00.*mcpServers\.guarded") as caught:
        await host.call("guarded", "go")

    assert "stale-token-value" not in str(caught.value)
    assert host.calls[-1].status == "denied"
    assert host.status()[0].state == "failed"


async def test_a_missing_permission_is_named_with_the_servers_reason(make_host: MakeHost, guarded) -> None:
    """Known, but not allowed: another thing to do about it than about a wrong token."""
    with pytest.raises(PermissionMissing, match="role viewer may not call go"):
        await make_host(guarded("weak")).call("guarded", "go")


async def test_a_json_answer_over_the_limit_is_not_read_to_its_end(make_host: MakeHost, guarded) -> None:
    """The SDK bounds event streams only; a JSON body could be of any size."""
    host = make_host(guarded("right"))

    with pytest.raises(AnswerTooLarge, match="8,388,608 bytes"):
        await host.call("guarded", "go")

    assert len(await host.tools("guarded")) == 1


@pytest.mark.usefixtures("no_waits")
async def test_a_server_that_is_not_there_is_named_with_its_url(make_host: MakeHost) -> None:
    """Connection refused is the commonest error of all; it must say by whom and where that is written."""
    settings = ServerSettings("gone", "http", url="http://127.0.0.1:9/mcp")

    with pytest.raises(ConnectFailed, match=r"http://127\.0\.0\.1:9/mcp.*mcpServers\.gone"):
        await make_host(settings).call("gone", "go")


async def test_a_wrong_path_is_named_with_its_status(make_host: MakeHost, web: str) -> None:
    """A server that is there and does not know the address answers 404, which is about the url."""
    settings = ServerSettings("lost", "http", url=web.replace("/mcp", "/nope"))

    with pytest.raises(ServerError, match=r"HTTP 404.*url in mcpServers\.lost"):
        await make_host(settings).call("lost", "go")


async def test_an_answer_of_some_megabytes_arrives(make_host: MakeHost, web: str, era: str) -> None:
    """The SDK's default fails handshake-era answers above one MiB, text and structured content counted."""
    host = make_host(ServerSettings("plain", "http", url=web, mode=era, read_only=("*",)))  # type: ignore[arg-type]

    answer = await host.call("plain", "big", {"characters": 2_000_000})

    assert len(answer.text) == 2_000_000


async def test_an_event_over_the_limit_is_refused_and_the_next_call_works(
    make_host: MakeHost, web: str, era: str
) -> None:
    """50 MB in one event end that call only."""
    host = make_host(ServerSettings("plain", "http", url=web, mode=era, read_only=("*",)))  # type: ignore[arg-type]

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(AnswerTooLarge):
            await host.call("plain", "big", {"characters": 50_000_000})

    assert (await host.call("plain", "add", {"a": 1, "b": 1})).data == 2


@pytest.mark.usefixtures("no_waits")
async def test_a_server_that_dies_in_a_call_loses_the_call_only(make_host: MakeHost, era: str, tmp_path: Path) -> None:
    """The next call finds the server back where it was, on a connection of its own."""
    (tmp_path / "journal").touch()
    process, url = serve("http", tmp_path / "journal")
    host = make_host(ServerSettings("plain", "http", url=url, mode=era, read_only=("*",)))  # type: ignore[arg-type]
    try:
        await host.open()
        with pytest.raises(ServerError, match="cannot be reached"):
            await host.call("plain", "die")
        process.wait(PATIENCE_S)
        with pytest.raises(ServerError, match="cannot be reached"):
            await host.call("plain", "add", {"a": 1, "b": 1})
    finally:
        process.kill()
        process.wait()
