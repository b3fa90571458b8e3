"""One expert's trouble is its own: the others are heard, and nothing is left running."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from codenb.errors import BadInput, ToolError
from codenb.experts import ask, question
from codenb.models import Cause, ContextBundle, ContextItem, Entity, Evidence, Opinion, Target, Vote

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BUNDLE = ContextBundle(
    target=Target(namespace="shop", workload="checkout"),
    items=(
        ContextItem(
            id="notes.read",
            server="notes",
            tool="read",
            status="ok",
            data="last_reason: OOMKilled\nlimits.memory: 128Mi",
            gathered_at=NOW,
        ),
    ),
    gathered_at=NOW,
)
WHY = question("Why is checkout failing?")
OOM = Vote(
    cause=Cause.OOM_KILLED,
    root=Entity(kind="Deployment", namespace="shop", name="checkout"),
    evidence=(Evidence(item="notes", quote="last_reason: OOMKilled"),),
)


@dataclass
class Says:
    """An expert that says one thing, as soon as it may."""

    name: str
    vote: Vote = OOM
    after: asyncio.Event | None = None
    error: BaseException | None = None
    answer: object = None
    stopped: bool = False
    claims: dict[str, object] = field(default_factory=dict)

    @property
    def family(self) -> str:
        return self.name

    async def opine(self, question, bundle):
        try:
            if self.after:
                await self.after.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        if self.error:
            raise self.error
        said = {"bundle_digest": bundle.digest, "expert": self.name, "family": self.family, "kind": question.kind}
        return self.answer or Opinion.model_validate(said | {"status": "ok", "votes": (self.vote,)} | self.claims)


async def test_everyone_is_asked_at_once():
    """The second must be running while the first still waits, or one slow expert delays all."""
    first_may_go = asyncio.Event()

    class Opens(Says):
        async def opine(self, question, bundle):
            first_may_go.set()
            return await super().opine(question, bundle)

    opinions, counted = await ask(WHY, BUNDLE, [Says("a", after=first_may_go), Opens("b")])

    assert [one.expert for one in opinions] == ["a", "b"]
    assert (counted.status, counted.cause) == ("AGREED", Cause.OOM_KILLED)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no\nsecond line"), "ValueError: no"),
        (ToolError("the server is gone: start it"), "the server is gone: start it"),
        (RuntimeError(), "RuntimeError"),
        (asyncio.CancelledError(), "stopped itself"),
    ],
)
async def test_an_expert_that_raises_costs_its_own_voice_only(error, reason):
    """The others are counted, and the reason stands in one line."""
    opinions, counted = await ask(WHY, BUNDLE, [Says("a"), Says("b", error=error), Says("c")])

    assert (opinions[1].status, opinions[1].status_reason) == ("error", reason)
    assert (counted.status, counted.asked, counted.valid) == ("AGREED", 3, 2)


async def test_an_expert_that_hangs_is_stopped():
    """After the time for all, and it is told to stop."""
    hangs = Says("b", after=asyncio.Event())

    opinions, counted = await ask(WHY, BUNDLE, [Says("a"), hangs], deadline_s=2, total_s=2)

    assert (opinions[1].status, opinions[1].status_reason) == ("timeout", "no answer within 2 s")
    assert (hangs.stopped, counted.status) == (True, "SINGLE")


async def test_a_late_answer_is_kept_and_not_counted():
    """A person may still want to read it."""
    late = asyncio.Event()
    asyncio.get_running_loop().call_later(3, late.set)

    opinions, counted = await ask(WHY, BUNDLE, [Says("a"), Says("b", after=late)], deadline_s=2, total_s=30)

    assert (opinions[1].status, opinions[1].votes) == ("timeout", (OOM,))
    assert "kept, not counted" in opinions[1].status_reason
    assert (counted.status, counted.valid) == ("SINGLE", 1)


async def test_who_asked_and_was_cancelled_leaves_no_expert_running():
    """An interrupted cell must not go on paying for models."""
    hangs = Says("a", after=asyncio.Event())
    asking = asyncio.create_task(ask(WHY, BUNDLE, [hangs]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking

    assert hangs.stopped


async def test_quotes_are_checked_before_the_count():
    """An invented quote does not vote, however many agree with it."""
    invented = OOM.model_copy(update={"evidence": (Evidence(item="notes", quote="limits.memory: 64Mi"),)})

    opinions, counted = await ask(WHY, BUNDLE, [Says("a", vote=invented), Says("b")])

    assert opinions[0].status == "invalid"
    assert (counted.status, counted.valid) == ("SINGLE", 1)


async def test_nobody_speaks_in_anothers_name():
    """Else a model could take the say that `rules` has in a tie."""
    opinions, _ = await ask(WHY, BUNDLE, [Says("a", claims={"expert": "rules", "family": "rules"})])

    assert (opinions[0].expert, opinions[0].family) == ("a", "a")


async def test_an_answer_that_is_no_opinion_is_an_error():
    """Experts are written by users as well."""
    opinions, counted = await ask(WHY, BUNDLE, [Says("a", answer={"cause": "OOMKilled"})])

    assert (opinions[0].status, opinions[0].status_reason) == ("error", "it answered with dict, not with an Opinion")
    assert counted.status == "NO_QUORUM"


async def test_an_answer_to_another_question_is_invalid():
    """A review does not answer what is wrong."""
    go = {"kind": "review", "votes": (Vote(verdict="go", evidence=OOM.evidence),)}

    opinions, _ = await ask(WHY, BUNDLE, [Says("a", claims=go)])

    assert opinions[0].status == "invalid"


async def test_an_empty_circle_has_no_quorum():
    """Nobody asked, nothing said, no error."""
    opinions, counted = await ask(WHY, BUNDLE, [])

    assert (opinions, counted.status) == ((), "NO_QUORUM")


async def test_names_must_be_unique():
    """An expert has one voice, so two of one name would silently become one."""
    with pytest.raises(BadInput, match="two experts are named 'a'"):
        await ask(WHY, BUNDLE, [Says("a"), Says("a")])


async def test_times_that_make_no_sense_are_refused():
    """A deadline beyond the whole would never be reached."""
    with pytest.raises(BadInput, match="0 < deadline <= total"):
        await ask(WHY, BUNDLE, [Says("a")], deadline_s=60, total_s=30)
