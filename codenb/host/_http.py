"""Talking to a server over streamable HTTP.

The SDK reports a refused login, a missing right and a server that is down alike, as an internal error. The HTTP answer
itself says which it was; so it is looked at as it passes, and bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
from mcp.client import Transport
from mcp.client.streamable_http import streamable_http_client

from codenb.errors import (
    AnswerTooLarge,
    CodenbError,
    ConnectionLost,
    CredentialsRejected,
    PermissionMissing,
    ProtocolFault,
    Unavailable,
)
from codenb.host._results import one_line, too_large
from codenb.redaction import Redactor

_CONNECT_S = 15.0
_REASON = 300
_EVENT_OVER_LIMIT = re.compile(r"Server-sent event exceeded the \d+ byte limit")
"""How the SDK words it; it has no class of its own for it."""
_DESCRIPTION = re.compile(r'error_description="([^"]*)"')
_BUSY = frozenset({429, 502, 503, 504})
_STAND_INS = frozenset({"Server returned an error response", "Not Found", "Session terminated"})


@dataclass(slots=True)
class _Exchange:
    """What was seen of the HTTP answers to one request."""

    status: int = 0
    reason: str = ""
    retry_after_s: float | None = None
    over_limit: bool = False


_EXCHANGE: ContextVar[_Exchange | None] = ContextVar("codenb_http_exchange", default=None)
"""The SDK sends a request in its caller's context, so this tells the requests of one connection apart."""


class HttpLink:
    """One HTTP client for one server; made anew for every connection."""

    def __init__(
        self, server: str, url: str, *, headers: Mapping[str, str], limit: int, redactor: Redactor, where: str
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            server: Its name.
            url: Of its MCP endpoint.
            headers: Sent with every request.
            limit: Bytes of one answer.
            redactor: For what is quoted.
            where: Which setting names it, for messages.
        """
        self._server = server
        self._url = url
        self._headers = headers
        self._limit = limit
        self._redactor = redactor
        self._where = where
        self._shown = redactor.text(url)
        self.broken = False  # there is no connection that could be seen to break: each request stands alone

    def spare(self) -> None:
        """Nothing to do: what the server has begun does not end with this connection."""

    def target(self) -> Transport:
        """What the SDK's client connects to."""
        return self._streams()

    def watch(self) -> Callable[[BaseException], CodenbError | None]:
        """Begin one request, in its own task; the returned function explains its failure."""
        exchange = _Exchange()
        _EXCHANGE.set(exchange)
        return lambda error: self._explained(exchange, error)

    @asynccontextmanager
    async def _streams(self) -> AsyncIterator[Any]:
        # No deadline for reading: calls have their own, and a tool may be silent for long.
        async with (
            httpx2.AsyncClient(
                headers={"accept-encoding": "identity", **self._headers},
                timeout=httpx2.Timeout(_CONNECT_S, read=None, pool=None),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
                event_hooks={"response": [self._look]},
            ) as client,
            streamable_http_client(self._url, http_client=client, max_sse_event_size=self._limit) as streams,
        ):
            yield streams

    async def _look(self, response: httpx2.Response) -> None:
        exchange = _EXCHANGE.get() or _Exchange()
        response.headers.pop("content-encoding", None)  # none was asked for, and what unfolds has no bound
        if response.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/event-stream":
            # Events are bounded one by one, by the SDK; anything else as a whole, here.
            response.stream = _Bounded(response.stream, self._limit, exchange)
        if response.status_code >= httpx2.codes.BAD_REQUEST and response.request.method == "POST":
            exchange.status = response.status_code
            exchange.retry_after_s = _seconds(response.headers.get("retry-after", ""))
            await response.aread()
            exchange.reason = self._reason(response)

    def _reason(self, response: httpx2.Response) -> str:
        if described := _DESCRIPTION.search(response.headers.get("www-authenticate", "")):
            return self._quoted(described[1])
        text = response.text
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        if isinstance(body, dict):
            for key in ("error_description", "message", "detail", "error"):
                if isinstance(value := body.get(key), dict):
                    value = value.get("message")
                if isinstance(value, str):
                    return self._quoted(value)
        return self._quoted(text) or response.reason_phrase

    def _quoted(self, text: str) -> str:
        return one_line(self._redactor.text(text[: 10 * _REASON]))[:_REASON]

    def _explained(self, exchange: _Exchange, error: BaseException) -> CodenbError | None:
        said = f"HTTP {exchange.status}: {exchange.reason}"
        if refused := self._refused(exchange, said):
            return refused
        if exchange.over_limit or _EVENT_OVER_LIMIT.search(str(error)):
            return AnswerTooLarge(too_large(self._server, self._limit))
        if isinstance(error, httpx2.TransportError):
            reason = one_line(str(error)) or type(error).__name__
            return ConnectionLost(
                f"{self._server} at {self._shown} cannot be reached ({reason}): is it running, and is the url in "
                f"{self._where} right?"
            )
        if exchange.status and str(error) in _STAND_INS:
            kind = ConnectionLost if "Session" in str(error) else ProtocolFault
            return kind(f"{self._server} at {self._shown} answered {said}: is the url in {self._where} right?")
        return None

    def _refused(self, exchange: _Exchange, said: str) -> CodenbError | None:
        """What the HTTP status alone says."""
        if exchange.status == httpx2.codes.UNAUTHORIZED:
            return CredentialsRejected(
                f"{self._server} at {self._shown} does not accept the credentials ({said}): "
                f"renew them in {self._where}, headers"
            )
        if exchange.status == httpx2.codes.FORBIDDEN:
            return PermissionMissing(
                f"{self._server} at {self._shown} does not permit this ({said}): ask its owner for the right, "
                f"or use other credentials in {self._where}"
            )
        if exchange.status in _BUSY:
            busy = Unavailable(f"{self._server} at {self._shown} cannot answer just now ({said}): try again in a while")
            busy.transient, busy.retry_after_s = True, exchange.retry_after_s
            busy.overused = exchange.status == httpx2.codes.TOO_MANY_REQUESTS
            return busy
        return None


def _seconds(retry_after: str) -> float | None:
    """Seconds from now, of a header with those or a date (RFC 9110, section 10.2.3); None where it has neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp())


class _Bounded(httpx2.AsyncByteStream):
    """A response body that stops at a limit."""

    def __init__(self, stream: Any, limit: int, exchange: _Exchange) -> None:
        self._stream = stream
        self._left = limit
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0:
                self._exchange.over_limit = True
                raise httpx2.StreamError("over the byte limit")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
