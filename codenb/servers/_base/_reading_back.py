"""How far a change came whose server was killed while it carried it out.

What it wrote is not on record, but the state is: the same call, planned again, says by its `before` what is there now,
and that is compared with what the approved preview would have made of what there was. It is told only as far as it
can be told: a value that is neither as before nor as after was moved by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue

from codenb.models.change import Change
from codenb.models.outcome import Outcome
from codenb.models.preview import Preview
from codenb.redaction import PSEUDONYM, lasting

_STOPPED = "the server was stopped while it carried this out"
_NAMED = 20
_MISSING = "(absent)"


@dataclass(frozen=True)
class HowFar:
    """What became of each part that was to change, by its name.

    Attributes:
        applied: It is as it was to be.
        not_applied: It is as it was.
        moved: It is neither.
        unclear: A secret stands for it, or it was to be as it was already.
    """

    applied: tuple[str, ...] = ()
    not_applied: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()

    @property
    def told(self) -> bool:
        """Whether this says what became of every part."""
        return not (self.moved or self.unclear) and bool(self.applied or self.not_applied)

    def to_dict(self) -> dict[str, JsonValue]:
        """As plain JSON data, without what is empty."""
        parts = {"applied": self.applied, "not_applied": self.not_applied, "moved": self.moved, "unclear": self.unclear}
        return {name: list(names) for name, names in parts.items() if names}

    def __str__(self) -> str:
        words = {"applied": "applied", "not_applied": "not applied", "moved": "neither, so moved by somebody else"}
        words["unclear"] = "it cannot be told of"
        return "; ".join(f"{words[name]}: {_listed(names)}" for name, names in self.to_dict().items())


def as_it_is(preview: Preview, planned: Change) -> JsonValue:
    """What is there now of each part that was to change.

    A change of many parts lists those that differ. One that it does not list any more, neither as it is nor as it would
    be, has nothing left to change: it is as it was to be.

    Args:
        preview: The approved one.
        planned: The same call planned now, redacted as the preview is.
    """
    wanted, now, will = preview.change.after, planned.before, planned.after
    if not (isinstance(wanted, dict) and isinstance(now, dict) and isinstance(will, dict)):
        return now
    return now | {key: value for key, value in wanted.items() if key not in now and key not in will}


def compared(preview: Preview, now: JsonValue) -> HowFar:
    """Compare what is there now with what a preview would have made of what there was.

    Args:
        preview: The approved one.
        now: What is there, as `as_it_is` tells it.
    """
    found: dict[str, list[str]] = {"applied": [], "not_applied": [], "moved": [], "unclear": []}
    for name, old, new, there in _parts(preview, now):
        if verdict := _verdict(old, new, there):
            found[verdict].append(name)
    if not any(found.values()):
        found["unclear"].append(str(preview.change.entity))
    return HowFar(**{verdict: tuple(names) for verdict, names in found.items()})


def read_back(preview: Preview, now: JsonValue) -> Outcome:
    """The outcome of a killed change, from the state as it was read now."""
    far = compared(preview, now)
    read = f"{_STOPPED}; read back at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    change = preview.change
    outcome = _stopped(preview, "unknown", f"{read}: {far}; look at {change.entity} before trying again")
    if not far.told:
        return outcome.model_copy(update={"answer": far.to_dict()})
    if not far.not_applied:
        return outcome.model_copy(update={"status": "applied", "message": f"{read}: all of it was applied"})
    if not far.applied:
        nothing = {"status": "failed", "message": f"{read}: nothing was applied", "undo": None}
        return outcome.model_copy(update=nothing)
    partly = {"status": "failed", "message": f"{read}: it was applied in part; {far}", "answer": far.to_dict()}
    return outcome.model_copy(update=partly)


def not_read_back(preview: Preview, why: str) -> Outcome:
    """The outcome of a killed change of which nothing can be told."""
    entity = preview.change.entity
    because = f" ({why})" if why else ""
    return _stopped(preview, "unknown", f"{_STOPPED}{because}: read {entity} back to see whether the change was made")


def is_redacted(arguments: dict[str, JsonValue]) -> bool:
    """Whether a secret was replaced in arguments, so that the call cannot be made or planned again from them."""
    return bool(PSEUDONYM.search(str(arguments)))


def _stopped(preview: Preview, status: Any, message: str) -> Outcome:
    return Outcome(
        status=status,
        call=preview.call,
        summary=preview.change.summary,
        message=message,
        reference=preview.reference,
        undo=preview.change.undo,
    )


def _parts(preview: Preview, now: JsonValue) -> Iterator[tuple[str, Any, Any, Any]]:
    """What was to change, part by part: its name, as it was, as it was to be, as it is."""
    old, new = preview.change.before, preview.change.after
    if not (isinstance(old, dict) and isinstance(new, dict) and isinstance(now, dict)):
        yield str(preview.change.entity), old, new, now
        return
    for key in dict.fromkeys([*old, *new]):
        yield key, old.get(key, _MISSING), new.get(key, _MISSING), now.get(key, _MISSING)


def _verdict(old: Any, new: Any, there: Any) -> str:
    """What became of one part; empty where it was not to change."""
    if old == new:
        return ""
    if there in (old, new):
        return "applied" if there == new else "not_applied"
    # Another process has other pseudonyms for the same secrets.
    old, new, there = lasting(old), lasting(new), lasting(there)
    if old == new:
        return "unclear"
    return "applied" if there == new else "not_applied" if there == old else "moved"


def _listed(names: JsonValue) -> str:
    listed = [str(name) for name in names] if isinstance(names, list) else []
    more = [f"and {len(listed) - _NAMED} more"] if len(listed) > _NAMED else []
    return ", ".join([*listed[:_NAMED], *more])
