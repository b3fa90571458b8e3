"""CustomResourceDefinitions: served as soon as they are established, gone with all their objects."""

from __future__ import annotations

from codenb.demo.custom import definitions
from codenb.demo.deletion import delete
from codenb.demo.kinds import DEFINITION, Catalogue, Kind
from codenb.demo.objects import Obj, clone, dig, name_of, uid_of
from codenb.demo.simulation import Key, Queue, Simulation
from codenb.demo.store import Change

_MANAGER = "kube-apiserver"
_CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class Definitions:
    """Serves what the definitions of one world define.

    Args:
        sim: The world.
        catalogue: The kinds that it serves.
    """

    def __init__(self, sim: Simulation, catalogue: Catalogue) -> None:
        self._sim = sim
        self._catalogue = catalogue
        self._kept: dict[str, Kind] = {}  # by the uid of the definition
        self._queue = Queue(sim, self._reconcile)
        self.work = self._queue.work

    def observe(self, change: Change) -> None:
        """Note definitions, and the going of objects that one waits for."""
        if change.kind is DEFINITION:
            if change.type == "DELETED":
                self._forget(change.obj)
            else:
                self._queue.add("", name_of(change.obj))
        elif change.kind.custom is not None and change.type == "DELETED":
            self._queue.add("", change.kind.resource)

    def _forget(self, definition: Obj) -> None:
        kept = self._kept.pop(uid_of(definition), None)
        if kept is not None:
            self._catalogue.serve(kept, [])

    def _reconcile(self, key: Key) -> None:
        definition = self._sim.store.find(DEFINITION, *key)
        if definition is None:
            return
        kept = self._kept.get(uid_of(definition))
        if dig(definition, "metadata", "deletionTimestamp"):
            self._empty(definition, kept)
            return
        if kept is None:
            kept = self._kept[uid_of(definition)] = definitions.kept_as(definition)
        self._catalogue.serve(kept, definitions.served(definition, kept))
        self._establish(definition)

    def _establish(self, definition: Obj) -> None:
        if _CLEANUP not in definition["metadata"].get("finalizers", ()):
            held: Obj = clone(definition)
            held["metadata"]["finalizers"] = [*held["metadata"].get("finalizers", ()), _CLEANUP]
            definition = self._sim.store.update(DEFINITION, held, _MANAGER)
        spec, status = definition["spec"], definition.get("status") or {}
        stored = next(version["name"] for version in spec["versions"] if version["storage"])
        versions = status.get("storedVersions") or []
        changed: Obj = clone(definition)
        changed["status"] = {
            "acceptedNames": clone(spec["names"]),
            "conditions": status.get("conditions") or self._conditions(),
            "storedVersions": versions if stored in versions else [*versions, stored],
        }
        self._sim.store.update(DEFINITION, changed, _MANAGER, subresource="status")

    def _conditions(self) -> list[Obj]:
        said = (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
        now = self._sim.clock.stamp()
        return [
            {"type": type_, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
            for type_, reason, message in said
        ]

    def _empty(self, definition: Obj, kept: Kind | None) -> None:
        """Delete what is left of the objects; once nothing is, let the definition go."""
        if kept is not None:
            for obj in self._sim.store.all(kept):
                delete(self._sim, kept, obj)
            if self._sim.store.all(kept):
                return
        freed: Obj = clone(definition)
        left = [name for name in freed["metadata"].get("finalizers", ()) if name != _CLEANUP]
        if len(left) == len(freed["metadata"].get("finalizers", ())):
            return
        freed["metadata"]["finalizers"] = left
        self._sim.store.update(DEFINITION, freed, _MANAGER)
