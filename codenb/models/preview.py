"""Previews: a change as a person decides on it, proposed by whomever, and the question that is put."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Self

from pydantic import PrivateAttr

from codenb.canonical import digest
from codenb.models._base import Answered, Model
from codenb.models._yaml import as_side
from codenb.models.change import Change, SuccessCondition, ToolCall, unified_diff
from codenb.models.outcome import Outcome
from codenb.models.target import Place
from codenb.views import Badge, Block, Diff, Field, Text, Tone, View


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
        tool_schema: Digest of the tool's input schema and version; an approval does not carry over to another.
        refusal: Why it would be refused as things stand, such as changes being off here.
        begun: Whether it was approved and carrying it out has begun; without an outcome it is still under way.
        outcome: What came of it, where it was carried out.
    """

    told: ClassVar[tuple[str, ...] | None] = ("digest",)

    id: str
    digest: str
    call: ToolCall
    place: Place
    change: Change
    created_at: datetime
    expires_at: datetime
    tool_schema: str = ""
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


def call_digest(place: Place, call: ToolCall) -> str:
    """What an approval of a call without preview is bound to: the place and the call itself."""
    return digest({"place": place.identity, "server": call.server, "tool": call.tool, "arguments": call.arguments})
