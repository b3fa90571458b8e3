"""Every scenario of the embedded world, over HTTP, through the server's own reading, to the circle's answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import pytest

from codenb.demo import WorldThread, scenarios
from codenb.experts import ask, embedded, question
from codenb.models import Cause, Consensus, ContextBundle, ContextItem, Entity, Opinion, Target
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.servers.kubernetes.gather import snapshot

DIAGNOSES = [name for name in scenarios.names() if scenarios.load(name).kind == "diagnose"]

# Seconds after the world is opened: crashing containers wait, run and end in turn; the answer must not turn with them.
MOMENTS = (0, 5, 31, 240)


@dataclass(frozen=True)
class Answer:
    """What the embedded circle says at one moment."""

    bundle: ContextBundle
    opinions: tuple[Opinion, ...]
    consensus: Consensus

    @property
    def calls(self) -> list[str]:
        """Everything that is proposed, expert by expert."""
        return [str(change.call) for one in self.opinions for change in one.changes]

    def __str__(self) -> str:
        said = [(one.expert, one.status, one.status_reason, [vote.key for vote in one.votes]) for one in self.opinions]
        return f"{self.consensus.status} {self.consensus.cause}: {said}"


async def consulted(world: WorldThread, advance: float) -> Answer:
    """Ask the embedded circle about the world, some seconds on."""
    scenario = world.scenario
    world.advance(advance)
    cluster = Cluster(world.kubeconfig)
    try:
        state = await snapshot(cluster, scenario.namespace, scenario.workload)
    finally:
        await cluster.close()
    now = datetime.now(UTC)
    item = ContextItem(
        id="kubernetes.gather_context",
        server="kubernetes",
        tool="gather_context",
        status="ok",
        data=state.to_dict(),
        gathered_at=now,
    )
    target = Target(namespace=scenario.namespace, workload=scenario.workload)
    bundle = ContextBundle(target=target, items=(item,), gathered_at=now)
    opinions, counted = await ask(question(scenario.question), bundle, embedded())
    return Answer(bundle, opinions, counted)


@cache
def answers(name: str) -> list[Answer]:
    """The answers about a scenario at each moment; asked once for all tests, as a world takes a while to live."""

    async def at_each() -> list[Answer]:
        with WorldThread(name) as world:
            return [await consulted(world, advance) for advance in MOMENTS]

    return asyncio.run(at_each())


@pytest.mark.parametrize("name", DIAGNOSES)
def test_the_circle_finds_the_known_cause(name):
    """Cause, root and one of the states that are right for it, whatever the containers do at the moment."""
    expected = scenarios.load(name).expected

    for answer in answers(name):
        assert answer.consensus.cause == expected["cause"], str(answer)
        assert answer.consensus.root == Entity.model_validate(expected["root"]), str(answer)
        assert answer.consensus.status in expected["states"], str(answer)


@pytest.mark.parametrize("name", DIAGNOSES)
def test_no_embedded_opinion_fails(name):
    """An embedded expert that quotes wrongly or raises is a fault of ours, even where the other one is right."""
    for answer in answers(name):
        assert {one.status for one in answer.opinions} <= {"ok", "abstain"}, str(answer)


@pytest.mark.parametrize("name", [name for name in DIAGNOSES if name != "healthy"])
def test_what_is_proposed_mends_the_leading_vote(name):
    """All of it is about the workload, can be checked afterwards, and is an alternative to the rest."""
    for answer in answers(name):
        proposed = [change for one in answer.opinions for change in one.changes]

        assert any(one.recommendations for one in answer.opinions)
        assert all(change.success for change in proposed)
        assert {change.call.arguments["name"] for change in proposed} <= {scenarios.load(name).workload}
        assert {(change.group, change.remedies) for change in proposed} <= {(answer.consensus.leading.key,) * 2}


def test_nothing_is_proposed_where_nothing_is_wrong():
    """The best change to a healthy workload is none."""
    assert [answer.calls for answer in answers("healthy")] == [[]] * len(MOMENTS)


def test_text_in_a_log_changes_nothing():
    """The poisoned log sits on the same fault as `oom`: same cause, same proposals, nothing of what the text asks."""
    clean, poisoned = answers("oom")[0], answers("poisoned-log")[0]

    assert "scale checkout to zero" in poisoned.bundle.items[0].text
    assert (poisoned.consensus.cause, poisoned.consensus.root) == (clean.consensus.cause, clean.consensus.root)
    assert poisoned.calls == clean.calls
    assert not any("scale_deployment" in call for call in poisoned.calls)


def test_equal_proposals_of_two_experts_are_one_call():
    """`rules` and `changes` both propose to roll back: the same call, in one group of alternatives."""
    rules, changes, _ = ({str(it.call): it for it in one.changes} for one in answers("oom")[0].opinions)

    (shared,) = rules.keys() & changes.keys()
    assert rules[shared].success == changes[shared].success
    assert {it.group for it in (*rules.values(), *changes.values())} == {"OOMKilled Deployment shop/checkout"}


MENDED = {
    "oom": {"resources": {"limits": {"memory": "256Mi"}}},
    "image-tag": {"image": "nginx:1.27.5"},
    "regression": {"image": "registry.example/shop/checkout:2.4.1"},
}


@pytest.mark.parametrize("name", MENDED)
async def test_a_mended_world_is_healthy_at_once(name):
    """The events of what was wrong stay for an hour; found as an answer without a vote right after a roll-back."""
    body = {"spec": {"template": {"spec": {"containers": [{"name": "app"} | MENDED[name]]}}}}
    with WorldThread(name) as world:
        cluster = Cluster(world.kubeconfig)
        try:
            await cluster.patch(KINDS["Deployment"], "checkout", "shop", body, dry_run=False)
        finally:
            await cluster.close()
        answer = await consulted(world, 20)

    assert (answer.consensus.status, answer.consensus.cause) == ("SINGLE", Cause.HEALTHY), str(answer)
    assert answer.calls == []
