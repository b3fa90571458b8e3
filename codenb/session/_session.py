"""The session: what is asked, shown and changed in a notebook goes through it.

It owns what must end with it: the host's connections, and the embedded world where there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from codenb import actions, context, experts
from codenb.errors import BadInput
from codenb.models import (
    Answer,
    ContextBundle,
    Outcome,
    Place,
    Proposal,
    ServerAbout,
    Target,
    ToolCall,
    ToolResult,
)
from codenb.session import _given
from codenb.session._deploys import Deploys
from codenb.session._overview import overview
from codenb.session._trace import traced
from codenb.views import Progress, Shown, View

if TYPE_CHECKING:
    from codenb.actions import Approver, Outcomes
    from codenb.config import Settings
    from codenb.demo import World
    from codenb.experts import Expert
    from codenb.host import Cache, Calls, Host, Prompts, Resources, Tools
    from codenb.models.opinion import QuestionKind
    from codenb.session._replay import Replay


class Session(Deploys, Shown):
    """A connected notebook. Made by `connect`; ended by `close`."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        about: Sequence[ServerAbout],
        world: World | None = None,
        *,
        where: str | None = None,
    ) -> None:
        self.host = host
        self.settings = settings
        self.about = tuple(about)
        self.world = world
        self.replay: Replay | None = None
        """What is played back, where calls are answered from a recording."""
        self.recording: Path | None = None
        """The file that calls are written to, if any."""
        scenario = world.scenario if world else None
        self._where = where or (f"scenario {scenario.name}: {scenario.title}" if scenario else str(settings.home))
        self.outcomes = actions.Outcomes()
        """What came of the last `execute`, as far as it came: also where its cell was stopped."""
        self._gathered: ContextBundle | None = None

    def __repr__(self) -> str:
        return f"<codenb session: {self._where}>"

    @property
    def place(self) -> Place | None:
        """Which cluster (or the like) changes would go to."""
        return next((one.place for one in self.about if one.place), None)

    @property
    def calls(self) -> Calls:
        """Every call so far; `.frame()` has one row a call."""
        return self.host.calls

    @property
    def cache(self) -> Cache:
        """What is kept of earlier answers, and how often it served; `.clear()` forgets it."""
        return self.host.cache

    def metrics(self) -> str:
        """What was counted so far, in Prometheus's text format: calls, errors, cache, cost, decisions."""
        return self.host.metrics.text()

    async def serve_metrics(self, address: str = "127.0.0.1:9464", *, public: bool = False) -> str:
        """Let Prometheus scrape what `metrics` shows, until the session is closed.

        Args:
            address: `HOST:PORT`; port 0 takes a free one.
            public: Whether other machines may reach it; whoever does can read what is counted.

        Returns:
            The URL to scrape; `codenb dashboard` prints a Grafana dashboard for it.

        Raises:
            BadInput: This is no address, one that others reach, or one that is taken.
        """
        return await self.host.metrics.serve(address, public=public)

    @traced
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
        return await self.host.call(server, tool, arguments, on_progress=Progress())

    def reset(self, server: str | None = None) -> None:
        """Try a server again at once, although it failed so often that it is paused.

        Args:
            server: Its name; None is all of them.

        Raises:
            UnknownServer: No server of that name is configured.
        """
        self.host.reset(server)

    @traced
    async def tools(self, server: str | None = None) -> Tools:
        """The tools of one server, or of all."""
        return await self.host.tools(server)

    @traced
    async def resources(self, server: str | None = None) -> Resources:
        """The resources of one server, or of all."""
        return await self.host.resources(server)

    @traced
    async def prompts(self, server: str | None = None) -> Prompts:
        """The prompts of one server, or of all."""
        return await self.host.prompts(server)

    @traced
    async def read(self, server: str, uri: str) -> ToolResult:
        """Read one resource."""
        return await self.host.read(server, uri)

    @traced
    async def gather(
        self,
        target: Target | Mapping[str, Any] | str | None = None,
        *,
        servers: str | Iterable[str] | None = None,
        fresh: bool = False,
        timeout_s: float | None = None,
        token_budget: int | None = None,
        **fields: Any,
    ) -> ContextBundle:
        """Ask every server about a target, all at once.

        Args:
            target: A target, a dict of its fields, or text such as `shop/checkout`; unknown fields become `extra`.
            servers: Ask only these, or this one.
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
            _given.target(target, fields),
            servers=_given.names(servers),
            deadline_s=within_s,
            per_server_s=within_s,
            token_budget=limits.context_tokens if token_budget is None else token_budget,
            fresh=fresh,
            progress=Progress(),
        )
        return self._gathered

    @traced
    async def consult(
        self,
        question: str,
        about: ContextBundle | Target | Mapping[str, Any] | str | None = None,
        *,
        kind: QuestionKind | None = None,
        circle: Sequence[Expert] | None = None,
    ) -> Answer:
        """Put a question to the circle of experts.

        Args:
            question: In your words.
            about: A bundle, or a target to gather first, in any form that `gather` takes.
            kind: `diagnose`, `review` or `plan`; else chosen by stated rules, which the answer shows.
            circle: Who is asked; the embedded experts by default.

        Returns:
            The consensus, every opinion, and the proposals with their previews.

        Raises:
            BadInput: It is no text, or what it is about is neither a bundle nor a target.
        """
        words = _given.question(question)
        bundle = about if isinstance(about, ContextBundle) else await self.gather(about)
        started = asyncio.get_running_loop().time()
        asked = experts.question(words, kind=kind, target=bundle.target)
        with self.host.awake():  # an expert may think for long
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

    @traced
    async def propose(self, server: str, tool: str, /, **arguments: Any) -> Proposal:
        """Preview one change; nothing is changed.

        Args:
            server: Name of the server.
            tool: A tool that changes something.
            **arguments: The tool's own.

        Returns:
            The proposal with its preview, for `execute`.

        Raises:
            UnknownServer: No server of that name; the message names the nearest.
            UnknownTool: No tool of that name.
            BadInput: The tool changes nothing, or does not take these arguments.
        """
        call = ToolCall(server=server, tool=tool, arguments=arguments)
        await _given.require_fitting(self.host, call)
        return await actions.propose(self.host, call, on_progress=Progress())

    @traced
    async def execute(
        self,
        proposals: Answer | Proposal | Sequence[Proposal],
        approver: Approver | None = None,
        *,
        before: ContextBundle | None = None,
    ) -> Outcomes:
        """Carry out proposals, each with its approval, in order, until one is not applied; then verify and look again.

        Args:
            proposals: One or several, or the answer that holds them; of alternatives, the first approved one is carried
                out.
            approver: Who decides; None refuses, and writes what would have to be decided to `pending.json`.
            before: The state before, to show the difference to; the last one gathered by default.

        Returns:
            One outcome a proposal; `.exit_code` as the command line would end.
        """
        wanted = _given.proposals(proposals)
        known = before or self._gathered
        again = partial(self.gather, known.target, servers=_asked(known), fresh=True) if known else None
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

    @traced
    async def undo(self, outcome: Outcome) -> Proposal:
        """Preview taking back what was done; nothing is changed.

        Args:
            outcome: Of a change that was carried out, or begun.

        Returns:
            The proposal, for `execute`.

        Raises:
            BadInput: Nothing was written, or there is no call that takes it back.
        """
        if not isinstance(outcome, Outcome):
            raise BadInput(f"undo takes one outcome of nb.execute, not a value of type {type(outcome).__name__}")
        if outcome.undo is None:
            raise BadInput(
                f"{outcome.summary or outcome.call}: {outcome.status}, and no call is known that takes it back"
            )
        return await actions.propose(self.host, outcome.undo, on_progress=Progress())

    @traced
    async def outcome(self, reference: str) -> Outcome:
        """Ask what came of a change whose answer was not waited for.

        Args:
            reference: `DIGEST.ID`, from an outcome; `nb.outcomes` has them also where a cell was stopped.

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

    def to_dict(self) -> dict[str, Any]:
        """How the servers are, which cluster (or the like) it is, and what may be changed there, as JSON data."""
        return {
            "servers": [one.to_dict() for one in self.host.status()],
            "place": self.place.to_dict() if self.place else None,
            "changes": {
                one.name: {"namespaces": list(one.changes), "reason": one.changes_reason} for one in self.about
            },
        }

    def view(self) -> View:
        """Which servers, which cluster, and whether it may change anything."""
        return overview(
            self._where,
            self.about,
            self.host.status(),
            self.settings,
            self.host.principal,
            replay=self.replay is not None,
            recording=self.recording,
        )


def _asked(bundle: ContextBundle) -> list[str] | None:
    """The servers that a bundle is made of: asked again, they show the difference and nothing else."""
    return list(dict.fromkeys(item.server for item in bundle.items)) or None
