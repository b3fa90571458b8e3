"""Asking a circle: what the counting and checking of opinions costs over the slowest expert.

Experts here take a set time and then say what the embedded ones really said of the embedded world, so that quotes are
looked up and opinions counted as ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import codenb
from codenb import experts
from codenb.context import gather
from codenb.models import ContextBundle, Opinion, Question
from tests.benchmarks.measure import Samples, interleaved, one_by_one, quantile
from tests.benchmarks.report import Row

EXPERT_S = 2.0
RATE = 50

_GROUP = "consultation"
_QUICK_S = 0.2


@dataclass(frozen=True)
class Slow:
    """An expert that takes its time, and says what another did."""

    name: str
    family: str
    opinion: Opinion
    takes_s: float

    async def opine(self, question: Question, bundle: ContextBundle) -> Opinion:
        """After a while."""
        await asyncio.sleep(self.takes_s)
        return self.opinion


async def measured(*, quick: bool) -> list[Row]:
    """Consultations at 50 a second with experts of two seconds; three and five of them at once and in turn.

    Args:
        quick: For a moment only.
    """
    async with codenb.connect("demo") as nb:
        bundle = await gather(nb.host, codenb.Target(namespace="shop", workload="checkout"))
        asked = Question(text="Why is checkout failing?", kind="diagnose")
        opinions, _ = await experts.ask(asked, bundle, experts.embedded())
    spoken = [one for one in opinions if one.status == "ok"]
    many = 10 if quick else 150
    own = await _under_load(asked, bundle, _circle(spoken, 3, EXPERT_S), many)
    alone = await interleaved(
        {"alone": one_by_one(lambda: experts.ask(asked, bundle, _circle(spoken, 3, 0)))}, rounds=3, calls=many
    )
    counted = await _counted(spoken, many)
    p95 = quantile(own, 0.95)
    rows = [
        Row(
            _GROUP,
            f"over the slowest of 3 experts of {EXPERT_S:g} s, {RATE}/s",
            median(own),
            p95,
            goal="p95 < 20 ms",
            met=p95 < 0.02,
        ),
        Row(
            _GROUP,
            "three experts that answer at once: checked, counted",
            alone["alone"].p50,
            alone["alone"].p95,
            alone["alone"].rate,
        ),
        Row(
            _GROUP,
            "the counting alone",
            counted.p50,
            counted.p95,
            counted.rate,
            goal="> 500/s",
            met=counted.rate > 500,
        ),
    ]
    return rows + [await _speed_up(asked, bundle, _circle(spoken, size, _QUICK_S)) for size in (3, 5)]


def _circle(spoken: Sequence[Opinion], size: int, takes_s: float) -> list[Slow]:
    return [Slow(f"expert-{at}", f"family-{at}", spoken[at % len(spoken)], takes_s) for at in range(size)]


async def _counted(spoken: Sequence[Opinion], many: int) -> Samples:
    said = [spoken[at % len(spoken)].model_copy(update={"expert": f"e{at}", "family": f"f{at}"}) for at in range(3)]
    size = experts.vocabulary_size("diagnose")

    async def count() -> None:
        experts.consensus(said, kind="diagnose", vocabulary_size=size)

    return (await interleaved({"counted": one_by_one(count)}, rounds=3, calls=many))["counted"]


async def _under_load(asked: Question, bundle: ContextBundle, circle: list[Slow], many: int) -> list[float]:
    """Our own seconds of each of many consultations that begin at a steady rate."""

    async def consult(at: int) -> float:
        await asyncio.sleep(at / RATE)
        begun = time.perf_counter()
        await experts.ask(asked, bundle, circle)
        return time.perf_counter() - begun - max(one.takes_s for one in circle)

    return list(await asyncio.gather(*map(consult, range(many))))


async def _speed_up(asked: Question, bundle: ContextBundle, circle: list[Slow]) -> Row:
    async def in_turn() -> None:
        for one in circle:
            await experts.ask(asked, bundle, [one])

    contenders = {"at once": one_by_one(lambda: experts.ask(asked, bundle, circle)), "in turn": one_by_one(in_turn)}
    found = await interleaved(contenders, rounds=3, calls=1)
    times = 1 / found["at once"].ratio(found["in turn"])
    enough = min(3.0, 0.95 * len(circle))
    return Row(
        _GROUP,
        f"{len(circle)} experts of {_QUICK_S:g} s, at once",
        found["at once"].p50,
        found["at once"].p95,
        found["at once"].rate,
        "one after the other",
        found["at once"].ratio(found["in turn"]),
        "3 x as fast",
        times >= enough,
        f"{times:.1f} x",
    )
