"""Writes down every call and its answer, as the caller had them.

Also those that a cache answered: a replay has no cache. What is only another way to see the same (what a server offers,
how it is) is written down when it is not as it was at the last time; and of answers that are equal, the first.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from codenb.access import PREVIEW_TOOL
from codenb.canonical import digest
from codenb.errors import CodenbError
from codenb.host._cassette import AsCall, Cassette
from codenb.host._codec import ABANDONED, call_to_json, came, error_to_json, result_to_json
from codenb.host._elicit import is_yes
from codenb.host._requests import Asked, Counting, masked
from codenb.host._tape import encoded
from codenb.models.result import ToolResult

if TYPE_CHECKING:
    from codenb.host._elicit import Answered, Approve, Ask
    from codenb.host._records import Entry
    from codenb.host._requests import Requests
    from codenb.host._tape import Writer
    from codenb.models._base import Model
    from codenb.redaction import Redactor

T = TypeVar("T")
M = TypeVar("M", bound="Model")

_LONG = 64 * 1024
_NEARLY, _AT_MOST_S = 0.9, 1.0
"""A call that is given up so near to its caller's time-out, as a part of it or in seconds, counts as too late."""


class Recording(Cassette):
    """Records."""

    def __init__(self, writer: Writer, requests: Requests, redactor: Redactor) -> None:
        """Begin.

        Args:
            writer: The file, with its header.
            requests: Writes requests without secrets.
            redactor: For what servers and models say beside their answers.
        """
        super().__init__()
        self.writer = writer
        self._redactor = redactor
        self._counting = Counting(requests)
        self._secret: dict[str, tuple[str, ...]] = {}
        self._results: dict[str, int] = {}
        self._latest: dict[tuple[str, str], str] = {}
        self._numbers = itertools.count(1)
        self._began = time.perf_counter()

    async def result(
        self, kind: str, entry: Entry, timeout_s: float | None, do: Callable[[], Awaitable[ToolResult]]
    ) -> ToolResult:
        """Make a call, and write it down."""
        asked = self._counting.call(kind, entry)
        known = partial(self._previewed, asked, entry)
        return await self._made(asked, entry, do, partial(result_to_json, kind), timeout_s=timeout_s, request=known)

    async def change(
        self, entry: Entry, approve: Approve, do: Callable[[Approve], Awaitable[ToolResult]]
    ) -> ToolResult:
        """Make a change, and write it down with its questions; a grant, which proves an answer, is left out."""
        asked = self._counting.call("change", entry)
        questions: list[dict[str, Any]] = []

        async def noted(ask: Ask) -> Answered | bool | None:
            question = {"message": self._redactor.text(ask.message), "reference": ask.reference, "approve": False}
            questions.append(question)
            answer = await approve(ask)
            question["approve"] = is_yes(answer)
            return answer

        known = partial(self._changed, asked, entry, questions)
        encode = partial(result_to_json, "change")
        return await self._made(asked, entry, lambda: do(noted), encode, request=known, questions=questions)

    async def other(
        self,
        entry: Entry,
        do: Callable[[], Awaitable[T]],
        encode: Callable[[T], Any] | None,
        decode: Callable[[Any], T] | None,
    ) -> T:
        """Make any other call, and write it down.

        Returns:
            The answer as a replay would give it: without secrets, through `encode` and `decode`.

        Raises:
            CassetteError: The answer is no JSON data and there is no `encode`.
        """
        kept: list[Any] = []

        def written(answer: T) -> Any:
            kept.append(self._redactor.value(encode(answer) if encode else answer))
            encoded(kept[0])
            return kept[0]

        answer = await self._made(self._counting.call("model", entry), entry, do, written)
        return decode(kept[0]) if decode else kept[0] if encode is None else answer

    async def listed(
        self,
        kind: str,
        server: str,
        model: type[M],  # noqa: ARG002
        fetch: Callable[[], Awaitable[Iterable[M]]],
        as_call: AsCall[M] | None,
    ) -> Sequence[M]:
        """Ask what a server offers, and write it down where that is news."""
        asked = self._counting.asked(kind, server)

        async def ask(entry: Entry | None) -> Sequence[M]:
            started = time.perf_counter()
            told: dict[str, Any] = {}
            try:
                items = tuple(await fetch())
                told = {"result": self._redactor.value([item.to_dict() for item in items])}
            except CodenbError as error:
                told = {"error": error_to_json(error, self._redactor)}
                raise
            finally:
                if told:
                    call = call_to_json(entry, _since(started), self._redactor) if entry else {}
                    self._news(asked, told, call)
            return items

        return await (ask(None) if as_call is None else as_call(ask))

    def status(self, model: type[M], read: Callable[[], Iterable[M]]) -> list[M]:  # noqa: ARG002
        """Read how the servers are, and write it down where that is news."""
        asked, found = self._counting.asked("status"), list(read())
        self._news(asked, {"result": self._redactor.value([one.to_dict() for one in found])}, {})
        return found

    async def decided(self, server: str, tool: str, digest: str, said: str, by: str) -> None:
        """Write down what was decided."""
        asked = self._counting.asked("decision", server, tool, {"digest": digest})
        self._keep(asked, {"result": {"said": said, "by": self._redactor.text(by)}})

    async def close(self) -> None:
        """End the file."""
        await asyncio.to_thread(self.writer.close)

    async def _made(
        self,
        asked: Asked,
        entry: Entry,
        do: Callable[[], Awaitable[T]],
        encode: Callable[[T], Any],
        *,
        timeout_s: float | None = None,
        request: Callable[[T | None], Mapping[str, Any]] | None = None,
        questions: Sequence[Mapping[str, Any]] = (),
    ) -> T:
        """Make a call and write down what came of it, an error of ours too.

        Args:
            asked: What is asked.
            entry: Its record.
            do: Makes it.
            encode: Its answer as JSON data.
            timeout_s: How long its caller waits.
            request: What was asked, as it may be kept, once the answer is known, or is known not to come.
            questions: Of a change, filled in meanwhile.
        """
        self.writer.check()  # before anything is sent: it would be missing
        started = time.perf_counter()

        async def keep(answer: T | None, told: Callable[[], dict[str, Any]]) -> None:
            call = call_to_json(entry, _since(started), self._redactor)
            if isinstance(answer, ToolResult):
                call["answer"] = came(answer)

            def write() -> None:
                self._keep(asked, told(), request=request(answer) if request else None, call=call, asks=questions)

            if entry.bytes > _LONG:  # a second for a megabyte: off the loop, and to its end though the caller leaves
                await asyncio.shield(asyncio.to_thread(write))
            else:
                write()

        try:
            answer = await do()
        except asyncio.CancelledError:
            waited_s = time.perf_counter() - started
            if timeout_s is not None and waited_s >= min(_NEARLY * timeout_s, timeout_s - _AT_MOST_S):
                await keep(None, lambda: {"error": {"type": ABANDONED}})
            raise
        except Exception as error:
            if (failure := error_to_json(error, self._redactor)) is not None:
                await keep(None, lambda: {"error": failure})
            raise
        await keep(answer, lambda: {"result": encode(answer)})
        return answer

    def _keep(
        self,
        asked: Asked,
        told: Mapping[str, Any],
        *,
        request: Mapping[str, Any] | None = None,
        call: Mapping[str, Any] | None = None,
        asks: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Write a line.

        A call that was answered stays answered where that cannot be written down: the next one is refused, before
        anything is sent.
        """
        number = next(self._numbers)
        line: dict[str, Any] = {
            "n": number,
            "kind": asked.kind,
            "server": asked.server,
            "name": asked.name,
            "request": asked.request if request is None else request,
            "occurrence": asked.occurrence,
            "at": round(time.perf_counter() - self._began, 6),
        }
        line |= {"call": call} if call else {}
        line |= {"asked": [dict(one) for one in asks]} if asks else {}
        result = told.get("result")
        same = digest([asked.kind, asked.server, asked.name, encoded(result).decode()]) if result else ""
        known = self._results.get(same)
        line |= told if known is None else {"same_as": known}
        if self.writer.append(encoded(line)) and same:
            self._results.setdefault(same, number)

    def _news(self, asked: Asked, told: Mapping[str, Any], call: Mapping[str, Any]) -> None:
        """Write a line where this was a call, or is not what it was at the last time."""
        key, now = (asked.kind, asked.server), digest(encoded(dict(told)).decode())
        if call or self._latest.get(key) != now:
            self._latest[key] = now
            self._keep(asked, told, call=call)

    def _previewed(self, asked: Asked, entry: Entry, answer: ToolResult | None) -> Mapping[str, Any]:
        """A read as it may be kept; a preview's answer tells which arguments of the change are secret."""
        arguments = entry.request.get("arguments")
        inner = arguments.get("arguments") if isinstance(arguments, Mapping) else None
        if entry.tool != PREVIEW_TOOL or not isinstance(arguments, Mapping) or not isinstance(inner, Mapping):
            return asked.request
        change = answer.data.get("change") if answer is not None and isinstance(answer.data, dict) else None
        shown = change.get("shown_arguments") if isinstance(change, dict) else None
        secret = tuple(shown) if isinstance(shown, dict) else None
        if secret is not None:
            self._secret[_call_key(entry.server, arguments.get("tool"), inner)] = secret
        return self._counting.requests.written({"arguments": {**arguments, "arguments": masked(inner, secret)}})

    def _changed(
        self, asked: Asked, entry: Entry, questions: Sequence[Mapping[str, Any]], answer: ToolResult | None
    ) -> Mapping[str, Any]:
        """A change as it may be kept."""
        arguments: Mapping[str, Any] = entry.request["arguments"]
        secret = self._secret.get(_call_key(entry.server, entry.tool, arguments))
        theirs = answer is not None and not any(one["reference"] for one in questions)
        if secret is None and theirs:
            return asked.request  # a tool of somebody else's, that has no previews
        return self._counting.requests.written({"arguments": masked(arguments, secret)})


def _call_key(server: str, tool: Any, arguments: Mapping[str, Any]) -> str:
    return digest([server, str(tool), dict(arguments)])


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
