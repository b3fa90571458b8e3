"""Sensitive values of a plan: found wherever the program marks one, replaced wherever it stands.

The marks alone do not do. A resource may copy a sensitive input into an output that it does not mark, as
`terraform_data` does, and a provisioner prints what it likes; so each marked value is also looked for, by what it is,
in everything that leaves this room.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import JsonValue

from codenb.canonical import canonical_json
from codenb.redaction import Redactor
from codenb.servers._base._sealing import Sealer

HIDDEN = "(sensitive value)"
UNKNOWN = "(known after apply)"

_FEWEST_CHARS = 4
"""A shorter secret is replaced where it is the whole value; inside of a text it would be in every word."""

_SIDES = ("before", "after")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not be shown, and how it is replaced.

    Attributes:
        sealer: Gives each secret what stands for it.
        values: The secrets, as text.
    """

    sealer: Sealer
    values: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, sealer: Sealer, values: Iterable[Any]) -> Self:
        """Every text and number in these values is a secret."""
        return cls(sealer, frozenset(leaf for value in values for leaf in _leaves(value)))

    @classmethod
    def of_plan(cls, sealer: Sealer, plan: Mapping[str, Any], variables: Iterable[str], redactor: Redactor) -> Self:
        """What a plan marks as sensitive, and the variables that are secret by their declaration or their name.

        Args:
            sealer: Gives each what stands for it.
            plan: The plan JSON.
            variables: Names of those that the caller gave.
            redactor: Knows secrets by their names.
        """
        found = list(_marked_in_plan(plan))
        given = {name: plan.get("variables", {}).get(name, {}).get("value") for name in variables}
        found += [value for name, value in given.items() if redactor.value({name: value}) != {name: value}]
        return cls.of(sealer, found)

    def hides(self, value: JsonValue) -> bool:
        """Whether a value is or holds a secret."""
        return self.masked(value) != value

    def sealed(self, value: JsonValue) -> str:
        """What stands for a value: equal for equal values, under the same key."""
        return self.sealer.seal(canonical_json(value))

    def masked(self, value: Any, marks: Any = None) -> JsonValue:
        """A value without secrets.

        Args:
            value: JSON data.
            marks: True where it is sensitive as a whole, else the same shape with True at what is.
        """
        if value is None or isinstance(value, bool):
            return value if marks is not True or value is None else self.sealed(value)
        if marks is True:
            return self.sealed(value)
        if isinstance(value, Mapping):
            inner = marks if isinstance(marks, Mapping) else {}
            return {self.text(str(key)): self.masked(item, inner.get(key)) for key, item in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            each = marks if isinstance(marks, Sequence) else ()
            return [self.masked(item, each[at] if at < len(each) else None) for at, item in enumerate(value)]
        if isinstance(value, str):
            return self.sealed(value) if value in self.values else self.text(value)
        text = json.dumps(value)
        return self.sealed(value) if len(text) >= _FEWEST_CHARS and text in self.values else value

    def text(self, text: str) -> str:
        """A text with every secret in it replaced, also as JSON writes it, and each line of one with several."""
        for secret in self._searched():
            text = text.replace(secret, HIDDEN)
        return text

    def _searched(self) -> list[str]:
        forms = {form for value in self.values for form in (value, json.dumps(value)[1:-1], *value.splitlines())}
        return sorted((form for form in forms if len(form.strip()) >= _FEWEST_CHARS), key=len, reverse=True)


def _marked_in_plan(plan: Mapping[str, Any]) -> Iterator[Any]:
    for change in _changes(plan):
        for side in _SIDES:
            yield from _marked(change.get(side), change.get(f"{side}_sensitive"))
    declared = plan.get("configuration", {}).get("root_module", {}).get("variables", {})
    for name, variable in plan.get("variables", {}).items():
        if declared.get(name, {}).get("sensitive"):
            yield variable.get("value")
    for values in (plan.get("planned_values"), plan.get("prior_state", {}).get("values")):
        yield from _marked_in_values(values or {})


def _changes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("resource_changes", "resource_drift"):
        yield from (resource["change"] for resource in plan.get(key) or ())
    yield from (plan.get("output_changes") or {}).values()


def _marked_in_values(values: Mapping[str, Any]) -> Iterator[Any]:
    yield from (output.get("value") for output in values.get("outputs", {}).values() if output.get("sensitive"))
    modules = [values.get("root_module", {})]
    while modules:
        module = modules.pop()
        modules += module.get("child_modules", [])
        for resource in module.get("resources", []):
            yield from _marked(resource.get("values"), resource.get("sensitive_values"))


def _marked(value: Any, marks: Any) -> Iterator[Any]:
    if marks is True:
        yield value
    elif isinstance(marks, Mapping) and isinstance(value, Mapping):
        for key, mark in marks.items():
            yield from _marked(value.get(key), mark)
    elif isinstance(marks, list) and isinstance(value, list):
        for item, mark in zip(value, marks, strict=False):
            yield from _marked(item, mark)


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case None | bool() | "":
            return
        case str():
            yield value
        case int() | float():
            yield json.dumps(value)
        case Mapping():
            for key, item in value.items():
                yield from _leaves(key)
                yield from _leaves(item)
        case Sequence():
            for item in value:
                yield from _leaves(item)
