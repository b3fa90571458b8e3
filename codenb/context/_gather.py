"""Asks every server at once what it knows about a target, and says what could not be had.

A diagnosis is made under pressure, often because something is down; so no server may hold up or fail the others, and
a hole in the picture is shown as a hole. Servers of codenb's kind have one tool for this. Other people's take part
through rules in `codenb.toml`, and only with tools declared there to change nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from codenb.context._plain import answered
from codenb.context._trim import changed, trim
from codenb.errors import (
    AccessError,
    BadInput,
    CodenbError,
    DeadlineExceeded,
    NotApproved,
    UnknownServer,
    UnknownTool,
)
from codenb.models import ContextBundle, ContextItem, Place, Target, ToolResult

if TYPE_CHECKING:
    from codenb.config import ServerSettings
    from codenb.host import Host
    from codenb.models.context import ItemStatus

TOOL = "gather_context"

_ANSWERED = frozenset({"ok", "partial", "stale"})


@dataclass(frozen=True)
class _Run:
    """What all calls of one gather share."""

    host: Host
    target: Target
    told: Mapping[str, Any]
    within_s: float
    fresh: bool
    say: Callable[[str], None]

    async def server(self, server: ServerSettings, *, named: bool) -> list[ContextItem]:
        """Everything that one server has to say."""
        begun = time.monotonic()
        if server.gather:
            calls = [self._mapped(server, at) for at in range(len(server.gather))]
            return list(await asyncio.gather(*calls))
        if server.transport != "builtin" and not await self._takes_part(server, begun):
            return [self._without(server, TOOL, begun, _unmapped(server))] if named else []
        return [await self._ask(server, TOOL, {"target": dict(self.told)}, begun)]

    async def _mapped(self, server: ServerSettings, at: int) -> ContextItem:
        rule, begun = server.gather[at], time.monotonic()
        try:
            arguments = rule.arguments_for(self.target.fields())
        except BadInput as error:
            return self._without(server, rule.tool, begun, error)
        if arguments is None:
            wanted = [field for field in rule.needs() if not self.target.fields().get(field)]
            reason = UnknownTool(f"the target has no {' and no '.join(wanted)}, which the rule for {rule.tool} needs")
            return self._without(server, rule.tool, begun, reason)
        return await self._ask(server, rule.tool, arguments, begun)

    async def _takes_part(self, server: ServerSettings, begun: float) -> bool:
        """Whether a server that is not built in has the tool; one that cannot tell is asked, and its error shown."""
        try:
            async with asyncio.timeout(self._left(begun)):
                tools = await self.host.tools(server.name)
        except (CodenbError, TimeoutError):
            return True
        return any(tool.name == TOOL and tool.read_only for tool in tools)

    async def _ask(self, server: ServerSettings, tool: str, arguments: Mapping[str, Any], begun: float) -> ContextItem:
        fresh = self.fresh or bool(self.target.manifests)  # files: they may have been edited since
        try:
            left = self._left(begun)
            async with asyncio.timeout(left):
                result = await self.host.call(server.name, tool, dict(arguments), timeout_s=left, fresh=fresh)
        except TimeoutError:
            late = DeadlineExceeded(f"no answer within {self.within_s:g} s: look at the server, or allow it more time")
            return self._without(server, tool, begun, late)
        except CodenbError as error:
            return self._without(server, tool, begun, error)
        data = answered(result)
        if isinstance(result.data, str):  # it may have become objects only now, and their names say what is secret
            data = self.host.redactor.value(data)
        missing = _texts(data.get("missing")) if isinstance(data, dict) else {}
        return self._said(
            # Plain JSON data by now: to have every value of it checked costs as much as all the rest of a warm gather.
            ContextItem.model_construct(
                id=f"{server.name}.{tool}",
                server=server.name,
                tool=tool,
                status="stale" if result.stale else "partial" if missing else "ok",
                data=data,
                summary=_texts(data.get("summary")) if isinstance(data, dict) else {},
                gathered_at=self.host.clock.now() - timedelta(seconds=result.age_s),
                latency_ms=(time.monotonic() - begun) * 1000,
                error=_objection(result, missing),
            )
        )

    def _without(self, server: ServerSettings, tool: str, begun: float, error: CodenbError) -> ContextItem:
        """The item that stands for an answer that could not be had."""
        return self._said(
            ContextItem(
                id=f"{server.name}.{tool}",
                server=server.name,
                tool=tool,
                status=_status(error),
                gathered_at=self.host.clock.now(),
                latency_ms=(time.monotonic() - begun) * 1000,
                error=self.host.redactor.text(" ".join(str(error).split())),
                error_type=type(error).__name__,
            )
        )

    def _said(self, item: ContextItem) -> ContextItem:
        self.say(f"{item.id}: {item.status}, {item.latency_ms:.0f} ms" + (f", {item.error}" if item.error else ""))
        return item

    def _left(self, begun: float) -> float:
        return max(0.001, self.within_s - (time.monotonic() - begun))


async def gather(
    host: Host,
    target: Target,
    *,
    servers: Iterable[str] | None = None,
    deadline_s: float = 20,
    per_server_s: float = 10,
    token_budget: int = 24_000,
    fresh: bool = False,
    progress: Callable[[str], None] | None = None,
) -> ContextBundle:
    """Ask all servers that take part, at once, and put their answers side by side.

    Args:
        host: Knows the servers.
        target: What is looked at.
        servers: Ask only these; by default all that take part.
        deadline_s: After so many seconds the bundle is made of what is there.
        per_server_s: No server is waited for longer, connecting included.
        token_budget: Estimated tokens for all answers together; the longest are shortened.
        fresh: Ask again even where an answer is at hand.
        progress: Gets a line when a server has answered, or has not.

    Returns:
        One item a call, in the order of the configuration, and by name what is missing. Nothing may have been had;
        then the bundle says so.

    Raises:
        UnknownServer: `servers` names one that is not configured.
        BadInput: A limit is no number over 0.
    """
    limits: tuple[object, ...] = (deadline_s, per_server_s, token_budget)
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and one > 0 for one in limits):
        raise BadInput("gather's deadlines and its token budget are positive numbers")
    begun = time.monotonic()
    asked = _chosen(host.servers, servers)
    run = _Run(host, target, target.to_dict(), min(deadline_s, per_server_s), fresh, progress or (lambda _line: None))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run.server(server, named=servers is not None)) for server in asked]
    items = _uniquely_named([item for task in tasks for item in task.result()])
    return ContextBundle(
        target=target,
        items=trim(items, token_budget),
        missing={item.id: f"{item.status}: {item.error}" for item in items if item.status not in _ANSWERED}
        | {f"{item.id}: part": item.error for item in items if item.status in ("partial", "stale") and item.error},
        gathered_at=host.clock.now(),
        wall_ms=(time.monotonic() - begun) * 1000,
        place=_place(items, host.servers),
        token_budget=token_budget,
    )


def _chosen(configured: Mapping[str, ServerSettings], named: Iterable[str] | None) -> list[ServerSettings]:
    if named is None:
        return list(configured.values())
    wanted = list(dict.fromkeys(named))
    for name in wanted:
        if name not in configured:
            raise UnknownServer(f"no server {name!r} is configured: there is {', '.join(configured) or 'none'}")
    return [configured[name] for name in wanted]


def _uniquely_named(items: Sequence[ContextItem]) -> list[ContextItem]:
    """Evidence names an item by its id, so two calls of one tool get a number."""
    seen: dict[str, int] = {}
    named = []
    for item in items:
        count = seen[item.id] = seen.get(item.id, 0) + 1
        named.append(item if count == 1 else changed(item, id=f"{item.id}#{count}"))
    return named


def _place(items: Sequence[ContextItem], servers: Mapping[str, ServerSettings]) -> Place | None:
    """Where, as the first server of codenb's kind says; a mapped tool's word for it is not taken."""
    for item in items:
        said = item.data.get("place") if isinstance(item.data, dict) else None
        if said is None or servers[item.server].gather:
            continue
        try:
            return Place.from_dict(said, what=f"the place that {item.server} names")
        except BadInput:
            continue  # shown with the rest of its answer; only not relied on
    return None


def _objection(result: ToolResult, missing: Mapping[str, str]) -> str | None:
    """What is not as it should be about an answer, in one line."""
    said = [f"{result.server} could not be asked: this is from {result.age_s:.0f} s before"] if result.stale else []
    if missing:
        said.append("could not be read: " + "; ".join(f"{what}: {why}" for what, why in missing.items()))
    return "; ".join(said) or None


def _status(error: CodenbError) -> ItemStatus:
    match error:
        case AccessError() | NotApproved():
            return "denied"
        case DeadlineExceeded():
            return "timeout"
        case UnknownTool():
            return "missing"
        case _:
            return "error"


def _unmapped(server: ServerSettings) -> UnknownTool:
    return UnknownTool(
        f"{server.name} has no {TOOL}: say under [servers.{server.name}] gather in codenb.toml which tools take part"
    )


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}
