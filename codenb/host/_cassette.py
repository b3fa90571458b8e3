"""The step before the cache: where calls can be written down, or answered from what was written down.

A runbook's run can be had again without its cluster: in CI, on Binder, in a review. Here is the step as it stands when
nothing is recorded and nothing played, which passes everything on; `Recording` writes down, `Playback` answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from codenb.host._clock import Clock

if TYPE_CHECKING:
    from codenb.host._elicit import Approve
    from codenb.host._records import Entry
    from codenb.models._base import Model
    from codenb.models.result import ToolResult

T = TypeVar("T")
M = TypeVar("M", bound="Model")

AsCall = Callable[[Callable[["Entry"], Awaitable[Sequence[M]]]], Awaitable[Sequence[M]]]
"""Makes a call of a request, with a record."""


class Cassette:
    """Passes everything on.

    Attributes:
        clock: The time that calls are made in.
        plays: Whether it answers, so that nothing happens.
    """

    plays: ClassVar[bool] = False

    def __init__(self) -> None:
        self.clock = Clock()

    async def result(
        self,
        kind: str,  # noqa: ARG002  for those that write down and play
        entry: Entry,  # noqa: ARG002
        timeout_s: float | None,  # noqa: ARG002
        do: Callable[[], Awaitable[ToolResult]],
    ) -> ToolResult:
        """Pass a call that changes nothing, or answer it.

        Args:
            kind: `tool`, `resource` or `prompt`.
            entry: Its record.
            timeout_s: How long its caller waits, in seconds, where it said so.
            do: Makes it.
        """
        return await do()

    async def change(
        self,
        entry: Entry,  # noqa: ARG002
        approve: Approve,
        do: Callable[[Approve], Awaitable[ToolResult]],
    ) -> ToolResult:
        """Pass a change with its questions, or ask them again and answer it.

        Args:
            entry: Its record.
            approve: Answers the questions.
            do: Makes it, given who answers.
        """
        return await do(approve)

    async def other(
        self,
        entry: Entry,  # noqa: ARG002
        do: Callable[[], Awaitable[T]],
        encode: Callable[[T], Any] | None,  # noqa: ARG002
        decode: Callable[[Any], T] | None,  # noqa: ARG002
    ) -> T:
        """Pass any other call, such as of a model, or answer it.

        Args:
            entry: Its record.
            do: Makes it.
            encode: Its answer as JSON data; None where it is that.
            decode: And back.
        """
        return await do()

    async def listed(
        self,
        kind: str,  # noqa: ARG002
        server: str,  # noqa: ARG002
        model: type[M],  # noqa: ARG002
        fetch: Callable[[], Awaitable[Iterable[M]]],
        as_call: AsCall[M] | None,
    ) -> Sequence[M]:
        """Pass a request for what a server offers, or answer it.

        Args:
            kind: `tools`, `resources` or `prompts`.
            server: Who is asked.
            model: What it lists.
            fetch: Asks.
            as_call: Makes a call of it; None where the answer is at hand, so that asking is no call.
        """

        async def asked(_entry: Entry) -> Sequence[M]:
            return tuple(await fetch())

        return tuple(await fetch()) if as_call is None else await as_call(asked)

    def status(self, model: type[M], read: Callable[[], Iterable[M]]) -> list[M]:  # noqa: ARG002
        """How the servers are."""
        return list(read())

    async def decided(self, server: str, tool: str, digest: str, said: str, by: str) -> None:
        """Note what was decided about a change, or hold it against what was decided then.

        Args:
            server: Whose change it is.
            tool: Which one.
            digest: Of what was decided about.
            said: `approved`, `rejected` or `left open`.
            by: Who decided.
        """

    async def close(self) -> None:
        """End the recording that is made."""
