"""Answers calls from a recording: no connection is opened, nothing is changed, and nothing is made up.

Recorded again, what is used is copied line by line, and stands in the order of the recording in the end; so the
recording of a whole replay is the recording.
"""

from __future__ import annotations

import asyncio
import copy
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from codenb.errors import CassetteError, CodenbError, ConnectFailed, NotRecorded
from codenb.host._cassette import AsCall, Cassette
from codenb.host._clock import PlayedClock
from codenb.host._codec import call_from_json, error_from_json, result_from_json
from codenb.host._elicit import Ask, is_yes
from codenb.host._matching import Shelf
from codenb.host._requests import Asked, Counting
from codenb.host._tape import Track

if TYPE_CHECKING:
    from codenb.host._elicit import Approve
    from codenb.host._records import Entry
    from codenb.host._requests import Requests
    from codenb.host._tape import Tape, Writer
    from codenb.models._base import Model
    from codenb.models.result import ToolResult

T = TypeVar("T")
M = TypeVar("M", bound="Model")

_KEPT_WHEN_NEW = frozenset({"tools", "resources", "prompts", "status"})
_SHOWN = 100


class Playback(Cassette):
    """Plays back.

    Attributes:
        tape: The recording.
        missed: What was asked of it in vain, a line each: a miss may be part of a larger answer that stands.
    """

    plays = True
    clock: PlayedClock

    def __init__(self, tape: Tape, requests: Requests, writer: Writer | None = None) -> None:
        """Begin.

        Args:
            tape: The recording.
            requests: Writes requests as it holds them.
            writer: Gets a copy of what is used.

        Raises:
            CassetteError: It does not say when it was recorded.
        """
        super().__init__()
        self.tape = tape
        self.writer = writer
        self.missed: list[str] = []
        self.clock = PlayedClock(recorded_at(tape))
        self._counting = Counting(requests)
        self._shelf = Shelf(track for track in tape.tracks if track.kind not in _KEPT_WHEN_NEW)
        self._news: dict[tuple[str, str], list[Track]] = defaultdict(list)
        for track in sorted(tape.tracks, key=lambda track: track.occurrence):
            if track.kind in _KEPT_WHEN_NEW:
                self._news[track.kind, track.server].append(track)
        self._places = {track.n: (at, track) for at, track in enumerate(tape.tracks)}
        self._copied: dict[int, bytes] = {}
        self._closed = False

    @property
    def unused(self) -> tuple[Track, ...]:
        """The recorded calls that were not asked for."""
        return self._shelf.left

    async def result(
        self,
        kind: str,
        entry: Entry,
        timeout_s: float | None,  # noqa: ARG002
        do: Callable[[], Awaitable[ToolResult]],  # noqa: ARG002
    ) -> ToolResult:
        """Answer a call.

        Raises:
            NotRecorded: The recording does not hold it.
            CodenbError: As it was recorded.
        """
        asked = self._counting.call(kind, entry)
        track = await self._taken(asked)
        return self._answer(track, entry, partial(result_from_json, kind, entry.server, _name(kind, entry)))

    async def change(
        self,
        entry: Entry,
        approve: Approve,
        do: Callable[[Approve], Awaitable[ToolResult]],  # noqa: ARG002
    ) -> ToolResult:
        """Ask the recorded questions again and answer a change, where they are answered as they were."""
        asked = self._counting.call("change", entry)
        track = await self._taken(asked)
        for one in track.asked:
            reference = one.get("reference")
            ask = Ask(
                str(one.get("message", "")),
                reference if isinstance(reference, str) else None,
                entry.server,
                entry.tool,
            )
            yes = is_yes(await approve(ask))
            if yes is not one.get("approve"):
                said = ("no", "yes") if yes else ("yes", "no")
                raise self._missed(
                    f"{track.what}: the question was answered with {said[0]} in the recording and with {said[1]} now, "
                    f"so what would have come of it is not recorded: answer as then, or record again"
                )
        return self._answer(track, entry, partial(result_from_json, "change", entry.server, entry.tool))

    async def other(
        self,
        entry: Entry,
        do: Callable[[], Awaitable[T]],  # noqa: ARG002
        encode: Callable[[T], Any] | None,  # noqa: ARG002
        decode: Callable[[Any], T] | None,
    ) -> T:
        """Answer any other call."""
        track = await self._taken(self._counting.call("model", entry))
        return self._answer(track, entry, lambda data, _came: decode(data) if decode else data)

    async def listed(
        self,
        kind: str,
        server: str,
        model: type[M],
        fetch: Callable[[], Awaitable[Iterable[M]]],  # noqa: ARG002
        as_call: AsCall[M] | None,
    ) -> Sequence[M]:
        """Answer what a server offers: as it did when it was asked as often as now."""
        asked = self._counting.asked(kind, server)

        async def answered(entry: Entry | None) -> Sequence[M]:
            await self._open()
            track = self._as_of(asked)
            if track is None:
                raise self._missed(f"the {kind} of {server} were not asked for in {self.tape.path}: record again")
            return self._answer(track, entry, partial(_models, model))

        track = self._as_of(asked)
        was_call = track is None or (bool(track.call) and track.occurrence == asked.occurrence)
        return await (as_call(answered) if was_call and as_call else answered(None))

    def status(self, model: type[M], read: Callable[[], Iterable[M]]) -> list[M]:  # noqa: ARG002
        """How the servers were."""
        track = self._as_of(self._counting.asked("status"))
        if track is not None:
            return list(self._answer(track, None, partial(_models, model)))
        return list(_models(model, [one.get("status") for one in self.tape.header["servers"]]))

    async def decided(self, server: str, tool: str, digest: str, said: str, by: str) -> None:
        """Hold a decision against the recorded one.

        Raises:
            NotRecorded: It is another, so that what would have followed is not recorded.
        """
        track = await self._taken(self._counting.asked("decision", server, tool, {"digest": digest}))
        self._copy(track)
        then = track.result if isinstance(track.result, dict) else {}
        if then.get("said") != said:
            raise self._missed(
                f"{server}.{tool} was {then.get('said')} by {then.get('by')} in the recording and is {said} by {by} "
                f"now, so what would have come of it is not recorded: decide as then, or record again"
            )

    async def close(self) -> None:
        """End the copy, with its lines in the order of the recording."""
        self._closed = True
        if self.writer is not None:
            await asyncio.to_thread(self.writer.close, [self._copied[at] for at in sorted(self._copied)])

    async def _open(self) -> None:
        """Let other tasks run, as they do while a server is asked."""
        if self._closed:
            raise ConnectFailed("this session is closed: connect again")
        if self.writer is not None:
            self.writer.check()
        await asyncio.sleep(0)

    async def _taken(self, asked: Asked) -> Track:
        track = self._shelf.take(asked.kind, asked.server, asked.name, asked.request)
        await self._open()
        if track is not None:
            return track
        near = self._shelf.nearest(asked.kind, asked.server, asked.name, asked.request)
        what = Track(0, asked.kind, asked.server, asked.name[:_SHOWN], {}, 0, 0).what
        cut = ", which was cut off while it was recorded" if self.tape.cut else ""
        where = f"{self.tape.path}{cut}"
        raise self._missed(f"{what} is not in the recording {where}: {near}: ask as then, or record again")

    def _missed(self, line: str) -> NotRecorded:
        self.missed.append(line)
        return NotRecorded(line)

    def _as_of(self, asked: Asked) -> Track | None:
        """The latest news by the time that something was asked so often; what was first known, before."""
        known = self._news.get((asked.kind, asked.server), ())
        return max(
            (track for track in known if track.occurrence <= asked.occurrence),
            key=lambda track: track.occurrence,
            default=known[0] if known else None,
        )

    def _answer(self, track: Track, entry: Entry | None, decode: Callable[[Any, Any], T]) -> T:
        """What came of a call, the entry of its record as it was.

        Raises:
            CassetteError: A person has changed the recording so that it cannot be read.
        """
        self.clock.reach(track.at)
        self._copy(track)
        try:
            if entry is not None:
                call_from_json(entry, track.call)
            if track.error is None:
                # A copy: whoever changes what it was given must not change what the next one gets.
                return decode(copy.deepcopy(track.result), track.call.get("answer"))
            failure = error_from_json(track.error)
        except (CodenbError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CassetteError(f"{self.tape.path}, number {track.n} cannot be read: {error}: record again") from error
        raise failure

    def _copy(self, track: Track) -> None:
        at, _ = self._places[track.n]
        if self.writer is None or at in self._copied:
            return
        if track.same_as is not None:
            self._copy(self._places[track.same_as][1])
        self._copied[at] = track.line
        self.writer.append(track.line)


def recorded_at(tape: Tape) -> datetime:
    """When a recording was begun, UTC.

    Raises:
        CassetteError: It does not say so.
    """
    try:
        began = datetime.fromisoformat(tape.header["recorded_at"]).astimezone(UTC)
        began += timedelta(days=36_525)  # what comes after it has to have a time as well
    except (ValueError, OverflowError) as error:
        raise CassetteError(f"{tape.path}, line 1: 'recorded_at' is no time: record again") from error
    return began - timedelta(days=36_525)


def _models(model: type[M], data: Any, _came: Any = None) -> tuple[M, ...]:
    if not isinstance(data, list):
        raise CassetteError("what is recorded is no list")
    return tuple(model.from_dict(one) for one in data)


def _name(kind: str, entry: Entry) -> str:
    return entry.tool if kind == "tool" else str(next(iter(entry.request.values())))
