"""PersistentVolumeClaims: bound to a new volume of their class, or pending for a class that does not exist."""

from __future__ import annotations

from codenb.demo.controllers.replicasets import MANAGER
from codenb.demo.events import Happening
from codenb.demo.kinds import CLAIM, STORAGE_CLASS, VOLUME
from codenb.demo.objects import Obj, dig, name_of, namespace_of, revised, uid_of
from codenb.demo.simulation import Key, Queue, Simulation
from codenb.demo.store import Change

_COMPONENT = "persistentvolume-controller"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_RETRY_S = 15.0
_PROVISION_S = 0.3


class Volumes:
    """Provisions the claims of one world."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._queue = Queue(sim, self._reconcile)
        self._provisioning: set[str] = set()
        self.work = self._queue.work

    def observe(self, change: Change) -> None:
        """Note new claims, and storage classes that a claim may wait for."""
        if change.kind is CLAIM and change.type == "ADDED":
            self._queue.add(namespace_of(change.obj), name_of(change.obj))
        elif change.kind is STORAGE_CLASS and change.type == "ADDED":
            for claim in self._sim.store.all(CLAIM):
                self._queue.add(namespace_of(claim), name_of(claim))

    def _reconcile(self, key: Key) -> None:
        claim = self._sim.store.find(CLAIM, *key)
        if claim is None or dig(claim, "spec", "volumeName") or uid_of(claim) in self._provisioning:
            return
        claim = self._with_class(claim)
        wanted = dig(claim, "spec", "storageClassName")
        if not wanted:
            message = "no persistent volumes available for this claim and no storage class is set"
            self._sim.events.record(claim, Happening("Normal", _COMPONENT, "FailedBinding", message))
            self._again(key)
            return
        found = self._sim.store.find(STORAGE_CLASS, "", wanted)
        if found is None:
            message = f'storageclass.storage.k8s.io "{wanted}" not found'
            self._sim.events.record(claim, Happening("Warning", _COMPONENT, "ProvisioningFailed", message))
            self._again(key)
            return
        self._provisioning.add(uid_of(claim))
        message = (
            f"Waiting for a volume to be created either by the external provisioner '{found['provisioner']}' or "
            "manually by the system administrator. If volume creation is delayed, please verify that the provisioner "
            "is running and correctly registered."
        )
        self._sim.events.record(claim, Happening("Normal", _COMPONENT, "ExternalProvisioning", message))
        self._sim.clock.after(_PROVISION_S, lambda: self._bind(key, found))

    def _again(self, key: Key) -> None:
        self._sim.clock.after(_RETRY_S, lambda: self._queue.add(*key))

    def _with_class(self, claim: Obj) -> Obj:
        if "storageClassName" in claim["spec"]:
            return claim
        default = next(
            (
                name_of(item)
                for item in self._sim.store.all(STORAGE_CLASS)
                if dig(item, "metadata", "annotations", _DEFAULT_CLASS) == "true"
            ),
            None,
        )
        if default is None:
            return claim
        changed = revised(claim, spec=claim["spec"] | {"storageClassName": default})
        return self._sim.store.update(CLAIM, changed, MANAGER)

    def _bind(self, key: Key, storage_class: Obj) -> None:
        claim = self._sim.store.find(CLAIM, *key)
        if claim is None:
            return
        name = f"pvc-{uid_of(claim)}"
        capacity = {"storage": dig(claim, "spec", "resources", "requests", "storage", default="1Gi")}
        volume: Obj = {
            "metadata": {"name": name},
            "spec": {
                "accessModes": claim["spec"].get("accessModes") or ["ReadWriteOnce"],
                "capacity": capacity,
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "name": key[1],
                    "namespace": key[0],
                    "uid": uid_of(claim),
                },
                "persistentVolumeReclaimPolicy": storage_class["reclaimPolicy"],
                "storageClassName": name_of(storage_class),
                "volumeMode": claim["spec"]["volumeMode"],
                "csi": {"driver": storage_class["provisioner"], "volumeHandle": name},
            },
            "status": {"phase": "Bound"},
        }
        self._sim.store.create(VOLUME, volume, MANAGER)
        self._sim.events.record(
            claim,
            Happening(
                "Normal",
                storage_class["provisioner"],
                "ProvisioningSucceeded",
                f"Successfully provisioned volume {name}",
            ),
        )
        spec = claim["spec"] | {"volumeName": name}
        bound = self._sim.store.update(CLAIM, revised(claim, spec=spec), MANAGER)
        status = {"phase": "Bound", "accessModes": volume["spec"]["accessModes"], "capacity": capacity}
        self._sim.store.update(CLAIM, revised(bound, status=status), MANAGER, subresource="status")
