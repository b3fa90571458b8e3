"""What is refused although it is valid: no such namespace, over quota."""

from __future__ import annotations

from decimal import Decimal

from codenb.demo import quantity
from codenb.demo.kinds import CLAIM, NAMESPACE, POD, QUOTA, SERVICE, Kind
from codenb.demo.objects import Obj, dig, name_of, namespace_of, revised
from codenb.demo.simulation import Key, Queue, Simulation
from codenb.demo.status import forbidden, not_found
from codenb.demo.store import Change

_MANAGER = "kube-controller-manager"
_COUNTED: dict[str, Kind] = {"pods": POD, "services": SERVICE, "persistentvolumeclaims": CLAIM}


class Admission:
    """Checks new objects against their namespace and its quotas."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim

    def check(self, kind: Kind, obj: Obj, before: Obj | None) -> None:
        """Refuse an object that may not be stored where it is to go.

        Args:
            kind: Its kind.
            obj: The object.
            before: As it is stored; None for a new one.

        Raises:
            ApiError: 404 without the namespace, 403 over quota or in a namespace that is being deleted.
        """
        if not kind.namespaced or before is not None:
            return
        namespace = self._sim.store.find(NAMESPACE, "", namespace_of(obj))
        if namespace is None:
            raise not_found(NAMESPACE, namespace_of(obj))
        if dig(namespace, "metadata", "deletionTimestamp"):
            why = f"unable to create new content in namespace {name_of(namespace)} because it is being terminated"
            raise forbidden(kind, obj["metadata"].get("name", ""), why)
        for quota in self._sim.store.all(QUOTA, namespace_of(obj)):
            problem = self._over(quota, kind, obj)
            if problem:
                raise forbidden(kind, obj["metadata"].get("name", ""), problem)

    def _over(self, quota: Obj, kind: Kind, obj: Obj) -> str:
        hard = dig(quota, "spec", "hard", default={})
        over: list[tuple[str, str, str, str]] = []
        for resource, limit in hard.items():
            asked = _use(resource, kind, obj)
            if asked is None:
                continue
            if kind is POD and resource not in _COUNTED and not asked:
                return f"failed quota: {name_of(quota)}: must specify {resource} for: {_without(obj, resource)}"
            used = self.used(resource, namespace_of(quota))
            if used + asked > quantity.parse(limit):
                over.append((resource, quantity.shown(asked, resource), quantity.shown(used, resource), str(limit)))
        if not over:
            return ""
        requested, used_, limited = (",".join(f"{item[0]}={item[column]}" for item in over) for column in (1, 2, 3))
        return f"exceeded quota: {name_of(quota)}, requested: {requested}, used: {used_}, limited: {limited}"

    def used(self, resource: str, namespace: str) -> Decimal:
        """How much of a resource a namespace uses."""
        kind = _COUNTED.get(resource, POD)
        uses = [_use(resource, kind, obj) for obj in self._sim.store.all(kind, namespace) if _counts(kind, obj)]
        return sum((use for use in uses if use), Decimal(0))


class Quotas:
    """Keeps the status of resource quotas true."""

    def __init__(self, sim: Simulation, admission: Admission) -> None:
        self._sim = sim
        self._admission = admission
        self._queue = Queue(sim, self._reconcile)
        self.work = self._queue.work

    def observe(self, change: Change) -> None:
        """Note quotas, and what they count."""
        if change.kind is QUOTA:
            self._queue.add(namespace_of(change.obj), name_of(change.obj))
        elif change.kind in _COUNTED.values():
            for quota in self._sim.store.all(QUOTA, namespace_of(change.obj)):
                self._queue.add(namespace_of(quota), name_of(quota))

    def _reconcile(self, key: Key) -> None:
        quota = self._sim.store.find(QUOTA, *key)
        if quota is None:
            return
        changed = revised(quota)
        hard = dig(quota, "spec", "hard", default={})
        used = {resource: quantity.shown(self._admission.used(resource, key[0]), resource) for resource in hard}
        changed["status"] = {"hard": dict(hard), "used": used}
        self._sim.store.update(QUOTA, changed, _MANAGER, subresource="status")


def _counts(kind: Kind, obj: Obj) -> bool:
    return kind is not POD or dig(obj, "status", "phase") not in ("Failed", "Succeeded")


def _use(resource: str, kind: Kind, obj: Obj) -> Decimal | None:
    """How much of a quota's resource an object uses; None where the quota is not about its kind."""
    if resource in _COUNTED:
        return Decimal(1) if _COUNTED[resource] is kind else None
    if kind is not POD:
        return None
    group, _, name = resource.rpartition(".")
    if name not in ("cpu", "memory", "ephemeral-storage") or group not in ("", "requests", "limits"):
        return None
    amounts = [dig(item, "resources", group or "requests", name) for item in obj["spec"].get("containers") or []]
    return quantity.total([amount for amount in amounts if amount is not None])


def _without(pod: Obj, resource: str) -> str:
    group, _, name = resource.rpartition(".")
    lacking = [
        container["name"]
        for container in pod["spec"].get("containers") or []
        if dig(container, "resources", group or "requests", name) is None
    ]
    return ",".join(lacking)
