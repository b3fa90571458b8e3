"""What Kubernetes objects use: what their pods reserve, times how many there are, and what is kept and served for them.

A node that stands half empty costs as much as a full one; this is each workload's share of it, as OpenCost counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from codenb.servers.cost.book import ANY
from codenb.servers.cost.pods import GIBI, Share, share, storage
from codenb.servers.cost.usage import EXACT, LARGEST, Demand, Dimension, Usage

EGRESS = "codenb/egress-gb-month"
"""An annotation of a workload or a service: GB a month that it sends to the internet."""

_PROVIDER = "kubernetes"
_REPLICATED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
_RUNS_ONCE = {"Job": "how long it runs", "CronJob": "how long and how often it runs"}

Object = Mapping[str, Any]


@dataclass
class _Bill:
    """What is counted of one object."""

    resource: str
    usages: list[Usage] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, component: str, dimension: Dimension, skus: Sequence[str], amount: Decimal, note: str = "") -> None:
        self.usages.append(Usage(self.resource, component, dimension, _PROVIDER, tuple(skus), ANY, amount, None, note))

    def cannot(self, why: str) -> None:
        self.unknown.append(f"{self.resource}: {why}")

    def say(self, note: str) -> None:
        self.notes.append(f"{self.resource}: {note}")


def demand(objects: Iterable[Object], *, nodes: int | None = None) -> Demand:
    """What objects use.

    Args:
        objects: As in manifests.
        nodes: On how many nodes a DaemonSet runs; None is unknown.
    """
    there = [one for one in objects if isinstance(one, Mapping)]
    scaled = _autoscaled(there)
    return Demand.of(_one(one, scaled, nodes) for one in there)


def named(resource: Object) -> str:
    """Such as `Deployment shop/checkout`."""
    told = _dict(resource.get("metadata"))
    place = f"{told['namespace']}/" if told.get("namespace") else ""
    return f"{resource.get('kind')} {place}{told.get('name') or told.get('generateName') or '(unnamed)'}"


def _one(resource: Object, scaled: Mapping[tuple[str, str, str], Object], nodes: int | None) -> Demand:
    kind, spec, bill = str(resource.get("kind", "")), _dict(resource.get("spec")), _Bill(named(resource))
    template = _dict(_dict(spec.get("template")).get("spec"))
    if kind == "Pod":
        _pods(bill, spec, Decimal(1))
    elif kind in _RUNS_ONCE:
        inner = _dict(_dict(_dict(_dict(spec.get("jobTemplate")).get("spec")).get("template")).get("spec"))
        bill.cannot(f"{_RUNS_ONCE[kind]} is not known, so it is not in the total ({_sized(share(inner or template))})")
    elif kind == "DaemonSet":
        if nodes is None:
            bill.cannot(f"counted on one node: how many there are is not known ({_sized(share(template))})")
        _pods(bill, template, Decimal(1 if nodes is None else nodes))
    elif kind in _REPLICATED or (template.get("containers") and "jobTemplate" not in spec):
        replicas = _replicas(bill, resource, spec, scaled)
        _pods(bill, template, replicas)
        for claim in _list(spec.get("volumeClaimTemplates")):
            _claim(
                bill,
                _dict(_dict(claim).get("spec")),
                replicas,
                f"volume {_dict(_dict(claim).get('metadata')).get('name')}",
            )
    elif kind == "PersistentVolumeClaim":
        _claim(bill, spec, Decimal(1), "storage")
    elif kind == "Service" and spec.get("type") == "LoadBalancer":
        bill.add("load balancer", "time", ("load-balancer",), Decimal(1))
    _egress(bill, resource)
    return Demand(tuple(bill.usages), tuple(bill.unknown), tuple(bill.notes))


def _pods(bill: _Bill, spec: Object, times: Decimal) -> None:
    one = share(spec)
    _reserved(bill, one, times)
    for volume in _list(spec.get("volumes")):
        claim = _dict(_dict(_dict(_dict(volume).get("ephemeral")).get("volumeClaimTemplate")).get("spec"))
        if claim:
            _claim(bill, claim, times, f"volume {_dict(volume).get('name')}")


def _reserved(bill: _Bill, one: Share, times: Decimal) -> None:
    amounts: tuple[tuple[Dimension, Decimal], ...] = (
        ("cpu", one.cpu),
        ("memory", EXACT.divide(one.memory, GIBI)),
        ("gpu", one.gpu),
    )
    for dimension, amount in amounts:
        if amount:
            note = "priced by its limits: it has no requests" if dimension in one.by_limits else ""
            bill.add(dimension, dimension, (dimension,), EXACT.multiply(amount, times), note)
    if times:
        for why in one.unknown:
            bill.cannot(why if times == 1 else f"{why}, in {times} pods")


def _sized(one: Share) -> str:
    return f"{one.cpu.normalize():f} cores and {EXACT.divide(one.memory, GIBI).normalize():f} GB a pod"


def _replicas(bill: _Bill, resource: Object, spec: Object, scaled: Mapping[tuple[str, str, str], Object]) -> Decimal:
    told = _dict(resource.get("metadata"))
    key = (str(resource.get("kind")), str(told.get("namespace") or ""), str(told.get("name") or ""))
    if scaler := scaled.get(key):
        least = scaler.get("minReplicas")
        most = scaler.get("maxReplicas")
        wanted = 1 if least is None else least
        bill.say(f"priced with the {wanted} replicas that its autoscaler keeps at least; it may run {most}")
    else:
        wanted = 1 if spec.get("replicas") is None else spec.get("replicas")
    if isinstance(wanted, bool) or not isinstance(wanted, int) or not 0 <= wanted <= LARGEST["instances"]:
        bill.cannot(f"{str(wanted)[:40]!r} replicas cannot be counted")
        return Decimal(0)
    return Decimal(wanted)


def _autoscaled(objects: Iterable[Object]) -> dict[tuple[str, str, str], Object]:
    """Specs of autoscalers by kind, namespace and name of what they scale."""
    found = {}
    for one in objects:
        if one.get("kind") == "HorizontalPodAutoscaler":
            spec = _dict(one.get("spec"))
            target = _dict(spec.get("scaleTargetRef"))
            namespace = str(_dict(one.get("metadata")).get("namespace") or "")
            found[str(target.get("kind")), namespace, str(target.get("name"))] = spec
    return found


def _claim(bill: _Bill, spec: Object, times: Decimal, component: str) -> None:
    asked = _dict(_dict(spec.get("resources")).get("requests")).get("storage")
    size = storage(asked)
    if size is None:
        bill.cannot(f"the size of {component} is {str(asked)[:40]!r}, which cannot be counted")
        return
    sort = spec.get("storageClassName")
    skus = (f"storage-{sort}", "storage") if isinstance(sort, str) and sort else ("storage",)
    bill.add(component, "storage", skus, EXACT.multiply(size, times))


def _egress(bill: _Bill, resource: Object) -> None:
    declared = _dict(_dict(resource.get("metadata")).get("annotations")).get(EGRESS)
    if declared is None:
        return
    size = storage(f"{declared}Gi")
    if size is None:
        bill.cannot(f"its annotation {EGRESS} is {str(declared)[:40]!r}: write GB a month as a number")
    else:
        bill.add("egress", "data", ("egress-internet",), size)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
