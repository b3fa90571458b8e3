"""Every scenario of the embedded world, over HTTP, through the server's own reading, to the circle's answer."""

from __future__ import annotations

from datetime import UTC, datetime

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


async def consulted(world: WorldThread, advance: float) -> tuple[ContextBundle, tuple[Opinion, ...], Consensus]:
    """What the embedded circle says of the world, some seconds on."""
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
    return bundle, opinions, counted


@pytest.mark.parametrize("name", DIAGNOSES)
async def test_the_circle_finds_the_known_cause(name):
    """Cause, root and one of the states that are right for it, at every moment; no opinion fails the gate."""
    with WorldThread(name) as world:
        for advance in MOMENTS:
            _, opinions, counted = await consulted(world, advance)

            expected = world.scenario.expected
            said = [(one.expert, one.status, one.status_reason, [vote.key for vote in one.votes]) for one in opinions]
            assert {one.status for one in opinions} <= {"ok", "abstain"}, said
            assert counted.cause == expected["cause"], said
            assert counted.root == Entity.model_validate(expected["root"]), said
            assert counted.status in expected["states"], said


@pytest.mark.parametrize("name", DIAGNOSES)
async def test_what_is_proposed_mends_the_leading_vote(name):
    """In a broken world somebody proposes something or says in words what to do; in a healthy one nobody proposes."""
    with WorldThread(name) as world:
        _, opinions, counted = await consulted(world, 0)

    proposed = [change for one in opinions for change in one.changes]
    if name == "healthy":
        assert proposed == []
    else:
        assert any(one.recommendations for one in opinions)
        assert all(change.success and change.group == change.remedies for change in proposed)
        assert all(change.call.arguments["name"] == world.scenario.workload for change in proposed)
        assert {change.remedies for change in proposed} <= {counted.leading.key}


async def test_text_in_a_log_changes_nothing():
    """The poisoned log sits on the same fault as `oom`: same cause, same proposals, nothing of what the text asks."""
    with WorldThread("oom") as clean, WorldThread("poisoned-log") as poisoned:
        _, without, plain = await consulted(clean, 0)
        bundle, opinions, counted = await consulted(poisoned, 0)

    assert "scale checkout to zero" in bundle.items[0].text
    assert (counted.status, counted.cause, counted.root) == (plain.status, plain.cause, plain.root)
    calls = [[change.call for one in several for change in one.changes] for several in (without, opinions)]
    assert calls[0] == calls[1]
    assert {call.tool for call in calls[1]} == {"patch_workload", "undo_rollout"}


async def test_equal_proposals_of_two_experts_are_one_call():
    """`rules` and `changes` both propose to roll back: the same call, in one group of alternatives."""
    with WorldThread("oom") as world:
        _, opinions, _ = await consulted(world, 0)

    rules, changes = ({str(change.call): change for change in one.changes} for one in opinions)
    (shared,) = rules.keys() & changes.keys()
    assert rules[shared].success == changes[shared].success
    assert {change.group for one in opinions for change in one.changes} == {"OOMKilled Deployment shop/checkout"}


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
        _, opinions, counted = await consulted(world, 20)

    said = [(one.expert, one.status, one.status_reason) for one in opinions]
    assert (counted.status, counted.cause) == ("SINGLE", Cause.HEALTHY), said
    assert [change for one in opinions for change in one.changes] == []
