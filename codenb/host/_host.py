"""The host: what stands between a notebook and its servers.

It has the doors: calls, changes, lists, resources, prompts, and `recorded` for models. Every one of them begins a
record; what happens to a call after that is the pipeline's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from codenb.access import LOCAL, Principal
from codenb.config import ServerSettings
from codenb.errors import AccessError, BadInput, CodenbError
from codenb.host._access import Gate
from codenb.host._cache import Cache
from codenb.host._cassette import Cassette
from codenb.host._clock import Clock
from codenb.host._deadline import Deadline
from codenb.host._elicit import Approve
from codenb.host._listing import (
    PromptInfo,
    Prompts,
    ResourceInfo,
    Resources,
    Servers,
    ServerStatus,
    ToolInfo,
    Tools,
)
from codenb.host._metrics import HostMetrics
from codenb.host._offers import prompts_of, resources_of
from codenb.host._peer import Factory, Peer
from codenb.host._pipeline import Pipeline
from codenb.host._progress import OnProgress
from codenb.host._pulse import Pulse
from codenb.host._records import Calls, Entry, Recorder
from codenb.host._trail import Trail
from codenb.models._base import Model
from codenb.models.change import ToolCall
from codenb.models.result import ToolResult

if TYPE_CHECKING:
    from codenb.config import Settings
    from codenb.redaction import Redactor

T = TypeVar("T")
M = TypeVar("M", bound=Model)

# Every fault that the SDK logs is raised here as well; without a handler of its own it would print to the cell.
logging.getLogger("mcp").addHandler(logging.NullHandler())


class Host:
    """Calls servers, and remembers every call. Open it, or just call: connections are opened when first needed."""

    def __init__(
        self,
        settings: Settings,
        *,
        servers: Mapping[str, Factory] | None = None,
        principal: Principal = LOCAL,
        cassette: Cassette | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            settings: Which servers there are and how they are reached.
            servers: Makes the servers that run in process, by name. An entry of `.mcp.json` that is reached in
                another way stands in the place of one of the same name.
            principal: Who calls; what its permits do not name is denied.
            cassette: Answers calls from a recording; no connection is opened then. `record` begins one.
        """
        factories = dict(servers or {})
        configured = {name: ServerSettings(name, "builtin") for name in factories} | dict(settings.servers)
        self._settings = settings
        self._redactor = settings.redactor()
        self._peers = {
            name: Peer(
                server,
                home=settings.home,
                limits=settings.limits,
                redactor=self._redactor,
                retries=settings.retry,
                factory=factories.get(name),
                principal=principal,
            )
            for name, server in configured.items()
        }
        self._pulse = Pulse()
        self._pipeline = Pipeline(self._peers, settings, self._redactor, cassette or Cassette(), Gate(principal))
        self.calls = Calls()
        self.metrics = HostMetrics(self.calls, self._offered)
        self._recorder = Recorder(self.calls, principal.name, self._redactor, self.metrics.finished)

    @property
    def servers(self) -> Mapping[str, ServerSettings]:
        """What is configured for every server, those in process included, by name."""
        return {name: peer.settings for name, peer in self._peers.items()}

    @property
    def settings(self) -> Settings:
        """What is configured."""
        return self._settings

    @property
    def principal(self) -> Principal:
        """Who calls, and what it may call."""
        return self._pipeline.gate.principal

    @property
    def redactor(self) -> Redactor:
        """What hides secrets in everything that servers say."""
        return self._redactor

    @property
    def cache(self) -> Cache:
        """What is kept of earlier answers, and how often it served."""
        return self._pipeline.cache

    @property
    def trail(self) -> Trail:
        """What this host writes into the audit log."""
        return self._pipeline.trail

    @property
    def cassette(self) -> Cassette:
        """Where calls are written down, or answered from what was written down."""
        return self._pipeline.cassette

    @property
    def clock(self) -> Clock:
        """The time that calls are made in; in a replay that of the recording."""
        return self._pipeline.cassette.clock

    def record(self, cassette: Cassette) -> None:
        """Pass every call through a recording, from now on."""
        self._pipeline.cassette = cassette

    async def open(self) -> None:
        """Open all connections at once. A server that fails does not fail the others: `status` says why.

        Without credentials, where they are asked for, nothing is opened: every call would be denied.
        """
        self._pipeline.closed = False
        if not self._pipeline.gate.open:
            return
        with self._pulse.beating():
            results = await asyncio.gather(*(peer.open() for peer in self._peers.values()), return_exceptions=True)
            self._pipeline.load_checker()
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, CodenbError):
                raise result

    async def close(self) -> None:
        """End every connection and every process, and forget what was kept; calls under way end with an error."""
        self._pipeline.closed = True
        self.cache.clear()
        with self._pulse.beating():
            try:
                await asyncio.gather(*(peer.close() for peer in self._peers.values()))
            finally:
                await self._pipeline.cassette.close()
            await self.metrics.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def call(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        fresh: bool = False,
        on_progress: OnProgress | None = None,
    ) -> ToolResult:
        """Call a tool that changes nothing.

        Args:
            server: Name of the server.
            tool: Name of the tool.
            arguments: The tool's own, as JSON data.
            timeout_s: Seconds; the server's setting by default, and anew whenever it says what it is doing.
            fresh: Whether an answer kept from before will not do.
            on_progress: Gets what the server says it is doing, a line each.

        Raises:
            UnknownServer: No server of that name; the message names the nearest.
            UnknownTool: No tool of that name; the message names the nearest.
            NotApproved: The tool changes something, or is not known not to; the message says what to do.
            BadInput: The arguments are no JSON data.
            ToolError: The tool said no.
            ServerError: What went wrong on the way.
        """
        _require_seconds(timeout_s)
        # Not validated: arguments that are no JSON data are reported, and recorded, like anything else that is wrong.
        call = ToolCall.model_construct(server=server, tool=tool, arguments=dict(arguments or {}))
        entry = Entry("tool", server, tool, {"arguments": call.arguments}, fresh=fresh)
        return await self._recorded(entry, lambda entry: self._pipeline.tool(entry, call, timeout_s, on_progress))

    async def change(
        self,
        call: ToolCall,
        approve: Approve,
        *,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> ToolResult:
        """Call a tool that changes something: the one door for changes, and never sent twice.

        A server of codenb's kind asks for the approval of its preview; any other is called only after `approve` said
        yes to a question without a preview. The time that the answer takes does not count.

        Args:
            call: What is called.
            approve: Asked before anything changes; anything but yes is no.
            timeout_s: Seconds; by default `change_timeout_s` under `[limits]`, which a server gives itself, and a
                little more, because giving up before the server does leaves a doubt that nobody needs. It begins
                anew with the approval.
            on_progress: Gets what the server says it is doing, a line each.

        Raises:
            ChangesOff: `CODENB_READ_ONLY` is set; nobody was asked.
            NotApproved: The answer was no.
            ChangeError: The server refused, such as for a preview that no longer holds.
            ConnectionLost: The answer was lost; whether the change was made is unknown, and so says the record.
            DeadlineExceeded: Likewise.
        """
        _require_seconds(timeout_s)
        entry = Entry("tool", call.server, call.tool, {"arguments": call.arguments}, fresh=True)
        return await self._recorded(
            entry, lambda entry: self._pipeline.change(entry, call, approve, timeout_s, on_progress)
        )

    async def tools(self, server: str | None = None) -> Tools:
        """The tools of one server, or of all, that may be called or proposed.

        Of all, a server that fails is named in `problems`.
        """

        async def listed(peer: Peer) -> Iterable[ToolInfo]:
            return await peer.tools(None)

        tools, problems = await self._each(server, "tools", ToolInfo, listed)
        return Tools(self._pipeline.gate.tools(tools), problems)

    async def resources(self, server: str | None = None) -> Resources:
        """The resources and resource templates of one server, or of all; see `tools`."""
        resources, problems = await self._each(server, "resources", ResourceInfo, resources_of)
        return Resources(self._pipeline.gate.resources(resources), problems)

    async def prompts(self, server: str | None = None) -> Prompts:
        """The prompts of one server, or of all; see `tools`."""
        prompts, problems = await self._each(server, "prompts", PromptInfo, prompts_of)
        return Prompts(self._pipeline.gate.prompts(prompts), problems)

    async def read(self, server: str, uri: str, *, timeout_s: float | None = None) -> ToolResult:
        """Read one resource; `data` is its text, parsed where it is JSON.

        Raises:
            UnknownTool: The server has no such resource.
            ServerError: What went wrong on the way.
        """
        _require_seconds(timeout_s)

        entry = Entry("tool", server, "resources/read", {"uri": uri})
        return await self._recorded(entry, lambda entry: self._pipeline.resource(entry, uri, timeout_s))

    async def prompt(
        self, server: str, name: str, arguments: Mapping[str, str] | None = None, *, timeout_s: float | None = None
    ) -> ToolResult:
        """Get one prompt; `data` is the list of its messages.

        Raises:
            UnknownTool: The server has no such prompt.
            ServerError: What went wrong on the way.
        """
        _require_seconds(timeout_s)
        given = dict(arguments or {})

        entry = Entry("tool", server, "prompts/get", {"name": name, "arguments": given})
        return await self._recorded(entry, lambda entry: self._pipeline.prompt(entry, name, given, timeout_s))

    async def require_permit(self, call: ToolCall) -> None:
        """Complain, with a record, where a call may not even be proposed; for whoever has to ask something before it.

        Raises:
            UnknownServer: No server of that name; the message names the nearest.
            AccessError: There are no credentials that hold, or the permit that the message names is missing.
        """

        async def asked(_: Entry) -> None:
            self._pipeline.peer(call.server)
            self._pipeline.gate.require_change(call)

        if self._pipeline.gate.denies_proposal(call):
            await self._recorded(Entry("tool", call.server, call.tool, {"arguments": call.arguments}), asked)

    def awake(self) -> AbstractContextManager[None]:
        """Inside of it an interrupt is heard within a moment, although nothing but a person is waited for."""
        return self._pulse.beating()

    def status(self) -> Servers:
        """How every server is right now; asks nobody."""
        return Servers(self.cassette.status(ServerStatus, lambda: (peer.status() for peer in self._peers.values())))

    def reset(self, server: str | None = None) -> None:
        """Try a server again at once, although it failed so often that it is paused.

        Args:
            server: Its name; None is every server.

        Raises:
            UnknownServer: No server of that name; the message names the nearest.
        """
        for name in [server] if server is not None else self._peers:
            self._pipeline.peer(name).breaker.reset()

    async def recorded(
        self,
        kind: Literal["tool", "model"],
        name: tuple[str, str],
        request: Mapping[str, Any],
        do: Callable[[Entry], Awaitable[T]],
        *,
        encode: Callable[[T], Any] | None = None,
        decode: Callable[[Any], T] | None = None,
    ) -> T:
        """Make any call with a record: the one door through which tool and model calls pass.

        Args:
            kind: What is called.
            name: Server and tool, or provider and model.
            request: What is asked, as JSON data.
            do: Makes the call; may fill in tokens, cost and bytes on the entry. In a replay it is not made.
            encode: The answer as JSON data, for a recording; may be left out where it is that.
            decode: The answer from what `encode` made of it.

        Returns:
            The answer; while recording, what a replay would return, so without secrets.

        Raises:
            CassetteError: It is to be recorded, is no JSON data, and there is no `encode`.
        """
        entry = Entry(kind, *name, request)
        return await self._recorded(entry, lambda entry: self.cassette.other(entry, lambda: do(entry), encode, decode))

    def _offered(self, server: str) -> frozenset[str] | None:
        return self._peers[server].offered if server in self._peers else None

    async def _recorded(self, entry: Entry, do: Callable[[Entry], Awaitable[T]]) -> T:
        with self._pulse.beating():
            try:
                return await self._recorder.record(entry, do)
            except AccessError as error:
                if error.by_host:
                    await self.trail.denied(entry, error)
                raise

    async def _each(
        self, server: str | None, kind: str, model: type[M], fetch: Callable[[Peer], Awaitable[Iterable[M]]]
    ) -> tuple[list[M], dict[str, str]]:
        names = [server] if server is not None else list(self._peers)

        async def denied(_: Entry) -> Iterable[M]:
            self._pipeline.gate.require()
            return ()

        async def of(name: str) -> Iterable[M]:
            peer = self._peers.get(name)
            at_hand = kind == "tools" and peer is not None and peer.lists_tools
            entry = Entry("tool", name, f"{kind}/list")
            if not self._pipeline.gate.open:
                return await self._recorded(entry, denied)

            async def ask() -> Iterable[M]:
                return await self._listed(name, fetch, entry)

            call = None if at_hand else partial(self._recorded, entry)
            return await self.cassette.listed(kind, name, model, ask, call)

        results = await asyncio.gather(*(of(name) for name in names), return_exceptions=True)
        items: list[M] = []
        problems: dict[str, str] = {}
        for name, result in zip(names, results, strict=True):
            if isinstance(result, CodenbError) and server is None:
                problems[name] = str(result)
            elif isinstance(result, BaseException):
                raise result
            else:
                items += result
        return items, problems

    async def _listed(self, name: str, fetch: Callable[[Peer], Awaitable[Iterable[M]]], entry: Entry) -> Iterable[M]:
        peer = self._pipeline.peer(name)
        return await peer.retry.run(entry, lambda: fetch(peer), Deadline.within(peer.timeout_s))


def _require_seconds(timeout_s: object) -> None:
    number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool) and timeout_s > 0
    if not (timeout_s is None or number):
        raise BadInput(f"timeout_s is {timeout_s!r}: give seconds, as a number over 0")
