"""A schema's complaint in words for the person who wrote the file: which field, what was expected, what is near."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from codenb.models import ValidationFinding
from codenb.servers._manifests import Document
from codenb.servers.deployment.validation._rules import dotted, found, shown
from codenb.servers.deployment.validation._schemas import Schema

_ARTICLES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}
_ENGINE = {"backtrackLimitExceeded", "regexEngineFailure"}  # of the validator; nothing is known of the value then
_MOST = 100


def explained(checker: str, document: Document, schema: Schema) -> list[ValidationFinding]:
    """What a schema says against an object, one finding a fault."""
    findings: list[ValidationFinding] = []
    for error in schema.validator.iter_errors(document.data):
        findings += _finding(checker, document, schema, error)
        if len(findings) >= _MOST:
            break
    return findings


def _finding(checker: str, document: Document, schema: Schema, error: Any) -> list[ValidationFinding]:
    path, kind = tuple(error.instance_path), error.kind
    if kind.name == "additionalProperties":
        known = schema.known(error.absolute_keyword_location or "")
        return [_unknown(checker, document, (*path, extra), known) for extra in kind.unexpected]
    if kind.name == "required":
        said = f"{dotted(path) or document.kind} has no {kind.property}, which is required"
        remedy = f"add {kind.property}"
        return [found(checker, document, path, "kubernetes/missing-field", said, remedy=remedy, key=True)]
    if kind.name in _ENGINE:
        return []
    if types := _types(error, path):
        return [_wrong_type(checker, document, path, error.instance, types)]
    if kind.name in ("enum", "const"):
        options = kind.options if kind.name == "enum" else [kind.expected_value]
        return [_wrong_value(checker, document, path, error.instance, options)]
    rule, said = _otherwise(kind, error, dotted(path) or "the object")
    return [found(checker, document, path, rule, said)]


def _types(error: Any, path: tuple[str | int, ...]) -> list[str]:
    """The types that are expected, where that is what the error says, also by way of alternatives."""
    if error.kind.name == "type":
        return list(error.kind.types)
    if error.kind.name not in ("oneOf", "anyOf"):
        return []
    kinds = [part.kind for parts in error.kind.context for part in parts if tuple(part.instance_path) == path]
    return [word for kind in kinds for word in kind.types] if all(kind.name == "type" for kind in kinds) else []


def _otherwise(kind: Any, error: Any, field: str) -> tuple[str, str]:
    """Rule and sentence of an error that needs no advice."""
    value = shown(error.instance)
    if kind.name in _BOUNDS:
        return "kubernetes/wrong-value", f"{field} is {value}, expected {_BOUNDS[kind.name]} {kind.limit}"
    if kind.name == "pattern":
        return "kubernetes/wrong-value", f"{field} is {value}, which does not match {kind.pattern[:100]}"
    if kind.name in ("oneOf", "anyOf"):
        return "kubernetes/schema", f"{field} fits none of the forms that are allowed here, or several"
    return "kubernetes/schema", f"{field}: {' '.join(error.message.split())[:200]}"


def _unknown(checker: str, document: Document, path: tuple[str | int, ...], known: list[str]) -> ValidationFinding:
    name, parent = str(path[-1]), dotted(path[:-1])
    lowered = {one.lower(): one for one in reversed(known)}
    near = [lowered[name.lower()]] if name.lower() in lowered else get_close_matches(name, known, n=1, cutoff=0.6)
    said = f"{parent or document.kind} has no field {shown(name)}" + (f": did you mean {near[0]}?" if near else "")
    if near:
        remedy = f"write {near[0]}"
    elif known and len(known) <= 12:  # noqa: PLR2004  as many as a line holds
        remedy = f"remove it; known are {', '.join(known)}"
    else:
        remedy = "remove it, or move it to where it belongs"
    return found(checker, document, path, "kubernetes/unknown-field", said, remedy=remedy, key=True)


def _wrong_type(
    checker: str, document: Document, path: tuple[str | int, ...], value: Any, types: list[str]
) -> ValidationFinding:
    wanted = sorted({word for word in types if word != "null"}, key=list(_ARTICLES).index)
    expected = " or ".join(_ARTICLES[word] for word in wanted)
    said = f"{dotted(path) or 'the object'} is {_described(value)}, expected {expected}"
    written, remedy = document.written(path), ""
    if "string" in wanted and isinstance(value, bool | int | float):
        if isinstance(value, bool) and written not in ("true", "false"):
            said += f": YAML takes the word {written} for {shown(value)}"
        elif written != str(value) and written is not None:
            said += f": YAML takes {written} for the number {value}"
        remedy = f'write it in quotes: "{written if written is not None else shown(value)}"'
    elif isinstance(value, str) and written is None and wanted[0] in ("integer", "number", "boolean"):
        remedy = "write it without quotes"
    elif "array" in wanted:
        remedy = "begin each item with a dash"
    elif value is None:
        remedy = "give it a value, or remove it"
    return found(checker, document, path, "kubernetes/wrong-type", said, remedy=remedy)


def _wrong_value(
    checker: str, document: Document, path: tuple[str | int, ...], value: Any, options: list[Any]
) -> ValidationFinding:
    allowed = [option for option in options if option is not None]
    words = ", ".join(shown(option) for option in allowed[:12])
    near = get_close_matches(str(value), [str(option) for option in allowed], n=1) if isinstance(value, str) else []
    said = f"{dotted(path)} is {shown(value)}, expected {'one of ' if len(allowed) > 1 else ''}{words}"
    return found(checker, document, path, "kubernetes/wrong-value", said, remedy=f"write {near[0]}" if near else "")


def _described(value: Any) -> str:
    match value:
        case None | bool() | dict() | list():
            return shown(value)
        case str():
            return f"the text {shown(value)}"
        case _:
            return f"the number {shown(value)}"
