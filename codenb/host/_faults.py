"""The SDK's errors as ours.

One function knows what each of the SDK's exceptions means; nothing of the SDK's crosses this room's door.
"""

from __future__ import annotations

from typing import Protocol

from mcp import InputRequiredRoundsExceededError, MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
)
from pydantic import ValidationError

from codenb.errors import (
    AccessError,
    CodenbError,
    ConnectFailed,
    ConnectionLost,
    DeadlineExceeded,
    NotApproved,
    ProtocolFault,
    ToolError,
    UnknownTool,
)
from codenb.host._results import named, one_line

_NOT_FOUND = -32002  # "resource not found" before 2026-07-28; the SDK has no name for it


class Explains(Protocol):
    """What a transport knows of why a request failed."""

    def __call__(self, error: BaseException) -> CodenbError | None:
        """The error in our words, where the transport knows more than the SDK."""


def leaf(error: BaseException) -> BaseException:
    """The first error inside nested groups, which is what went wrong first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def is_closed(error: BaseException) -> bool:
    """Whether the connection is of no use any more."""
    return isinstance(error, MCPError) and (error.code == CONNECTION_CLOSED or error.message == "Session terminated")


def is_answer(error: MCPError) -> bool:
    """Whether the server itself answered with this error, so that nothing was lost on the way."""
    return error.code not in {CONNECTION_CLOSED, REQUEST_TIMEOUT, INTERNAL_ERROR, PARSE_ERROR}


def translated(what: str, error: BaseException, explain: Explains) -> CodenbError:
    """An error of the SDK or of a transport as one of ours.

    Args:
        what: What was asked, such as `server.tool`.
        error: What was raised.
        explain: What the transport knows.
    """
    error = leaf(error)
    if isinstance(error, CodenbError):
        return error
    if known := explain(error):
        return known
    said = one_line(str(error)) or type(error).__name__
    match error:
        case MCPError():
            return _answered(what, error, said)
        case InputRequiredRoundsExceededError():
            return NotApproved(f"{what}: the preview came out different each time: preview again when things are calm")
        case ValidationError() | RuntimeError():
            return ProtocolFault(f"{what}: the answer is not in the shape that was promised: {said}")
        case _:
            return ConnectionLost(f"{what}: {said}")


def _answered(what: str, error: MCPError, said: str) -> CodenbError:
    told = error.data.get("codenb/error") if isinstance(error.data, dict) else None
    if isinstance(told, dict) and isinstance(refused := named(told.get("type"), said), AccessError):
        return refused  # of a resource or a prompt, which have no error results
    if is_closed(error):
        return ConnectionLost(f"{what}: the connection closed before the answer came")
    if error.code == REQUEST_TIMEOUT:
        return DeadlineExceeded(f"{what}: {said}")
    if error.code == METHOD_NOT_FOUND:
        return UnknownTool(f"{what}: the server does not offer this: {said}")
    if error.code in {_NOT_FOUND, INVALID_PARAMS} and _names_nothing(said):
        return UnknownTool(f"{what}: {said}")
    return ToolError(f"{what}: {said}", error_type="MCPError")


def opening_failed(server: str, error: BaseException, explain: Explains, seconds: float) -> CodenbError:
    """Why a connection could not be opened."""
    error = leaf(error)
    if isinstance(error, TimeoutError):
        return explain(error) or ConnectFailed(f"{server} did not answer within {seconds:g} s: is it an MCP server?")
    ours = translated(server, error, explain)
    if isinstance(ours, ConnectionLost | ToolError | UnknownTool):
        failed = ConnectFailed(f"{ours} (while connecting)" if server in str(ours) else f"{server}: {ours}")
        failed.transient = isinstance(ours, ConnectionLost) and not ours.ended_itself
        return failed
    return ours


def _names_nothing(said: str) -> bool:
    return any(word in said.lower() for word in ("unknown", "not found", "no such"))
