"""What a function says of itself as a tool: whether it reads or changes, and how.

A mark is data on the function and nothing else, so that a function stays a function: it can be called in a test, it
can be a method bound to a cluster, and the same one can serve in two servers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

from codenb.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE = "__codenb_tool__"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a tool is.

    Attributes:
        kind: What it does to the world; `memory` is the server's own notes.
        version: Of the tool; raise it when its arguments or its answer change their meaning.
        ttl_s: For how many seconds an answer may be kept; None leaves it to the host.
        untrusted: Whether the answer holds text of workloads, commits or people.
        destructive: Whether something may be lost that the undo does not bring back.
        undo: The tool that takes it back.
    """

    kind: Literal["reads", "changes", "memory"]
    version: str = "1"
    ttl_s: float | None = None
    untrusted: bool = True
    destructive: bool = False
    undo: str | None = None

    @property
    def meta(self) -> dict[str, Any]:
        """The tool's `_meta` on the wire, which the host reads; what says nothing else is untrusted."""
        hints = {"untrusted": None if self.untrusted else False, "ttl_s": self.ttl_s, "undo": self.undo}
        return {"codenb/kind": self.kind, "codenb/version": self.version} | {
            f"codenb/{name}": value for name, value in hints.items() if value is not None
        }


@overload
def reads(function: F, /) -> F: ...
@overload
def reads(*, ttl_s: float | None = None, untrusted: bool = True, version: str = "1") -> Callable[[F], F]: ...
def reads(
    function: F | None = None, /, *, ttl_s: float | None = None, untrusted: bool = True, version: str = "1"
) -> F | Callable[[F], F]:
    """Mark a function as a tool that only reads: `@reads`, or `@reads(ttl_s=2)`.

    Args:
        function: What is marked, where nothing is said of it.
        ttl_s: For how many seconds its answer may be kept and shared, 0 for never; None leaves it to the host.
        untrusted: Whether its answer holds text of workloads, commits or people.
        version: Of the tool.
    """
    mark = _marking(Mark("reads", version=version, ttl_s=ttl_s, untrusted=untrusted))
    return mark if function is None else mark(function)


@overload
def changes(function: F, /) -> F: ...
@overload
def changes(*, destructive: bool = False, undo: str | None = None, version: str = "1") -> Callable[[F], F]: ...
def changes(
    function: F | None = None, /, *, destructive: bool = False, undo: str | None = None, version: str = "1"
) -> F | Callable[[F], F]:
    """Mark a function as a tool that plans a change, which is then previewed, approved and carried out.

    The function returns a `Change` made of fresh reads and a server-side dry run, bound to its write with
    `written_by`. It changes nothing itself and may be run several times. The write raises `Conflict` when what was
    read for it has moved. A parameter named `fixed` is not the caller's: it is what the preview settled
    (`Change.fixed`), and empty at the preview.

    Args:
        function: What is marked, where nothing is said of it.
        destructive: Whether something may be lost that the undo does not bring back.
        undo: Name of the tool that takes it back.
        version: Of the tool.
    """
    mark = _marking(Mark("changes", version=version, destructive=destructive, undo=undo))
    return mark if function is None else mark(function)


def remembers(function: F) -> F:
    """Mark a function as a tool that writes the server's own memory and nothing else, which takes no approval."""
    return _marking(Mark("memory"))(function)


def mark_of(function: Callable[..., Any]) -> Mark:
    """The mark of a function or of a bound method.

    Raises:
        ConfigError: It has none.
    """
    mark = getattr(function, _ATTRIBUTE, None)
    if not isinstance(mark, Mark):
        name = getattr(function, "__qualname__", repr(function))
        raise ConfigError(f"{name} is not marked as a tool: put @reads or @changes above it")
    return mark


def _marking(mark: Mark) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        setattr(function, _ATTRIBUTE, mark)
        return function

    return decorate
