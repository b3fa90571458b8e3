"""Answers and errors as a recording holds them, and back.

Of an answer the protocol's own result is kept, from which the rest of a `ToolResult` follows; where it does not, all
of it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from codenb.errors import BadInput, CassetteError, CodenbError
from codenb.host._records import Entry
from codenb.host._results import prompt_result, resource_result, tool_result
from codenb.models.result import ToolResult
from codenb.redaction import Redactor

ABANDONED = "abandoned"
"""The error of a call whose caller waited no longer than it said it would."""

_SHAPES: Mapping[str, Callable[..., ToolResult]] = {
    "tool": tool_result,
    "change": tool_result,
    "resource": resource_result,
    "prompt": prompt_result,
}
_CACHE_STATES = frozenset({"hit", "miss", "joined", "bypass"})
_KINDS: Mapping[str, Any] = {
    "cache": str,
    "note": str,
    "cost_usd": str,
    "in_doubt": bool,
    "attempts": int,
    "bytes": int,
}
_SHOWN = 60

_CAME: Mapping[str, Any] = {"duration_ms": 0, "age_s": 0, "stale": False}
"""What two equal answers may differ in."""

_USUAL: Mapping[str, Any] = {
    "attempts": 1,
    "cache": "bypass",
    "bytes": 0,
    "input_tokens": None,
    "output_tokens": None,
    "cost_usd": None,
    "in_doubt": False,
    "stale_s": None,
    "note": "",
}
"""What a call's record holds beside its duration, and what is not written because it is nearly always so."""


class _AsItIs(Redactor):
    """Leaves everything: what a recording holds has no secrets any more."""

    def text(self, text: str) -> str:
        return text

    def value(self, value: Any) -> Any:
        return value


_AS_IT_IS = _AsItIs()


def result_to_json(kind: str, result: ToolResult) -> dict[str, Any]:
    """An answer, without how it came."""
    plain = result.model_copy(update=_CAME)
    if shaped(kind, result.server, result.tool, result.raw) == plain:
        return {"raw": result.raw}
    return {"whole": {key: value for key, value in plain.to_dict().items() if key not in _CAME}}


def came(result: ToolResult) -> dict[str, Any]:
    """How an answer came: how long it took, and how old it was."""
    return {name: value for name in _CAME if (value := getattr(result, name)) != _CAME[name]}


def result_from_json(kind: str, server: str, name: str, data: Any, came: Any) -> ToolResult:
    """An answer as it was.

    Args:
        kind: `tool`, `change`, `resource` or `prompt`.
        server: Who was asked.
        name: For what.
        data: From `result_to_json`.
        came: From `came`.

    Raises:
        BadInput: It is not in this shape.
    """
    numbers = came.items() if isinstance(came, dict) else ()
    told = {key: value for key, value in numbers if key in _CAME and isinstance(value, int | float)}
    match data:
        case {"raw": dict(raw)} if made := shaped(kind, server, name, raw):
            return made.model_copy(update=told)
        case {"whole": dict(whole)}:
            return ToolResult.from_dict({**whole, **told}, what="a recorded answer")
    raise BadInput("this is no recorded answer")


def shaped(kind: str, server: str, name: str, raw: dict[str, Any]) -> ToolResult | None:
    """What the host would make of a protocol result; None where it could not."""
    try:
        return _SHAPES[kind](server, name, raw, _AS_IT_IS, 0)
    except (CodenbError, KeyError, TypeError, AttributeError):  # an error's result, or one that a person has edited
        return None


def error_to_json(error: BaseException, redactor: Redactor) -> dict[str, Any] | None:
    """An error of ours; None for any other, which is not recorded."""
    if not isinstance(error, CodenbError):
        return None
    told = {key: value for key, value in vars(error).items() if not key.startswith("_") and value is not None}
    written = {"type": type(error).__name__, "message": redactor.text(str(error))}
    return written | ({"told": redactor.value(told)} if told else {})


def error_from_json(data: Mapping[str, Any]) -> BaseException:
    """An error as it was; one of a class that is not known any more is a `CodenbError`.

    Raises:
        CassetteError: This is no recorded error.
    """
    kind, message, told = data.get("type"), data.get("message"), data.get("told", {})
    if kind == ABANDONED:
        return TimeoutError()
    if not isinstance(kind, str) or not isinstance(message, str) or not isinstance(told, dict):
        raise CassetteError("this is no recorded error")
    known = _classes(CodenbError).get(kind, CodenbError)
    error = known.__new__(known, message)  # what else its constructor wants is among what it told
    Exception.__init__(error, message)
    for key, value in told.items():
        if not (key.startswith("_") or hasattr(Exception, key)):  # what every exception has is not for a file to say
            setattr(error, key, value)
    return error


def call_to_json(entry: Entry, took_ms: float, redactor: Redactor) -> dict[str, Any]:
    """What the record of a call says, where it is not the usual."""
    found = {name: getattr(entry, name) for name in _USUAL} | {"note": redactor.text(entry.note)}
    told = {name: value for name, value in found.items() if value != _USUAL[name]}
    if entry.cost_usd is not None:
        told["cost_usd"] = str(entry.cost_usd)
    return {"took_ms": round(took_ms, 3), **told}


def call_from_json(entry: Entry, call: Mapping[str, Any]) -> None:
    """Fill in a record as it was.

    Raises:
        BadInput: A value is not of its kind.
    """
    from decimal import Decimal, InvalidOperation  # noqa: PLC0415  only where a model was paid

    for name in _USUAL:
        if name not in call:
            continue
        value = call[name]
        kinds = _KINDS.get(name, int | float)
        try:
            if not isinstance(value, kinds) or (name == "cache" and value not in _CACHE_STATES):
                raise TypeError(type(value).__name__)  # noqa: TRY301  told below, with what cannot be a number
            setattr(entry, name, Decimal(value) if name == "cost_usd" else value)
        except (InvalidOperation, TypeError, ValueError) as error:
            raise BadInput(f"{str(value)[:_SHOWN]!r} is no {name}") from error
    entry.took_ms = float(call.get("took_ms", 0))


def _classes(kind: type[CodenbError]) -> dict[str, type[CodenbError]]:
    found = {kind.__name__: kind}
    for below in kind.__subclasses__():
        found |= _classes(below)
    return found
