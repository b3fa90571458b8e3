"""The way of one call through the host.

Whatever is asked of a server passes the same steps in the same order (design, section 5): it is recorded, which the
host has begun before it comes here; then access, cassette, cache and single flight, retry, and the connection. Each
step is a module of its own; here is only their order, and what becomes of the answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mcp import Client

from codenb.access import PREVIEW_TOOL, AuditLog
from codenb.canonical import canonical_json
from codenb.errors import ChangesOff, CodenbError, ConnectFailed, NotApproved, ServerError, UnknownServer
from codenb.host._access import Gate
from codenb.host._cache import Cache
from codenb.host._cassette import Cassette
from codenb.host._change import changed, may_differ
from codenb.host._deadline import Deadline
from codenb.host._elicit import Approve
from codenb.host._flight import Shared, Waiting
from codenb.host._kept import Key
from codenb.host._lifetime import lifetime
from codenb.host._listing import ToolInfo
from codenb.host._peer import Peer
from codenb.host._progress import Listener, OnProgress
from codenb.host._records import Entry
from codenb.host._results import prompt_result, resource_result, tool_result, wire
from codenb.host._trail import Trail
from codenb.models.change import ToolCall
from codenb.models.result import ToolResult

if TYPE_CHECKING:
    from codenb.config import Settings
    from codenb.redaction import Redactor

_LONG = 64 * 1024
_GIVEN = 500


class Pipeline:
    """Carries calls to servers and their answers back.

    Attributes:
        gate: Lets through what the principal may do.
        closed: Whether the host takes no calls any more.
        cache: Keeps answers, and shares them.
        cassette: Writes calls down, or answers them from what was written down.
        trail: Writes into the audit log.
    """

    def __init__(
        self,
        peers: Mapping[str, Peer],
        settings: Settings,
        redactor: Redactor,
        cassette: Cassette,
        gate: Gate,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            peers: The servers, by name.
            settings: What is configured.
            redactor: For what servers say.
            cassette: Writes calls down, or answers them.
            gate: Lets through what the principal may do.
        """
        self.cassette = cassette
        self.gate = gate
        self.trail = Trail(AuditLog.of(settings), gate.principal.name, lambda: self.cassette.plays)
        self.cache = Cache(settings.cache)
        self._peers = peers
        self._read_only = settings.read_only_env
        self._redactor = redactor
        self._checker: asyncio.Future[Any] | None = None
        self.closed = False

    def peer(self, name: str) -> Peer:
        """The server of that name.

        Raises:
            ConnectFailed: The host is closed.
            UnknownServer: There is none; the message names the nearest.
        """
        if self.closed:
            raise ConnectFailed("this session is closed: connect again")
        if peer := self._peers.get(name):
            return peer
        near = get_close_matches(name, self._peers, n=1, cutoff=0.4)
        known = ", ".join(self._peers) or "none"
        hint = f"did you mean {near[0]!r}?" if near else f"configured are: {known}"
        raise UnknownServer(f"no server {name!r} is configured: {hint}")

    def load_checker(self) -> asyncio.Future[Any]:
        """Import what the SDK checks answers with, off the loop: beside JupyterLab that takes a second."""
        if self._checker is None:
            self._checker = asyncio.ensure_future(asyncio.to_thread(import_module, "jsonschema"))
        return asyncio.shield(self._checker)

    async def tool(
        self, entry: Entry, call: ToolCall, timeout_s: float | None, on_progress: OnProgress | None
    ) -> ToolResult:
        """Call a tool that changes nothing."""
        key = Key(self.gate.principal.name, call.server, call.tool, canonical_json(call.arguments))
        self.peer(call.server)
        self.gate.require_call(call)
        return await self.cassette.result(
            "tool", entry, timeout_s, lambda: self._tool(entry, call, key, timeout_s, on_progress)
        )

    async def _tool(
        self, entry: Entry, call: ToolCall, key: Key, timeout_s: float | None, on_progress: OnProgress | None
    ) -> ToolResult:
        peer = self.peer(call.server)
        if (found := await self.cache.found(entry, key)) is not None:
            return found
        deadline = Deadline.within(timeout_s or peer.timeout_s)
        listener = Listener(on_progress, self._redactor)
        if timeout_s is None:
            listener.extends(deadline, wait_s=peer.timeout_s, at_most_s=peer.change_timeout_s)
        try:
            info = await self._info(entry, peer, call, deadline)
            await self.load_checker()
            if not info.callable:
                raise NotApproved(_needs_approval(info, call, self._redactor))
            waiting = Waiting(f"{call.server}.{call.tool}", deadline, listener)
            ask = partial(self._sent, entry, peer, call, info)
            return await self.cache.answer(entry, key, lifetime(info, peer.settings), waiting, ask)
        except ServerError as error:
            if (older := await self.cache.instead(entry, key, error)) is None:
                raise
            return older
        finally:
            listener.end()

    async def change(
        self, entry: Entry, call: ToolCall, approve: Approve, timeout_s: float | None, on_progress: OnProgress | None
    ) -> ToolResult:
        """Call a tool that changes something; past cache and retry, on a connection of its own."""
        canonical_json(call.arguments)
        peer = self.peer(call.server)
        self.gate.require_change(call)
        wait_s = timeout_s or peer.change_timeout_s

        async def made(asked: Approve) -> ToolResult:
            return await self._change(entry, call, asked, wait_s, on_progress)

        return await self.cassette.change(entry, approve, made)

    async def _change(
        self, entry: Entry, call: ToolCall, approve: Approve, wait_s: float, on_progress: OnProgress | None
    ) -> ToolResult:
        peer, started = self.peer(call.server), time.perf_counter()
        if self._read_only:  # of other people's servers nobody else would know
            raise ChangesOff("changes are off everywhere: CODENB_READ_ONLY is set; unset it to change something")
        deadline = Deadline.within(peer.timeout_s)
        info = await self._info(entry, peer, call, deadline)
        await self.load_checker()
        failure: BaseException | None = None
        carrying = None if info.kind == "changes" else self.trail.carrying(entry, call, peer.settings)
        if carrying is not None:
            approve = carrying.asking(approve)
        try:
            raw = await changed(entry, peer, info, call, approve, timeout_s=wait_s, on_progress=on_progress)
            return await self._told(entry, call, raw, started)
        except BaseException as error:
            failure = error
            raise
        finally:
            if may_differ(entry, failure):
                self.cache.changed(settling_s=wait_s if entry.in_doubt else 0.0)
            if carrying is not None:
                await carrying.ended(failure)

    async def _told(self, entry: Entry, call: ToolCall, raw: dict[str, Any], started: float) -> ToolResult:
        """What the server says of a change."""
        try:
            return await self._read_as(tool_result, entry, call.tool, raw, started)
        except CodenbError as error:
            entry.in_doubt = error.outcome == "unknown"  # the server answered, and does not know either
            raise

    async def resource(self, entry: Entry, uri: str, timeout_s: float | None) -> ToolResult:
        """Read a resource."""
        self.peer(entry.server)
        self.gate.require_read(entry.server, uri)

        async def read() -> ToolResult:
            request = partial(Client.read_resource, uri=uri)
            return await self._asked(entry, request, timeout_s, resource_result, uri)

        return await self.cassette.result("resource", entry, timeout_s, read)

    async def prompt(self, entry: Entry, name: str, arguments: dict[str, str], timeout_s: float | None) -> ToolResult:
        """Get a prompt."""
        self.peer(entry.server)
        self.gate.require_prompt(entry.server, name)

        async def get() -> ToolResult:
            request = partial(Client.get_prompt, name=name, arguments=arguments)
            return await self._asked(entry, request, timeout_s, prompt_result, name)

        return await self.cassette.result("prompt", entry, timeout_s, get)

    async def _sent(self, entry: Entry, peer: Peer, call: ToolCall, info: ToolInfo, shared: Shared) -> ToolResult:
        """Send a call that needs no approval; again where it fails on its way and is known to change nothing.

        Args:
            entry: The record of the caller who asked first.
            peer: The server.
            call: What is called.
            info: What is known of the tool.
            shared: Who wait for it, and how long.
        """
        started = time.perf_counter()
        what = f"{call.server}.{call.tool}"

        async def attempt() -> ToolResult:
            answer = await peer.ask(
                what,
                lambda client: client.call_tool(call.tool, call.arguments, progress_callback=shared.hear),
                shared.deadline,
            )
            raw, entry.bytes = wire(answer, limit=peer.limit, what=what)
            return await self._read_as(tool_result, entry, call.tool, raw, started)

        if info.read_only:
            return await peer.retry.run(entry, attempt, shared.deadline)
        try:
            return await attempt()
        finally:
            self.cache.clear(call.server)  # its own memory: what it recalls is another thing now

    async def _asked(
        self,
        entry: Entry,
        request: Callable[[Client], Awaitable[Any]],
        timeout_s: float | None,
        shape: Callable[..., ToolResult],
        name: str,
    ) -> ToolResult:
        """Ask for a resource or a prompt; again where that fails on its way."""
        started = time.perf_counter()
        peer = self.peer(entry.server)
        what = f"{entry.server} {entry.tool} {name}"
        deadline = Deadline.within(timeout_s or peer.timeout_s)

        async def attempt() -> ToolResult:
            raw, entry.bytes = wire(await peer.ask(what, request, deadline), limit=peer.limit, what=what)
            return await self._read_as(shape, entry, name, raw, started)

        return await peer.retry.run(entry, attempt, deadline)

    async def _info(self, entry: Entry, peer: Peer, call: ToolCall, deadline: Deadline) -> ToolInfo:
        """What is known of the tool; asking for it changes nothing, so it is asked again where that fails."""
        info = await peer.retry.run(entry, lambda: peer.tool(call.tool, deadline.when()), deadline)
        entry.attempts = 1  # from here on the call itself is counted
        return info

    async def _read_as(
        self, shape: Callable[..., ToolResult], entry: Entry, name: str, raw: dict[str, Any], started: float
    ) -> ToolResult:
        """Shape and redact an answer; a long one off the loop, because that takes a second for a megabyte."""
        wanted = partial(shape, entry.server, name, raw, self._redactor, (time.perf_counter() - started) * 1000)
        return await asyncio.to_thread(wanted) if entry.bytes > _LONG else wanted()


def _needs_approval(info: ToolInfo, call: ToolCall, redactor: Redactor) -> str:
    if call.tool == PREVIEW_TOOL:
        return (
            f"{call.server}.{call.tool} is not declared to change nothing, so {call.server} has no previews: "
            f'add "{call.tool}" to read_only under [servers.{call.server}] in codenb.toml'
        )
    given = "".join(f", {key}={value!r}" for key, value in redactor.value(call.arguments).items())
    shown = given if len(given) <= _GIVEN else ", ..."
    propose = f"nb.propose({call.server!r}, {call.tool!r}{shown})"
    if info.kind == "changes":
        return f"{call.server}.{call.tool} changes something and needs an approval: use {propose}, then nb.execute"
    return (
        f"{call.server}.{call.tool} is not declared to change nothing, so it counts as a change: use {propose}, or, "
        f"if it only reads, add {call.tool!r} to read_only under [servers.{call.server}] in codenb.toml"
    )
