"""Watches: what changed since a resource version, then what changes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from codenb.demo.api.lists import test_of
from codenb.demo.api.requests import HttpRequest, Target
from codenb.demo.events import shown
from codenb.demo.kinds import Kind
from codenb.demo.live import Live
from codenb.demo.objects import Obj, name_of, namespace_of
from codenb.demo.selecting import Test
from codenb.demo.status import ApiError, bad_request
from codenb.demo.store import Change

_BOOKMARK_S = 10.0
_DEFAULT_S = (1800.0, 3600.0)  # kube-apiserver --min-request-timeout, and up to twice that


@dataclass(frozen=True, slots=True)
class _Watch:
    shown: Kind
    kind: Kind
    test: Test
    version: str
    seconds: float
    bookmarks: bool
    streams_list: bool


def stream(live: Live, target: Target, http: HttpRequest) -> AsyncGenerator[Obj]:
    """The events of one watch, until its time is up.

    Raises:
        ApiError: 400 for options that cannot be read; what goes wrong later is an `ERROR` event.
    """
    version = http.query.get("resourceVersion", "")
    if version and not version.isdecimal():
        raise bad_request(f"invalid resource version: {version!r:.40}")
    watch = _Watch(
        shown=target.kind,
        kind=target.kind.stored,
        test=_narrowed(target, test_of(target.kind, http)),
        version=version,
        seconds=http.number("timeoutSeconds") or random.uniform(*_DEFAULT_S),  # noqa: S311 - spreads reconnections
        bookmarks=http.flag("allowWatchBookmarks"),
        streams_list=http.flag("sendInitialEvents"),
    )
    return _run(live, watch)


async def _run(live: Live, watch: _Watch) -> AsyncGenerator[Obj]:
    changes: asyncio.Queue[Change] = asyncio.Queue()
    stop = live.sim.store.listen(changes.put_nowait)
    try:
        for event in _beginning(live, watch):
            yield event
            if event["type"] == "ERROR":
                return
        loop = asyncio.get_running_loop()
        end = loop.time() + watch.seconds
        while (left := end - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, _BOOKMARK_S)):  # wait_for may swallow a cancellation on 3.11
                    change = await changes.get()
            except TimeoutError:
                if watch.bookmarks:
                    yield _bookmark(watch.shown, live.sim.store.revision)
                continue
            if (event_seen := _seen(change, watch)) is not None:
                yield event_seen
    finally:
        stop()


def _narrowed(target: Target, test: Test) -> Test:
    def passes(obj: Obj) -> bool:
        here = not target.namespace or namespace_of(obj) == target.namespace
        return here and target.name in ("", name_of(obj)) and test(obj)

    return passes


def _beginning(live: Live, watch: _Watch) -> list[Obj]:
    """What the client does not know yet: the whole state without a resource version, else the changes since then."""
    if watch.streams_list or watch.version in ("", "0"):
        events = [_event("ADDED", watch.shown, obj) for obj in live.sim.store.all(watch.kind) if watch.test(obj)]
        if watch.streams_list:  # the informers of today's clients list by watching, and wait for this mark
            mark = _bookmark(watch.shown, live.sim.store.revision)
            mark["object"]["metadata"]["annotations"] = {"k8s.io/initial-events-end": "true"}
            events.append(mark)
        return events
    try:
        changes = live.sim.store.since(int(watch.version))
    except ApiError as error:
        return [{"type": "ERROR", "object": error.body()}]
    return [event for change in changes if (event := _seen(change, watch))]


def _seen(change: Change, watch: _Watch) -> Obj | None:
    """A change as this watch sees it: what begins to match is added, what ceases to is deleted."""
    if change.kind is not watch.kind:
        return None
    now = change.type != "DELETED" and watch.test(change.obj)
    before = change.before is not None and watch.test(change.before)
    if now:
        return _event("MODIFIED" if before else "ADDED", watch.shown, change.obj)
    if before:
        return _event("DELETED", watch.shown, change.obj)
    return None


def _event(type_: str, kind: Kind, obj: Obj) -> Obj:
    return {"type": type_, "object": shown(kind, obj)}


def _bookmark(kind: Kind, revision: int) -> Obj:
    metadata = {"resourceVersion": str(revision), "creationTimestamp": None}
    return {"type": "BOOKMARK", "object": {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata}}
