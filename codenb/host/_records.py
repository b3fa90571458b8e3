"""One record for every call, whatever becomes of it.

The records are the session's memory of what was asked, how long it took and how it ended; tables, plots, metrics and
reports are made of them. So there is one door, and it finishes each record exactly once: also for a call that was
denied, timed out, or was cancelled with its cell.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from codenb.errors import AccessError, DeadlineExceeded, NotApproved
from codenb.models.call import CallRecord, CallStatus
from codenb.views import Badge, Block, Field, Shown, Table, Tone, View

if TYPE_CHECKING:
    import pandas as pd

    from codenb.redaction import Redactor

T = TypeVar("T")

TRACE_ID: ContextVar[str] = ContextVar("codenb_trace_id", default="")
"""What links the calls of one cell or run; whoever starts such a unit of work sets it."""

_KEPT = 10_000
_SHOWN = 50
_MESSAGE = 2_000
_NAME = 200
_COLUMNS = [name for name in CallRecord.model_fields if name != "message"]


@dataclass(slots=True)
class Entry:
    """A call under way; the steps that it passes fill in what they learn.

    Attributes:
        kind: `tool` for anything a server is asked, `model` for a language model.
        server: Server name, or the model's provider.
        tool: Tool or method name, or the model's name.
        request: What is asked, as JSON data; what makes two calls the same call.
        fresh: Whether an answer that was kept from before will not do.
        approved: Whether a change was allowed to begin, so that something may be different now.
        in_doubt: Whether a change is on its way, so that an answer that is lost leaves its outcome unknown.
        attempts: How often it was sent.
        cache: Which part a cache took.
        stale_s: Age of an answer that stands in place of an error, in seconds.
        note: What there is to say of a call that did not fail, in one line.
        bytes: Size of the answer.
        input_tokens: Of a model call.
        output_tokens: Likewise.
        cost_usd: None is unknown.
        took_ms: How long it took when it was recorded; None where it is made now.
    """

    kind: Literal["tool", "model"]
    server: str
    tool: str
    request: Mapping[str, Any] = field(default_factory=dict)
    fresh: bool = False
    approved: bool = False
    in_doubt: bool = False
    attempts: int = 1
    cache: Literal["hit", "miss", "joined", "bypass"] = "bypass"
    stale_s: float | None = None
    note: str = ""
    bytes: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    took_ms: float | None = None


class Calls(Shown, Sequence[CallRecord]):
    """The calls of a session, oldest first; the latest 10,000 are kept."""

    def __init__(self) -> None:
        self._records: deque[CallRecord] = deque(maxlen=_KEPT)
        self._count = 0

    def append(self, record: CallRecord) -> None:
        """Add a finished call."""
        self._records.append(record)
        self._count += 1

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(tuple(self._records))

    @overload
    def __getitem__(self, at: int) -> CallRecord: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[CallRecord]: ...
    def __getitem__(self, at: int | slice) -> CallRecord | Sequence[CallRecord]:
        return tuple(self._records)[at]

    def to_dict(self) -> dict[str, Any]:
        """The calls as JSON data, and how many older ones are no longer kept."""
        return {"calls": [record.to_dict() for record in self], "forgotten": self._count - len(self)}

    def frame(self) -> pd.DataFrame:
        """One row a call; the columns are there also when no call was made."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        return pd.DataFrame([record.row() for record in self], columns=_COLUMNS)

    def view(self) -> View:
        """The latest calls as a table, the numbers by status above it."""
        by_status = Counter(record.status for record in self)
        blocks: list[Block] = []
        if self._records:
            latest = list(self)[-_SHOWN:]
            columns = ["started", "server", "tool", "status", "ms", "attempts", "cache", "bytes", "error"]
            blocks.append(Table(columns, [_row(record) for record in latest], cut=len(self) - len(latest)))
        if forgotten := self._count - len(self):
            blocks.append(Field("no longer kept", f"{forgotten:,} older calls"))
        badges = [Badge(f"{count:,} {status}", tone_of(status)) for status, count in sorted(by_status.items())]
        return View(title=f"{len(self):,} calls", badges=badges, blocks=blocks)

    def __repr__(self) -> str:
        return f"<{self.view().title}>"


class Recorder:
    """Starts and finishes records."""

    def __init__(
        self, calls: Calls, principal: str, redactor: Redactor, finished: Callable[[CallRecord], None]
    ) -> None:
        """Prepare.

        Args:
            calls: Where records are kept.
            principal: Who calls.
            redactor: For the messages of errors.
            finished: Is told of each record.
        """
        self._calls = calls
        self._told = finished
        self._principal = principal
        self._redactor = redactor

    async def record(self, entry: Entry, do: Callable[[Entry], Awaitable[T]]) -> T:
        """Make a call and keep its record; what it raises is raised again, unchanged.

        Args:
            entry: What is called; filled in by `do` as it goes.
            do: Makes the call.
        """
        started_at, started = datetime.now(UTC), time.perf_counter()
        failure: BaseException | None = None
        try:
            return await do(entry)
        except BaseException as error:
            failure = error
            raise
        finally:
            elapsed_ms = (time.perf_counter() - started) * 1000 if entry.took_ms is None else entry.took_ms
            record = self._finished(entry, started_at, elapsed_ms, failure)
            self._calls.append(record)
            self._told(record)

    def _finished(
        self, entry: Entry, started_at: datetime, elapsed_ms: float, failure: BaseException | None
    ) -> CallRecord:
        said = str(failure) if failure else entry.note or None
        message = None if said is None else " ".join(self._redactor.text(said).split())[:_MESSAGE]
        return CallRecord(
            started_at=started_at,
            kind=entry.kind,
            server=entry.server if failure is None else self._made_up(entry.server),
            tool=entry.tool if failure is None else self._made_up(entry.tool),
            status=_status(entry, failure),
            error_type=None if failure is None else getattr(failure, "error_type", type(failure).__name__),
            duration_ms=elapsed_ms,
            attempts=entry.attempts,
            cache=entry.cache,
            stale_s=entry.stale_s,
            bytes=entry.bytes,
            input_tokens=entry.input_tokens,
            output_tokens=entry.output_tokens,
            cost_usd=entry.cost_usd,
            principal=self._principal,
            trace_id=TRACE_ID.get(),
            message=message,
        )

    def _made_up(self, name: str) -> str:
        """A name that may be none: whatever was asked for in its place is no longer or more open than a message."""
        return self._redactor.text(name)[:_NAME]


def tone_of(status: str) -> Tone:
    """How good or bad a call's status is."""
    return {"ok": Tone.GOOD, "cancelled": Tone.PLAIN, "denied": Tone.WARN}.get(status, Tone.BAD)


def _status(entry: Entry, failure: BaseException | None) -> CallStatus:
    match failure:
        case None:
            return "ok"
        case AccessError() | NotApproved():
            return "denied"
        case _ if entry.in_doubt:
            return "unknown"
        case DeadlineExceeded():
            return "timeout"
        case asyncio.CancelledError() | KeyboardInterrupt():
            return "cancelled"
        case _:
            return "error"


def _row(record: CallRecord) -> list[str | int | float | Badge | None]:
    return [
        record.started_at.strftime("%H:%M:%S"),
        record.server,
        record.tool,
        Badge(record.status, tone_of(record.status)),
        round(record.duration_ms, 1),
        record.attempts,
        record.cache,
        record.bytes,
        record.error_type or "",
    ]
