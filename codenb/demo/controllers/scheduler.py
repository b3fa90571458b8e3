"""Binds pods to nodes, or says why none will do, in the scheduler's words."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

from codenb.demo import quantity
from codenb.demo.events import Happening
from codenb.demo.kinds import CLAIM, NODE, POD
from codenb.demo.objects import Obj, dig, labels_of, name_of, namespace_of, revised
from codenb.demo.selecting import expression_holds
from codenb.demo.simulation import Key, Queue, Simulation
from codenb.demo.store import Change

_COMPONENT = "default-scheduler"
_RETRY_S = 300.0
_UNHELPFUL = "Preemption is not helpful for scheduling."
_NO_VICTIMS = "No preemption victims found for incoming pod."


class Scheduler:
    """The scheduler of one world."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._queue = Queue(sim, self._schedule)
        self._room = False  # whether something changed that may let waiting pods be bound
        self._bound: defaultdict[str, list[Obj]] = defaultdict(list)  # by node, while the queue is worked off

    def observe(self, change: Change) -> None:
        """Note pods without a node, and whatever may make room for one."""
        if change.kind is POD and change.type == "ADDED" and not dig(change.obj, "spec", "nodeName"):
            self._queue.add(namespace_of(change.obj), name_of(change.obj))
        elif (
            change.kind is NODE
            or (change.kind is POD and change.type == "DELETED")
            or (change.kind is CLAIM and change.type == "MODIFIED")
        ):
            self._room = True

    def work(self) -> bool:
        """Look at the pods that are queued; True where there was one."""
        if not self._queue and not self._room:
            return False
        self._bound.clear()
        for pod in self._sim.store.all(POD):
            node = dig(pod, "spec", "nodeName", default="")
            self._bound[node].append(pod)
            if self._room and not node:
                self._queue.add(namespace_of(pod), name_of(pod))
        self._room = False
        return self._queue.work()

    def _schedule(self, key: Key) -> None:
        pod = self._sim.store.find(POD, *key)
        if pod is None or dig(pod, "spec", "nodeName"):
            return
        nodes = self._sim.store.all(NODE)
        problem = self._claim_problem(pod)
        if problem:
            self._fail(
                pod, problem if "not found" in problem else f"0/{len(nodes)} nodes are available: {problem}.", nodes
            )
            return
        reasons = {name_of(node): self._misfits(pod, node) for node in nodes}
        fitting = [node for node in nodes if not reasons[name_of(node)]]
        if fitting:
            self._bind(pod, min(fitting, key=lambda node: (self._load(name_of(node)), name_of(node))))
            return
        counts = Counter(reason for found in reasons.values() for reason in found)
        said = sorted(f"{count} {reason}" for reason, count in counts.items())
        full = all(reason.startswith(("Insufficient", "Too many")) for reason in counts)
        message = (
            f"0/{len(nodes)} nodes are available: {', '.join(said)}."
            if nodes
            else "no nodes available to schedule pods"
        )
        self._fail(pod, message, nodes, victims=full)

    def _claim_problem(self, pod: Obj) -> str:
        for volume in pod["spec"].get("volumes") or []:
            name = dig(volume, "persistentVolumeClaim", "claimName")
            if not name:
                continue
            claim = self._sim.store.find(CLAIM, namespace_of(pod), name)
            if claim is None:
                return f'persistentvolumeclaim "{name}" not found'
            if dig(claim, "status", "phase") != "Bound":
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def _misfits(self, pod: Obj, node: Obj) -> list[str]:
        if dig(node, "spec", "unschedulable"):
            return ["node(s) were unschedulable"]
        taint = _untolerated(pod, node)
        if taint:
            return [f"node(s) had untolerated taint(s) {{{taint}}}"]
        if not _selected(pod, node):
            return ["node(s) didn't match Pod's node affinity/selector"]
        return [f"Insufficient {resource}" for resource in self._short(pod, node)]

    def _short(self, pod: Obj, node: Obj) -> list[str]:
        have = dig(node, "status", "allocatable", default={})
        there = self._bound[name_of(node)]
        wanted = {name for container in pod["spec"]["containers"] for name in _requests(container)}
        short = []
        for resource in sorted(wanted):
            used = sum((_asks(other, resource) for other in there), Decimal(0))
            if used + _asks(pod, resource) > quantity.parse(have.get(resource, "0")):
                short.append(resource)
        return short

    def _load(self, node: str) -> Decimal:
        pods = self._bound[node]
        return sum((_asks(pod, "cpu") for pod in pods), Decimal(len(pods)) / 100)

    def _bind(self, pod: Obj, node: Obj) -> None:
        bound = revised(pod, spec=pod["spec"] | {"nodeName": name_of(node)})
        stored = self._sim.store.update(POD, bound, "kube-scheduler", subresource="binding")
        self._bound[name_of(node)].append(stored)
        self._sim.store.update(POD, self._scheduled(stored, "True", "", ""), "kube-scheduler", subresource="status")
        message = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {name_of(node)}"
        self._sim.events.record(stored, Happening("Normal", _COMPONENT, "Scheduled", message, action="Binding"))

    def _fail(self, pod: Obj, message: str, nodes: list[Obj], *, victims: bool = False) -> None:
        count = len(nodes)
        if count and "nodes are available" in message:
            why = _NO_VICTIMS if victims else _UNHELPFUL
            message += f" preemption: 0/{count} nodes are available: {count} {why}"
        stored = self._sim.store.update(
            POD, self._scheduled(pod, "False", "Unschedulable", message), "kube-scheduler", subresource="status"
        )
        failed = Happening("Warning", _COMPONENT, "FailedScheduling", message, action="Scheduling")
        self._sim.events.record(stored, failed)
        self._sim.clock.after(_RETRY_S, lambda: self._queue.add(namespace_of(pod), name_of(pod)))

    def _scheduled(self, pod: Obj, status: str, reason: str, message: str) -> Obj:
        conditions = dig(pod, "status", "conditions", default=[])
        have = next((item for item in conditions if item["type"] == "PodScheduled"), None)
        same = have is not None and have["status"] == status
        since = have["lastTransitionTime"] if have is not None and same else self._sim.clock.stamp()
        condition = {"type": "PodScheduled", "status": status, "lastProbeTime": None, "lastTransitionTime": since}
        if reason:
            condition |= {"reason": reason, "message": message}
        others = [item for item in conditions if item["type"] != "PodScheduled"]
        return revised(pod, status=pod["status"] | {"conditions": [*others, condition]})


def _requests(container: Obj) -> Obj:
    return dig(container, "resources", "requests") or {}


def _asks(pod: Obj, resource: str) -> Decimal:
    return quantity.total([_requests(c)[resource] for c in pod["spec"]["containers"] if resource in _requests(c)])


def _untolerated(pod: Obj, node: Obj) -> str:
    for taint in dig(node, "spec", "taints") or []:
        if taint["effect"] == "PreferNoSchedule":
            continue
        if not any(_tolerates(toleration, taint) for toleration in pod["spec"].get("tolerations") or []):
            return f"{taint['key']}: {taint.get('value', '')}".rstrip()
    return ""


def _tolerates(toleration: Obj, taint: Obj) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def _selected(pod: Obj, node: Obj) -> bool:
    have = labels_of(node)
    if any(have.get(key) != value for key, value in (pod["spec"].get("nodeSelector") or {}).items()):
        return False
    required = dig(pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(
        all(expression_holds(item, have) for item in term.get("matchExpressions") or [])
        for term in required.get("nodeSelectorTerms") or []
    )
