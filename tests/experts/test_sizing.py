"""The expert `sizing`: what a request needs, held against quotas and nodes; and whether what runs is sized."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codenb.demo import WorldThread, scenarios
from codenb.experts import ask, checked, embedded, question
from codenb.experts._sizing import Sizing
from codenb.models import ContextBundle, ContextItem, Opinion, Target
from codenb.servers._clients.cluster import Cluster
from codenb.servers.cost import estimate
from codenb.servers.kubernetes.gather import snapshot
from codenb.servers.kubernetes.snapshot import Budget, Container, ContainerState, Node, Quota, Snapshot
from tests.experts.states import NOW, deployment, pod, state

PLAN = question("Deploy this application optimally")
REVIEW = question("May this go ahead?", kind="review")
REQUEST = dict(scenarios.load("deploy").target)
SIZED = Container(name="app", image="x:2", requests={"cpu": "200m", "memory": "64Mi"}, limits={"memory": "128Mi"})
QUOTA = Quota(name="budget", hard={"pods": "10", "requests.cpu": "4", "requests.memory": "8Gi"}, used={"pods": "0"})


def node(name: str, zone: str = "", **more: Any) -> Node:
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    fields = {"name": name, "ready": True, "allocatable": {"cpu": "3900m", "memory": "7600Mi", "pods": "110"}}
    return Node.model_validate(fields | {"labels": labels} | more)


NODES = (node("node-1", "a"), node("node-2", "b"))
STAGING = Snapshot(namespace="staging", taken_at=NOW, quotas=(QUOTA,), nodes=NODES)


def seen(held: Snapshot, **target: Any) -> ContextBundle:
    item = ContextItem.model_validate(
        {
            "id": "kubernetes.gather_context",
            "server": "kubernetes",
            "tool": "gather_context",
            "status": "ok",
            "data": held.to_dict(),
            "gathered_at": NOW,
        }
    )
    return ContextBundle(target=Target.from_dict(target), items=(item,), gathered_at=NOW)


async def plan(held: Snapshot = STAGING, **changed: Any) -> Opinion:
    request = {key: value for key, value in (REQUEST | changed).items() if value is not None}
    bundle = seen(held, **request)
    return checked(await Sizing().opine(PLAN, bundle), bundle)


async def review(held: Snapshot, **target: Any) -> Opinion:
    bundle = seen(held, **({"namespace": "shop", "workload": "checkout"} | target))
    return checked(await Sizing().opine(REVIEW, bundle), bundle)


def manifests(opinion: Opinion) -> list[dict[str, Any]]:
    (change,) = opinion.changes
    (text,) = change.call.arguments["manifests"]
    return list(yaml.safe_load_all(text))


async def test_the_request_of_the_scenario_is_answered_as_it_is_known_to_be_right():
    """Over HTTP, through the server's own reading, to the circle's answer: the votes that the scenario lists."""
    scenario = scenarios.load("deploy")
    target = Target.from_dict(dict(scenario.target))
    with WorldThread("deploy") as world:
        world.advance(1)
        cluster = Cluster(world.kubeconfig)
        try:
            held = await snapshot(cluster, target.namespace, target.workload, asked_for=target.asks)
        finally:
            await cluster.close()

    opinions, counted = await ask(question(scenario.question, target=target), seen(held, **scenario.target), embedded())

    said = next(one for one in opinions if one.expert == "sizing")
    voted = [vote.recommendation for vote in said.votes if vote.recommendation]
    assert counted.status in scenario.expected["states"]
    assert [
        {
            "tool": one.tool,
            "entity": one.entity.to_dict() if one.entity else None,
            "field": one.field,
            "value": one.value,
        }
        for one in voted
    ] == list(scenario.expected["votes"])
    assert [one.call.tool for one in said.changes] == ["deploy_kubernetes"]


async def test_what_it_proposes_is_what_was_asked_for_and_no_more():
    """The manifests are read as a cluster would: replicas, requests, image, and a budget that selects the pods."""
    deployed, budget = manifests(await plan())

    (box,) = deployed["spec"]["template"]["spec"]["containers"]
    assert (deployed["kind"], deployed["metadata"]["namespace"]) == ("Deployment", "staging")
    assert deployed["spec"]["replicas"] == 3
    assert (box["name"], box["image"]) == ("test-app", "registry.example/test-app:1.0")
    assert box["resources"] == {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
    labels = deployed["spec"]["template"]["metadata"]["labels"]
    assert deployed["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert (budget["kind"], budget["spec"]["maxUnavailable"]) == ("PodDisruptionBudget", 1)
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (spread,) = deployed["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "ScheduleAnyway")


async def test_one_can_tell_whether_it_worked():
    """A proposal without a condition for success cannot be verified."""
    (change,) = (await plan()).changes

    assert change.success is not None
    assert (change.success.check.server, change.success.check.tool) == ("deployment", "diff_kubernetes")
    assert change.success.check.arguments["manifests"] == change.call.arguments["manifests"]
    assert [(one.field, one.op, one.value) for one in change.success.expect] == [
        ("changed", "==", 0),
        ("ready_replicas", ">=", "$desired_replicas"),
    ]


async def test_the_price_engine_reads_what_it_proposes():
    """Manifests that our own tools could not read would be no use to anybody."""
    (text,) = (await plan()).changes[0].call.arguments["manifests"]

    made = estimate(text)

    assert not made.at_least
    assert {line.component: line.quantity / 730 for line in made.lines} == {"cpu": pytest.approx(1.5), "memory": 3}


async def test_without_an_image_there_is_advice_and_no_proposal():
    """It invents no image: what is missing is named."""
    said = await plan(image=None)

    assert said.status == "ok"
    assert said.changes == ()
    assert "the image: the request names none" in said.missing_evidence
    assert len(said.recommendations) > 4


async def test_without_amounts_there_is_no_proposal():
    """How much an application needs is measured or said, never guessed."""
    said = await plan(resources=None)

    assert said.changes == ()
    assert any("how much memory it needs" in one for one in said.missing_evidence)


@pytest.mark.parametrize(
    ("changed", "votes"),
    [
        (
            {"replicas": 9},
            ["spec.hard.requests.cpu='4500m'", "spec.hard.requests.memory='9Gi'", "spec.replicas=7"],
        ),
        (
            {"replicas": 12, "resources": {"cpu": "100m", "memory": "100Mi"}},
            ["spec.hard.pods='12'", "spec.replicas=10"],
        ),
        ({"replicas": 1, "resources": {"cpu": "4", "memory": "1Gi"}}, ["spec.replicas=0"]),
    ],
)
async def test_what_does_not_fit_is_not_proposed(changed, votes):
    """It says what would have to be otherwise: the quota, or fewer replicas. A person decides which."""
    nodes = (node("node-1", allocatable={"cpu": "3900m", "memory": "7600Mi", "pods": "110"}),)
    said = await plan(STAGING.model_copy(update={"nodes": nodes}), **changed)

    assert said.changes == ()
    assert [vote.key.split(" ")[-1] for vote in said.votes] == votes
    assert all(vote.against.startswith("asked for: spec.replicas") for vote in said.votes)


async def test_a_quota_on_limits_makes_them_part_of_the_plan():
    """Without them the quota refuses every pod; with them the deployment goes through."""
    quota = Quota(name="budget", hard={"limits.cpu": "4", "limits.memory": "8Gi", "cpu": "4"})
    deployed, _ = manifests(await plan(STAGING.model_copy(update={"quotas": (quota,)})))

    (box,) = deployed["spec"]["template"]["spec"]["containers"]
    assert box["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi"}


async def test_what_the_namespace_uses_already_is_not_free():
    """A quota is shared: what others have is gone."""
    full = QUOTA.model_copy(update={"used": {"pods": "9", "requests.cpu": "3500m", "requests.memory": "1Gi"}})
    said = await plan(STAGING.model_copy(update={"quotas": (full,)}))

    assert [vote.key.split(" ")[-1] for vote in said.votes] == [
        "spec.hard.pods='12'",
        "spec.hard.requests.cpu='5'",
        "spec.replicas=1",
    ]


async def test_nodes_that_take_nothing_do_not_count():
    """A cordoned, tainted or broken node holds no pod."""
    nodes = (node("a", unschedulable=True), node("b", taints=["gpu=true:NoSchedule"]), node("c", ready=False))
    said = await plan(STAGING.model_copy(update={"nodes": nodes, "quotas": ()}))

    assert [vote.key.split(" ")[-1] for vote in said.votes] == ["spec.replicas=0"]


async def test_nobody_asked_for_a_number():
    """Two survive the loss of a node; where there is one node, two would only look as if."""
    two = manifests(await plan(replicas=None))
    one = manifests(await plan(STAGING.model_copy(update={"nodes": NODES[:1]}), replicas=None))

    assert (two[0]["spec"]["replicas"], len(two)) == (2, 2)
    assert (one[0]["spec"]["replicas"], len(one)) == (1, 1)


@pytest.mark.parametrize(
    ("held", "changed", "why"),
    [
        (Snapshot(namespace="staging", taken_at=NOW), {}, "neither a quota nor a node"),
        (STAGING, {"application": None}, "nothing says what is to be deployed"),
        (STAGING, {"resources": {"cpu": "much"}}, "'much' is no quantity"),
        (STAGING, {"resources": {"cpu": "-1"}}, "ask for more than nothing"),
        (STAGING, {"image": "two words"}, "no image reference"),
        (STAGING, {"image": 7}, "no image reference"),
        (STAGING, {"manifests": ["a: b\n"]}, "brings manifests of its own"),
    ],
)
async def test_it_abstains_and_says_why(held, changed, why):
    """An expert without evidence, or with a request that cannot be read, is silent."""
    said = await plan(held, **changed)

    assert said.status == "abstain"
    assert why in said.status_reason


async def test_it_says_nothing_about_what_is_wrong():
    """That is for `rules` and `changes`; agreeing with them would only look like a second voice."""
    said = await Sizing().opine(question("Why is it failing?"), seen(STAGING, **REQUEST))

    assert said.status == "abstain"


async def test_a_workload_that_is_there_is_changed_where_it_differs():
    """No second manager of the same fields: what exists is scaled and patched."""
    held = state(workloads=(deployment(containers=[SIZED]),), nodes=NODES)
    said = await plan(
        held, application="checkout", environment="shop", replicas=5, resources={"cpu": "300m"}, image="x:2"
    )

    path = "spec.template.spec.containers[app].resources.requests.cpu"
    assert [vote.key for vote in said.votes] == [
        "kubernetes.scale_deployment Deployment shop/checkout spec.replicas=5",
        f"kubernetes.patch_workload Deployment shop/checkout {path}='300m'",
    ]
    assert [one.call.tool for one in said.changes] == ["scale_deployment", "patch_workload"]


async def test_measured_use_speaks_for_more_memory():
    """A container that was killed for its memory has said how much it needs at least."""
    killed = pod(1, 5, ContainerState(name="app", restarts=3, last_reason="OOMKilled"))
    held = state(workloads=(deployment(containers=[SIZED]),), pods=(killed,), nodes=NODES)
    said = await plan(held, application="checkout", environment="shop", replicas=None, resources=None, image=None)

    assert [vote.key.split(" ")[-1] for vote in said.votes] == [
        "spec.template.spec.containers[app].resources.limits.memory='256Mi'"
    ]


KILLED = pod(1, 5, ContainerState(name="app", restarts=3, last_reason="OOMKilled"))
BARE = Container(name="app", image="x:2")


@pytest.mark.parametrize(
    ("parts", "target", "verdict", "rules"),
    [
        ({"workloads": (deployment(containers=[SIZED]),), "nodes": NODES}, {}, "go", ("sizing/limits", "sizing/nodes")),
        ({"workloads": (deployment(containers=[BARE]),)}, {}, "hold", ("sizing/limits", "sizing/requests")),
        ({"workloads": (deployment(containers=[SIZED], ready=1),)}, {}, "hold", ("sizing/ready",)),
        ({"workloads": (deployment(containers=[SIZED]),), "pods": (KILLED,)}, {}, "hold", ("sizing/memory",)),
        (
            {"workloads": (deployment(containers=[SIZED]),), "quotas": (QUOTA,)},
            {"replicas": 30},
            "stop",
            ("sizing/quota",),
        ),
        (
            {"workloads": (), "quotas": (QUOTA,)},
            {"replicas": 3, "resources": {"cpu": "1", "memory": "1Gi"}},
            "go",
            ("sizing/quota",),
        ),
    ],
)
async def test_a_review_ends_in_a_verdict_with_the_findings_that_decide(parts, target, verdict, rules):
    """Quotas and limits tell something, so a review is not left without an answer; pods that are not ready hold it."""
    said = await review(state(**parts), **target)

    assert [(vote.verdict, vote.deciding) for vote in said.votes] == [(verdict, rules)]


async def test_a_review_of_nothing_is_silent():
    """No workload, no request, no verdict."""
    said = await review(state(workloads=()))

    assert said.status == "abstain"
    assert said.missing_evidence == ("workload checkout in shop",)


async def test_a_budget_is_advised_where_there_is_none():
    """Advice decides nothing, and is not given twice."""
    sized = deployment(containers=[SIZED])
    guard = Budget(name="checkout", selector={"app": "checkout"}, max_unavailable="1")

    without = await review(state(workloads=(sized,)))
    with_one = await review(state(workloads=(sized,), budgets=(guard,)))

    assert any("PodDisruptionBudget" in one.text for one in without.recommendations)
    assert not any("PodDisruptionBudget" in one.text for one in with_one.recommendations)


WHOLE = state(
    workloads=(deployment(containers=[SIZED], ready=1),), pods=(KILLED,), nodes=NODES, quotas=(QUOTA,), workload=""
)
PARTS = sorted(WHOLE.to_dict().keys() - {"namespace"})


@given(
    st.sets(st.sampled_from(PARTS)),
    st.sampled_from([PLAN, REVIEW]),
    st.fixed_dictionaries(
        {"namespace": st.just("shop")},
        optional={
            "workload": st.sampled_from(["checkout", "new"]),
            "replicas": st.integers(0, 10**6),
            "resources": st.dictionaries(
                st.sampled_from(["cpu", "memory", "nvidia.com/gpu", "x"]),
                st.text(max_size=4) | st.just("1Gi"),
                max_size=3,
            ),
            "image": st.text(max_size=10) | st.just("x:1"),
        },
    ),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_asked_and_whatever_was_trimmed_no_opinion_fails_the_gate(gone, asked, target):
    """Requests are typed by people and bundles are cut to a budget: what is left is quoted as it stands."""
    left = {key: value for key, value in WHOLE.to_dict().items() if key not in gone}
    bundle = seen(Snapshot.model_validate(left), **target)

    said = checked(await Sizing().opine(asked, bundle), bundle)

    assert said.status in ("ok", "abstain")
    assert all(
        list(yaml.safe_load_all(text)) for one in said.changes for text in one.call.arguments.get("manifests", [])
    )
