"""`make_server`: what every server of codenb's kind has, so that a server's own files hold only its subject."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import cached_property
from typing import Any, TypeVar, overload

from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.server.request_state import RequestStateSecurity
from pydantic import JsonValue

from codenb import __version__
from codenb.access import ApprovalKeys
from codenb.canonical import digest
from codenb.config import Settings, load
from codenb.errors import BadInput, CodenbError, ConfigError
from codenb.models.change import Change
from codenb.models.outcome import Outcome
from codenb.models.preview import Preview
from codenb.models.target import Place, ServerAbout
from codenb.redaction import Redactor
from codenb.servers._base import _marks
from codenb.servers._base._answers import ANSWER_BYTES, one_line, said
from codenb.servers._base._asking import asking, hints_of
from codenb.servers._base._auditing import Auditor
from codenb.servers._base._caller import caller
from codenb.servers._base._carrying import Carrier
from codenb.servers._base._mcp import KernelServer
from codenb.servers._base._memory import Memory
from codenb.servers._base._plans import ChangeTool, Planner
from codenb.servers._base._reading_back import as_it_is, is_redacted, not_read_back, read_back
from codenb.servers._base._remembering import offer
from codenb.servers._base._store import PreviewStore

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(r"[A-Za-z0-9_-]+")


class Server:
    """One MCP server and its tools; made by `make_server`.

    Declaring tools connects nothing and reads no configuration; both happen when a tool is called.

    Attributes:
        name: Its name.
        version: Its version.
        mcp: The SDK's server, for `Client(server.mcp)`, `streamable_http_app()`, and more resources and prompts.
        memory: What it remembers.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str,
        instructions: str | None,
        place: Callable[[], Awaitable[Place]] | None,
        settings: Settings | None,
        change_timeout_s: float | None,
        answer_bytes: int,
        request_state_security: RequestStateSecurity | None,
        lifespan: Callable[[], contextlib.AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} is no name for a server: use letters, digits, - and _")
        self.name = name
        self.version = version
        self._given_settings = settings
        self._place = place
        self._given_lifespan = lifespan or contextlib.nullcontext
        self._change_tools: dict[str, ChangeTool] = {}
        self._reading: dict[str, asyncio.Task[Outcome]] = {}
        self._planner = Planner(name, self.place, lambda: self.settings, self._tool_schema)
        self._store = PreviewStore(lambda: self.settings.state_dir)
        log = logging.getLogger(f"codenb.servers.{name}")
        self.memory = Memory(name, lambda: self.settings.state_dir)
        self._auditor = Auditor(name, lambda: self.settings, log)
        self._carrier = Carrier(self._planner, self._store, change_timeout_s, log, self._auditor, self.memory)
        self.mcp = KernelServer(
            name,
            version=version,
            instructions=instructions,
            answer_bytes=answer_bytes,
            redactor=self._redactor,
            lifespan=self._lifespan,
            request_state_security=request_state_security,
        )
        self.mcp.resource("about://server", mime_type="application/json")(self._about_resource)
        self.mcp.resource("preview://{reference}", mime_type="application/json")(self._preview_resource)
        self.mcp.denied = self._auditor.denied
        self.add(self.preview_change)
        offer(self.memory, self, self._redactor)

    @cached_property
    def settings(self) -> Settings:
        """What is configured; read from the project folder where none was given."""
        return self._given_settings or load()

    @overload
    def reads(self, function: F, /) -> F: ...
    @overload
    def reads(
        self, /, *, ttl_s: float | None = None, untrusted: bool = True, version: str = "1"
    ) -> Callable[[F], F]: ...
    def reads(
        self, function: F | None = None, /, *, ttl_s: float | None = None, untrusted: bool = True, version: str = "1"
    ) -> F | Callable[[F], F]:
        """Register a function as a tool that only reads; see `codenb.reads`."""
        register = self._registering(_marks.reads(ttl_s=ttl_s, untrusted=untrusted, version=version))
        return register if function is None else register(function)

    @overload
    def changes(self, function: F, /) -> F: ...
    @overload
    def changes(
        self, /, *, destructive: bool = False, undo: str | None = None, version: str = "1"
    ) -> Callable[[F], F]: ...
    def changes(
        self, function: F | None = None, /, *, destructive: bool = False, undo: str | None = None, version: str = "1"
    ) -> F | Callable[[F], F]:
        """Register a function as a tool that plans a change; see `codenb.changes`."""
        register = self._registering(_marks.changes(destructive=destructive, undo=undo, version=version))
        return register if function is None else register(function)

    def add(self, function: Callable[..., Any], *, name: str | None = None) -> None:
        """Register a function, or a bound method, that is marked with `@reads` or `@changes`.

        Args:
            function: Its signature is the tool's input schema, its return annotation the output schema, its docstring
                the description.
            name: Of the tool; None is the function's own.

        Raises:
            ConfigError: It has no mark, or plans a change and does not say that it returns one.
            BadInput: An annotation names a type that is not at module level.
        """
        mark = _marks.mark_of(function)
        tool = name or function.__name__
        returned = hints_of(function).get("return")
        if mark.kind == "changes":
            if not (isinstance(returned, type) and issubclass(returned, Change)):
                raise ConfigError(
                    f"{function.__qualname__} plans a change, so it returns a codenb.Change: annotate it with "
                    f"`-> codenb.Change` and return Change(...).written_by(write)"
                )
            self._change_tools[tool] = change = ChangeTool(tool, function)
            registered = asking(change, self._planner, self._carrier, self._store, self._auditor)
        else:
            registered = function
        self.mcp.add(registered, mark, name=tool, documented=function)

    def check(self) -> None:
        """Complain if the tools do not fit together; whoever serves or opens the server does this first.

        Raises:
            ConfigError: The undo of one is no tool of this server that changes something, or the keys that approvals
                are signed with cannot be used.
        """
        if self._given_settings and self._given_settings.approval:
            ApprovalKeys.of(self._given_settings)
        for tool, change in self._change_tools.items():
            undo = _marks.mark_of(change.function).undo
            if undo is not None and undo not in self._change_tools:
                able = ", ".join(sorted(self._change_tools))
                raise ConfigError(
                    f"server {self.name}: {undo!r}, the undo of {tool}, is none of its tools that change something: "
                    f"{able}"
                )

    @_marks.reads(ttl_s=0)
    async def preview_change(self, tool: str, arguments: dict[str, JsonValue]) -> Preview:
        """What a tool would change: before, after, owner, undo, the digest to approve, why it would be refused."""
        change = self._change_tools.get(tool)
        if change is None:
            self.mcp.registered(tool)
            able = ", ".join(sorted(filter(self.mcp.offers, self._change_tools))) or "none"
            raise BadInput(f"{tool} changes nothing, so it has no preview: the tools that change something are {able}")
        values = self.mcp.validated(tool, arguments)
        preview = self._planner.preview(await self._planner.plan(change, values, {}))
        slot = self._planner.slot(caller().name, tool, values, preview.change.shown_arguments)
        await self._store.save(preview, slot)
        return preview

    async def place(self) -> Place:
        """Which system this server acts on; one without a place of its own is known by its name."""
        if self._place is None:
            return Place(kind="server", name=self.name, address="", identity=f"server:{self.name}")
        return await self._place()

    async def about(self) -> ServerAbout:
        """What this server says of itself; a place that cannot be told is part of the answer."""
        try:
            place = await self.place() if self._place is not None else None
            namespaces, why = self._planner.may_change(place or await self.place())
        except CodenbError as error:
            problem = one_line(str(error))
            return ServerAbout(name=self.name, version=self.version, place_problem=problem, changes_reason=problem)
        return ServerAbout(name=self.name, version=self.version, place=place, changes=namespaces, changes_reason=why)

    async def preview(self, reference: str) -> Preview | None:
        """A kept preview with what came of it; where its server was killed meanwhile, what the state tells of that.

        Args:
            reference: `DIGEST.ID`.
        """
        kept = await self._store.find(reference)
        if kept is None or kept.state != "killed":
            return kept.preview if kept else None
        if reference not in self._reading:  # asked again while it is read: planning may take long, and need a lock
            self._reading[reference] = task = asyncio.create_task(self._read_back(kept.preview))
            task.add_done_callback(lambda _: self._reading.pop(reference, None))
        return kept.preview.model_copy(update={"outcome": await asyncio.shield(self._reading[reference])})

    async def _read_back(self, preview: Preview) -> Outcome:
        """Plan the call of a killed change again, and compare; what that tells for certain is kept."""
        tool, change = self._change_tools.get(preview.call.tool), preview.change
        # Without its secrets a call can be planned again only by what its preview settled, such as the id of a plan.
        secret = (change.shown_arguments and not change.fixed) or is_redacted(preview.call.arguments)
        if tool is None or not change.reads_back or secret:
            return not_read_back(preview, "")
        try:
            async with asyncio.timeout(self.settings.limits.change_timeout_s):
                values = self.mcp.validated(tool.name, preview.call.arguments)
                plan = await self._planner.plan(tool, values, change.fixed)
            now = as_it_is(preview, self._planner.preview(plan).change)
        except Exception as error:  # noqa: BLE001  a tool may raise anything, and the state is not known then
            problem = "it took too long" if isinstance(error, TimeoutError) else said(error, tool.name)[0]
            return not_read_back(preview, f"and it could not be read back: {one_line(self._redactor().text(problem))}")
        if plan.place.identity != preview.place.identity:
            return not_read_back(preview, f"and it acts on another place now, {plan.place}")
        outcome = read_back(preview, now)
        if outcome.status != "unknown":
            outcome = await self._carrier.settle_killed(preview, outcome)
        return outcome

    async def drain(self) -> None:
        """Wait for the changes that are being carried out."""
        await self._carrier.drain()

    async def _about_resource(self) -> str:
        return json.dumps((await self.about()).to_dict())

    async def _preview_resource(self, reference: str) -> str:
        preview = await self.preview(reference)
        if preview is None:
            raise ResourceNotFoundError(f"no preview {reference} is kept here: it expired, or was made elsewhere")
        self.mcp.require_preview(preview.call.tool, f"preview://{reference}")
        return json.dumps(preview.to_dict())

    def _tool_schema(self, tool: str) -> str:
        version = _marks.mark_of(self._change_tools[tool].function).version
        return digest({"input": self.mcp.registered(tool).parameters, "version": version})

    def _redactor(self) -> Redactor:
        return self.settings.redactor()

    def _registering(self, mark: Callable[[F], F]) -> Callable[[F], F]:
        def register(function: F) -> F:
            self.add(mark(function))
            return function

        return register

    @contextlib.asynccontextmanager
    async def _lifespan(self) -> AsyncIterator[None]:
        self.check()
        async with self._given_lifespan():
            try:
                yield
            finally:
                await self.drain()


def make_server(
    name: str,
    *,
    version: str = __version__,
    instructions: str | None = None,
    tools: Iterable[Callable[..., Any]] = (),
    gather: Callable[..., Any] | None = None,
    place: Callable[[], Awaitable[Place]] | None = None,
    settings: Settings | None = None,
    change_timeout_s: float | None = None,
    answer_bytes: int = ANSWER_BYTES,
    request_state_security: RequestStateSecurity | None = None,
    lifespan: Callable[[], contextlib.AbstractAsyncContextManager[None]] | None = None,
) -> Server:
    """Make an MCP server of codenb's kind: what tools read and plan is yours, previews and approvals are done for you.

    A whole one, `flags.py`. A host that reaches it over stdio gives each change a process of its own, so what it acts
    on is not in its memory:

        import asyncio
        import json
        from pathlib import Path

        import codenb

        FILE = Path("flags.json")

        @codenb.reads
        def get_flag(name: str) -> dict[str, bool]:
            "Whether a flag is on."
            return {"on": json.loads(FILE.read_text())[name]}

        @codenb.changes(undo="set_flag")
        def set_flag(name: str, on: bool) -> codenb.Change:
            "Switch a flag on or off."
            was = get_flag(name)["on"]

            def call(tool: str, **arguments: object) -> codenb.ToolCall:
                return codenb.ToolCall(server="flags", tool=tool, arguments={"name": name, **arguments})

            async def write() -> bool:
                flags = json.loads(FILE.read_text())
                if flags[name] != was:
                    raise codenb.errors.Conflict(f"flag {name} moved meanwhile: try again")
                FILE.write_text(json.dumps(flags | {name: on}))
                return on

            done = codenb.SuccessCondition(
                text=f"{name} is {on}", check=call("get_flag"), expect=(codenb.Expectation(field="on", value=on),)
            )
            return codenb.Change(
                summary=f"set flag {name} from {was} to {on}", entity=codenb.Entity(kind="Flag", name=name),
                before=was, after=on, success=done, undo=call("set_flag", on=was),
            ).written_by(write)

        server = codenb.make_server("flags", tools=[get_flag, set_flag])

        if __name__ == "__main__":
            asyncio.run(codenb.serve_stdio(server))

    It joins a project by an entry in `.mcp.json`:

        {"mcpServers": {"flags": {"command": "python", "args": ["flags.py"], "cwd": "."}}}

    and is trusted by these lines in `codenb.toml` (add `gather_context` to `read_only` where there is one):

        [servers.flags]
        read_only = ["preview_change", "recall", "get_flag"]

        [changes]
        "server:flags" = ["*"]

    Args:
        name: Letters, digits, hyphens and underscores.
        version: What the server says of itself.
        instructions: For the model that uses it: what it is for, in a few sentences.
        tools: Functions or bound methods marked with `@reads` or `@changes`; more come with `server.reads()`,
            `server.changes()` and `server.add()`.
        gather: Marked with `@reads`; becomes `gather_context(target)`.
        place: Which system it acts on; it is asked before each change, so it may keep what cannot move. None is
            the server itself, with the identity `server:NAME` under `[changes]`.
        settings: None reads the project's when they are first needed.
        change_timeout_s: How long carrying out one change may take, in seconds; None is `change_timeout_s` under
            `[limits]`, ten minutes by default.
        answer_bytes: Largest answer, as JSON.
        request_state_security: Keys that several processes of one HTTP server share; None takes them from
            `CODENB_STATE_KEY` where it is set, and else a key of this process.
        lifespan: Entered with each connection in process and once over stdio and HTTP, left when the changes that
            were being carried out are done; for clients that the tools share.

    Returns:
        The server; nothing is connected yet.

    Raises:
        ConfigError: The name, a mark or what a tool says it returns cannot be used.
    """
    server = Server(
        name,
        version=version,
        instructions=instructions,
        place=place,
        settings=settings,
        change_timeout_s=change_timeout_s,
        answer_bytes=answer_bytes,
        request_state_security=request_state_security,
        lifespan=lifespan,
    )
    for tool in tools:
        server.add(tool)
    if gather is not None:
        server.add(gather, name="gather_context")
    return server
