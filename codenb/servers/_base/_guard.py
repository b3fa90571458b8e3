"""What every request passes before anything reads it, and what every answer gets.

Who may ask what is decided further in. Here it is decided whether this is a request at all that is meant for this
listener: its name, its path, its size, its pace. Each refusal is one line, in the form that MCP clients show.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import quote

from mcp_types import INVALID_REQUEST
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codenb.servers._base._address import Names

BODY_BYTES = 4 * 1024 * 1024
BODY_S = 30.0
"""By when a request has to be here, from its first line on."""

ANSWERS = logging.getLogger("codenb.servers.http")
"""One line a request; never a header, a query or a body."""

_ONCE = ("authorization", "content-length", "content-type", "mcp-session-id", "mcp-protocol-version", "origin")
"""Headers that decide."""

_DISCARDED = 4
"""So many times the limit of a body that is too large is read to its end, so that its sender gets to read why."""

_PATH_CHARS = 200


def refuse(status: HTTPStatus, message: str, **headers: str) -> JSONResponse:
    """A refusal in one line, as the JSON-RPC error that MCP clients show instead of a bare number."""
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": message}}
    return JSONResponse(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def is_endless(scope: Scope) -> bool:
    """Whether a request asks for a stream of whatever there is to tell, in either era."""
    return scope["method"] == "GET" or Headers(scope=scope).get("mcp-method") == "subscriptions/listen"


@dataclass(slots=True)
class Traffic:
    """The requests of one listener.

    Attributes:
        stopping: Whether no new ones are taken.
        waited_for: Those whose answer is worth waiting for when the server stops: all but endless streams.
    """

    stopping: bool = False
    waited_for: set[asyncio.Task[None]] = field(default_factory=set)


class Guard:
    """Turns away what is not meant for this listener, and notes what was answered."""

    def __init__(self, app: ASGIApp, names: Names, traffic: Traffic) -> None:
        """Stand before an application.

        Args:
            app: What answers.
            names: Under which this listener is asked.
            traffic: Of this listener.
        """
        self._app = app
        self._names = names
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = _Answer(scope, send)
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        task = asyncio.current_task()
        try:
            if refusal is not None:
                await refusal(scope, receive, answer.send)
                return
            if task is not None and not is_endless(scope):
                self._traffic.waited_for.add(task)
            await self._app(scope, receive, answer.send)
        except asyncio.CancelledError:
            if not self._traffic.stopping:
                raise
            await answer.end(scope, receive)
        finally:
            if task is not None:
                self._traffic.waited_for.discard(task)
            answer.note()

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        origin = headers.get("origin")
        if not self._names.answer_to(headers.get("host", "")):
            return refuse(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this server does not answer under the name that was asked for (Host): use the one it was started "
                "with, or add --allow-host",
            )
        if origin is not None and not self._names.answer_page_of(origin):
            return refuse(HTTPStatus.FORBIDDEN, "pages of another place may not ask this server (Origin)")
        if problem := _ambiguous(headers):
            return refuse(HTTPStatus.BAD_REQUEST, problem, connection="close")
        if scope["raw_path"] != scope["path"].encode():  # none of our paths has to be escaped
            return refuse(HTTPStatus.NOT_FOUND, "there is nothing under this path")
        return stopping() if self._traffic.stopping else None


def _ambiguous(headers: Headers) -> str:
    """What another reader on the way could read otherwise than we do; empty where there is nothing."""
    if "transfer-encoding" in headers and "content-length" in headers:
        return "the length of the body is told in two ways"
    twice = [name for name in _ONCE if len(headers.getlist(name)) > 1]
    return f"the header {twice[0]} is there more than once" if twice else ""


def stopping() -> JSONResponse:
    """What is said while the server ends."""
    return refuse(HTTPStatus.SERVICE_UNAVAILABLE, "this server is stopping: try again in a moment", retry_after="5")


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._status = 0
        self._ended = False
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            date = (b"date", formatdate(usegmt=True).encode())
            message["headers"] = [*message.get("headers", ()), date, (b"x-content-type-options", b"nosniff")]
        elif message["type"] == "http.response.body":
            self._ended = not message.get("more_body", False)
        await self._send(message)

    async def end(self, scope: Scope, receive: Receive) -> None:
        """Give up on the answer in good form: the server ends."""
        if not self._status:
            await stopping()(scope, receive, self.send)
        elif not self._ended:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    def note(self) -> None:
        client = self._scope.get("client") or ("-",)
        ANSWERS.info(
            '%s %s "%s %s" %d %.0f ms',
            client[0],
            quote(str(self._scope.get("codenb.caller", "-")), safe="@:/|"),
            self._scope["method"],
            self._scope["raw_path"][:_PATH_CHARS].decode("ascii", "backslashreplace"),
            self._status,
            (time.perf_counter() - self._began) * 1000,
        )


class Bounded:
    """Reads the body of a request, as far as it is of a bearable size and pace, before anything else sees it."""

    def __init__(self, app: ASGIApp, body_bytes: int, body_s: float = BODY_S) -> None:
        """Stand before an application.

        Args:
            app: What answers.
            body_bytes: Largest body.
            body_s: How long it may take to arrive, in seconds.
        """
        self._app = app
        self._bytes = body_bytes
        self._seconds = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        length = int(declared) if declared.isdecimal() else 0
        body, left = bytearray(), b""
        try:
            async with asyncio.timeout(self._seconds):
                if length > self._bytes and "expect" in headers:
                    return await self._too_large(scope, receive, send)
                total, more = 0, True
                while more and total <= self._bytes * _DISCARDED:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None  # nobody is there any more to be told
                    left = message.get("body", b"")
                    total += len(left)
                    more = message.get("more_body", False)
                    if max(total, length) > self._bytes:
                        body.clear()
                    else:
                        body += left
        except TimeoutError:
            late = f"the request did not arrive within {self._seconds:g} s"
            return await refuse(HTTPStatus.REQUEST_TIMEOUT, late, connection="close")(scope, receive, send)
        if max(total, length) > self._bytes:
            return await self._too_large(scope, receive, send)
        kept: deque[Message] = deque([{"type": "http.request", "body": bytes(body), "more_body": False}])

        async def again() -> Message:
            return kept.popleft() if kept else await receive()

        return await self._app(scope, again, send)

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = f"the request is over the limit of {self._bytes:,} bytes: send less at once"
        await refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message, connection="close")(scope, receive, send)
