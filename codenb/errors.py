"""Every error codenb raises, in one tree, so that a notebook can catch as widely or as narrowly as it wants.

    CodenbError
    ├── ConfigError                 .mcp.json, codenb.toml or the environment says something that cannot be
    ├── BadInput                    an argument, a path, a size, an encoding that cannot be used
    ├── PartMissing                 an extra or a program that this needs is not installed
    ├── WorldError                  the embedded world did not start or stopped
    ├── ServerError                 between the host and one MCP server
    │   ├── UnknownServer           no server of that name is configured
    │   ├── UnknownTool             the server has no tool, resource or prompt of that name
    │   ├── ConnectFailed           it could not be started or reached
    │   ├── ConnectionLost          it went away while a call was under way
    │   ├── Unavailable             it says that it cannot answer just now, or is paused because it failed so often
    │   ├── AnswerTooLarge          its answer is over the limit
    │   ├── ProtocolFault           what it sent is not MCP
    │   ├── DeadlineExceeded        it did not answer in time
    │   └── ToolError               the tool ran and said no; `error_type` says why
    ├── AccessError                 somebody may not do this
    │   ├── CredentialsRejected     expired, unknown or malformed credentials
    │   ├── PermissionMissing       known, but without this permission
    │   └── ChangesOff              changes are not enabled here
    ├── ChangeError                 a change was not made
    │   ├── NotApproved             nobody approved it
    │   │   └── GrantRejected       a signed approval is missing or does not hold; the message says why
    │   ├── PreviewStale            what was previewed is no longer what would happen
    │   ├── PreviewUsed             this preview was carried out or withdrawn before
    │   ├── Conflict                what was read for the change moved before it was written
    │   └── ChangeFailed            it was begun and did not, or not wholly, take; `answer` says how far it came
    ├── CassetteError               a recording of calls cannot be made, or cannot be played back
    │   └── NotRecorded             it holds nothing for what is asked; the message shows the nearest that it holds
    └── Interrupted                 stopped from outside while others still waited

Messages are one line: what happened, where, what to do next. The exit code of the command line (design, section 13)
travels with the class.
"""

from __future__ import annotations

from typing import Any, ClassVar


class CodenbError(Exception):
    """Anything that codenb reports; `str()` of it is one line for a person.

    Attributes:
        outcome: Where a server reports a change that it tried: what it knows of it, `refused`, `failed` or `unknown`.
        reference: Likewise: the name under which it keeps what came of it.
        transient: Whether the same request may well be answered in a moment.
        retry_after_s: Seconds before which asking again is of no use, where that is known.
    """

    exit_code: ClassVar[int] = 2
    outcome: str | None = None
    reference: str | None = None
    transient: bool = False
    retry_after_s: float | None = None


class ConfigError(CodenbError):
    """The configuration cannot be used as it stands."""


class BadInput(CodenbError):
    """An argument, a path, a size or an encoding that cannot be used."""


class PartMissing(CodenbError):
    """An extra or a program that this needs is not installed; the message names it."""


class WorldError(CodenbError):
    """The embedded world did not start, or stopped."""


class ServerError(CodenbError):
    """Something went wrong between the host and one MCP server."""

    exit_code = 1


class UnknownServer(ServerError):
    """No server of that name is configured."""

    exit_code = 2


class UnknownTool(ServerError):
    """The server has no tool, resource or prompt of that name."""

    exit_code = 2


class ConnectFailed(ServerError):
    """The server could not be started or reached."""

    exit_code = 2


class ConnectionLost(ServerError):
    """The server went away while a call was under way; a change may or may not have been made.

    Attributes:
        ended_itself: Whether it is a program that left with an exit code; one that does so at its start would again.
    """

    transient = True
    ended_itself: bool = False


class Unavailable(ServerError):
    """The server says that it cannot answer just now, or failed so often that it is not asked for a while.

    Attributes:
        overused: Whether it answers others, and only this caller asks too often.
    """

    overused: bool = False


class AnswerTooLarge(ServerError):
    """The answer is over the size limit; nothing of it was kept."""


class ProtocolFault(ServerError):
    """What the server sent is not MCP, or not in the shape that its schema promises."""


class DeadlineExceeded(ServerError):
    """The server did not answer within the time allowed."""


class ToolError(ServerError):
    """The tool ran and reported an error.

    Attributes:
        error_type: The kind of error as the server names it: the class name of one of ours, or `ToolError`.
    """

    def __init__(self, message: str, *, error_type: str = "ToolError") -> None:
        super().__init__(message)
        self.error_type = error_type


class AccessError(CodenbError):
    """Somebody may not do this.

    Attributes:
        by_host: Whether this process's own permits say so, and not a server or what it acts on.
    """

    by_host: bool = False


class CredentialsRejected(AccessError):
    """The credentials are expired, unknown or malformed."""


class PermissionMissing(AccessError):
    """The caller is known, but lacks the permission that the message names."""


class ChangesOff(AccessError):
    """Changes are not enabled for this place; the message names the setting that would."""


class ChangeError(CodenbError):
    """A change was not made."""

    exit_code = 1


class NotApproved(ChangeError):
    """Nobody who may do so approved the change."""

    exit_code = 3


class GrantRejected(NotApproved):
    """A signed approval is missing, or does not hold; the message says why."""


class PreviewStale(ChangeError):
    """What was previewed is no longer what would happen; preview again."""


class PreviewUsed(ChangeError):
    """This preview was already carried out, or its approval was withdrawn."""


class Conflict(ChangeError):
    """What was read for the change moved before it was written, and the write refused; nothing was changed."""


class ChangeFailed(ChangeError):
    """The change was begun and did not take, or not wholly.

    Attributes:
        answer: What is known of it, as JSON data: what was applied and what not, which pod, which event, the last
            lines of a log.
    """

    def __init__(self, message: str, answer: Any = None) -> None:
        super().__init__(message)
        self.answer = answer


class CassetteError(CodenbError):
    """A recording of calls cannot be made, or cannot be played back."""


class NotRecorded(CassetteError):
    """The recording that is played back holds nothing for what is asked, or what was decided differs from it."""


class Interrupted(CodenbError):
    """A shared piece of work was stopped from outside while the caller still waited for it."""

    exit_code = 1
