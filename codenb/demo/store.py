"""The objects, their resource versions, and the history that watches read.

Writers are the API and the controllers; both come through here, so that every object gets its uid, generation,
resource version and managed fields in one way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from codenb.demo import managed
from codenb.demo.clock import Clock
from codenb.demo.identity import Identity
from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj, clone, name_of, namespace_of, uid_of
from codenb.demo.status import already_exists, conflict, expired, not_found

_HISTORY = 2048  # changes kept for watches; an older resource version is answered with 410


@dataclass(frozen=True, slots=True)
class Change:
    """One write.

    Attributes:
        type: `ADDED`, `MODIFIED` or `DELETED`.
        obj: The object after the write; for a deletion, as it was, with the deletion's resource version.
        before: The object before; None for a new one.
    """

    revision: int
    type: str
    kind: Kind
    obj: Obj
    before: Obj | None


Listener = Callable[[Change], None]


class Store:
    """All objects of one world."""

    def __init__(self, clock: Clock, identity: Identity) -> None:
        self.revision = 1
        self._clock = clock
        self._identity = identity
        self._objects: dict[Kind, dict[tuple[str, str], Obj]] = {}
        self._order: dict[Kind, list[tuple[str, str]]] = {}  # sorted keys, until one comes or goes
        self._history: deque[Change] = deque(maxlen=_HISTORY)
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call a function after each write; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def get(self, kind: Kind, namespace: str, name: str) -> Obj:
        """One object; not to be changed in place.

        Raises:
            ApiError: 404.
        """
        found = self.find(kind, namespace, name)
        if found is None:
            raise not_found(kind, name)
        return found

    def find(self, kind: Kind, namespace: str, name: str) -> Obj | None:
        """One object, or None."""
        return self._of(kind).get((namespace if kind.namespaced else "", name))

    def all(self, kind: Kind, namespace: str = "") -> list[Obj]:
        """All objects of a kind, in the order of namespace and name; of all namespaces where none is given."""
        objects = self._of(kind)
        if kind not in self._order:
            self._order[kind] = sorted(objects)
        return [objects[key] for key in self._order[kind] if not namespace or key[0] == namespace]

    def everything(self) -> Iterator[tuple[Kind, Obj]]:
        """Every object with its kind."""
        for kind, objects in list(self._objects.items()):
            for obj in list(objects.values()):
                yield kind, obj

    def create(
        self,
        kind: Kind,
        obj: Obj,
        manager: str,
        *,
        uid: str = "",
        owners: list[Obj] | None = None,
        keep: bool = True,
    ) -> Obj:
        """Store a new object.

        Args:
            kind: Its kind.
            obj: The object, defaulted and validated; changed in place.
            manager: Who creates it.
            uid: Set by the world for the kube-system namespace.
            owners: Its managed fields where an apply has settled them.
            keep: False for a dry run.

        Raises:
            ApiError: 409 where the name is taken.
        """
        metadata = obj["metadata"]
        if not metadata.get("name"):
            metadata["name"] = metadata["generateName"] + self._identity.suffix()
        key = (namespace_of(obj), name_of(obj))
        if key in self._of(kind):
            raise already_exists(kind, name_of(obj))
        for field in ("resourceVersion", "selfLink", "deletionTimestamp", "managedFields"):
            metadata.pop(field, None)
        metadata["uid"] = uid or self._identity.uid()
        metadata["creationTimestamp"] = self._clock.stamp()
        if kind.generation:
            metadata["generation"] = 1
        if owners is None:
            owners = managed.record(None, obj, self.write(kind, manager), kind.form)
        metadata["managedFields"] = owners
        obj = {"apiVersion": kind.api_version, "kind": kind.kind} | obj
        if keep:
            self._put("ADDED", kind, obj, None)
        return obj

    def update(
        self,
        kind: Kind,
        obj: Obj,
        manager: str,
        *,
        subresource: str = "",
        owners: list[Obj] | None = None,
        keep: bool = True,
    ) -> Obj:
        """Store another version of an object.

        Args:
            kind: Its kind.
            obj: The whole object; changed in place. A resource version in it must be the current one.
            manager: Who writes.
            subresource: `status`, `scale` or `binding`, where the write goes there; recorded in the managed fields.
            owners: Its managed fields where an apply has settled them.
            keep: False for a dry run.

        Returns:
            The object as stored; unchanged, with its old resource version, where nothing differs.

        Raises:
            ApiError: 404, or 409 on an old resource version or another uid.
        """
        before = self.get(kind, namespace_of(obj), name_of(obj))
        metadata, old = obj["metadata"], before["metadata"]
        if metadata.get("resourceVersion") not in (None, "", old["resourceVersion"]):
            raise conflict(kind, name_of(obj))
        if metadata.get("uid") not in (None, "", old["uid"]):
            why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {old['uid']}"
            raise conflict(kind, name_of(obj), why)
        for field in (
            "uid",
            "creationTimestamp",
            "generation",
            "deletionTimestamp",
            "resourceVersion",
            "managedFields",
        ):
            metadata.pop(field, None)
            if field in old:
                metadata[field] = old[field]
        if owners is not None:
            metadata["managedFields"] = owners
        if obj == before:
            return before
        if (
            kind.generation
            and subresource not in ("status", "binding")
            and _content(kind, obj) != _content(kind, before)
        ):
            metadata["generation"] = old["generation"] + 1
        if owners is None:
            write = self.write(kind, manager, subresource)
            metadata["managedFields"] = managed.record(before, obj, write, kind.form)
        if keep:
            self._put("MODIFIED", kind, obj, before)
        return obj

    def mark_deleted(self, kind: Kind, obj: Obj, grace: int) -> Obj:
        """Note that an object is on its way out: a pod that still ends, a namespace that still empties."""
        marked = clone(obj)
        marked["metadata"]["deletionTimestamp"] = self._clock.stamp(self._clock.now + grace)
        marked["metadata"]["deletionGracePeriodSeconds"] = grace
        if kind.generation:
            marked["metadata"]["generation"] += 1
        self._put("MODIFIED", kind, marked, obj)
        return marked  # type: ignore[no-any-return]

    def remove(self, kind: Kind, obj: Obj) -> None:
        """Take an object out; nothing happens where it is gone, or another of its name has come."""
        objects, key = self._of(kind), (namespace_of(obj), name_of(obj))
        have = objects.get(key)
        if have is None or uid_of(have) != uid_of(obj):
            return
        del objects[key]
        self._order.pop(kind, None)
        gone = have | {"metadata": dict(have["metadata"])}
        self._note("DELETED", kind, gone, have)

    def since(self, revision: int) -> list[Change]:
        """The changes after a resource version.

        Raises:
            ApiError: 410 where they are no longer all kept.
        """
        oldest = self._history[0].revision if self._history else self.revision + 1
        if revision + 1 < oldest:
            raise expired(f"too old resource version: {revision} ({oldest - 1})")
        return [change for change in self._history if change.revision > revision]

    def write(self, kind: Kind, manager: str, subresource: str = "", operation: str = "Update") -> managed.Write:
        """A write that is being made now."""
        return managed.Write(manager, kind.api_version, self._clock.stamp(), subresource, operation)

    def _of(self, kind: Kind) -> dict[tuple[str, str], Obj]:
        return self._objects.setdefault(kind, {})

    def _put(self, type_: str, kind: Kind, obj: Obj, before: Obj | None) -> None:
        if before is None:
            self._order.pop(kind, None)
        self._of(kind)[namespace_of(obj), name_of(obj)] = obj
        self._note(type_, kind, obj, before)

    def _note(self, type_: str, kind: Kind, obj: Obj, before: Obj | None) -> None:
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        change = Change(self.revision, type_, kind, obj, before)
        self._history.append(change)
        for listener in list(self._listeners):
            listener(change)


def _content(kind: Kind, obj: Obj) -> object:
    """What a generation counts: the spec; of a custom resource all that is neither metadata nor status."""
    if kind.custom is None:
        return obj.get("spec")
    return {name: value for name, value in obj.items() if name not in ("apiVersion", "metadata", "status")}
