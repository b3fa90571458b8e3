"""What an audit log says: one event, the entry that it becomes, and what may be wrong with an entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, overload

from pydantic import ConfigDict

from codenb.canonical import digest
from codenb.models._base import Model
from codenb.models.outcome import OUTCOME_TONES, Decision, Outcome
from codenb.models.target import Place
from codenb.redaction import Redactor
from codenb.views import Badge, Block, Field, Shown, Table, Text, Tone, View

AuditKind = Literal[
    "asked",
    "declined",
    "approved",
    "decided",
    "denied",
    "refused",
    "failed",
    "unknown",
    "applied",
    "verified",
    "applied_not_verified",
]

BEGINNING = "0" * 64
"""What stands before the first entry."""

_TEXT_CHARS = 2_000
_TEXTS = ("principal", "place", "identity", "server", "tool", "call", "summary", "by", "approver", "reason", "message")
_TONES = OUTCOME_TONES | {"denied": Tone.WARN, "declined": Tone.WARN, "approved": Tone.INFO, "decided": Tone.INFO}


class AuditEvent(Model):
    """One step of a change, or a call that was denied.

    Nobody says what another has said. Of a change, a server of codenb's kind writes `asked` (the question was put),
    then `declined` or `approved` (a yes to this very preview was used up; from here on it may be written), then how it
    ended. For a third-party tool the host does that. Whoever carries out proposals in a notebook writes `decided`
    (which approver said what), and of how it ended what only he knows, such as `verified`.

    Attributes:
        kind: What happened.
        source: Who says so.
        principal: Who called, as far as a token proves it.
        place: Which system, in words.
        identity: And by its identity.
        server: Name of the server.
        tool: Name of the tool.
        call: With its arguments as they may be shown.
        summary: What the change would do, in one line.
        reference: The preview's `DIGEST.ID`; of a decision, the digest alone.
        approve: Of a decision: whether it is a yes.
        by: Who decided.
        proof: What proves that: `token`, `key`, `policy`, or `name`, which proves nothing.
        approver: Through what it was decided.
        reason: Why, as the decider says.
        message: Why it ended so, or was denied.
        trace_id: Links it with the calls of one cell.
    """

    model_config = ConfigDict(extra="ignore")  # an older codenb shows what a newer one wrote

    kind: AuditKind
    source: Literal["server", "host"]
    principal: str = "local"
    place: str = ""
    identity: str = ""
    server: str = ""
    tool: str = ""
    call: str = ""
    summary: str = ""
    reference: str | None = None
    approve: bool | None = None
    by: str = ""
    proof: str = ""
    approver: str = ""
    reason: str = ""
    message: str = ""
    trace_id: str = ""

    @classmethod
    def of(
        cls, kind: AuditKind, source: Literal["server", "host"], outcome: Outcome, place: Place, **more: Any
    ) -> Self:
        """An event about a change, with who decided where that is known.

        Args:
            kind: What happened.
            source: Who says so.
            outcome: What is known of the change.
            place: Which system it is about.
            **more: Further fields.
        """
        known: dict[str, Any] = {
            "place": str(place),
            "identity": place.identity,
            "server": outcome.call.server,
            "tool": outcome.call.tool,
            "call": str(outcome.call),
            "summary": outcome.summary,
            "reference": outcome.reference,
            "message": outcome.message,
        }
        decided = _decided(outcome.decision) if outcome.decision else {}
        return cls(kind=kind, source=source, **(known | decided | more))

    def cleaned(self, redactor: Redactor) -> Self:
        """The event without secrets, each text bounded and in well-formed Unicode."""
        return self.model_copy(update={name: _clean(getattr(self, name), redactor) for name in _TEXTS})

    def view(self) -> View:
        return View(title=f"{self.kind}: {self.summary or self.call}", subtitle=self.place)


class AuditEntry(Model):
    """An event in its place in the log.

    Attributes:
        seq: Its number, from 1.
        at: UTC.
        prev: Hash of the entry before it; of the first one 64 zeros.
        hash: SHA-256 of the canonical JSON of `seq`, `at`, `prev` and the body's text.
        event: What happened.
    """

    seq: int
    at: datetime
    prev: str
    hash: str
    event: AuditEvent

    def view(self) -> View:
        said = {name: value for name, value in self.event.to_dict().items() if value not in (None, "")}
        blocks = [Field(name.replace("_", " "), str(value)) for name, value in said.items()]
        return View(title=f"{self.seq}: {self.event.kind}", subtitle=f"{self.at:%Y-%m-%d %H:%M:%S} UTC", blocks=blocks)


class AuditEntries(Shown, Sequence[AuditEntry]):
    """Entries of a log, oldest first.

    Attributes:
        cut: How many older ones were left out.
    """

    def __init__(self, entries: Sequence[AuditEntry] = (), *, cut: int = 0) -> None:
        self._entries = tuple(entries)
        self.cut = cut

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[AuditEntry]:
        return iter(self._entries)

    @overload
    def __getitem__(self, at: int) -> AuditEntry: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[AuditEntry]: ...
    def __getitem__(self, at: int | slice) -> AuditEntry | Sequence[AuditEntry]:
        return self._entries[at]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, and how many older ones were left out."""
        return {"entries": [one.to_dict() for one in self], "cut": self.cut}

    def view(self) -> View:
        """One row an entry."""
        blocks: list[Block] = []
        if self._entries:
            columns = ["#", "at (UTC)", "what", "who", "change", "note"]
            blocks.append(Table(columns, [_row(one) for one in self]))
        else:
            blocks.append(Text("Nothing was changed, asked for or denied."))
        if self.cut:
            blocks.append(Field("not shown", f"{self.cut:,} older {'entry' if self.cut == 1 else 'entries'}"))
        return View(title=f"Audit log: {len(self) + self.cut:,} entries", blocks=blocks)

    def __repr__(self) -> str:
        return f"<{self.view().title}>"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong with a log.

    Attributes:
        seq: The number of the entry, where it is about one.
        kind: `altered`, `missing`, `reordered`, `cut`, `damaged`, or `unguarded`: what keeps it append-only is gone.
        text: In one line.
    """

    seq: int | None
    kind: Literal["altered", "missing", "reordered", "cut", "damaged", "unguarded"]
    text: str

    def __str__(self) -> str:
        return self.text


def hash_of(seq: Any, at: Any, prev: Any, body: Any) -> str:
    """What chains an entry to the one before it.

    Raises:
        BadInput: A value is none that an entry can have.
    """
    return digest({"seq": seq, "at": at, "prev": prev, "body": body})


def _decided(decision: Decision) -> dict[str, Any]:
    """Of a decision everything but its grant, which is a credential."""
    return {
        "approve": decision.approve,
        "by": decision.by,
        "proof": decision.proof,
        "approver": decision.approver,
        "reason": decision.reason,
    }


def _clean(text: str, redactor: Redactor) -> str:
    line = " ".join(redactor.text(text).split())
    cut = line if len(line) <= _TEXT_CHARS else f"{line[:_TEXT_CHARS]} ..."
    return cut.encode("utf-8", "backslashreplace").decode("utf-8")


def _row(entry: AuditEntry) -> list[str | int | float | Badge | None]:
    event = entry.event
    return [
        entry.seq,
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        Badge(event.kind, _TONES.get(event.kind, Tone.PLAIN)),
        _who(event),
        event.summary or event.call or ".".join(name for name in (event.server, event.tool) if name),
        event.message or event.reason,
    ]


def _who(event: AuditEvent) -> str:
    if event.approve is None:
        return event.principal
    verdict = "" if event.kind != "decided" else "approved by " if event.approve else "rejected by "
    proved = " (name not proved)" if event.proof == "name" else ""
    return f"{verdict}{event.by}{proved}"
