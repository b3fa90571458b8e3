"""Changes: from what a tool would do, over what a person decided, to what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal, Self

from pydantic import Field as Setting
from pydantic import JsonValue, PrivateAttr, model_validator

from codenb.canonical import digest
from codenb.models._base import Answered, Model
from codenb.models._yaml import as_side, as_yaml
from codenb.models.target import Entity, Place
from codenb.redaction import redactor
from codenb.views import Badge, Block, Code, Diff, Field, Text, Tone, View

_ARGUMENT_CHARS, _ARGUMENT_SHOWN = 400, 80


class ToolCall(Model):
    """A tool and its arguments, not yet called."""

    server: str
    tool: str
    arguments: dict[str, JsonValue] = Setting(default_factory=dict)

    def __str__(self) -> str:
        arguments = redactor().value(self.arguments)  # a call is shown in cells and reports, which are copied further
        shown = ", ".join(f"{key}={_short(value)}" for key, value in arguments.items() if value is not None)
        return f"{self.server}.{self.tool}({shown})"

    def view(self) -> View:
        return View(title=str(self))


class Expectation(Model):
    """What one field of a tool's answer has to be.

    Attributes:
        field: Dotted path into the structured answer, list indices as numbers.
        op: How the field is compared.
        value: With what; another field of the same answer where it is text that begins with `$`, such as `$desired`.
    """

    field: str
    op: Literal["==", "!=", ">=", "<=", ">", "<"] = "=="
    value: JsonValue

    def view(self) -> View:
        return View(title=f"{self.field} {self.op} {self.value}")


class SuccessCondition(Model):
    """How one can tell that a change did what it was for: a read, and what it must answer.

    Attributes:
        text: The condition as a sentence.
        check: A read-only tool and its arguments.
        expect: All of these must hold at once.
        within_s: How long it may take, in seconds.
    """

    text: str
    check: ToolCall
    expect: tuple[Expectation, ...] = Setting(min_length=1)
    within_s: float = Setting(default=120, gt=0, le=3600)

    def view(self) -> View:
        return View(title=self.text, subtitle=str(self.check))


class Owner(Model):
    """Who manages what would change, other than the caller: Argo CD, Flux, Helm, an autoscaler.

    Attributes:
        manager: Name of the tool.
        fields: Dotted paths that it owns; empty is all of the object.
        note: What to do instead, such as a pull request.
    """

    manager: str
    fields: tuple[str, ...] = ()
    note: str = ""

    def view(self) -> View:
        return View(title=f"managed by {self.manager}", subtitle=self.note)


class Change(Model):
    """What a `@changes` function says it would do. Nothing has been done yet.

    Attributes:
        summary: One line, such as `scale Deployment shop/checkout from 3 to 6`.
        entity: What changes.
        namespaces: Every namespace that it reaches, each of which has to be open for changes; None stands for what is
            in none, which only `*` covers. Empty is the entity's alone.
        before: The part that changes, as it is.
        after: The same part, as it would be.
        success: How one can tell that it worked.
        undo: The call that takes it back, where there is one.
        owner: Who else manages it.
        cost_usd_month: Change in monthly cost; None is unknown.
        destructive: Whether something is lost that the undo does not bring back.
        fixed: Values settled at the preview and applied as they are (a restart's time), left out of the digest.
        place: Which system it acts on, where that is another than its server's own, such as a Terraform workspace.
        shown_arguments: What stands in place of arguments of the call that hold secrets, such as HMACs of them,
            wherever the call is kept, shown or part of a digest. The change itself must not hold them either.
        notes: What else whoever approves has to know, a line each.
        reads_back: Whether planning the same call again, after its server was killed while it carried this out, tells
            by its `before` how far it came; dicts are compared key by key. Secret arguments are then as they are shown,
            so with those it is planned again only where `fixed` says what is looked for.
        timeout_s: How long carrying it out may take, in seconds, where that is not as configured.
        auto_approved_by: Which entry of `auto_approve` in the server's own configuration allows it without asking;
            one that is destructive is asked about all the same.
    """

    summary: str
    entity: Entity
    before: JsonValue
    after: JsonValue
    success: SuccessCondition | None = None
    undo: ToolCall | None = None
    owner: Owner | None = None
    cost_usd_month: float | None = None
    destructive: bool = False
    fixed: dict[str, JsonValue] = Setting(default_factory=dict)
    namespaces: tuple[str | None, ...] = ()
    place: Place | None = None
    shown_arguments: dict[str, JsonValue] = Setting(default_factory=dict)
    notes: tuple[str, ...] = ()
    reads_back: bool = True
    timeout_s: float | None = Setting(default=None, gt=0)
    auto_approved_by: str | None = None
    _write: Callable[[], Awaitable[JsonValue]] | None = PrivateAttr(default=None)

    def written_by(self, write: Callable[[], Awaitable[JsonValue]]) -> Self:
        """Bind the one write that makes this change; it must refuse when what was read for it has moved since.

        Args:
            write: Makes the change and returns what the system answered, as JSON data.
        """
        self._write = write
        return self

    @property
    def write(self) -> Callable[[], Awaitable[JsonValue]] | None:
        """The bound write; None for a change that came over the wire."""
        return self._write

    def digest(self, place: Place, call: ToolCall) -> str:
        """What an approval is bound to: place, call, before and after; see the design, section 6.

        Args:
            place: Its server's; a place of its own stands in its stead.
            call: As it is sent, or as it is shown.

        Returns:
            SHA-256 in hexadecimal.
        """
        return digest(
            {
                "place": (self.place or place).identity,
                "server": call.server,
                "tool": call.tool,
                "arguments": call.arguments | self.shown_arguments,
                "before": self.before,
                "after": self.after,
            }
        )

    def view(self) -> View:
        return View(
            title=self.summary, blocks=[Diff(as_side(self.before), as_side(self.after), caption=str(self.entity))]
        )


class Preview(Answered):
    """A change with everything that a person needs to decide on it.

    Attributes:
        id: Random; a preview is carried out once.
        digest: What is approved.
        call: The tool and its canonical arguments.
        place: Which system it would change.
        change: What would happen.
        created_at: UTC.
        expires_at: UTC; after it, preview again.
        refusal: Why it would be refused as things stand, such as changes being off here.
        begun: Whether it was approved and carrying it out has begun; without an outcome it is still under way.
        outcome: What came of it, where it was carried out.
    """

    id: str
    digest: str
    call: ToolCall
    place: Place
    change: Change
    created_at: datetime
    expires_at: datetime
    refusal: str | None = None
    begun: bool = False
    outcome: Outcome | None = None

    @property
    def reference(self) -> str:
        """`DIGEST.ID`, the name under which its server keeps it."""
        return f"{self.digest}.{self.id}"

    @property
    def diff(self) -> str:
        """Unified diff of before and after, as YAML."""
        return unified_diff(as_side(self.change.before), as_side(self.change.after))

    def view(self) -> View:
        change = self.change
        blocks: list[Block] = [
            Field("where", str(self.place), Tone.INFO if self.place.embedded else Tone.PLAIN),
            Field("call", str(self.call)),
            Field("digest", self.digest[:16]),
        ]
        if self.refusal:
            blocks.append(Text(self.refusal, Tone.WARN))
        blocks += [Text(note, Tone.WARN) for note in change.notes]
        if change.auto_approved_by and not change.destructive:
            blocks.append(Field("approval", f"not asked for: auto_approve names {change.auto_approved_by}", Tone.WARN))
        if change.owner:
            note = f": {change.owner.note}" if change.owner.note else ""
            blocks.append(Field("owner", f"{change.owner.manager}{note}", Tone.WARN))
        if change.cost_usd_month is not None:
            blocks.append(Field("cost", f"{change.cost_usd_month:+.2f} USD a month"))
        if change.success:
            blocks.append(Field("done when", change.success.text))
        if change.undo:
            blocks.append(Field("undo", str(change.undo)))
        if change.before == change.after:
            blocks.append(Text("Nothing would change.", Tone.WARN))
        else:
            blocks.append(Diff(as_side(change.before), as_side(change.after), caption=str(change.entity)))
        badges = [Badge("destructive", Tone.BAD)] if change.destructive else []
        return View(title=change.summary, badges=badges, blocks=blocks)


class Proposal(Model):
    """A call that would change something, with why, and how one can tell that it worked.

    Attributes:
        call: What would be called.
        why: One sentence.
        proposed_by: Names of the experts, or `you`.
        preview: What it would do; None for a third-party tool, which has no preview.
        success: How one can tell that it worked.
        undo: The call that takes it back.
        group: Proposals of one group are alternatives: at most one is carried out.
        offered: Whether it may be approved with one click; where the experts disagree it is shown only.
        problem: Why there is no preview, where one was expected.
    """

    call: ToolCall
    why: str = ""
    proposed_by: tuple[str, ...] = ("you",)
    preview: Preview | None = None
    success: SuccessCondition | None = None
    undo: ToolCall | None = None
    group: str | None = None
    offered: bool = True
    problem: str | None = None
    _raw: Callable[[], ToolCall] | None = PrivateAttr(default=None)

    def sent_as(self, call: ToolCall) -> Self:
        """The same proposal, made by this call, whose secrets `call` shows as something else.

        Only `sent` has it: it is in no output, file or copy of the data, and the proposal cannot be pickled.
        """
        made = self.model_copy()
        made._raw = lambda: call  # noqa: SLF001  its own; a function shows nothing of what it holds, however it is printed
        return made

    @property
    def sent(self) -> ToolCall:
        """The call as it has to be sent."""
        return self._raw() if self._raw else self.call

    @property
    def destructive(self) -> bool:
        """Whether something may be lost; a call without a preview counts as such."""
        return self.preview.change.destructive if self.preview else True

    def view(self) -> View:
        badges = [] if self.offered else [Badge("shown, not offered", Tone.WARN)]
        if self.group:
            badges.append(Badge(f"alternative in {self.group}", Tone.INFO))
        blocks: list[Block] = []
        if self.why:
            blocks.append(Text(self.why))
        blocks.append(Field("proposed by", ", ".join(self.proposed_by)))
        if self.preview is None:
            blocks.append(Field("call", str(self.call)))
            blocks.append(Text(self.problem or "no preview available: what this call does is not known", Tone.WARN))
            return View(title=str(self.call), badges=badges, blocks=blocks)
        shown = self.preview.view()
        return View(title=shown.title, badges=[*badges, *shown.badges], blocks=[*blocks, *shown.blocks])


class ApprovalRequest(Model):
    """What an approver is asked.

    Attributes:
        proposal: With its preview, where there is one.
        place: Which system would change.
        asked_at: UTC.
        notes: What else to know, such as that the preview is not the one that was shown before.
    """

    proposal: Proposal
    place: Place
    asked_at: datetime
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What a decision has to name: the preview's digest; without a preview, the call's (`call_digest`)."""
        preview = self.proposal.preview
        return preview.digest if preview else call_digest(self.place, self.proposal.call)

    @property
    def needs_person(self) -> bool:
        """Whether a policy may not approve it: experts disagree on it, or something may be lost."""
        return self.proposal.destructive or not self.proposal.offered

    def view(self) -> View:
        shown = self.proposal.view()
        return View(
            title=f"Approve? {shown.title}",
            badges=shown.badges,
            subtitle=str(self.place),
            blocks=[*(Text(note, Tone.WARN) for note in self.notes), *shown.blocks],
        )


class Decision(Model):
    """What was decided about one preview.

    Attributes:
        approve: Yes or no.
        digest: Of the preview; for a call without preview, of the call (`call_digest`).
        by: Who decided.
        proof: How that is known: `token`, `key`, `policy`, or `name` for a bare user name.
        approver: Which approver answered: `ask_me`, `decisions`, `demo_policy`, `none`, ...
        at: UTC.
        reason: In their words.
        expires_at: UTC; a recorded decision counts until then.
        grant: The decision signed, where a key is configured.
        pending: Nobody has decided yet; never together with `approve`.
    """

    approve: bool
    digest: str
    by: str
    proof: Literal["token", "key", "policy", "name"] = "name"
    approver: str
    at: datetime
    reason: str = ""
    expires_at: datetime | None = None
    grant: str = ""
    pending: bool = False

    @model_validator(mode="after")
    def _waits_or_approves(self) -> Self:
        if self.pending and self.approve:
            raise ValueError("a decision that is pending approves nothing")
        return self

    @property
    def decider(self) -> str:
        """Who decided, with a mark where that is only a name."""
        return f"{self.by} (name not proved)" if self.proof == "name" else self.by

    def view(self) -> View:
        waiting = Badge("waiting for an approval", Tone.WARN)
        decided = Badge("approved", Tone.GOOD) if self.approve else Badge("rejected", Tone.BAD)
        badge = waiting if self.pending else decided
        blocks = [Field("by", self.decider), Field("through", self.approver), Field("digest", self.digest[:16])]
        if self.reason:
            blocks.append(Field("reason", self.reason))
        return View(title="Decision", badges=[badge], blocks=blocks)


OutcomeStatus = Literal["refused", "failed", "unknown", "applied", "verified", "applied_not_verified"]

OUTCOME_TONES: dict[str, Tone] = {
    "refused": Tone.WARN,
    "failed": Tone.BAD,
    "unknown": Tone.BAD,
    "applied": Tone.INFO,
    "verified": Tone.GOOD,
    "applied_not_verified": Tone.WARN,
}


class Outcome(Answered):
    """What came of one proposal.

    Attributes:
        status: `refused`: nothing was sent, or the server declined. `failed`: it was tried and did not take.
            `unknown`: it was sent and the answer was lost. `applied`: done, not yet checked. `verified`: done, and
            the success condition holds. `applied_not_verified`: done, and it does not hold.
        call: What was called.
        summary: One line.
        message: Why, where it is not plainly good.
        reference: The preview's `DIGEST.ID`.
        decision: Who allowed it.
        started_at: UTC.
        duration_ms: Until the last check, waiting for a person excluded.
        before: What the success condition's read answered before.
        after: And afterwards.
        answer: What the system answered to the write, such as the number of an issue that was opened; of a third-party
            tool, what it answered, its text cut where it is long.
        undo: The call that takes it back, where something was or may have been written.
        group: Of the proposal, where it was one of several alternatives.
        pending: Refused only because nobody has decided yet.
    """

    status: OutcomeStatus
    call: ToolCall
    summary: str = ""
    message: str = ""
    reference: str | None = None
    decision: Decision | None = None
    started_at: datetime | None = None
    duration_ms: float | None = None
    before: JsonValue = None
    after: JsonValue = None
    answer: JsonValue = None
    undo: ToolCall | None = None
    group: str | None = None
    pending: bool = False

    def view(self) -> View:
        blocks: list[Block] = []
        if self.message:
            blocks.append(Text(self.message))
        blocks.append(Field("call", str(self.call)))
        if self.decision and not self.decision.pending:
            verb = "approved by" if self.decision.approve else "rejected by"
            blocks.append(Field(verb, f"{self.decision.decider}, through {self.decision.approver}"))
        if self.duration_ms is not None:
            blocks.append(Field("took", f"{self.duration_ms / 1000:.1f} s"))
        if self.undo:
            blocks.append(Field("undo", str(self.undo)))
        if self.status == "failed" and self.answer is not None:  # how far it came matters more than the state
            blocks.append(self._answered())
        if self.after is not None:
            blocks.append(Diff(as_side(self.before), as_side(self.after), caption="before and after"))
        elif self.answer is not None and self.status != "failed":  # nothing was verified: all that is known of it
            blocks.append(self._answered())
        badges = [Badge(self.status, OUTCOME_TONES[self.status])]
        if self.pending:
            badges.append(Badge("waiting for an approval", Tone.WARN))
        return View(title=self.summary or str(self.call), badges=badges, blocks=blocks)

    def _answered(self) -> Code:
        text = self.answer if isinstance(self.answer, str) else as_yaml(self.answer)
        return Code(text, caption=f"what {self.call.server} answered")


def call_digest(place: Place, call: ToolCall) -> str:
    """What an approval of a call without preview is bound to: the place and the call itself."""
    return digest({"place": place.identity, "server": call.server, "tool": call.tool, "arguments": call.arguments})


def _short(value: JsonValue) -> str:
    """One argument as a call shows it; a whole manifest is in the diff, and not in a line."""
    if isinstance(value, list):
        return f"[{', '.join(_short(item) for item in value)}]"
    shown = repr(value)
    if len(shown) <= _ARGUMENT_CHARS:
        return shown
    return f"{shown[:_ARGUMENT_SHOWN]}… ({len(shown):,} characters)"


def unified_diff(before: str, after: str) -> str:
    """Unified diff of two texts, three lines of context, without file names."""
    import difflib  # noqa: PLC0415  only when a diff is shown

    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="")
    return "\n".join(lines)


Preview.model_rebuild()
