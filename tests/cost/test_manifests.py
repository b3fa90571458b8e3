"""Kubernetes objects: requests times replicas, and what is stated where something is not known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.errors import BadInput
from codenb.servers._base._paths import Roots
from codenb.servers.cost import estimate, monthly_delta_of_manifests

CPU, RAM, DISK = Decimal("0.031611"), Decimal("0.004237"), Decimal("0.00005479452")
MONTH = Decimal(730)


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))


def box(name: str = "app", requests: Any = None, limits: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "x:1", "resources": {"requests": requests, "limits": limits}, **more}


def workload(*boxes: dict[str, Any], kind: str = "Deployment", name: str = "web", **spec: Any) -> dict[str, Any]:
    pods = {"containers": list(boxes) or [box(requests={"cpu": "500m", "memory": "1Gi"})]}
    pods |= spec.pop("pods", {})
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": {"spec": pods}, **spec},
    }


def test_requests_times_replicas():
    """What a pod reserves is what its owner pays for, as OpenCost counts it."""
    made = estimate([workload(replicas=3)])

    assert made.total == cents(3 * MONTH * (CPU / 2 + RAM))
    assert not made.at_least
    assert {line.resource for line in made.lines} == {"Deployment shop/web"}
    assert made.sources == ("OpenCost's defaults (GCP us-central1), 2026-11",)


def test_without_requests_limits_count_and_it_is_said():
    """The API server does the same, so the reader must know that a limit became a request."""
    made = estimate([workload(box(limits={"cpu": 1, "memory": "512Mi"}), replicas=1)])

    assert made.total == cents(MONTH * (CPU + RAM / 2))
    assert {line.note for line in made.lines} == {"priced by its limits: it has no requests"}


def test_without_either_the_total_is_a_lower_bound():
    """A pod that reserves nothing still costs something."""
    made = estimate([workload(box(), replicas=2)])

    assert made.total_text == "at least 0.00 USD"
    assert made.unpriced == (
        "Deployment shop/web: container app has neither a request nor a limit of cpu, in 2 pods",
        "Deployment shop/web: container app has neither a request nor a limit of memory, in 2 pods",
    )


def test_init_containers_and_sidecars_count_as_the_scheduler_counts_them():
    """An init container runs before the others: the larger of both is reserved, not the sum; a sidecar stays."""
    first = [
        box("migrate", {"cpu": "2", "memory": "1Gi"}),
        box("proxy", {"cpu": "1", "memory": "1Gi"}, restartPolicy="Always"),
    ]
    app = box(requests={"cpu": "500m", "memory": "3Gi"})

    made = estimate([workload(app, replicas=1, pods={"initContainers": first, "overhead": {"cpu": "100m"}})])

    amounts = {line.component: line.quantity / MONTH for line in made.lines}
    assert amounts == {"cpu": Decimal("2.1"), "memory": Decimal(4)}


def test_an_autoscaler_is_priced_at_its_least():
    """Its minimum is what is paid at least; the replicas in the manifest are not what runs."""
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 4, "maxReplicas": 9},
    }

    made = estimate([workload(replicas=1), scaler])

    assert made.total == cents(4 * MONTH * (CPU / 2 + RAM))
    assert made.notes == (
        "Deployment shop/web: priced with the 4 replicas that its autoscaler keeps at least; it may run 9",
    )


def test_a_daemon_set_is_counted_on_one_node_unless_somebody_knows():
    """How many nodes there are is not in a manifest."""
    told = workload(kind="DaemonSet")
    one = MONTH * (CPU / 2 + RAM)

    assert estimate([told]).total_text == f"at least {cents(one)} USD"
    assert "how many there are is not known" in estimate([told]).unpriced[0]
    assert estimate([told], nodes=5).total_text == f"{cents(5 * one)} USD"


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_what_runs_for_an_unknown_time_is_named(kind):
    """A job may run a minute or a month."""
    made = estimate([workload(kind=kind)])

    assert made.at_least
    assert "is not known, so it is not in the total" in made.unpriced[0]


def test_claims_load_balancers_gpus_and_traffic():
    """What is kept and served costs too; a load balancer has no price of its own here."""
    claim = {"spec": {"resources": {"requests": {"storage": "100Gi"}}, "storageClassName": "fast"}}
    objects = [
        workload(
            box(requests={"cpu": "1", "memory": "1Gi"}, limits={"nvidia.com/gpu": 1}),
            kind="StatefulSet",
            replicas=2,
            volumeClaimTemplates=[{"metadata": {"name": "data"}, **claim}],
        ),
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "old"}, **claim},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "front", "annotations": {"codenb/egress-gb-month": "50"}},
            "spec": {"type": "LoadBalancer"},
        },
    ]

    made = estimate(objects)

    assert made.total == cents(2 * MONTH * (CPU + RAM + Decimal("0.95")) + 300 * MONTH * DISK + 50 * Decimal("0.12"))
    assert made.unpriced == ("Service front: no price for kubernetes load-balancer",)


def test_a_custom_resource_with_a_pod_template_is_counted_like_a_deployment():
    """Rollouts and the like make pods from a template as Deployments do."""
    rollout = workload(kind="Rollout", replicas=2) | {"apiVersion": "argoproj.io/v1alpha1"}

    assert estimate([rollout]).total == cents(2 * MONTH * (CPU / 2 + RAM))


@pytest.mark.parametrize("bad", ["abc", "-1", "1e300", "9" * 60, [], True])
def test_amounts_that_cannot_be_counted_are_named(bad):
    """One bad quantity must not hide the rest of the bill, nor inflate it."""
    made = estimate([workload(box(requests={"cpu": bad, "memory": "1Gi"}), replicas=1)])

    assert made.total == cents(MONTH * RAM)
    assert "of cpu, which cannot be counted" in made.unpriced[0]


def test_manifests_as_text_and_as_files(tmp_path):
    """A notebook has paths, a pipe has text; both read the same."""
    text = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  template:
    spec:
      containers: [{name: app, image: x, resources: {requests: {cpu: 500m, memory: 1Gi}}}]
"""
    (tmp_path / "web.yaml").write_text(text)
    (tmp_path / "plan.json").write_text('{"planned_values": {"root_module": {}}}')
    expected = cents(2 * MONTH * (CPU / 2 + RAM))

    assert estimate(text).total == expected
    assert estimate(["web.yaml"], roots=Roots((tmp_path,))).total == expected
    assert estimate("web.yaml", roots=Roots((tmp_path,))).total == expected
    assert estimate("plan.json", roots=Roots((tmp_path,))).total == 0
    with pytest.raises(BadInput, match="outside"):
        estimate("../web.yaml", roots=Roots((tmp_path,)))
    with pytest.raises(BadInput, match="there is no Kubernetes object in it"):
        estimate("just: words\nand: more\n")


def test_what_applying_manifests_adds_a_month():
    """Previews say what an approval costs; what is the same on both sides takes no part."""
    three, five = ({"Deployment shop/web": workload(replicas=many)} for many in (3, 5))
    bare = {"Deployment shop/web": workload(box(), replicas=2)}
    more = {"Deployment shop/web": workload(box(), replicas=3)}

    assert monthly_delta_of_manifests(three, five) == (cents(2 * MONTH * (CPU / 2 + RAM)), "")
    assert monthly_delta_of_manifests({"Deployment shop/web": None}, three)[0] == cents(3 * MONTH * (CPU / 2 + RAM))
    assert monthly_delta_of_manifests(bare, bare) == (Decimal("0.00"), "")
    assert monthly_delta_of_manifests(bare, more)[0] is None


def test_a_larger_daemon_set_on_an_unknown_number_of_nodes_is_unknown():
    """The difference on one node is not the difference on all of them."""
    small, large = (workload(box(requests={"cpu": cpu, "memory": "1Gi"}), kind="DaemonSet") for cpu in ("1", "2"))

    assert monthly_delta_of_manifests([small], [large])[0] is None
    assert monthly_delta_of_manifests([small], [small]) == (Decimal("0.00"), "")
    assert monthly_delta_of_manifests([small], [large], nodes=2)[0] == cents(2 * MONTH * CPU)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "1", "1Gi", "500m", "Always", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("metadata", "name", "namespace", "spec", "template", "containers", "initContainers", "resources"),
                    *("requests", "limits", "cpu", "memory", "storage", "replicas", "volumeClaimTemplates", "volumes"),
                    *("ephemeral", "volumeClaimTemplate", "annotations", "codenb/egress-gb-month", "overhead", "items"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    ["Deployment", "Pod", "DaemonSet", "CronJob", "Service", "PersistentVolumeClaim", "Rollout", "List"]
)


@given(
    st.lists(
        st.builds(lambda kind, told: {"apiVersion": "v1", "kind": kind, "spec": told, "metadata": told}, KINDS, ANY),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_is_in_an_object_there_is_an_estimate(objects):
    """Other people's charts hold anything; a bill is made of what can be read."""
    made = estimate(objects)

    assert made.total >= 0
    assert made.at_least == bool(made.unpriced)
    assert monthly_delta_of_manifests(objects, objects) == (Decimal("0.00"), "")
