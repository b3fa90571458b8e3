"""Whether there is room: what a workload asks for, against what its quota leaves and what its nodes can hold.

The scheduler and the quota decide for themselves later; this says before what they will say, from the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from codenb.errors import BadInput
from codenb.models import Entity
from codenb.models._yaml import as_yaml
from codenb.servers.kubernetes.snapshot import Node, Quota, Snapshot, Workload
from codenb.servers.kubernetes.units import quantity

Verdict = Literal["go", "hold", "stop"]

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"

_GIBI, _MEBI = Decimal(2) ** 30, Decimal(2) ** 20
_SURGE = Decimal("0.25")  # of a Deployment's replicas, rounded up, unless it says otherwise
_BLOCKING = (":NoSchedule", ":NoExecute")


@dataclass(frozen=True, slots=True)
class Need:
    """What a workload asks for.

    Attributes:
        entity: The workload.
        replicas: How many pods.
        requests: Of one pod, by resource.
        limits: Of one pod, by resource; what is not in it is unlimited.
        has: What of the quota's use is its own already: pods, requests and limits of all its replicas.
    """

    entity: Entity
    replicas: int
    requests: Mapping[str, Decimal]
    limits: Mapping[str, Decimal]
    has: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        rule: Which, such as `sizing/quota`.
        about: The resource that was counted, such as `cpu`; empty for all of them.
        verdict: What it says of going ahead.
        text: In a sentence.
        quotes: Words of the state that show it.
        fits: How many replicas there is room for, where that was counted.
        remedy: What would have to be changed to make room: object, field, value.
    """

    rule: str
    verdict: Verdict
    text: str
    quotes: tuple[str, ...]
    about: str = ""
    fits: int | None = None
    remedy: tuple[Entity, str, str] | None = None


def pod_amounts(amounts: Sequence[Mapping[str, str]]) -> dict[str, Decimal]:
    """The sum over containers; what is no quantity is left out."""
    found: dict[str, Decimal] = {}
    for one in amounts:
        for what, text in one.items():
            amount = read(text)
            if amount is not None:
                found[what] = found.get(what, Decimal(0)) + amount
    return found


def read(text: str) -> Decimal | None:
    """A quantity of the cluster; None where it is none."""
    try:
        return quantity(text)
    except BadInput:
        return None


def written(what: str, amount: Decimal) -> str:
    """An amount as people write it: `1500m` and `2` for cores, `8Gi` and `640Mi` for bytes."""
    if what.endswith("cpu"):
        return f"{int(amount)}" if amount == int(amount) else f"{_up(amount * 1000)}m"
    if "memory" in what or "storage" in what:
        for unit, size in (("Gi", _GIBI), ("Mi", _MEBI)):
            if amount and amount % size == 0:
                return f"{int(amount / size)}{unit}"
        return f"{_up(amount)}"
    return f"{amount.normalize():f}"


def need_of(workload: Workload, entity: Entity, replicas: int | None = None) -> Need:
    """What a workload asks for now, or would with another number of replicas."""
    boxes = [box for box in workload.containers if not box.init]
    requests = pod_amounts([box.limits | box.requests for box in boxes])  # a limit alone is also the request
    limits = pod_amounts([box.limits for box in boxes])
    now = workload.desired or 0
    has = {"pods": Decimal(now), **_totals(requests, limits, now)}
    return Need(entity, now if replicas is None else replicas, requests, limits, has)


def quotas(snapshot: Snapshot, need: Need, *, surge: bool = False) -> Iterator[Check]:
    """What each quota of the namespace says to it.

    Args:
        snapshot: The state of the namespace.
        need: What is asked for.
        surge: Whether to ask if there is room for the pods that a rolling update adds for a while, and not for all.
    """
    replicas = _surge(need.replicas) if surge else need.replicas
    for one in snapshot.quotas:
        for key, hard in one.hard.items():
            each = _each(key, need)
            if each is None:
                continue
            limit, used = read(hard), read(one.used.get(key, "0"))
            if limit is not None and used is not None:
                own = Decimal(0) if surge else need.has.get(_field(key), Decimal(0))
                yield _quota(_Left(one, key, used - own, limit - used + own), each, replicas, need, surge=surge)


@dataclass(frozen=True, slots=True)
class _Left:
    """A field of a quota: what of it others use, and what is left."""

    quota: Quota
    key: str
    others: Decimal
    left: Decimal


def _quota(there: _Left, each: Decimal | str, replicas: int, need: Need, *, surge: bool) -> Check:
    one, key, left = there.quota, there.key, there.left
    quotes = (f"{key}: {one.hard[key]}", as_yaml({"name": one.name, "hard": one.hard}))
    about = _field(key).rpartition(".")[2]
    if isinstance(each, str):
        said = f"quota {one.name} refuses pods without {each}, which {need.entity} does not state"
        return Check("sizing/quota", "stop", said, quotes, about)
    fits = int(max(left, Decimal(0)) // each) if each else replicas
    total, name = written(key, each * replicas), f"{key} of quota {one.name}"
    if fits >= replicas:
        return Check("sizing/quota", "go", f"{total} of {written(key, left)} left under {name}", quotes, about, fits)
    if surge:
        pods = "a pod" if replicas == 1 else f"{replicas} pods"
        said = (
            f"a rollout of {need.entity} adds {pods} for a while by default, for which {name} has no room: "
            f"let it have maxSurge 0 and maxUnavailable 1, or raise the quota"
        )
        return Check("sizing/surge", "hold", said, quotes, about, fits)
    said = (
        f"{need.entity} with {replicas} replicas needs {total}, and {written(key, max(left, Decimal(0)))} is left "
        f"under {name}: {fits} fit"
    )
    wanted = written(key, there.others + each * replicas)
    quota = Entity(kind="ResourceQuota", name=one.name, namespace=need.entity.namespace)
    return Check("sizing/quota", "stop", said, quotes, about, fits, (quota, f"spec.hard.{key}", wanted))


def nodes(snapshot: Snapshot, need: Need, workload: Workload | None = None) -> Check | None:
    """Whether the nodes could hold it if nothing else ran on them; None where that cannot be told.

    What else runs on them is not in the state of one namespace, so this says where it can never fit, and no more.
    """
    if not snapshot.nodes or any(text.startswith("nodes") for text in snapshot.cut):
        return None
    usable = [one for one in snapshot.nodes if _usable(one, workload)]
    counted = [(one, _holds(one, need)) for one in usable]
    fits = sum(holds * (1 + (one.alike or 0)) for one, holds in counted)
    many = sum(1 + (one.alike or 0) for one in usable)
    shown = max(counted, key=lambda pair: pair[1], default=(snapshot.nodes[0], 0))[0]
    quotes = (as_yaml({"allocatable": shown.allocatable}), f"name: {shown.name}")
    if fits >= need.replicas:
        hold = "usable node holds" if many == 1 else "usable nodes hold"
        said = f"{many} {hold} up to {fits} such pods where nothing else runs"
        return Check("sizing/nodes", "go", said, quotes, fits=fits)
    asked = ", ".join(f"{written(what, amount)} {what}" for what, amount in need.requests.items())
    said = f"{need.entity} asks for {need.replicas} pods of {asked}; the {many} usable nodes could hold {fits}, empty"
    return Check("sizing/nodes", "stop", said, quotes, fits=fits)


def spread(snapshot: Snapshot) -> str:
    """By what pods are best spread: zones where nodes are in several, else hosts; empty where there is one node."""
    usable = [one for one in snapshot.nodes if _usable(one, None)]
    if len({one.labels.get(ZONE) for one in usable} - {None}) > 1:
        return ZONE
    return HOST if sum(1 + (one.alike or 0) for one in usable) > 1 else ""


def demanded(snapshot: Snapshot, key: str) -> bool:
    """Whether a quota counts this, so that every pod has to state it."""
    return any(_field(one) == key for quota in snapshot.quotas for one in quota.hard)


def _up(amount: Decimal) -> int:
    """The next whole number: a quota that is raised by too little still refuses."""
    return int(amount.to_integral_value(ROUND_CEILING))


def _usable(node: Node, workload: Workload | None) -> bool:
    tolerated = workload.tolerations if workload else ()
    blocked = [one for one in node.taints if one.endswith(_BLOCKING) and one not in tolerated]
    wanted = workload.node_selector.items() if workload else ()
    fits = all(node.labels.get(key) == value for key, value in wanted)
    return node.ready and not node.unschedulable and not blocked and fits


def _holds(node: Node, need: Need) -> int:
    """How many such pods an empty node takes."""
    asked = {**need.requests, "pods": Decimal(1)}
    most = []
    for what, each in asked.items():
        there = read(node.allocatable.get(what, "0" if "/" in what else ""))
        if there is not None and each:
            most.append(int(there // each))
    return min(most, default=0)


def _each(key: str, need: Need) -> Decimal | str | None:
    """What one pod takes of a quota's field; text where it must be stated and is not; None where it takes nothing."""
    name = _field(key)
    if name == "pods":
        return Decimal(1)
    side, _, what = name.partition(".")
    amounts = need.requests if side == "requests" else need.limits if side == "limits" else None
    if amounts is None or not what:
        return None
    if what in amounts:
        return amounts[what]
    return f"a {'request' if side == 'requests' else 'limit'} of {what}" if what in ("cpu", "memory") else None


def _field(key: str) -> str:
    """The long name of a quota's field: `cpu` is short for `requests.cpu`."""
    short = {"cpu": "requests.cpu", "memory": "requests.memory", "count/pods": "pods"}
    return short.get(key, key)


def _totals(requests: Mapping[str, Decimal], limits: Mapping[str, Decimal], times: int) -> dict[str, Decimal]:
    sides = (("requests", requests), ("limits", limits))
    return {f"{side}.{what}": amount * times for side, amounts in sides for what, amount in amounts.items()}


def _surge(replicas: int) -> int:
    return int(-(-replicas * _SURGE // 1))
