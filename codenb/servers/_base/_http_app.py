"""The paths of an HTTP listener: an MCP endpoint a server, health, and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from codenb import __version__
from codenb.errors import AccessError
from codenb.servers._base._address import Names
from codenb.servers._base._bearer import Authenticate, Bearer
from codenb.servers._base._caller import caller
from codenb.servers._base._guard import Bounded, Guard, Traffic, refuse
from codenb.servers._base._metrics import ToolMetrics
from codenb.servers._base._server import Server

METRICS_URI = "metrics://server"
"""What a permit names so that its principal may read a server's metrics."""

_METHODS = ("GET", "POST", "DELETE")


def application(
    sessions: Mapping[str, StreamableHTTPSessionManager],
    servers: Mapping[str, Server],
    *,
    names: Names,
    traffic: Traffic,
    authenticate: Authenticate | None,
    metrics: ToolMetrics,
    body_bytes: int,
) -> ASGIApp:
    """What answers the requests of one listener.

    Args:
        sessions: What answers each server's, by its name; run by whoever listens.
        servers: By name.
        names: Under which the listener is asked.
        traffic: Of the listener.
        authenticate: Who a token names; None where everybody is the local principal.
        metrics: Of these servers.
        body_bytes: Largest request.
    """

    def endpoint(name: str) -> ASGIApp:
        # Who it is comes first: a body is kept in memory, and only of those who are known.
        return Bearer(Bounded(sessions[name].handle_request, body_bytes), authenticate)

    health = _health(servers)
    routes = [Route(f"/{name}/mcp", endpoint(name), methods=_METHODS) for name in servers]
    routes += [Route("/mcp", endpoint(name), methods=_METHODS) for name in servers if len(servers) == 1]
    routes += [Route(path, health, methods=["GET"]) for path in ("/health", "/healthz")]
    routes.append(Route("/metrics", Bearer(request_response(_metrics(servers, metrics)), authenticate)))
    return Guard(Router(routes, redirect_slashes=False, default=_nothing), names, traffic)


def _health(servers: Mapping[str, Server]) -> Callable[[Request], Awaitable[Response]]:
    """What anybody may know: that it runs, and what it is. Which systems the servers act on is not told here."""
    told = {
        "status": "ok",
        "version": __version__,
        "servers": [
            {"name": name, "version": server.version, "path": f"/{name}/mcp"} for name, server in servers.items()
        ],
    }

    async def health(_: Request) -> Response:
        return JSONResponse(told, headers={"cache-control": "no-store"})

    return health


def _metrics(servers: Mapping[str, Server], metrics: ToolMetrics) -> Callable[[Request], Awaitable[Response]]:
    async def exposed(_: Request) -> Response:
        try:
            for name in servers:  # they are counted together, and tell of tools that not everybody sees
                caller().require_read(name, METRICS_URI)
        except AccessError as error:
            return refuse(HTTPStatus.FORBIDDEN, str(error))
        text, content_type = await asyncio.to_thread(metrics.exposition)
        return Response(text, headers={"content-type": content_type, "cache-control": "no-store"})

    return exposed


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await refuse(HTTPStatus.NOT_FOUND, "there is nothing under this path: /health lists the servers")(
        scope, receive, send
    )
