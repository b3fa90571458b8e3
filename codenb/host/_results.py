"""What a server answered, in one shape, without secrets.

Redaction happens here, before a value can reach a cell, a prompt or a file. Pictures and other base64 data pass as
they are: a pseudonym in the middle of a picture hides nothing and breaks it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any, Protocol

import pydantic_core

from codenb.errors import (
    AccessError,
    AnswerTooLarge,
    ChangeError,
    ChangeFailed,
    CodenbError,
    ToolError,
)
from codenb.models.result import Content, ToolResult
from codenb.redaction import Redactor

_MESSAGE = 2_000
_TRIED = ("refused", "failed", "unknown")
_ADVERT = re.compile(r"\s+For further information visit https://errors\.pydantic\.dev/\S+")


class Answer(Protocol):
    """A result of the SDK, as far as it is needed here."""

    def model_dump_json(self, *, by_alias: bool, exclude_none: bool) -> str:
        """The result as it would be on the wire."""


def wire(answer: Answer, *, limit: int, what: str) -> tuple[dict[str, Any], int]:
    """The answer as JSON data, and its size in bytes.

    Args:
        answer: A result of the SDK.
        limit: Most bytes that are taken.
        what: What was asked, for the message.

    Raises:
        AnswerTooLarge: It is over the limit.
    """
    encoded = pydantic_core.to_json(answer, by_alias=True, exclude_none=True)
    size = len(encoded)
    if size > limit:
        raise AnswerTooLarge(too_large(what, limit, size))
    return pydantic_core.from_json(encoded), size


def too_large(what: str, limit: int, size: int | None = None) -> str:
    """The message for an answer over the limit; sizes in bytes."""
    was = f"{size:,} bytes" if size else "more"
    return f"{what} answered {was}, the limit is {limit:,} bytes: ask for less, or raise the limit in codenb.toml"


def tool_result(server: str, tool: str, raw: dict[str, Any], redactor: Redactor, duration_ms: float) -> ToolResult:
    """Read a `tools/call` result.

    A structured answer whose only key is `result` is what the SDK wraps a list or a plain value in; `data` is the
    value itself. Without a structured answer `data` is the text, parsed where it is JSON.

    Raises:
        CodenbError: The result says that it is an error: the class that its `_meta` names where that is one about
            access or changes, else `ToolError`; with the `outcome` that it names, where a change was tried.
    """
    if raw.get("isError"):
        raise _said_no(raw, redactor)
    rest = dict(raw)
    parts, structured = rest.pop("content", []), rest.pop("structuredContent", None)
    shown = redactor.value(rest)
    if structured is None:
        clean = [_clean(part, redactor) for part in parts]
        data = _parsed(parts, clean, redactor)
    else:
        data = shown["structuredContent"] = redactor.value(structured)
        if (written := _once_more(parts, structured)) is not None:
            # Redacting is slow, and need not be done twice to one answer.
            clean = [
                _clean({**parts[0], "text": ""}, redactor)
                | {"text": _texts(parts)[0] if data == structured else written(data)}
            ]
        else:
            clean = [_clean(part, redactor) for part in parts]
        if isinstance(data, dict) and data.keys() == {"result"}:
            data = data["result"]
    shown["content"] = clean
    # Checked by the SDK, and JSON data ever since: to have it checked once more costs as much as to redact it.
    return ToolResult.model_construct(
        server=server, tool=tool, data=data, content=contents(clean), raw=shown, duration_ms=duration_ms
    )


def resource_result(server: str, uri: str, raw: dict[str, Any], redactor: Redactor, duration_ms: float) -> ToolResult:
    """Read a `resources/read` result: each of its contents is one part; `uri` stands in the tool's place."""
    rest = dict(raw)
    inner = rest.pop("contents", [])
    parts = [{"type": "resource", "resource": part} for part in inner]
    clean = [_clean(part, redactor) for part in parts]
    return ToolResult(
        server=server,
        tool=uri,
        data=_parsed(parts, clean, redactor),
        content=contents(clean),
        raw={**redactor.value(rest), "contents": [part["resource"] for part in clean]},
        duration_ms=duration_ms,
    )


def prompt_result(server: str, name: str, raw: dict[str, Any], redactor: Redactor, duration_ms: float) -> ToolResult:
    """Read a `prompts/get` result: each message is one part, and `data` is the list of messages."""
    rest = dict(raw)
    messages = [message | {"content": _clean(message["content"], redactor)} for message in rest.pop("messages", [])]
    return ToolResult(
        server=server,
        tool=name,
        data=messages,
        content=contents([message["content"] for message in messages]),
        raw={**redactor.value(rest), "messages": messages},
        duration_ms=duration_ms,
    )


def _once_more(parts: Sequence[dict[str, Any]], structured: Any) -> Callable[[Any], str] | None:
    """How the only part of an answer writes the structured one once more; None where it says something else."""
    texts = _texts(parts)
    if len(parts) != 1 or len(texts) != 1:
        return None
    written = _indented if "\n" in texts[0] else _compact
    try:
        return written if texts[0] == written(structured) else None
    except ValueError:  # a text that is no Unicode
        return None


def _compact(value: Any) -> str:
    """As our own servers write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _indented(value: Any) -> str:
    """As the SDK writes it for its servers."""
    return pydantic_core.to_json(value, indent=2).decode()


def _clean(part: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    """One part without secrets, base64 data as it is."""
    match part:
        case {"type": "image" | "audio", "data": data, **rest}:
            return {**redactor.value(rest), "type": part["type"], "data": data}
        case {"type": "resource", "resource": {"blob": blob, **inner}, **rest}:
            return {**redactor.value(rest), "type": "resource", "resource": {**redactor.value(inner), "blob": blob}}
        case _:
            return dict(redactor.value(part))


def _parsed(parts: Sequence[dict[str, Any]], clean: Sequence[dict[str, Any]], redactor: Redactor) -> Any:
    """All texts as one JSON value where they are one, else as text; None where there is no text."""
    texts = _texts(parts)
    try:
        # Parsed before it is redacted: the names in it say which of its values are secrets.
        return redactor.value(json.loads("\n".join(texts))) if texts else None
    except (ValueError, RecursionError):
        return "\n".join(_texts(clean))


def _texts(parts: Sequence[dict[str, Any]]) -> list[str]:
    found = (part["resource"].get("text") if part.get("type") == "resource" else part.get("text") for part in parts)
    return [text for text in found if isinstance(text, str)]


def contents(parts: Sequence[dict[str, Any]]) -> tuple[Content, ...]:
    """The parts of an answer, as a notebook shows them."""
    return tuple(_content(part) for part in parts)


def _content(part: dict[str, Any]) -> Content:
    match part:
        case {"type": "image" | "audio" as kind}:
            return Content(kind=kind, data=part.get("data"), mime_type=part.get("mimeType"))
        case {"type": "resource_link"}:
            return Content(kind="link", uri=part.get("uri"), name=part.get("name"), mime_type=part.get("mimeType"))
        case {"type": "resource", "resource": inner}:
            return Content(
                kind="resource",
                text=inner.get("text"),
                data=inner.get("blob"),
                mime_type=inner.get("mimeType"),
                uri=inner.get("uri"),
            )
        case _:
            return Content(kind="text", text=part.get("text", ""))


def _said_no(raw: dict[str, Any], redactor: Redactor) -> CodenbError:
    texts = _texts(raw.get("content", ()))
    told = (raw.get("_meta") or {}).get("codenb/error")
    told = told if isinstance(told, dict) else {}
    tried = told.get("status") in _TRIED
    report = (
        texts.pop() if tried and len(texts) > 1 else None
    )  # what our servers add to the line that says what happened
    message = one_line(redactor.text(" ".join(texts))) or "the tool reported an error and gave no reason"
    error = named(told.get("type"), message)
    error.transient = told.get("transient") is True
    wait_s = told.get("retry_after_s")
    error.retry_after_s = max(0.0, float(wait_s)) if isinstance(wait_s, int | float) and isfinite(wait_s) else None
    if tried:
        error.outcome = told["status"]
        error.reference = told["reference"] if isinstance(told.get("reference"), str) else None
    if isinstance(error, ChangeFailed) and report is not None:
        error.answer = redactor.value(_json(report))
    return error


def _json(text: str) -> Any:
    """A text as the JSON value that it is, else as itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def named(name: Any, message: str) -> CodenbError:
    """The error that a server names, where that is one about access or changes; else a `ToolError`."""
    for kind in (*_family(AccessError), *_family(ChangeError)):
        if kind.__name__ == name:
            return kind(message)
    return ToolError(message, error_type=name if isinstance(name, str) else "ToolError")


def _family(kind: type[CodenbError]) -> Iterator[type[CodenbError]]:
    """A class of errors and all below it."""
    yield kind
    for one in kind.__subclasses__():
        yield from _family(one)


def one_line(text: str) -> str:
    """A text from outside as one bounded line."""
    line = " ".join(_ADVERT.sub("", text).split())
    return line if len(line) <= _MESSAGE else f"{line[:_MESSAGE]}… ({len(line) - _MESSAGE:,} more characters)"
