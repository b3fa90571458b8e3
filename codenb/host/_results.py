"""What a server answered, in one shape, without secrets.

Redaction happens here, before a value can reach a cell, a prompt or a file. Pictures and other base64 data pass as
they are: a pseudonym in the middle of a picture hides nothing and breaks it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

from codenb.errors import (
    AccessError,
    AnswerTooLarge,
    ChangeError,
    CodenbError,
    ToolError,
)
from codenb.models.result import Content, ToolResult
from codenb.redaction import Redactor

_MESSAGE = 2_000
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
    text = answer.model_dump_json(by_alias=True, exclude_none=True)
    size = len(text.encode())
    if size > limit:
        raise AnswerTooLarge(too_large(what, limit, size))
    return json.loads(text), size


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
            access or changes, else `ToolError`.
    """
    if raw.get("isError"):
        raise _said_no(raw, redactor)
    structured = raw.get("structuredContent")
    if isinstance(structured, dict) and structured.keys() == {"result"}:
        structured = structured["result"]
    return _made(server, tool, raw, redactor, duration_ms, parts=raw.get("content", ()), data=structured)


def resource_result(server: str, uri: str, raw: dict[str, Any], redactor: Redactor, duration_ms: float) -> ToolResult:
    """Read a `resources/read` result: each of its contents is one part; `uri` stands in the tool's place."""
    parts = [{"type": "resource", "resource": part} for part in raw.get("contents", ())]
    return _made(server, uri, raw, redactor, duration_ms, parts=parts)


def prompt_result(server: str, name: str, raw: dict[str, Any], redactor: Redactor, duration_ms: float) -> ToolResult:
    """Read a `prompts/get` result: each message is one part, and `data` is the list of messages."""
    messages = raw.get("messages", ())
    parts = [message.get("content", {}) for message in messages]
    return _made(server, name, raw, redactor, duration_ms, parts=parts, data=list(messages))


def _made(
    server: str,
    tool: str,
    raw: dict[str, Any],
    redactor: Redactor,
    duration_ms: float,
    *,
    parts: Sequence[dict[str, Any]],
    data: Any = None,
) -> ToolResult:
    return ToolResult(
        server=server,
        tool=tool,
        data=redactor.value(_parsed(parts) if data is None else data),
        content=tuple(_content(part, redactor) for part in parts),
        raw=_without_secrets(raw, redactor),
        duration_ms=duration_ms,
    )


def _parsed(parts: Sequence[dict[str, Any]]) -> Any:
    texts = [text for part in parts if isinstance(text := _text(part), str)]
    if not texts:
        return None
    whole = "\n".join(texts)
    try:
        return json.loads(whole)
    except ValueError:
        return whole


def _text(part: dict[str, Any]) -> Any:
    return part["resource"].get("text") if part.get("type") == "resource" else part.get("text")


def _content(part: dict[str, Any], redactor: Redactor) -> Content:
    def clean(value: str | None) -> str | None:
        return None if value is None else redactor.text(value)

    match part:
        case {"type": "image" | "audio" as kind}:
            return Content(kind=kind, data=part.get("data"), mime_type=part.get("mimeType"))
        case {"type": "resource_link", "uri": uri}:
            return Content(kind="link", uri=clean(uri), name=clean(part.get("name")), mime_type=part.get("mimeType"))
        case {"type": "resource", "resource": inner}:
            return Content(
                kind="resource",
                text=clean(inner.get("text")),
                data=inner.get("blob"),
                mime_type=inner.get("mimeType"),
                uri=clean(inner.get("uri")),
            )
        case _:
            return Content(kind="text", text=clean(part.get("text", "")))


def _without_secrets(value: Any, redactor: Redactor) -> Any:
    """The protocol result with its texts redacted, base64 data left as it is."""
    match value:
        case {"content": list(parts), **rest}:
            return redactor.value(rest) | {"content": [_block(part, redactor) for part in parts]}
        case {"contents": list(parts), **rest}:
            return redactor.value(rest) | {"contents": [_block(part, redactor) for part in parts]}
        case {"messages": list(messages), **rest}:
            kept = [message | {"content": _block(message.get("content", {}), redactor)} for message in messages]
            return redactor.value(rest) | {"messages": kept}
        case _:
            return redactor.value(value)


def _block(part: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    match part:
        case {"type": "image" | "audio", "data": data, **rest}:
            return {**redactor.value(rest), "data": data}
        case {"blob": blob, **rest}:
            return {**redactor.value(rest), "blob": blob}
        case {"type": "resource", "resource": inner, **rest}:
            return {**redactor.value(rest), "resource": _block(inner, redactor)}
        case _:
            return dict(redactor.value(part))


def _said_no(raw: dict[str, Any], redactor: Redactor) -> CodenbError:
    texts = [text for part in raw.get("content", ()) if isinstance(text := _text(part), str)]
    message = one_line(redactor.text(" ".join(texts))) or "the tool reported an error and gave no reason"
    named = ((raw.get("_meta") or {}).get("codenb/error") or {}).get("type")
    kinds: list[type[CodenbError]] = [AccessError, *AccessError.__subclasses__()]
    kinds += [ChangeError, *ChangeError.__subclasses__()]
    for kind in kinds:
        if kind.__name__ == named:
            return kind(message)
    return ToolError(message, error_type=named if isinstance(named, str) else "ToolError")


def one_line(text: str) -> str:
    """A text from outside as one bounded line."""
    line = " ".join(_ADVERT.sub("", text).split())
    return line if len(line) <= _MESSAGE else f"{line[:_MESSAGE]}… ({len(line) - _MESSAGE:,} more characters)"
