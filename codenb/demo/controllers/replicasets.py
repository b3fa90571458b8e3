"""ReplicaSet to Pods."""

from __future__ import annotations

from datetime import datetime

from codenb.demo.admission import Admission
from codenb.demo.defaults import fill
from codenb.demo.deletion import delete
from codenb.demo.events import Happening
from codenb.demo.kinds import POD, REPLICA_SET
from codenb.demo.objects import Obj, clone, controller_of, dig, labels_of, name_of, namespace_of, revised, uid_of
from codenb.demo.selecting import matches
from codenb.demo.simulation import Key, Queue, Simulation
from codenb.demo.status import ApiError
from codenb.demo.store import Change

MANAGER = "kube-controller-manager"
_COMPONENT = "replicaset-controller"
_RETRY_S = 15.0


class ReplicaSets:
    """Keeps as many pods as each ReplicaSet asks for, and counts them."""

    def __init__(self, sim: Simulation, admission: Admission) -> None:
        self._sim = sim
        self._admission = admission
        self._queue = Queue(sim, self._reconcile)
        self._held: dict[str, float] = {}  # until when no more pods are tried, by the owner's uid
        self.work = self._queue.work

    def observe(self, change: Change) -> None:
        """Note replica sets and the pods they own."""
        if change.kind is REPLICA_SET:
            self._queue.add(namespace_of(change.obj), name_of(change.obj))
        elif change.kind is POD:
            owner = controller_of(change.obj)
            if owner and owner["kind"] == "ReplicaSet":
                self._queue.add(namespace_of(change.obj), owner["name"])

    def _reconcile(self, key: Key) -> None:
        owner = self._sim.store.find(REPLICA_SET, *key)
        if owner is None:
            return
        problem, pods = "", self._pods(owner)
        if not dig(owner, "metadata", "deletionTimestamp"):
            active = [pod for pod in pods if is_active(pod)]
            missing = owner["spec"]["replicas"] - len(active)
            if missing > 0 and self._held.get(uid_of(owner), 0.0) > self._sim.clock.now:
                problem = self._refusal(owner)
            elif missing > 0:
                problem = self._create(owner, missing)
            elif missing < 0:
                self._delete(owner, active, -missing)
            if missing:
                pods = self._pods(owner)
        self._count(owner, pods, problem)

    def _pods(self, owner: Obj) -> list[Obj]:
        return [
            pod
            for pod in self._sim.store.all(POD, namespace_of(owner))
            if (ref := controller_of(pod)) and ref["uid"] == uid_of(owner)
        ]

    def _create(self, owner: Obj, count: int) -> str:
        """Create pods; returns why it stopped, empty where all were made."""
        for _ in range(count):
            pod = self._pod(owner)
            pod["metadata"]["name"] = pod["metadata"]["generateName"] + self._sim.identity.suffix()
            try:
                self._admission.check(POD, pod, None)
                self._sim.store.create(POD, pod, MANAGER)
            except ApiError as error:
                message = f"Error creating: {error}"
                self._sim.events.record(owner, Happening("Warning", _COMPONENT, "FailedCreate", message))
                self._held[uid_of(owner)] = self._sim.clock.now + _RETRY_S
                self._sim.clock.after(_RETRY_S, lambda: self._queue.add(namespace_of(owner), name_of(owner)))
                return self._refusal(owner) or str(error)
            self._sim.events.record(
                owner, Happening("Normal", _COMPONENT, "SuccessfulCreate", f"Created pod: {name_of(pod)}")
            )
        return ""

    @staticmethod
    def _pod(owner: Obj) -> Obj:
        template = clone(owner["spec"]["template"])
        metadata: Obj = {"generateName": f"{name_of(owner)}-", "namespace": namespace_of(owner)}
        for field in ("labels", "annotations"):
            if template.get("metadata", {}).get(field):
                metadata[field] = template["metadata"][field]
        metadata["ownerReferences"] = [owner_reference(REPLICA_SET.api_version, "ReplicaSet", owner)]
        return fill(POD, {"metadata": metadata, "spec": template["spec"]})

    def _delete(self, owner: Obj, pods: list[Obj], count: int) -> None:
        for pod in sorted(pods, key=_keep_last)[:count]:
            delete(self._sim, POD, pod)
            self._sim.events.record(
                owner, Happening("Normal", _COMPONENT, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")
            )

    def _count(self, owner: Obj, pods: list[Obj], problem: str) -> None:
        latest = self._sim.store.find(REPLICA_SET, namespace_of(owner), name_of(owner))
        if latest is None:
            return
        active = [pod for pod in pods if is_active(pod)]
        wait = latest["spec"].get("minReadySeconds", 0)
        full = latest["spec"]["template"]["metadata"].get("labels") or {}
        selector = {"matchLabels": full}
        counts = {
            "fullyLabeledReplicas": sum(matches(selector, labels_of(pod)) for pod in active),
            "readyReplicas": sum(is_ready(pod) for pod in active),
            "availableReplicas": sum(self._available(pod, wait, latest) for pod in active),
        }
        status: Obj = {"replicas": len(active)} | {field: count for field, count in counts.items() if count}
        status["terminatingReplicas"] = len(pods) - len(active)
        status["observedGeneration"] = latest["metadata"]["generation"]
        if problem:
            status["conditions"] = [
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "lastTransitionTime": self._since(latest),
                    "reason": "FailedCreate",
                    "message": problem,
                }
            ]
        self._sim.store.update(REPLICA_SET, revised(latest, status=status), MANAGER, subresource="status")

    @staticmethod
    def _refusal(owner: Obj) -> str:
        """Why pods could not be created before; the first reason stays until they can be."""
        conditions = dig(owner, "status", "conditions", default=[])
        return str(conditions[0]["message"]) if conditions else ""

    def _since(self, owner: Obj) -> str:
        have = dig(owner, "status", "conditions", default=[])
        return str(have[0]["lastTransitionTime"]) if have else self._sim.clock.stamp()

    def _available(self, pod: Obj, wait: int, owner: Obj) -> bool:
        since = ready_since(pod)
        if since is None:
            return False
        if not wait:
            return True
        left = self._sim.clock.moment(since) + wait - self._sim.clock.now
        if left > 0:
            self._sim.clock.after(left, lambda: self._queue.add(namespace_of(owner), name_of(owner)))
        return left <= 0


def owner_reference(api_version: str, kind: str, owner: Obj) -> Obj:
    """The reference by which an object says who controls it."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_active(pod: Obj) -> bool:
    """Whether a pod counts: neither ended nor on its way out."""
    return not dig(pod, "metadata", "deletionTimestamp") and dig(pod, "status", "phase") not in ("Failed", "Succeeded")


def is_ready(pod: Obj) -> bool:
    """Whether a pod's Ready condition holds."""
    return _ready_condition(pod) is not None


def ready_since(pod: Obj) -> datetime | None:
    """When a pod became ready; None where it is not."""
    condition = _ready_condition(pod)
    return None if condition is None else datetime.fromisoformat(condition["lastTransitionTime"])


def _ready_condition(pod: Obj) -> Obj | None:
    conditions = dig(pod, "status", "conditions", default=[])
    return next((item for item in conditions if item["type"] == "Ready" and item["status"] == "True"), None)


def _keep_last(pod: Obj) -> tuple[bool, bool, bool, int]:
    """Order of deletion: unbound, pending, unready, then the youngest."""
    born = int(datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp())
    return (
        bool(dig(pod, "spec", "nodeName")),
        dig(pod, "status", "phase") == "Running",
        is_ready(pod),
        -born,
    )
