"""What the state says is wrong, in the order of the question; and when nothing may be said."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codenb.experts import checked, consensus, embedded, question, vocabulary_size
from codenb.experts._rules import Rules
from codenb.models import Cause, Opinion
from codenb.servers.kubernetes.snapshot import (
    Condition,
    Container,
    ContainerState,
    Endpoints,
    Log,
    Pod,
    Service,
    Snapshot,
)
from tests.experts.states import ago, bundle, deployment, pod, revision, state, warning

WHY = question("Why is checkout failing?")
KILLED = ContainerState(name="app", restarts=4, last_reason="OOMKilled", last_exit_code=137, last_finished_at=ago(1))
LATE = Condition(
    type="Progressing",
    status="False",
    reason="ProgressDeadlineExceeded",
    message="ReplicaSet has timed out progressing",
)
LOWERED = "containers[app].resources.limits.memory: 256Mi -> 128Mi"


def killed(name: str) -> Pod:
    """A pod of that deployment that is out of memory."""
    return pod(1, 9, KILLED, name=name)


async def opinion(snapshot: Snapshot | None = None, **more: object) -> Opinion:
    """What `rules` says of it, after the gate."""
    seen = bundle(snapshot, **more)
    return checked(await Rules().opine(WHY, seen), seen)


def votes(said: Opinion) -> list[str]:
    """Its votes in a word each, with the status before them."""
    return [said.status, *(f"{vote.cause} {vote.root.name}" for vote in said.votes)]


async def test_the_target_leads_and_others_follow():
    """The question is about checkout, whatever else is broken in the namespace."""
    workloads = (deployment("cart", ready=0), deployment(ready=2))

    said = await opinion(state(workloads=workloads, pods=(killed("cart"), killed("checkout"))))

    assert votes(said) == ["ok", "OOMKilled checkout", "OOMKilled cart"]
    assert "not seen on checkout itself" in said.votes[1].against


async def test_without_a_target_everything_is_asked_about():
    """A whole namespace is a target as well."""
    said = await opinion(state(workloads=(deployment("cart", ready=0),), pods=(killed("cart"),)), workload=None)

    assert votes(said) == ["ok", "OOMKilled cart"]


async def test_what_the_target_needs_comes_before_what_it_does_not():
    """Checkout names `redis` in its environment; nobody names `batch`."""
    redis = Service(name="redis", selector={"app": "redis"})
    uses = deployment(containers=(Container(name="app", env={"CACHE": "redis://redis:6379"}),))
    workloads = (deployment("batch", ready=0), deployment("redis", ready=0), uses)

    said = await opinion(
        state(workloads=workloads, services=(redis,), pods=(killed("batch"), killed("redis")),
              endpoints=(Endpoints(service="redis"),))
    )  # fmt: skip

    assert votes(said)[:2] == ["ok", "OOMKilled redis"]
    assert said.votes[0].against == ""
    assert "not seen on checkout itself" in next(vote.against for vote in said.votes if vote.root.name == "batch")


async def test_a_symptom_of_a_known_cause_is_no_vote_of_its_own():
    """A stuck rollout beside the OOM kills that hold it up would only be a second group of proposals."""
    said = await opinion(state(workloads=(deployment(ready=2, conditions=(LATE,)),), pods=(killed("checkout"),)))

    assert votes(said) == ["ok", "OOMKilled checkout"]


async def test_a_symptom_of_the_target_is_not_explained_by_what_is_unrelated():
    """Else the count would take the neighbour's cause for the target's, as a cause leads over a symptom."""
    workloads = (deployment("cart", ready=0), deployment(ready=2, conditions=(LATE,)))

    said = await opinion(state(workloads=workloads, pods=(killed("cart"),)))

    assert votes(said) == ["ok", "RolloutStuck checkout"]


async def test_proposals_of_one_vote_are_alternatives():
    """Raise the limit or roll back, not both."""
    before = revision(1, 9000, containers=(Container(name="app", limits={"memory": "256Mi"}),))
    small = deployment(ready=0, containers=(Container(name="app", limits={"memory": "128Mi"}),))

    said = await opinion(
        state(workloads=(small,), pods=(killed("checkout"),), replica_sets=(before, revision(2, 10, LOWERED)))
    )

    assert [change.call.tool for change in said.changes] == ["patch_workload", "undo_rollout"]
    assert {change.group for change in said.changes} == {said.votes[0].key}


async def test_health_is_said_with_the_counts_as_evidence():
    """Nothing is wrong and nothing changed for the worse: a vote like any other, with a quote."""
    said = await opinion(state(replica_sets=(revision(1, 9000),)))

    assert votes(said) == ["ok", "Healthy checkout"]
    assert "ready: 3" in said.votes[0].evidence[0].quote
    assert said.changes == ()


@pytest.mark.parametrize(
    "parts",
    [
        {"workloads": (deployment(ready=2),)},
        {"events": (warning("Unhealthy", "Readiness probe failed: context deadline exceeded", 9),)},
        {"pods": (pod(1, 60, ready=True),),
         "logs": (Log(pod="checkout-1-a", owner="Deployment checkout", container="app", text="GET / took 4.2 s"),)},
    ],
    ids=["a replica is missing", "a probe fails", "requests are slow"],
)  # fmt: skip
async def test_health_is_not_said_where_something_speaks_against_it(parts):
    """No rule names it, but it is not well either: the honest answer is neither a cause nor health."""
    said = await opinion(state(**parts))

    assert (said.status, said.votes) == ("abstain", ())
    assert "checkout" in said.missing_evidence[0]


async def test_health_is_said_again_once_it_was_mended():
    """The events of the bad revision outlive it by an hour; what ended before the last rollout is over."""
    over = warning("BackOff", "Back-off restarting failed container app in pod checkout-2-a", 20, 6)
    sets = (revision(2, 20, LOWERED), revision(3, 5, "containers[app].resources.limits.memory: 128Mi -> 256Mi"))

    assert votes(await opinion(state(replica_sets=sets, events=(over,)))) == ["ok", "Healthy checkout"]


async def test_health_is_not_said_of_what_was_not_read():
    """Without the events there may be a warning that nobody saw."""
    said = await opinion(state(missing={"events": "no permission to list events"}))

    assert (said.status, said.missing_evidence) == ("abstain", ("events: no permission to list events",))


@pytest.mark.parametrize(
    ("snapshot", "workload"),
    [(None, "checkout"), (state(), "chekout"), (state(workloads=()), None)],
    ids=["no state", "no such workload", "nothing runs"],
)
async def test_it_abstains_without_what_it_is_asked_about(snapshot, workload):
    """And names what is missing."""
    said = await opinion(snapshot, workload=workload)

    assert (said.status, len(said.missing_evidence)) == ("abstain", 1)


@pytest.mark.parametrize("kind", ["review", "plan"])
async def test_it_answers_what_is_wrong_only(kind):
    """Nobody left to vote: the circle says so instead of inventing an answer."""
    seen = bundle(state())
    circle = [expert for expert in embedded() if expert.name in ("rules", "changes")]
    opinions = [await expert.opine(question("checkout", kind=kind), seen) for expert in circle]

    assert consensus(opinions, kind=kind, vocabulary_size=vocabulary_size(kind)).status == "INSUFFICIENT"


SMALL = Container(name="app", limits={"memory": "128Mi"})
BROKEN = state(
    workloads=(deployment("cart", ready=0), deployment(ready=2, containers=(SMALL,))),
    pods=(killed("cart"), killed("checkout")),
    replica_sets=(revision(1, 9000), revision(2, 10, LOWERED)),
    events=(warning("BackOff", "Back-off restarting failed container app in pod checkout-2-a", 9),),
    logs=(Log(pod="checkout-1-a", owner="Deployment checkout", container="app", text="error: no memory\nstatus=503"),),
    services=(Service(name="checkout", selector={"app": "checkout"}),),
    endpoints=(Endpoints(service="checkout"),),
)
PARTS = sorted(BROKEN.to_dict().keys() - {"namespace"})


@given(st.sets(st.sampled_from(PARTS)), st.sampled_from(["checkout", None]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_whatever_was_trimmed_away_no_embedded_opinion_fails_the_gate(gone, workload):
    """A bundle is cut to a budget: what is left must be read as it is, and quoted as it stands."""
    left = {key: value for key, value in BROKEN.to_dict().items() if key not in gone}
    seen = bundle(Snapshot.model_validate(left), workload=workload)

    for expert in embedded():
        assert checked(await expert.opine(WHY, seen), seen).status in ("ok", "abstain")


async def test_the_vote_of_rules_is_found_by_its_own_words():
    """Every vote names a code of the vocabulary, a root and a sentence how one makes the other."""
    said = await opinion(BROKEN)

    assert all(vote.cause in Cause and vote.root and vote.mechanism for vote in said.votes)


async def test_why_something_is_down_comes_before_that_it_is_down():
    """Checkout fails because redis does not answer, and redis is killed for its memory: that is to be mended."""
    redis = Service(name="redis", selector={"app": "redis"})
    broken = Log(
        pod="checkout-2-a", owner="Deployment checkout", container="app", text="error: redis:6379: connection refused"
    )

    said = await opinion(
        state(
            workloads=(deployment(ready=0), deployment("redis", ready=0)),
            services=(redis,),
            pods=(killed("redis"),),
            endpoints=(Endpoints(service="redis"),),
            counts={"endpoints": 1, "services": 1, "workloads": 2},
            logs=(broken,),
        )
    )

    assert votes(said) == ["ok", "OOMKilled redis", "DependencyDown redis"]
