"""How a tool of somebody else's server takes part in gather: its name, and arguments with fields of the target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codenb.config._table import Table, nearest
from codenb.errors import BadInput, ConfigError

FIELDS = ("namespace", "workload", "release", "cluster", "environment")

_PART = re.compile(r"\{\{|\}\}|\{(?P<field>[A-Za-z_][A-Za-z0-9_]*)\}")
# What may stand inside a query: names, contexts (user@cluster), ARNs and URLs; nothing that could end a quoted text.
_PLAIN = re.compile(r"[A-Za-z0-9._:/@+~-]{1,512}")


@dataclass(frozen=True, slots=True)
class GatherRule:
    """One call that gather makes.

    In the texts of `arguments` a field's name in braces stands for the target's value; `{{` and `}}` stand for a
    brace, and a brace around anything else for itself.
    """

    tool: str
    arguments: Mapping[str, Any]

    def arguments_for(self, target_fields: Mapping[str, str | None]) -> dict[str, Any] | None:
        """The arguments of the call for a target.

        Args:
            target_fields: Values by field, of `namespace`, `workload`, `release`, `cluster`, `environment`.

        Returns:
            The arguments; None when the target lacks a field that they need.

        Raises:
            BadInput: A value that would stand inside a longer text (a query) holds more than a name may.
        """
        if any(not target_fields.get(field) for field in self.needs()):
            return None
        values = {field: target_fields[field] or "" for field in self.needs()}
        return {key: self._filled(value, values) for key, value in self.arguments.items()}

    def needs(self) -> list[str]:
        """The fields of the target that the arguments use, each once."""
        return list(dict.fromkeys(field for text in _texts(self.arguments) for field in _fields(text)))

    def _filled(self, value: Any, values: Mapping[str, str]) -> Any:
        if isinstance(value, Mapping):
            return {key: self._filled(item, values) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._filled(item, values) for item in value]
        if not isinstance(value, str):
            return value
        whole = _PART.fullmatch(value)

        def part(match: re.Match[str]) -> str:
            if not match["field"]:
                return match[0][0]
            given = values[match["field"]]
            if not whole and not _PLAIN.fullmatch(given):
                raise BadInput(
                    f"the {match['field']} {given!r} cannot stand inside an argument of {self.tool}: use a name"
                )
            return given

        return _PART.sub(part, value)


def gather_rule(table: Table) -> GatherRule:
    """Read one table of `gather`.

    Raises:
        ConfigError: A field that targets do not have, braces doubled on one side only, a value that JSON cannot carry.
    """
    tool = table.text("tool")
    if not tool:
        raise ConfigError(f'{table.file}: {table.place} names no tool: write {{ tool = "NAME", arguments = {{ }} }}')
    arguments = table.table("arguments")
    table.done()
    for text in _texts(arguments.data):
        for field in _fields(text):
            if field not in FIELDS:
                raise ConfigError(
                    f"{table.file}: {arguments.place}: {{{field}}} is no field of a target: {nearest(field, FIELDS)} "
                    f"(for a literal brace write {{{{)"
                )
        doubled = [match[0] for match in _PART.finditer(text) if not match["field"]]
        if doubled.count("{{") != doubled.count("}}"):
            raise ConfigError(
                f"{table.file}: {arguments.place}: {text!r} doubles braces on one side only: double them all"
            )
    if not all(isinstance(leaf, str | bool | int | float) for leaf in _leaves(arguments.data)):
        raise ConfigError(f"{table.file}: {arguments.place} holds a date or a time: write it as text")
    return GatherRule(tool, arguments.data)


def _fields(text: str) -> Iterator[str]:
    return (match["field"] for match in _PART.finditer(text) if match["field"])


def _texts(value: Any) -> Iterator[str]:
    return (leaf for leaf in _leaves(value) if isinstance(leaf, str))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
