"""Deployment to ReplicaSets: rolling updates, revisions, and how far they have come.

The arithmetic of surge and unavailability, the conditions with their reasons and messages, the deadline and the
clean-up of old revisions are those of the deployment controller of Kubernetes 1.37.
"""

from __future__ import annotations

from codenb.demo.controllers.progress import Progress
from codenb.demo.controllers.replicasets import MANAGER, owner_reference
from codenb.demo.controllers.strategy import surge, unavailable
from codenb.demo.defaults import fill
from codenb.demo.deletion import delete
from codenb.demo.events import Happening
from codenb.demo.identity import template_hash
from codenb.demo.kinds import DEPLOYMENT, REPLICA_SET
from codenb.demo.objects import Obj, clone, controller_of, dig, name_of, namespace_of, pruned, revised, uid_of
from codenb.demo.simulation import Key, Queue, Simulation
from codenb.demo.store import Change

REVISION = "deployment.kubernetes.io/revision"
_HISTORY = "deployment.kubernetes.io/revision-history"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MAX = "deployment.kubernetes.io/max-replicas"
_HASH = "pod-template-hash"
_COMPONENT = "deployment-controller"
_NOT_COPIED = frozenset({"kubectl.kubernetes.io/last-applied-configuration", REVISION, _HISTORY, _DESIRED, _MAX})


class Deployments:
    """Rolls out the deployments of one world."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._queue = Queue(sim, self._reconcile)
        self._progress = Progress(sim, lambda key: self._queue.add(*key))
        self.work = self._queue.work

    def observe(self, change: Change) -> None:
        """Note deployments and the replica sets they own."""
        if change.kind is DEPLOYMENT:
            self._queue.add(namespace_of(change.obj), name_of(change.obj))
        elif change.kind is REPLICA_SET:
            owner = controller_of(change.obj)
            if owner and owner["kind"] == "Deployment":
                self._queue.add(namespace_of(change.obj), owner["name"])

    def _reconcile(self, key: Key) -> None:
        deployment = self._sim.store.find(DEPLOYMENT, *key)
        if deployment is None or dig(deployment, "metadata", "deletionTimestamp"):
            return
        owned = self._owned(deployment)
        current = next((rs for rs in owned if _template(rs) == deployment["spec"]["template"]), None)
        old = [rs for rs in owned if current is None or uid_of(rs) != uid_of(current)]
        created = False
        if not deployment["spec"].get("paused"):
            created = current is None
            current = self._create(deployment, old) if current is None else self._adopt(deployment, current, old)
            self._roll(deployment, current, old)
        elif current is not None and _desired(current) not in (None, deployment["spec"]["replicas"]):
            self._scale(deployment, current, deployment["spec"]["replicas"])
        self._report(key, created=created)

    def _owned(self, deployment: Obj) -> list[Obj]:
        return [
            rs
            for rs in self._sim.store.all(REPLICA_SET, namespace_of(deployment))
            if (ref := controller_of(rs)) and ref["uid"] == uid_of(deployment)
        ]

    def _create(self, deployment: Obj, old: list[Obj]) -> Obj:
        digest, taken = template_hash(deployment["spec"]["template"]), 0
        while self._sim.store.find(REPLICA_SET, namespace_of(deployment), f"{name_of(deployment)}-{digest}"):
            taken += 1  # somebody else's has the name: a real controller counts such collisions too
            digest = template_hash({"collisions": taken} | deployment["spec"]["template"])
        template = clone(deployment["spec"]["template"])
        template["metadata"].setdefault("labels", {})[_HASH] = digest
        selector = clone(deployment["spec"]["selector"])
        selector.setdefault("matchLabels", {})[_HASH] = digest
        revision = str(1 + max((_revision(rs) for rs in old), default=0))
        replicas = self._room(deployment, old, 0)
        replica_set = {
            "metadata": {
                "name": f"{name_of(deployment)}-{digest}",
                "namespace": namespace_of(deployment),
                "labels": clone(template["metadata"]["labels"]),
                "annotations": self._annotations(deployment) | {REVISION: revision},
                "ownerReferences": [owner_reference(DEPLOYMENT.api_version, "Deployment", deployment)],
            },
            "spec": {"replicas": replicas, "selector": selector, "template": template},
        }
        if deployment["spec"].get("minReadySeconds"):
            replica_set["spec"]["minReadySeconds"] = deployment["spec"]["minReadySeconds"]
        made = self._sim.store.create(REPLICA_SET, fill(REPLICA_SET, replica_set), MANAGER)
        self._note_revision(deployment, revision)
        if replicas:
            message = f"Scaled up replica set {name_of(made)} from 0 to {replicas}"
            self._sim.events.record(deployment, Happening("Normal", _COMPONENT, "ScalingReplicaSet", message))
        return made

    def _adopt(self, deployment: Obj, current: Obj, old: list[Obj]) -> Obj:
        """Give the replica set of this template the newest revision; a rollback makes an old one new again."""
        had = current["metadata"].get("annotations") or {}
        annotations = had | self._annotations(deployment, current)
        newest = 1 + max((_revision(rs) for rs in old), default=0)
        if _revision(current) < newest:
            earlier = [item for item in (had.get(_HISTORY), had.get(REVISION)) if item]
            annotations |= {_HISTORY: ",".join(earlier), REVISION: str(newest)}
        spec = {key: value for key, value in current["spec"].items() if key != "minReadySeconds"}
        spec |= pruned({"minReadySeconds": deployment["spec"].get("minReadySeconds")})
        stored = current
        if annotations != had or spec != current["spec"]:
            changed = revised(current, spec=spec)
            changed["metadata"]["annotations"] = annotations
            stored = self._sim.store.update(REPLICA_SET, changed, MANAGER)
        self._note_revision(deployment, annotations[REVISION])
        return stored

    def _note_revision(self, deployment: Obj, revision: str) -> None:
        latest = self._sim.store.get(DEPLOYMENT, namespace_of(deployment), name_of(deployment))
        have = latest["metadata"].get("annotations") or {}
        if have.get(REVISION) != revision:
            changed = revised(latest)
            changed["metadata"]["annotations"] = have | {REVISION: revision}
            self._sim.store.update(DEPLOYMENT, changed, MANAGER)

    def _annotations(self, deployment: Obj, current: Obj | None = None) -> dict[str, str]:
        have = deployment["metadata"].get("annotations") or {}
        copied = {key: value for key, value in have.items() if key not in _NOT_COPIED}
        if current is not None:
            return copied  # the replica counts are noted when it is scaled, which is how a scaling is recognised
        return copied | self._counts(deployment)

    @staticmethod
    def _counts(deployment: Obj) -> dict[str, str]:
        wanted = deployment["spec"]["replicas"]
        return {_DESIRED: str(wanted), _MAX: str(wanted + surge(deployment))}

    def _roll(self, deployment: Obj, current: Obj, old: list[Obj]) -> None:
        if dig(deployment, "spec", "strategy", "type") == "Recreate":
            self._recreate(deployment, current, old)
            return
        if any(_desired(rs) not in (None, deployment["spec"]["replicas"]) for rs in (current, *old) if _size(rs)):
            self._rescale(deployment, current, old)
            return
        room = self._room(deployment, old, _size(current))
        if room != _size(current):
            self._scale(deployment, current, room)
            return
        self._scale(deployment, current, room)
        self._shrink(deployment, current, [rs for rs in old if _size(rs)])

    def _recreate(self, deployment: Obj, current: Obj, old: list[Obj]) -> None:
        for rs in old:
            self._scale(deployment, rs, 0)
        ended = all(dig(rs, "status", "replicas", default=0) == 0 for rs in self._owned(deployment) if rs in old)
        lingering = any(dig(rs, "status", "terminatingReplicas", default=0) for rs in old)
        if ended and not lingering and not any(_size(rs) for rs in old):
            self._scale(deployment, current, deployment["spec"]["replicas"])

    def _room(self, deployment: Obj, old: list[Obj], have: int) -> int:
        """How large the new replica set may be now: up to what is wanted, within the surge."""
        wanted = int(deployment["spec"]["replicas"])
        if dig(deployment, "spec", "strategy", "type") == "Recreate":
            return 0 if any(_size(rs) or dig(rs, "status", "terminatingReplicas") for rs in old) else wanted
        if have >= wanted:
            return wanted
        total = have + sum(_size(rs) for rs in old)
        free = wanted + surge(deployment) - total
        return min(wanted, have + max(free, 0))

    def _shrink(self, deployment: Obj, current: Obj, old: list[Obj]) -> None:
        """Take pods off the old revisions: those that are not available first, then as many as can be spared."""
        wanted = deployment["spec"]["replicas"]
        least = wanted - unavailable(deployment)
        unready = _size(current) - _available(current)
        spare = _size(current) + sum(_size(rs) for rs in old) - least - unready
        if spare <= 0:  # counts of available pods lag behind sizes: without this, pods would be taken twice
            return
        for rs in sorted(old, key=_revision):
            sick = min(_size(rs) - _available(rs), spare)
            if sick > 0:
                rs = self._scale(deployment, rs, _size(rs) - sick)  # noqa: PLW2901 - the version just stored
                spare -= sick
        able = sum(_available(rs) for rs in (current, *old)) - least
        for rs in sorted(old, key=_revision):
            latest = self._sim.store.get(REPLICA_SET, namespace_of(rs), name_of(rs))
            fewer = min(_size(latest), able)
            if fewer > 0:
                self._scale(deployment, latest, _size(latest) - fewer)
                able -= fewer

    def _rescale(self, deployment: Obj, current: Obj, old: list[Obj]) -> None:
        """The number of replicas was changed: while a rollout is under way, each revision gets its share."""
        active = [rs for rs in (*old, current) if _size(rs)]
        wanted = deployment["spec"]["replicas"]
        if len(active) <= 1:
            self._scale(deployment, active[0] if active else current, wanted)
            return
        most = wanted + surge(deployment) if wanted else 0
        have = sum(_size(rs) for rs in active)
        before = _noted(active[-1], _MAX) or have
        left = most - have
        ordered = sorted(active, key=lambda rs: (_size(rs), _revision(rs)), reverse=True)
        sizes: dict[str, int] = {}
        for rs in ordered:
            share = round(_size(rs) * most / before) - _size(rs) if before else 0
            share = max(min(share, left), 0) if left > 0 else min(max(share, left), 0)
            sizes[uid_of(rs)] = max(_size(rs) + share, 0)
            left -= share
        first = uid_of(ordered[0])
        sizes[first] = max(sizes[first] + left, 0)
        for rs in ordered:
            self._scale(deployment, rs, sizes[uid_of(rs)])

    def _scale(self, deployment: Obj, rs: Obj, replicas: int) -> Obj:
        latest = self._sim.store.get(REPLICA_SET, namespace_of(rs), name_of(rs))
        was = _size(latest)
        changed = revised(latest, spec=latest["spec"] | {"replicas": replicas})
        changed["metadata"]["annotations"] = latest["metadata"]["annotations"] | self._counts(deployment)
        stored = self._sim.store.update(REPLICA_SET, changed, MANAGER)
        if was != replicas:
            way = "up" if replicas > was else "down"
            message = f"Scaled {way} replica set {name_of(rs)} from {was} to {replicas}"
            self._sim.events.record(deployment, Happening("Normal", _COMPONENT, "ScalingReplicaSet", message))
        return stored

    def _report(self, key: Key, *, created: bool) -> None:
        deployment = self._sim.store.get(DEPLOYMENT, *key)
        owned = self._owned(deployment)
        current = next((rs for rs in owned if _template(rs) == deployment["spec"]["template"]), None)
        done = self._progress.report(deployment, owned, current, created=created)
        if done and current is not None:
            self._clean_up(deployment, [rs for rs in owned if uid_of(rs) != uid_of(current)])

    def _clean_up(self, deployment: Obj, old: list[Obj]) -> None:
        empty = [rs for rs in old if not _size(rs) and not dig(rs, "status", "replicas", default=0)]
        surplus = len(empty) - deployment["spec"].get("revisionHistoryLimit", 10)
        for rs in sorted(empty, key=_revision)[: max(surplus, 0)]:
            delete(self._sim, REPLICA_SET, rs)


def _template(rs: Obj) -> Obj:
    """The template without the label that tells its pods apart: what the deployment's is compared with."""
    template: Obj = rs["spec"]["template"]
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != _HASH}
    return template | {"metadata": template["metadata"] | {"labels": labels}}


def _revision(rs: Obj) -> int:
    return _noted(rs, REVISION) or 0


def _desired(rs: Obj) -> int | None:
    return _noted(rs, _DESIRED)


def _noted(rs: Obj, annotation: str) -> int | None:
    """The number in an annotation; None where there is none, or what somebody else wrote."""
    text = dig(rs, "metadata", "annotations", annotation, default="")
    return int(text) if text.isdecimal() else None


def _size(rs: Obj) -> int:
    return int(rs["spec"]["replicas"])


def _available(rs: Obj) -> int:
    return int(dig(rs, "status", "availableReplicas", default=0))
