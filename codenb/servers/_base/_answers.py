"""What leaves a server: answers of a bounded size without secrets, and errors that a model can act on."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError as RefusedBySdk
from mcp.server.mcpserver.exceptions import UnexpectedToolError
from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError

from codenb.errors import AnswerTooLarge, BadInput, CodenbError, NotApproved
from codenb.models.outcome import Outcome
from codenb.servers._base._hiding import Hiding

ANSWER_BYTES = 1_000_000
"""Over the older protocol's HTTP an answer above 1 MiB is lost altogether."""

_REPEATED_BYTES = 400_000
_QUICK_CHARS = 50_000
"""Up to here redacting takes some milliseconds; above, other calls must not wait for it."""

_MESSAGE_CHARS = 2000


class NotApplied(Exception):
    """A change that was tried and is not known to have been made; the reason is its cause."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


async def answer(result: CallToolResult, redactor: Hiding, tool: str, limit: int) -> CallToolResult:
    """Redact a result, bound it, and say it once more as text for hosts that do not read structured content.

    Raises:
        AnswerTooLarge: It is over the limit.
    """
    size = sum(len(block.text) for block in result.content if isinstance(block, TextContent))
    if size < _QUICK_CHARS:
        return _answer(result, redactor, tool, limit)
    return await asyncio.to_thread(_answer, result, redactor, tool, limit)


def _answer(result: CallToolResult, redactor: Hiding, tool: str, limit: int) -> CallToolResult:
    if result.structured_content is None:
        content = [
            block.model_copy(update={"text": redactor.text(block.text)}) if isinstance(block, TextContent) else block
            for block in result.content
        ]
        _require_size(sum(len(block.model_dump_json()) for block in content), tool, limit)
        return result.model_copy(update={"content": content})
    structured: dict[str, Any] = redactor.value(result.structured_content)
    text = json.dumps(structured, ensure_ascii=False, separators=(",", ":"))
    size = len(text.encode())
    _require_size(size, tool, limit)
    if size > _REPEATED_BYTES:
        text = f"{size:,} bytes of JSON, in the structured content of this answer"
    return result.model_copy(
        update={"content": [TextContent(type="text", text=text)], "structured_content": structured}
    )


def refusal(error: Exception, redactor: Hiding, tool: str, *, changes: bool, log: logging.Logger) -> CallToolResult:
    """Say in one line why a call failed; what is no error of ours is logged as well, with its traceback."""
    reason: BaseException = ours((isinstance(error, RefusedBySdk) and error.__cause__) or error)
    about: dict[str, Any] = {}
    outcome: Outcome | None = None
    if isinstance(reason, NotApplied):
        outcome = reason.outcome
        about = {"status": outcome.status, "reference": outcome.reference}
        reason = ours(reason.__cause__ or reason)
    if isinstance(reason, ValidationError) and not isinstance(error, UnexpectedToolError):
        reason = wrong_argument(reason, tool)
    elif changes and isinstance(reason, RefusedBySdk):
        reason = NotApproved(
            f"the answer does not approve this change of {tool}, because it names another preview or is not in the "
            f"form asked for: nothing was changed; call the tool again to be asked anew"
        )
    message, kind = said(reason, tool)
    if outcome is not None:
        message = outcome.message
    if not isinstance(reason, CodenbError | RefusedBySdk):
        text = "".join(traceback.format_exception(reason))
        log.error("%s failed\n%s", tool, redactor.text(text))
    content = [TextContent(type="text", text=one_line(redactor.text(message)))]
    if outcome is not None and outcome.answer is not None:
        report = json.dumps(redactor.value(outcome.answer), ensure_ascii=False, separators=(",", ":"))
        content.append(TextContent(type="text", text=report))
    return CallToolResult(content=content, is_error=True, _meta={"codenb/error": {"type": kind} | about})


def one_line(text: str) -> str:
    """Text without line breaks, cut where it is longer than anybody reads."""
    line = " ".join(text.split())
    return line if len(line) <= _MESSAGE_CHARS else f"{line[:_MESSAGE_CHARS]} ..."


def said(error: BaseException, tool: str) -> tuple[str, str]:
    """The message of an error, and its name in our tree."""
    error = ours(error)
    if isinstance(error, CodenbError):
        return str(error), type(error).__name__
    if isinstance(error, RefusedBySdk):
        return str(error), "ToolError"
    return f"internal error in tool {tool}: {type(error).__name__}: {error}", "ToolError"


def ours(error: BaseException) -> BaseException:
    """The first error of ours in a group, such as a task group raises; else the error itself."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    inner = [ours(one) for one in error.exceptions]
    return next((one for one in inner if isinstance(one, CodenbError)), error)


def wrong_argument(error: ValidationError, tool: str) -> BadInput:
    """The first wrong argument, by name; not its value, which may be secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    return BadInput(f"argument {path!r} of {tool}: {first['msg']}")


def _require_size(size: int, tool: str, limit: int) -> None:
    if size > limit:
        raise AnswerTooLarge(
            f"the answer of {tool} has {size:,} bytes, over the limit of {limit:,}: "
            f"narrow it with a selector, a name, a shorter time or a smaller limit"
        )
