"""What a change tool would do at this moment, and whether it may.

A plan is made of fresh reads each time. Its digest is of what is true; what is kept and shown of it, the preview, has
its secrets replaced first.
"""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pydantic_core
from pydantic import JsonValue

from codenb.canonical import canonical_json, digest
from codenb.config import Settings
from codenb.errors import AnswerTooLarge, BadInput, PreviewStale
from codenb.models.change import Change, ToolCall
from codenb.models.outcome import Decision
from codenb.models.preview import Preview
from codenb.models.target import Place
from codenb.servers._base._hiding import hidden

PREVIEW_TTL = timedelta(minutes=30)
PREVIEW_BYTES = 500_000
"""Before and after together; an answer carries them twice."""


@dataclass(frozen=True, slots=True)
class ChangeTool:
    """A `@changes` function under its tool's name."""

    name: str
    function: Callable[..., Any]

    @property
    def takes_fixed(self) -> bool:
        """Whether it settles values at the preview that are applied as they are."""
        return "fixed" in inspect.signature(self.function).parameters

    async def change(self, arguments: Mapping[str, Any], fixed: Mapping[str, JsonValue]) -> Change:
        """Run it; it reads and plans, and changes nothing."""
        values = {**arguments, "fixed": dict(fixed)} if self.takes_fixed else dict(arguments)
        if inspect.iscoroutinefunction(self.function):
            change = await self.function(**values)
        else:
            change = await asyncio.to_thread(self.function, **values)
        if not isinstance(change, Change) or change.write is None:
            raise TypeError(f"a @changes function returns Change(...).written_by(write), not {type(change).__name__}")
        return change


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen, where, by which call."""

    place: Place
    call: ToolCall
    change: Change

    @property
    def digest(self) -> str:
        """What an approval is bound to."""
        return self.change.digest(self.place, self.call)


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes the plans of one server.

    Attributes:
        server: Its name.
        place: Which system it acts on, asked anew for every plan.
        settings: What may be changed, and what is secret.
        schema: The digest of a tool's input schema and version.
    """

    server: str
    place: Callable[[], Awaitable[Place]]
    settings: Callable[[], Settings]
    schema: Callable[[str], str] = lambda _tool: ""

    def call(self, tool: str, arguments: Mapping[str, Any]) -> ToolCall:
        """The canonical call: validated arguments with defaults filled in, as JSON data."""
        return ToolCall(server=self.server, tool=tool, arguments=pydantic_core.to_jsonable_python(dict(arguments)))

    def slot(self, principal: str, tool: str, arguments: Mapping[str, Any], masked: Iterable[str] = ()) -> str:
        """Whose call this is: an approval counts only for the same call by the same caller.

        Args:
            principal: Who calls.
            tool: Of this server.
            arguments: Validated.
            masked: Names of those that hold secrets. They are left out, because a hash of a password is a way to try
                passwords; that they are the same, the digest says.
        """
        call = self.call(tool, arguments).to_dict()
        left_out = sorted(masked)
        call["arguments"] = {name: value for name, value in call["arguments"].items() if name not in left_out}
        return digest({"principal": principal, "call": call} | ({"masked": left_out} if left_out else {}))

    async def plan(self, tool: ChangeTool, arguments: Mapping[str, Any], fixed: Mapping[str, JsonValue]) -> Plan:
        """What the tool would do now.

        Args:
            tool: Which.
            arguments: Validated.
            fixed: What an earlier plan of the same change settled; empty the first time.
        """
        change = _masked(await tool.change(arguments, fixed), arguments, self.settings())
        size = len(canonical_json([change.before, change.after]))
        if size > PREVIEW_BYTES:
            raise AnswerTooLarge(
                f"{change.summary}: before and after have {size:,} bytes, over the limit of {PREVIEW_BYTES:,}, "
                f"and nobody can approve what nobody can read: change less at once"
            )
        call = self.call(tool.name, arguments)
        shown = ToolCall(server=call.server, tool=call.tool, arguments=call.arguments | change.shown_arguments)
        return Plan(change.place or await self.place(), shown, change)

    def refusal(self, plan: Plan) -> str | None:
        """Why the plan may not be carried out, and which setting would allow it; None when it may."""
        reached = plan.change.namespaces or (plan.change.entity.namespace,)
        refusals = (self._refusal(plan.place, namespace) for namespace in reached)
        return next((one for one in refusals if one), None) or self._not_auto_approved(plan.change)

    @property
    def auto_approves(self) -> bool:
        """Whether the configuration lets any change of this server be made without asking."""
        configured = self.settings().servers.get(self.server)
        return bool(configured and configured.auto_approve)

    def auto_approved(self, change: Change, approved: str) -> Decision | None:
        """The decision of the server's configuration, where it decides about a change.

        It never does about one that may lose something.

        Args:
            change: Not refused.
            approved: Digest of its preview.
        """
        if change.auto_approved_by is None or change.destructive:
            return None
        return Decision(
            approve=True,
            digest=approved,
            by=f"auto_approve under [servers.{self.server}] in {self.settings().home / 'codenb.toml'}",
            proof="policy",
            approver="auto_approve",
            at=datetime.now(UTC),
            reason=f"it names {change.auto_approved_by}",
        )

    def _not_auto_approved(self, change: Change) -> str | None:
        configured = self.settings().servers.get(self.server)
        entries = [str(entry) for entry in configured.auto_approve] if configured else []
        if change.auto_approved_by is None or change.auto_approved_by in entries:
            return None
        return (
            f"auto_approve is a policy of the server's own configuration, not a wish of its caller: leave it out to be "
            f"asked, or add {change.auto_approved_by} to auto_approve under [servers.{self.server}] in "
            f"{self.settings().home / 'codenb.toml'}"
        )

    def may_change(self, place: Place) -> tuple[tuple[str, ...], str]:
        """The namespaces there that may be changed (`*` is all), or why there are none."""
        listed = self.settings().changes.get(place.identity, ())
        wanted = dict.fromkeys(["*", *listed])
        refusals = {name: self._refusal(place, None if name == "*" else name) for name in wanted}
        allowed = tuple(name for name, refusal in refusals.items() if refusal is None)
        if allowed:
            return (("*",) if "*" in allowed else allowed), ""
        # Advice that is copied as it stands must not open a whole cluster.
        return (), self._refusal(place, "<namespace>" if place.kind == "cluster" else None) or ""

    def _refusal(self, place: Place, namespace: str | None) -> str | None:
        allowed, why = self.settings().may_change(place.identity, namespace, kind=place.kind)
        if allowed and place.embedded and not _on_this_machine(place.address):
            return (
                f"changes are off: {place.address} calls itself the embedded world, which is only ever on this "
                f"machine: check which cluster {place.name} is"
            )
        return None if allowed else str(why)

    def require_schema(self, approved: Preview) -> None:
        """Complain where a tool is not the one any more of which a preview was made.

        Raises:
            PreviewStale: Its input schema or its version changed: the same arguments may mean something else.
        """
        if approved.tool_schema and approved.tool_schema != self.schema(approved.call.tool):
            raise PreviewStale(
                f"{approved.call.tool} changed since it was previewed (its input schema or its version): "
                f"nothing was changed; preview again"
            )

    def preview(self, plan: Plan) -> Preview:
        """The plan as it is kept and shown: a new id, and no secrets."""
        shown = hidden(self.settings().redactor()).value({"call": plan.call.to_dict(), "change": plan.change.to_dict()})
        if shown["change"]["fixed"] != plan.change.to_dict()["fixed"]:
            raise BadInput(f"{plan.call.tool} settles a secret in advance; a preview cannot keep one")
        now = datetime.now(UTC)
        return Preview(
            id=secrets.token_hex(16),
            digest=plan.digest,
            call=ToolCall.from_dict(shown["call"]),
            place=plan.place,
            change=Change.from_dict(shown["change"]),
            created_at=now,
            expires_at=now + PREVIEW_TTL,
            tool_schema=self.schema(plan.call.tool),
            refusal=self.refusal(plan),
        )


def _masked(change: Change, arguments: Mapping[str, Any], settings: Settings) -> Change:
    """The change without the secrets of its call, which its tool may have put into a summary or a value."""
    if not change.shown_arguments:
        return change
    hiding = hidden(settings.redactor())
    hiding.hide(pydantic_core.to_jsonable_python(dict(arguments)), change.shown_arguments)
    told = change.to_dict()
    shown = hiding.named(told)
    if shown["fixed"] != told["fixed"] or shown["shown_arguments"] != told["shown_arguments"]:
        raise BadInput(f"{change.entity}: a secret argument may be neither settled in advance nor shown")
    if shown == told:
        return change
    write = change.write
    assert write is not None
    return Change.from_dict(shown).written_by(write)


def _on_this_machine(address: str) -> bool:
    host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
