"""The ASGI application: from a request to an answer, one world behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any

from codenb.demo.api import (
    discovery,
    lists,
    logs,
    metrics,
    openapi,
    reviews,
    scaling,
    steering,
    tables,
    watching,
    writing,
)
from codenb.demo.api.requests import HttpRequest, Request, Target, resolve
from codenb.demo.auth import User, allowed, refusal
from codenb.demo.events import shown
from codenb.demo.kinds import Kind
from codenb.demo.live import Live
from codenb.demo.objects import Obj
from codenb.demo.status import ApiError, forbidden, internal_error, method_not_allowed, too_large

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_BODY_LIMIT = 3 * 1024 * 1024  # as kube-apiserver's
_OPEN = frozenset({"/version", "/version/", "/healthz", "/livez", "/readyz"})
_WRITES = {"create": writing.create, "update": writing.update, "patch": writing.modify, "delete": writing.remove}


class App:
    """Serves one world.

    Args:
        live: The world.
    """

    def __init__(self, live: Live) -> None:
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; the other ASGI scopes are not used."""
        if scope["type"] != "http":
            return
        try:
            body = await _body(receive)
            http = HttpRequest.parse(scope["method"], scope["path"], scope["query_string"], scope["headers"], body)
            self._live.tick()
            answer = self._answer(http)
            if isinstance(answer, tuple):
                await _reply(send, *answer)
            else:
                await self._stream(receive, send, answer)
        except ConnectionError:
            return  # the client went away before it had said what it wanted
        except ApiError as error:
            await _reply(send, error.code, error.body())
        except Exception as error:  # noqa: BLE001 - a fault of this program; clients decide by a Status
            self._live.sim.note(error)
            await _reply(send, 500, internal_error(error).body())
        finally:
            self._live.tick()

    def _answer(self, http: HttpRequest) -> tuple[int, Obj | bytes] | AsyncGenerator[Obj]:
        user = self._live.tokens.user(http.headers.get("authorization", ""))
        path = http.path
        if path in ("/healthz", "/livez", "/readyz"):
            return 200, b"ok"
        if path not in _OPEN and not user.role and not path.startswith(("/api/", "/apis/")):
            raise ApiError(403, "Forbidden", f'forbidden: User "{user.name}" cannot get path "{path}"', {})
        if path.startswith("/_demo/"):
            return 200, steering.answer(self._live, http, user)
        kinds = self._live.catalogue.all()
        review = reviews.answer(http, user, kinds)
        if review is not None:
            return 201, review
        read = metrics.answer(self._live, http, user)
        if read is not None:
            return 200, read
        found = openapi.answer(path, kinds) or discovery.answer(path, kinds, metrics=self._live.metrics)
        if found is not None:
            if http.method not in ("GET", "HEAD"):
                raise method_not_allowed()
            return 200, found
        return self._resource(http, user)

    def _resource(self, http: HttpRequest, user: User) -> tuple[int, Obj | bytes] | AsyncGenerator[Obj]:
        target = resolve(http, self._live.catalogue)
        if not allowed(user, target.attributes):
            raise forbidden(target.kind, target.name, refusal(user, target.attributes))
        if target.verb in _WRITES:
            return self._write(Request(http, target, user))
        if target.verb == "deletecollection":
            return 200, writing.remove_all(self._live, Request(http, target, user))
        if target.subresource == "log":
            return 200, logs.read(self._live, target, http)
        if target.verb == "watch" or (http.flag("watch") and not target.subresource):
            return self._watch(target, http)
        if target.verb == "list":
            return 200, self._list(target, http)
        return 200, self._get(target, http)

    def _write(self, request: Request) -> tuple[int, Obj]:
        target = request.target
        there = self._live.sim.store.find(target.kind.stored, target.namespace, target.name) is not None
        answer = _WRITES[target.verb](self._live, request)
        if not writing.is_dry(request):
            name = target.name or answer["metadata"]["name"]
            self._live.writes[target.attributes.full_resource, name] += 1
        return (200 if there else 201), answer

    def _get(self, target: Target, http: HttpRequest) -> Obj:
        store = self._live.sim.store
        obj = store.get(target.kind.stored, target.namespace, target.name)
        if target.subresource == "scale":
            return scaling.read(obj)
        if tables.wants_table(http.headers.get("accept", "")):
            return self._table(target.kind, [obj], {"resourceVersion": obj["metadata"]["resourceVersion"]}, http)
        return shown(target.kind, obj)

    def _list(self, target: Target, http: HttpRequest) -> Obj:
        found = lists.answer(self._live.sim.store, target, http)
        if tables.wants_table(http.headers.get("accept", "")):
            return self._table(target.kind, found["items"], found["metadata"], http)
        return found

    def _table(self, kind: Kind, objects: list[Obj], metadata: Obj, http: HttpRequest) -> Obj:
        include = http.query.get("includeObject", "Metadata")
        head = {"apiVersion": kind.api_version, "kind": kind.kind}
        return tables.table(kind, [head | obj for obj in objects], metadata, self._live.sim.clock.date(), include)

    def _watch(self, target: Target, http: HttpRequest) -> AsyncGenerator[Obj]:
        events = watching.stream(self._live, target, http)
        wants_table = tables.wants_table(http.headers.get("accept", ""))
        return self._as_tables(events, target.kind, http) if wants_table else events

    async def _as_tables(self, events: AsyncGenerator[Obj], kind: Kind, http: HttpRequest) -> AsyncGenerator[Obj]:
        async with aclosing(events):
            async for event in events:
                if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                    version = {"resourceVersion": event["object"]["metadata"]["resourceVersion"]}
                    yield event | {"object": self._table(kind, [event["object"]], version, http)}
                else:
                    yield event

    async def _stream(self, receive: Receive, send: Send, events: AsyncGenerator[Obj]) -> None:
        """Send events as they come, until there are no more, the client has gone or the world ends."""
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"", "more_body": True})

        async def forward() -> None:
            async with aclosing(events):
                async for event in events:
                    line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
                    await send({"type": "http.response.body", "body": line, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        tasks = [asyncio.ensure_future(part) for part in (forward(), _gone(receive), self._live.over.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._live.over.is_set():
            await send({"type": "http.response.body", "body": b""})


async def _body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        body += message.get("body", b"")
        if len(body) > _BODY_LIMIT:
            raise too_large(_BODY_LIMIT)
        if not message.get("more_body", False):
            return body


async def _reply(send: Send, code: int, content: Obj | bytes) -> None:
    if isinstance(content, bytes):
        body, media_type = content, b"text/plain"
    else:
        body, media_type = json.dumps(content, separators=(",", ":")).encode(), b"application/json"
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
