"""Whether a change did what it was for: its success condition, read until it holds or its time is over."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codenb.errors import CodenbError
from codenb.models import Expectation, SuccessCondition

if TYPE_CHECKING:
    from codenb.host import Host

_FIRST_WAIT_S, _LONGEST_WAIT_S, _GROWTH = 0.25, 2.0, 1.6
_LONGEST_READ_S = 20.0
_LONGEST_TEXT = 80
_ABSENT = object()

_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Verified:
    """What the last read said.

    Attributes:
        holds: Whether every expectation is met.
        answer: What the check answered, or what of it tells whether it holds; None where it could not be
            read.
        missing: What does not hold, or why it could not be read, in one line.
    """

    holds: bool
    answer: Any = None
    missing: str = ""


async def check(host: Host, condition: SuccessCondition, *, timeout_s: float = _LONGEST_READ_S) -> Verified:
    """Read once, past every cache."""
    call = condition.check
    try:
        async with asyncio.timeout(timeout_s):
            result = await host.call(call.server, call.tool, dict(call.arguments), timeout_s=timeout_s, fresh=True)
    except TimeoutError:
        return Verified(holds=False, missing=f"{call.tool} did not answer within {timeout_s:.0f} s")
    except CodenbError as error:
        return Verified(holds=False, missing=f"{call.tool} could not be read: {error}")
    wrong = unmet(condition, result.data)
    return Verified(holds=not wrong, answer=telling(condition, result.data), missing="; ".join(wrong))


async def verify(host: Host, condition: SuccessCondition, say: Callable[[str], None]) -> Verified:
    """Read until the condition holds or its time is over; a read that fails counts as not yet.

    Args:
        host: Answers the check.
        condition: What has to hold, and how long it may take.
        say: Gets a line whenever what is missing changes.
    """
    clock = host.clock  # in a replay, how often this reads is as recorded
    until = clock.time() + condition.within_s
    wait, said = _FIRST_WAIT_S, ""
    while True:
        left = until - clock.time()
        found = await check(host, condition, timeout_s=max(1.0, min(_LONGEST_READ_S, left)))
        if found.holds or clock.time() >= until:
            return found
        if found.missing != said:
            said = found.missing
            say(f"waiting until {condition.text}: {said}")
        await clock.sleep(min(wait, max(0.0, until - clock.time())))
        wait = min(wait * _GROWTH, _LONGEST_WAIT_S)


def unmet(condition: SuccessCondition, answer: Any) -> list[str]:
    """The expectations that an answer does not meet, each as a line; a field that is not there meets none."""
    return [line for expectation in condition.expect if (line := _unmet(expectation, answer))]


def telling(condition: SuccessCondition, answer: Any) -> Any:
    """What of an answer tells whether the condition holds: a flat one as it is, of any other the checked fields."""
    if not isinstance(answer, Mapping) or not any(
        value and isinstance(value, Mapping | list) for value in answer.values()
    ):
        return answer
    paths = [one.field for one in condition.expect]
    paths += [one.value.removeprefix("$") for one in condition.expect if isinstance(one.value, str)]
    named = {path.partition(".")[0] for path in paths}
    return {key: value for key, value in answer.items() if key in named}


def _unmet(expectation: Expectation, answer: Any) -> str:
    found, wanted = _at(answer, expectation.field), expectation.value
    if isinstance(wanted, str) and wanted.startswith("$"):
        wanted = _at(answer, wanted[1:])
    shown = f"{expectation.field} {expectation.op} {_shown(wanted)}"
    if found is _ABSENT or wanted is _ABSENT:
        return f"{shown}: the answer has no such field"
    return "" if _holds(found, expectation.op, wanted) else f"{shown}: it is {_shown(found)}"


def _holds(found: Any, op: str, wanted: Any) -> bool:
    if op in {"==", "!="}:
        same = found == wanted and isinstance(found, bool) is isinstance(wanted, bool)  # in Python, True equals 1
        return same is (op == "==")
    return _kind(found) == _kind(wanted) != "" and _ORDER[op](found, wanted)


def _kind(value: Any) -> str:
    """What can be put in order with its like: numbers and texts."""
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _at(answer: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(answer, Mapping) and part in answer:
            answer = answer[part]
        elif isinstance(answer, list) and part.isdecimal() and int(part) < len(answer):
            answer = answer[int(part)]
        else:
            return _ABSENT
    return answer


def _shown(value: Any) -> str:
    text = "(absent)" if value is _ABSENT else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
