"""What came of a run of proposals, as one thing that a cell can end with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from codenb.models import ContextBundle, Outcome
from codenb.models.outcome import OUTCOME_TONES
from codenb.views import Badge, Block, Fold, Shown, Table, Text, Tone, View

if TYPE_CHECKING:
    import pandas as pd

DONE = frozenset({"applied", "verified"})
_BAD = frozenset({"failed", "unknown", "applied_not_verified"})
_COLUMNS = ["status", "server", "tool", "summary", "decided_by", "duration_ms", "message", "reference"]


class Outcomes(Shown, Sequence[Outcome]):
    """The outcomes, in the order in which the proposals were given.

    Attributes:
        context: What was gathered afterwards, where that was asked for.
        difference: What is different from the context before, in lines.
        replayed: Whether they are played back from a recording, so that nothing was changed.
    """

    def __init__(self, outcomes: Iterable[Outcome] = ()) -> None:
        self._outcomes = list(outcomes)
        self.context: ContextBundle | None = None
        self.difference: tuple[str, ...] = ()
        self.replayed = False

    def append(self, outcome: Outcome) -> None:
        """Add the next one, as soon as it is known."""
        self._outcomes.append(outcome)

    def __len__(self) -> int:
        return len(self._outcomes)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(tuple(self._outcomes))

    @overload
    def __getitem__(self, at: int) -> Outcome: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Outcome]: ...
    def __getitem__(self, at: int | slice) -> Outcome | Sequence[Outcome]:
        return self._outcomes[at]

    @property
    def exit_code(self) -> int:
        """0: all done; an alternative that was not needed counts as done. 1: the result is bad. 3: approvals wait."""
        settled = self._settled()
        open_ones = [one for one in self._outcomes if one.status not in DONE and one.group not in settled]
        if any(one.status in _BAD for one in self._outcomes):
            return 1
        if any(one.pending for one in open_ones):
            return 3
        return 1 if open_ones else 0

    def _settled(self) -> set[str]:
        """The groups of which one alternative was carried out."""
        return {one.group for one in self._outcomes if one.group and one.status in DONE}

    def frame(self) -> pd.DataFrame:
        """One row an outcome."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        rows = [
            {
                "status": one.status,
                "server": one.call.server,
                "tool": one.call.tool,
                "summary": one.summary,
                "decided_by": one.decision.decider if one.decision else None,
                "duration_ms": one.duration_ms,
                "message": one.message,
                "reference": one.reference,
            }
            for one in self._outcomes
        ]
        return pd.DataFrame(rows, columns=_COLUMNS)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "outcomes": [one.to_dict() for one in self._outcomes],
            "exit_code": self.exit_code,
            "difference": list(self.difference),
            "replayed": self.replayed,
        }

    def view(self) -> View:
        """Each outcome, then what is different now."""
        settled = self._settled()
        counts: Counter[tuple[str, Tone]] = Counter()
        blocks: list[Block] = []
        for one in self._outcomes:
            shown = one.view()
            status: str = one.status
            tone = OUTCOME_TONES[one.status]
            if one.status == "refused" and one.group in settled and one.decision is None:
                status, tone = "not needed", Tone.INFO
                shown = replace(shown, badges=[Badge(status, tone)])
            counts[status, tone] += 1
            blocks.append(Fold(f"{status}: {shown.title}", replace(shown, title=""), open=True))
        if self.difference:
            blocks.append(Table(["what is different now"], [(line,) for line in self.difference]))
        if not self._outcomes:
            blocks.append(Text("There was nothing to carry out."))
        if any(one.pending for one in self._outcomes):
            blocks.append(Text("Waiting for an approval: nothing that is not approved is carried out.", Tone.WARN))
        badges = [Badge(f"{count} {status}", tone) for (status, tone), count in counts.items()]
        if self.replayed:
            badges.insert(0, Badge("replay: nothing was changed", Tone.WARN))
        return View(title="Outcomes", badges=badges, blocks=blocks)

    def __repr__(self) -> str:
        of = " of a replay" if self.replayed else ""
        return f"<Outcomes{of}: {', '.join(one.status for one in self._outcomes) or 'none'}>"
