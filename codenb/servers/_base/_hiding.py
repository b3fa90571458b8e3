"""What one call may not say: the secrets of its arguments, beside what is always hidden.

A redactor knows secrets by their form and their names. That an argument is one, a password among the variables of a
workspace, only its tool knows; it says so once, and from there on the call's answer, errors, progress, logs and
previews hold what stands in its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from codenb.redaction import Redactor

SHORTEST = 4
"""Characters; what is shorter is in every text, so its tool has to leave it out by itself."""


class Hiding:
    """Hides what a redactor hides, and what tools have named during this call."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._shown: dict[str, str] = {}

    def hide(self, arguments: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
        """Replace every text and number in arguments that is not the same in what is shown of them.

        Args:
            arguments: By name, as they were given.
            shown: What stands in their place, in the same shape or as one text for all that is inside.
        """
        for name, stand_in in shown.items():
            for raw, text in _differing(arguments.get(name), stand_in):
                if len(raw) >= SHORTEST:
                    forms = {raw, json.dumps(raw)[1:-1], json.dumps(raw, ensure_ascii=False)[1:-1], repr(raw)[1:-1]}
                    self._shown |= dict.fromkeys(forms, text)

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._redactor.text(self.named(text))

    def value(self, value: Any) -> Any:
        """A copy of a JSON value without secrets."""
        return self._redactor.value(self.named(value))

    def named(self, value: Any) -> Any:
        """A copy of a JSON value without what tools have named; nothing else in it is touched."""
        if not self._shown:
            return value
        match value:
            case str():
                for raw in sorted(self._shown, key=len, reverse=True):  # one secret may hold another
                    value = value.replace(raw, self._shown[raw])
                return value
            case Mapping():
                return {self.named(key): self.named(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self.named(inner) for inner in value]
            case int() | float() if not isinstance(value, bool):
                return self._shown.get(_as_text(value), value)
            case _:
                return value


_CURRENT: ContextVar[Hiding | None] = ContextVar("codenb_hiding", default=None)


@contextmanager
def hiding(redactor: Redactor) -> Iterator[Hiding]:
    """Begin a call; inside, and in the tasks that are started there, `hide` adds to what it may not say."""
    current = Hiding(redactor)
    token = _CURRENT.set(current)
    try:
        yield current
    finally:
        _CURRENT.reset(token)


def hidden(redactor: Redactor) -> Hiding:
    """What the present call hides; outside of any call, what the redactor does."""
    return _CURRENT.get() or Hiding(redactor)


def hide(arguments: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
    """Let nothing that the present call says, errors and progress included, hold these arguments as they were given.

    A change does it by `shown_arguments`, from when it is planned; a tool that reads, or that may fail before it has
    a plan, says it first. Texts under four characters are not replaced: they would be found everywhere.

    Args:
        arguments: By name, as they were given.
        shown: What stands in their place, in the same shape or as one text for all that is inside.
    """
    if current := _CURRENT.get():
        current.hide(arguments, shown)


def _differing(raw: Any, shown: Any) -> Iterator[tuple[str, str]]:
    """Every text and number in an argument that is shown as something else, with what it is shown as."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            yield from _differing(value, shown.get(key, "***") if isinstance(shown, Mapping) else shown)
    elif isinstance(raw, list | tuple):
        same = isinstance(shown, list | tuple) and len(shown) == len(raw)
        for at, value in enumerate(raw):
            yield from _differing(value, shown[at] if same else shown)
    elif raw != shown and isinstance(raw, str | int | float) and not isinstance(raw, bool):
        yield _as_text(raw), shown if isinstance(shown, str) else "***"


def _as_text(value: str | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)
