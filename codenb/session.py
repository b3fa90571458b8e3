"""What a notebook holds: one line for each thing that one does with a deployment.

Everything here is a thin way into the rooms below. A session owns what must end with it: the host's connections, and
the embedded world where there is one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from codenb import actions, config, context, experts
from codenb.errors import BadInput, CodenbError
from codenb.models import Answer, ContextBundle, Outcome, Place, Proposal, ServerAbout, Target, ToolCall, ToolResult
from codenb.views import Badge, Block, Field, Progress, Shown, Table, Text, Tone, View

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from codenb.actions import Approver, Outcomes
    from codenb.config import Settings
    from codenb.demo import World
    from codenb.experts import Expert
    from codenb.host import Calls, Host, Prompts, Resources, Servers, Tools
    from codenb.models.opinion import QuestionKind

_ABOUT_S = 5.0
"""How long connecting waits for a server to say which cluster it acts on, in seconds."""


class Session(Shown):
    """A connected notebook. Made by `connect`; ended by `close`."""

    def __init__(
        self, host: Host, settings: Settings, about: Sequence[ServerAbout], world: World | None = None
    ) -> None:
        self.host = host
        self.settings = settings
        self.about = tuple(about)
        self.world = world
        self.outcomes = actions.Outcomes()
        """What came of the last `execute`, as far as it came: also where its cell was stopped."""
        self._gathered: ContextBundle | None = None

    @property
    def place(self) -> Place | None:
        """Which cluster (or the like) changes would go to."""
        return next((one.place for one in self.about if one.place), None)

    @property
    def calls(self) -> Calls:
        """Every call so far; `.frame()` has one row a call."""
        return self.host.calls

    async def call(self, server: str, tool: str, /, **arguments: Any) -> ToolResult:
        """Call a read-only tool.

        Args:
            server: Name of the server.
            tool: Name of the tool.
            **arguments: The tool's own.

        Returns:
            The answer: `.data`, `.frame()`, `.content`, `.raw`.

        Raises:
            UnknownServer: No server of that name; the message names the nearest.
            UnknownTool: No tool of that name; the message names the nearest.
            NotApproved: The tool changes something: use `propose` and `execute`.
            ToolError: The tool says no.
        """
        return await self.host.call(server, tool, arguments)

    async def tools(self, server: str | None = None) -> Tools:
        """The tools of one server, or of all."""
        return await self.host.tools(server)

    async def resources(self, server: str | None = None) -> Resources:
        """The resources of one server, or of all."""
        return await self.host.resources(server)

    async def prompts(self, server: str | None = None) -> Prompts:
        """The prompts of one server, or of all."""
        return await self.host.prompts(server)

    async def read(self, server: str, uri: str) -> ToolResult:
        """Read one resource."""
        return await self.host.read(server, uri)

    async def gather(
        self,
        target: Target | Mapping[str, Any] | None = None,
        *,
        servers: Iterable[str] | None = None,
        fresh: bool = False,
        timeout_s: float | None = None,
        token_budget: int | None = None,
        **fields: Any,
    ) -> ContextBundle:
        """Ask every server about a target, all at once.

        Args:
            target: A target, or a dict of its fields; a dict's unknown fields become `extra`.
            servers: Ask only these.
            fresh: Ask again even where an answer is at hand.
            timeout_s: Seconds; who has not answered by then is missing. By default `gather_timeout_s` under `[limits]`.
            token_budget: Estimated tokens for all answers together. By default `context_tokens` under `[limits]`.
            **fields: Fields of the target, in place of it.

        Returns:
            What each said, what is missing, and what was trimmed.

        Raises:
            UnknownServer: `servers` names one that is not configured.
            BadInput: A field or a limit that cannot be.
        """
        limits = self.settings.limits
        within_s = limits.gather_timeout_s if timeout_s is None else timeout_s
        self._gathered = await context.gather(
            self.host,
            _target(target, fields),
            servers=servers,
            deadline_s=within_s,
            per_server_s=within_s,
            token_budget=limits.context_tokens if token_budget is None else token_budget,
            fresh=fresh,
            progress=Progress(),
        )
        return self._gathered

    async def consult(
        self,
        question: str,
        about: ContextBundle | Target | Mapping[str, Any] | None = None,
        *,
        kind: QuestionKind | None = None,
        circle: Sequence[Expert] | None = None,
    ) -> Answer:
        """Put a question to the circle of experts.

        Args:
            question: In your words.
            about: A bundle, or a target (or a dict of one) to gather first.
            kind: `diagnose`, `review` or `plan`; else chosen by stated rules, which the answer shows.
            circle: Who is asked; the embedded experts by default.

        Returns:
            The consensus, every opinion, and the proposals with their previews.
        """
        bundle = about if isinstance(about, ContextBundle) else await self.gather(about)
        started = asyncio.get_running_loop().time()
        asked = experts.question(question, kind=kind, target=bundle.target)
        opinions, consensus = await experts.ask(asked, bundle, circle or experts.embedded())
        proposals = await actions.proposals(self.host, opinions, consensus)
        return Answer(
            question=asked,
            target=bundle.target,
            place=bundle.place or self.place,
            bundle_digest=bundle.digest,
            consensus=consensus,
            opinions=tuple(opinions),
            recommendations=experts.recommendations(opinions),
            proposals=tuple(proposals),
            wall_ms=(asyncio.get_running_loop().time() - started) * 1000,
        )

    async def propose(self, server: str, tool: str, /, **arguments: Any) -> Proposal:
        """Preview one change; nothing is changed.

        Args:
            server: Name of the server.
            tool: A tool that changes something.
            **arguments: The tool's own.

        Returns:
            The proposal with its preview, for `execute`.
        """
        return await actions.propose(self.host, ToolCall(server=server, tool=tool, arguments=arguments))

    async def execute(
        self,
        proposals: Proposal | Sequence[Proposal],
        approver: Approver | None = None,
        *,
        before: ContextBundle | None = None,
    ) -> Outcomes:
        """Carry out proposals, each with its approval, in order, until one is not applied; then verify and look again.

        Args:
            proposals: One or several; of alternatives, the first approved one is carried out.
            approver: Who decides; None refuses, and writes what would have to be decided to `pending.json`.
            before: The state before, to show the difference to; the last one gathered by default.

        Returns:
            One outcome a proposal; `.exit_code` as the command line would end.
        """
        wanted = [proposals] if isinstance(proposals, Proposal) else list(proposals)
        known = before or self._gathered
        again = partial(self.gather, known.target) if known else None
        self.outcomes = actions.Outcomes()
        with self.host.awake():  # a person may think for long, and may press stop meanwhile
            return await actions.execute(
                self.host,
                wanted,
                approver or actions.none(),
                on_progress=Progress(),
                gather=again,
                before=known,
                into=self.outcomes,
            )

    async def outcome(self, reference: str) -> Outcome:
        """Ask what came of a change whose answer was not waited for.

        Args:
            reference: `DIGEST.ID`, from an outcome or from the progress of `execute`.

        Raises:
            BadInput: No server keeps it.
        """
        return await actions.settled(self.host, reference)

    async def close(self) -> None:
        """End every connection, and the embedded world where there is one. A second time does nothing."""
        try:
            await self.host.close()
        finally:
            if self.world:
                await self.world.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def view(self) -> View:
        """Which servers, which cluster, and whether it may change anything."""
        place, status = self.place, self.host.status()
        may = sorted({name for one in self.about for name in one.changes})
        others = self._others(status)
        badges = [Badge("changes on", Tone.WARN) if may or others else Badge("read-only", Tone.GOOD)]
        if place and place.embedded:
            badges.insert(0, Badge("embedded world", Tone.INFO))
        where = f"{place.name} ({place.address}, {place.identity})" if place else self._no_place()
        namespaces = ", ".join("every namespace" if name == "*" else name for name in may)
        blocks: list[Block] = [Field(place.kind if place else "cluster", where)]
        blocks.append(Field("may change", namespaces or self._why_not()))
        if others:
            blocks.append(Field("and elsewhere", f"whatever these do, each call with an approval: {', '.join(others)}"))
        rows = [
            (
                row.server,
                row.transport,
                Badge(row.state, Tone.GOOD if not row.problem else Tone.BAD),
                row.tools,
                row.needs_approval,
                row.protocol,
            )
            for row in status
        ]
        columns = ["server", "transport", "state", "tools", "need approval", "protocol"]
        blocks.append(Table(columns, rows, caption="Servers"))
        blocks += [Text(_named(row.server, row.problem), Tone.BAD) for row in status if row.problem]
        blocks += [Text(note, Tone.WARN) for note in self.settings.notes]
        return View(title="codenb session", badges=badges, subtitle=self._subtitle(), blocks=blocks)

    def _subtitle(self) -> str:
        if self.world:
            return f"scenario {self.world.scenario.name}: {self.world.scenario.title}"
        return str(self.settings.home)

    def _no_place(self) -> str:
        return next((one.place_problem for one in self.about if one.place_problem), "none of the servers acts on one")

    def _why_not(self) -> str:
        reason = next((one.changes_reason for one in self.about if one.changes_reason), "")
        if reason and reason == self._no_place():
            reason = "as long as it is not known which cluster this is"
        return f"nothing: {reason}" if reason else "nothing"

    def _others(self, status: Servers) -> list[str]:
        """Other people's servers with tools that are not known to change nothing: no setting keeps them off a place."""
        if self.settings.read_only_env:
            return []
        counted = [(row.server, row.needs_approval) for row in status if row.transport != "in process"]
        return [f"{count} tool{'s' * (count > 1)} of {server}" for server, count in counted if count]


class Connecting:
    """What `connect` returns: await it, or enter it with `async with`."""

    def __init__(self, open_session: Callable[[], Any]) -> None:
        self._open = open_session
        self._session: Session | None = None

    def __await__(self) -> Generator[Any, None, Session]:
        return self._open().__await__()  # type: ignore[no-any-return]

    async def __aenter__(self) -> Session:
        self._session = await self._open()
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()


def connect(where: str | Path | None = None, *, home: str | Path | None = None) -> Connecting:
    """Connect to the servers of a project, or to the embedded world.

    Args:
        where: A project folder; or `demo`, or `demo:SCENARIO`, for the embedded world with the built-in servers.
            None takes `CODENB_CONNECT` where it is set, else `home`, else the project folder found upward from here.
        home: The project folder; with `demo`, one whose servers take part as well.

    Returns:
        Await it for a `Session`, or use it with `async with`.

    Raises:
        ConfigError: No such folder, or a configuration that cannot be used (when awaited).
        BadInput: No such scenario, or two folders (when awaited).
    """

    async def opened() -> Session:
        chosen = str(where) if where is not None else os.environ.get("CODENB_CONNECT", "")
        kind, _, scenario = chosen.partition(":")
        if kind == "demo":
            return await _connect_demo(scenario or "oom", home)
        if chosen and home:
            raise BadInput(f"two project folders, {chosen} and {home}: name the one that is meant")
        return await _connect_project(chosen or home)

    return Connecting(opened)


async def _connect_demo(scenario: str, home: str | Path | None) -> Session:
    from codenb.demo import World  # noqa: PLC0415  a notebook on real servers never needs it

    # The world comes up in a process of its own while this one imports what talks to it.
    loading = asyncio.create_task(asyncio.to_thread(_load_servers))
    started = await World.start(scenario)
    try:
        await loading
        # Without a home of its own, the session keeps its state where the world does, and both go together.
        kubeconfig = Path(started.kubeconfig)
        settings = config.load(Path(home) if home else kubeconfig.parent)
        host = await _opened(settings, partial(_kubernetes, settings, kubeconfig, started.context))
    except BaseException:
        await started.stop()
        raise
    place = Place(name=started.context, address=started.server, identity=started.uid)
    may, reason = settings.may_change(place.identity, started.scenario.namespace)
    about = ServerAbout(
        name="kubernetes", version="", place=place, changes=("*",) if may else (), changes_reason=reason
    )
    return Session(host, settings, [about], started)


async def _connect_project(folder: str | Path | None) -> Session:
    settings = await asyncio.to_thread(config.load, Path(folder) if folder else None)
    await asyncio.to_thread(_load_servers)
    host = await _opened(settings, partial(_kubernetes, settings, None, None))
    own = [name for name, server in settings.servers.items() if server.transport == "builtin"]
    return Session(host, settings, await asyncio.gather(*(_about(host, name) for name in own)))


async def _opened(settings: Settings, kubernetes: Callable[[], MCPServer]) -> Host:
    from codenb.host import Host  # noqa: PLC0415  loaded by now, off the event loop

    host = Host(settings, servers={"kubernetes": kubernetes} if "kubernetes" in settings.servers else {})
    try:
        await host.open()
    except BaseException:
        await host.close()
        raise
    return host


async def _about(host: Host, server: str) -> ServerAbout:
    try:
        async with asyncio.timeout(_ABOUT_S):
            answer = await host.read(server, "about://server")
    except TimeoutError:
        return ServerAbout(name=server, version="", place_problem=f"{server} did not answer within {_ABOUT_S:.0f} s")
    except CodenbError as error:
        return ServerAbout(name=server, version="", place_problem=str(error))
    return ServerAbout.from_dict(answer.data, what=f"about://server of {server}")


def _load_servers() -> None:
    """Import what is heavy: the SDK, and the servers that run in process."""
    import codenb.host  # noqa: PLC0415
    import codenb.servers.kubernetes.server  # noqa: F401, PLC0415


def _kubernetes(settings: Settings, kubeconfig: Path | None, context_name: str | None) -> MCPServer:
    from codenb.servers.kubernetes.server import server  # noqa: PLC0415

    return server(settings, kubeconfig=kubeconfig, context=context_name).mcp


def _named(server: str, problem: str) -> str:
    return problem if problem.startswith(f"{server}:") else f"{server}: {problem}"


def _target(target: Target | Mapping[str, Any] | None, fields: Mapping[str, Any]) -> Target:
    if isinstance(target, Target):
        if fields:
            raise BadInput(f"give a target or its fields, not both: {', '.join(fields)} would be lost")
        return target
    given = dict(target or {}) | dict(fields)
    extra = {key: given.pop(key) for key in list(given) if key not in Target.model_fields}
    if extra:
        given["extra"] = dict(given.get("extra") or {}) | extra
    return Target.from_dict(given, what="the target")
