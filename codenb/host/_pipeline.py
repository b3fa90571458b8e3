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

from codenb.access import PREVIEW_TOOL
from codenb.canonical import canonical_json
from codenb.errors import ChangesOff, CodenbError, ConnectFailed, NotApproved, UnknownServer
from codenb.host._change import changed
from codenb.host._elicit import Approve
from codenb.host._listing import ToolInfo
from codenb.host._peer import Peer
from codenb.host._progress import Listener, OnProgress
from codenb.host._records import Entry
from codenb.host._results import prompt_result, resource_result, tool_result, wire
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
        closed: Whether the host takes no calls any more.
    """

    def __init__(self, peers: Mapping[str, Peer], settings: Settings, redactor: Redactor) -> None:
        """Prepare; nothing is opened yet.

        Args:
            peers: The servers, by name.
            settings: What is configured.
            redactor: For what servers say.
        """
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
        canonical_json(call.arguments)
        peer = self.peer(call.server)
        until = asyncio.get_running_loop().time() + (timeout_s or peer.timeout_s)
        info = await peer.tool(call.tool, until)
        await self.load_checker()
        if not info.callable:
            raise NotApproved(_needs_approval(info, call, self._redactor))
        return await self._sent(entry, peer, call, until, on_progress, fixed=timeout_s is not None)

    async def change(
        self, entry: Entry, call: ToolCall, approve: Approve, timeout_s: float | None, on_progress: OnProgress | None
    ) -> ToolResult:
        """Call a tool that changes something; past cache and retry, on a connection of its own."""
        started = time.perf_counter()
        canonical_json(call.arguments)
        peer = self.peer(call.server)
        if self._read_only:  # of other people's servers nobody else would know
            raise ChangesOff("changes are off everywhere: CODENB_READ_ONLY is set; unset it to change something")
        info = await peer.tool(call.tool, asyncio.get_running_loop().time() + peer.timeout_s)
        await self.load_checker()
        wait_s = timeout_s or peer.change_timeout_s
        raw = await changed(entry, peer, info, call, approve, timeout_s=wait_s, on_progress=on_progress)
        try:
            return await self._read_as(tool_result, entry, call.tool, raw, started)
        except CodenbError as error:
            entry.in_doubt = error.outcome == "unknown"  # the server answered, and does not know either
            raise

    async def resource(self, entry: Entry, uri: str, timeout_s: float | None) -> ToolResult:
        """Read a resource."""
        started = time.perf_counter()
        answer = await self._asked(entry, lambda client: client.read_resource(uri), timeout_s)
        return await self._read_as(resource_result, entry, uri, answer, started)

    async def prompt(self, entry: Entry, name: str, arguments: dict[str, str], timeout_s: float | None) -> ToolResult:
        """Get a prompt."""
        started = time.perf_counter()
        answer = await self._asked(entry, lambda client: client.get_prompt(name, arguments), timeout_s)
        return await self._read_as(prompt_result, entry, name, answer, started)

    async def _sent(
        self,
        entry: Entry,
        peer: Peer,
        call: ToolCall,
        until: float,
        on_progress: OnProgress | None,
        *,
        fixed: bool,
    ) -> ToolResult:
        """Send a read-only call.

        Args:
            entry: Its record.
            peer: The server.
            call: What is called.
            until: Loop time by which it has to be answered.
            on_progress: Gets what the server says it is doing.
            fixed: Whether `until` stands, whatever the server says it is doing.
        """
        started = time.perf_counter()
        what = f"{call.server}.{call.tool}"
        deadline = asyncio.timeout_at(until)
        listener = Listener(on_progress, self._redactor)
        if not fixed:
            listener.extends(deadline, wait_s=peer.timeout_s, at_most_s=peer.change_timeout_s)
        try:
            answer = await peer.ask(
                what,
                lambda client: client.call_tool(call.tool, call.arguments, progress_callback=listener),
                deadline,
            )
        finally:
            listener.end()
        raw, entry.bytes = wire(answer, limit=peer.limit, what=what)
        return await self._read_as(tool_result, entry, call.tool, raw, started)

    async def _asked(
        self, entry: Entry, request: Callable[[Client], Awaitable[Any]], timeout_s: float | None
    ) -> dict[str, Any]:
        peer = self.peer(entry.server)
        what = f"{entry.server} {entry.tool} {next(iter(entry.request.values()))}"
        answer = await peer.ask(what, request, asyncio.timeout(timeout_s or peer.timeout_s))
        raw, entry.bytes = wire(answer, limit=peer.limit, what=what)
        return raw

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
