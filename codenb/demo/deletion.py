"""Deleting: what goes at once, what goes gracefully, what goes with its owner.

Garbage collection as the real one does it: in the background by default, in the foreground where asked (the owner
waits for its dependents), or not at all (orphans lose their owner reference).
"""

from __future__ import annotations

from codenb.demo.kinds import NAMESPACE, POD, Kind
from codenb.demo.objects import Obj, clone, dig, name_of, namespace_of, uid_of
from codenb.demo.simulation import Simulation
from codenb.demo.store import Change

_COLLECTOR = "kube-controller-manager"
_FOREGROUND = "foregroundDeletion"


def delete(sim: Simulation, kind: Kind, obj: Obj, *, propagation: str = "Background", grace: int | None = None) -> None:
    """Delete an object.

    Args:
        sim: The world.
        kind: Of the object.
        obj: The object as it is stored.
        propagation: `Background`, `Foreground` or `Orphan`.
        grace: Seconds that a pod may take to end; None for what its spec says.
    """
    if dig(obj, "metadata", "deletionTimestamp") and grace != 0:
        return
    if propagation == "Orphan":
        _orphan(sim, obj)
    if propagation == "Foreground" and any(_dependents(sim, uid_of(obj))):
        held: Obj = clone(obj)
        held["metadata"]["finalizers"] = [*held["metadata"].get("finalizers", []), _FOREGROUND]
        obj = sim.store.update(kind, held, _COLLECTOR)
    if kind is POD and dig(obj, "spec", "nodeName") and grace != 0:
        sim.store.mark_deleted(kind, obj, grace or dig(obj, "spec", "terminationGracePeriodSeconds", default=30))
    elif obj["metadata"].get("finalizers"):
        sim.store.mark_deleted(kind, obj, 0)
    else:
        sim.store.remove(kind, obj)


def _dependents(sim: Simulation, *owners: str) -> list[tuple[Kind, Obj]]:
    uids = frozenset(owners)
    return [
        (kind, obj)
        for kind, obj in sim.store.everything()
        if any(ref["uid"] in uids for ref in obj["metadata"].get("ownerReferences", ()))
    ]


def _orphan(sim: Simulation, owner: Obj) -> None:
    for kind, obj in _dependents(sim, uid_of(owner)):
        freed: Obj = clone(obj)
        left = [ref for ref in freed["metadata"]["ownerReferences"] if ref["uid"] != uid_of(owner)]
        freed["metadata"]["ownerReferences"] = left
        if not left:
            del freed["metadata"]["ownerReferences"]
        sim.store.update(kind, freed, _COLLECTOR)


class GarbageCollector:
    """Removes what has lost its owner or its namespace, and lets go of owners that wait for their dependents."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._gone: list[tuple[Kind, Obj]] = []
        self._waiting: dict[str, tuple[Kind, str, str]] = {}
        self._changed = False

    def observe(self, change: Change) -> None:
        """Note deletions, and owners that wait."""
        if change.type == "DELETED":
            self._gone.append((change.kind, change.obj))
            self._changed = True
        elif _FOREGROUND in change.obj["metadata"].get("finalizers", ()) and dig(
            change.obj, "metadata", "deletionTimestamp"
        ):
            self._waiting[uid_of(change.obj)] = (change.kind, namespace_of(change.obj), name_of(change.obj))
            self._changed = True
        elif dig(change.obj, "metadata", "deletionTimestamp") and not change.obj["metadata"].get("finalizers"):
            self._finish(change)

    def _finish(self, change: Change) -> None:
        """The last finalizer was taken off an object that waits to go."""
        if change.kind is not POD and change.before is not None and change.before["metadata"].get("finalizers"):
            self._sim.store.remove(change.kind, change.obj)

    def work(self) -> bool:
        """Collect what the deletions since the last time left behind."""
        if not self._changed:
            return False
        self._changed = False
        gone, self._gone = self._gone, []
        for kind, obj in gone:
            if kind is NAMESPACE:
                self._empty(name_of(obj))
        for kind, obj in _dependents(self._sim, *(uid_of(obj) for _, obj in gone)):
            delete(self._sim, kind, obj)
        for uid, (kind, namespace, name) in list(self._waiting.items()):
            self._release(uid, kind, namespace, name)
        return True

    def _empty(self, namespace: str) -> None:
        for kind, obj in self._sim.store.everything():
            if namespace_of(obj) == namespace:
                delete(self._sim, kind, obj, grace=0)

    def _release(self, uid: str, kind: Kind, namespace: str, name: str) -> None:
        dependents = _dependents(self._sim, uid)
        for below, obj in dependents:
            delete(self._sim, below, obj)
        owner = self._sim.store.find(kind, namespace, name)
        if dependents and owner is not None and _dependents(self._sim, uid):
            return
        del self._waiting[uid]
        if owner is not None and uid_of(owner) == uid:
            self._sim.store.remove(kind, owner)
