"""Everyone at once, on the same bundle, and nobody hears another.

Experts are other people's code and other people's models: one that raises, hangs, or speaks in another's name must
cost its own voice and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from codenb.errors import BadInput, CodenbError
from codenb.experts._consensus import consensus
from codenb.experts._expert import Expert
from codenb.experts._gate import checked
from codenb.experts._weight import HitRate, vocabulary_size
from codenb.models import Consensus, ContextBundle, Opinion, Question

_GRACE_S = 1.0  # for experts that were cancelled, to close what they hold
_LONGEST_REASON = 300


async def ask(
    question: Question,
    bundle: ContextBundle,
    experts: Sequence[Expert],
    *,
    deadline_s: float = 60,
    total_s: float = 120,
    hit_rates: Mapping[str, HitRate] | None = None,
) -> tuple[tuple[Opinion, ...], Consensus]:
    """Ask the circle, check every quote, and count.

    Args:
        question: With its kind.
        bundle: What all of them see.
        experts: Names must be unique.
        deadline_s: Seconds that each has. A later answer is waited for and kept, but not counted.
        total_s: Seconds after which those still at work are stopped; no less than the deadline.
        hit_rates: By expert's name, where they were measured.

    Returns:
        One opinion an expert, in their order, those that failed included; and the consensus.

    Raises:
        BadInput: Two experts have one name, or the times make no sense.
    """
    names = [expert.name for expert in experts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"two experts are named {twice[0]!r}: names must be unique in a circle")
    if not 0 < deadline_s <= total_s:
        raise BadInput(f"a deadline of {deadline_s} s within {total_s} s in all makes no sense: 0 < deadline <= total")
    tasks = [asyncio.create_task(_opinion(question, bundle, expert, deadline_s)) for expert in experts]
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=total_s)
        opinions = tuple(
            task.result() if task.done() else _failed(question, bundle, expert, f"no answer within {total_s:g} s")
            for task, expert in zip(tasks, experts, strict=True)
        )
    finally:
        await _stop(tasks)
    size = vocabulary_size(question.kind)
    counted = consensus(opinions, kind=question.kind, vocabulary_size=size, hit_rates=hit_rates, asked=len(experts))
    return opinions, counted


async def _opinion(question: Question, bundle: ContextBundle, expert: Expert, deadline_s: float) -> Opinion:
    begun = time.perf_counter()
    given: Any
    try:
        given = await expert.opine(question, bundle)
    except asyncio.CancelledError:
        if (this := asyncio.current_task()) and this.cancelling():
            raise
        given = _failed(question, bundle, expert, "stopped itself", status="error")
    except Exception as error:  # noqa: BLE001  whatever an expert raises is its own failure, and is reported as such
        given = _failed(question, bundle, expert, _in_one_line(error), status="error")
    wall_s = time.perf_counter() - begun
    if not isinstance(given, Opinion):
        kind = type(given).__name__
        given = _failed(question, bundle, expert, f"it answered with {kind}, not with an Opinion", status="error")
    # The circle knows who spoke; an opinion in another's name would get that one's say in a tie.
    stamp = {"expert": expert.name, "family": expert.family, "wall_ms": wall_s * 1000}
    opinion: Opinion = given.model_copy(update=stamp)
    if opinion.kind != question.kind:
        reason = f"it answered a question of kind {opinion.kind}"
        return opinion.model_copy(update={"status": "invalid", "status_reason": reason})
    if wall_s > deadline_s and opinion.status in ("ok", "abstain"):
        late = f"answered after {wall_s:.1f} s of {deadline_s:g} s: kept, not counted"
        return opinion.model_copy(update={"status": "timeout", "status_reason": late})
    return checked(opinion, bundle)


def _failed(
    question: Question, bundle: ContextBundle, expert: Expert, reason: str, *, status: str = "timeout"
) -> Opinion:
    return Opinion.model_validate(
        {
            "bundle_digest": bundle.digest,
            "expert": expert.name,
            "family": expert.family,
            "kind": question.kind,
            "status": status,
            "status_reason": reason,
        }
    )


def _in_one_line(error: Exception) -> str:
    first = next(iter(str(error).splitlines()), "")
    named = first if isinstance(error, CodenbError) and first else f"{type(error).__name__}: {first}".rstrip(": ")
    return named[:_LONGEST_REASON]


async def _stop(tasks: Sequence[asyncio.Task[Opinion]]) -> None:
    """Leave nothing running: also when the one who asked was cancelled."""
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=_GRACE_S)
