"""What validation does for many objects grows as they do; counted in calls, since time says more about the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from codenb.servers._base._paths import Roots
from codenb.servers._manifests import parse
from codenb.servers.deployment.validation._inventory import Inventory, Names
from codenb.servers.deployment.validation._job import Job
from codenb.servers.deployment.validation._references import References
from codenb.servers.security.policies import scan_manifests
from codenb.servers.security.secrets import MaskedLines

WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-NUM, namespace: shop}
spec:
  selector: {matchLabels: {app: web-NUM}}
  template:
    metadata: {labels: {app: web-NUM}}
    spec:
      serviceAccountName: web-NUM
      containers: [{name: web, image: "web:NUM", ports: [{name: http, containerPort: 80}]}]
---
"""
BESIDE = {
    "a service": """\
apiVersion: v1
kind: Service
metadata: {name: web-NUM, namespace: shop}
spec: {selector: {app: web-NUM}, ports: [{port: 80, targetPort: htp}]}
""",
    "a service that selects nothing": """\
apiVersion: v1
kind: Service
metadata: {name: lost-NUM, namespace: shop}
spec: {selector: {app: lost-NUM}, ports: [{port: 80}]}
""",
    "an account of nearly its name": """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: wed-NUM, namespace: shop}
""",
    "a budget and an autoscaler": """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web-NUM, namespace: shop}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: web-NUM}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web-NUM, namespace: shop}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web-NUM}, maxReplicas: 5}
""",
    "a network policy": """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web-NUM, namespace: shop}
spec: {podSelector: {matchLabels: {app: web-NUM}}, policyTypes: [Ingress]}
""",
    "a role and its binding": """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web-NUM, namespace: shop}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web-NUM, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web-NUM}
subjects: [{kind: ServiceAccount, name: web-NUM, namespace: shop}]
""",
}


def bundle(beside: str, many: int, first: int = 1000) -> str:
    """Workloads, each with something beside it."""
    return "---\n".join((WORKLOAD + beside).replace("NUM", str(number)) for number in range(first, first + many))


def calls(function: Callable[[], Any]) -> int:
    """How many functions are called, C's too."""
    count = 0

    def seen(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("beside", BESIDE)
def test_twice_the_objects_are_twice_the_work(beside):
    """A thousand Deployments took 40 s in one call and 4 s one at a time: each looked at all the others."""

    def look(many: int, first: int) -> tuple[int, int]:
        manifests = parse(bundle(BESIDE[beside], many, first))
        assert not manifests.problems
        job = Job("kubernetes", Roots(()), manifests=manifests)
        return calls(lambda: References()._inside(job)), calls(lambda: scan_manifests(manifests.documents))

    look(5, 1000)  # loads the engine
    few, many = look(80, 2000), look(160, 3000)

    assert many[0] < 2.4 * few[0]  # 4 where each looks at all
    assert many[1] < 2.2 * few[1]


class Counted(Sequence[str]):
    """Lines that count how often one is read."""

    def __init__(self, lines: list[str]) -> None:
        self.lines, self.reads = lines, 0

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index):
        self.reads += 1
        return self.lines[index]


def test_a_file_is_looked_through_once_for_all_its_findings():
    """Each finding had the whole file hashed to ask for one line of it: of 30,000 lines, 16,000 times."""
    lines = Counted([f"password: hunter2hunter{number}" for number in range(500)])
    masked = MaskedLines()

    shown = [masked.line(lines, number) for number in range(1, 501)]

    assert lines.reads <= len(lines) + 1  # a join reads each, and once more to see that there is none
    assert not any("hunter" in line for line in shown)
    assert [masked.line(lines, number) for number in (0, 501)] == ["", ""]


def test_a_near_name_is_found_among_thousands():
    """Looking only at names that begin or end alike must not cost the hint, wherever the slip is."""
    names = Names(f"service-{number}" for number in range(5000))

    for meant, written in (("service-4321", "servce-4321"), ("service-12", "Service-12"), ("service-77", "servise-77")):
        assert meant in names.around(written)
    inventory = Inventory(parse(bundle(BESIDE["an account of nearly its name"], 300)).documents)
    assert inventory.near("ServiceAccount", "shop", "wedd-1234") == "wed-1234"
    assert not inventory.near("ServiceAccount", "elsewhere", "wedd-1234")


def test_the_narrowed_graph_says_what_the_whole_one_says(monkeypatch):
    """The builders of edges are checkov's; to show them fewer objects must change no finding."""
    from checkov.kubernetes.graph_builder import local_graph  # noqa: PLC0415  loads with the engine

    loose = "apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec: {containers: [{name: a, image: a}]}\n"
    widest = BESIDE["a role and its binding"].replace("verbs: [get]", 'verbs: ["*"]').replace("[pods]", '["*"]')
    text = "---\n".join([*(bundle(beside, 3) for beside in BESIDE.values()), bundle(widest, 2, 5000), loose])
    documents = parse(text).documents
    narrowed = scan_manifests(documents)

    class Whole(local_graph.KubernetesLocalGraph):
        """As checkov makes it: its builders cannot be replaced."""

        def __setattr__(self, name, value):
            if not (name == "edge_builders" and hasattr(self, name)):
                super().__setattr__(name, value)

    monkeypatch.setattr(local_graph, "KubernetesLocalGraph", Whole)
    whole = scan_manifests(documents)

    assert not narrowed.problems
    assert any(finding.rule.startswith("CKV2") for finding in narrowed.findings)
    assert narrowed.findings == whole.findings
