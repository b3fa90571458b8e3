"""HTTP by hand: what a caller sends who uses no MCP client, and above all no polite one."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass
from typing import Any, Self

import httpx2

MODERN, HANDSHAKE = "2026-07-28", "2025-11-25"
ERAS = {"auto": MODERN, "legacy": HANDSHAKE}
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@dataclass
class Reply:
    """One HTTP answer, and the JSON-RPC message in it."""

    status: int
    headers: httpx2.Headers
    message: dict[str, Any]

    @property
    def result(self) -> dict[str, Any]:
        assert "result" in self.message, self.message
        return self.message["result"]

    @property
    def error(self) -> dict[str, Any]:
        assert "error" in self.message, self.message
        return self.message["error"]

    @property
    def text(self) -> str:
        """What a model reads of a tool's answer."""
        return self.result["content"][0]["text"]


class Plain:
    """A plain HTTP client in one era of the protocol; `async with` begins its session."""

    def __init__(self, url: str, token: str | None = None, *, era: str = "auto") -> None:
        self.url = url
        self.version = ERAS[era]
        self.http = httpx2.AsyncClient(timeout=60)
        self.headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        self._ids = itertools.count(1)
        if token is not None:
            self.headers["authorization"] = f"Bearer {token}"

    async def __aenter__(self) -> Self:
        if self.version == HANDSHAKE:
            await self.shake_hands()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def shake_hands(self) -> Reply:
        """Begin a session of the older protocol."""
        hello = {"protocolVersion": HANDSHAKE, "capabilities": {"elicitation": {}}, "clientInfo": _ME}
        reply = await self.ask("initialize", hello)
        if session := reply.headers.get("mcp-session-id"):
            self.headers |= {"mcp-session-id": session, "mcp-protocol-version": HANDSHAKE}
            await self.tell("notifications/initialized")
        return reply

    async def ask(self, method: str, params: dict[str, Any] | None = None) -> Reply:
        """Send one request, and read its answer."""
        params = dict(params or {})
        headers = dict(self.headers)
        if self.version == MODERN:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
            }
            headers |= {"mcp-protocol-version": MODERN, "mcp-method": method}
            if method in _NAMED:
                headers["mcp-name"] = str(params[_NAMED[method]])
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        return _read(await self.http.post(self.url, json=body, headers=headers))

    async def tell(self, method: str) -> None:
        """Send a notification."""
        await self.http.post(self.url, json={"jsonrpc": "2.0", "method": method}, headers=self.headers)

    async def call(self, tool: str, /, **arguments: Any) -> Reply:
        """Call a tool."""
        return await self.ask("tools/call", {"name": tool, "arguments": arguments})

    async def names(self, method: str, key: str, name: str = "name") -> set[str]:
        """What a list holds."""
        return {one[name] for one in (await self.ask(method)).result[key]}


_ME = {"name": "by hand", "version": "1"}


def _read(response: httpx2.Response) -> Reply:
    text = response.text
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        text = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")][-1]
    return Reply(response.status_code, response.headers, json.loads(text) if text.strip() else {})


async def exchanged(url: str, data: bytes, *, pieces: int = 1, end: bool = False) -> bytes:
    """Send bytes as they are, and read until the server closes the connection.

    Args:
        url: Of the server.
        data: What is sent; it should make the server close.
        pieces: In how many parts.
        end: Whether to say that nothing more comes.
    """
    address = httpx2.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        size = -(-len(data) // pieces) or 1
        for at in range(0, len(data), size):
            writer.write(data[at : at + size])
            await writer.drain()
        if end:
            writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


def request(head: str, *headers: str, body: bytes = b"", close: bool = True) -> bytes:
    """An HTTP request, byte by byte."""
    lines = [head, *headers, *(["Connection: close"] if close else [])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def status(answer: bytes) -> int:
    """The number in the first line of an answer."""
    return int(answer.split(b" ", 2)[1])
