"""Service to Endpoints and EndpointSlice."""

from __future__ import annotations

from typing import Any

from codenb.demo.controllers.replicasets import MANAGER, is_ready, owner_reference
from codenb.demo.kinds import ENDPOINTS, POD, SERVICE, SLICE, Kind
from codenb.demo.objects import Obj, dig, labels_of, name_of, namespace_of, pruned, revised, uid_of
from codenb.demo.selecting import matches
from codenb.demo.simulation import Key, Queue, Simulation
from codenb.demo.store import Change

_SERVICE_LABEL = "kubernetes.io/service-name"


class Services:
    """Gives services their address, and lists the pods behind them."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._queue = Queue(sim, self._reconcile)
        self.work = self._queue.work

    def observe(self, change: Change) -> None:
        """Note services, and pods that a service may select."""
        if change.kind is SERVICE:
            self._queue.add(namespace_of(change.obj), name_of(change.obj))
        elif change.kind is POD:
            for service in self._sim.store.all(SERVICE, namespace_of(change.obj)):
                selector = dig(service, "spec", "selector")
                if selector and matches({"matchLabels": selector}, labels_of(change.obj)):
                    self._queue.add(namespace_of(service), name_of(service))

    def _reconcile(self, key: Key) -> None:
        service = self._sim.store.find(SERVICE, *key)
        if service is None:
            endpoints = self._sim.store.find(ENDPOINTS, *key)
            if endpoints is not None:
                self._sim.store.remove(ENDPOINTS, endpoints)
            return
        service = self._with_address(service)
        selector = dig(service, "spec", "selector")
        if not selector:
            return
        pods = [
            pod
            for pod in self._sim.store.all(POD, namespace_of(service))
            if matches({"matchLabels": selector}, labels_of(pod)) and dig(pod, "status", "podIP")
        ]
        self._write(ENDPOINTS, service, name_of(service), self._endpoints(service, pods))
        have = [item for item in self._sim.store.all(SLICE, key[0]) if labels_of(item).get(_SERVICE_LABEL) == key[1]]
        name = name_of(have[0]) if have else f"{name_of(service)}-{self._sim.identity.suffix()}"
        self._write(SLICE, service, name, self._slice(service, pods))

    def _with_address(self, service: Obj) -> Obj:
        if dig(service, "spec", "clusterIP") or dig(service, "spec", "type") == "ExternalName":
            return service
        address = self._sim.identity.cluster_ip()
        spec = service["spec"] | {"clusterIP": address, "clusterIPs": [address]}
        return self._sim.store.update(SERVICE, revised(service, spec=spec), MANAGER)

    def _write(self, kind: Kind, service: Obj, name: str, content: Obj) -> None:
        have = self._sim.store.find(kind, namespace_of(service), name)
        if have is not None:
            self._sim.store.update(kind, revised(have, **content), MANAGER)
            return
        metadata: Obj = {"name": name, "namespace": namespace_of(service), "labels": dict(labels_of(service))}
        if kind is SLICE:
            metadata["generateName"] = f"{name_of(service)}-"
            metadata["labels"][_SERVICE_LABEL] = name_of(service)
            metadata["labels"]["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io"
            metadata["ownerReferences"] = [owner_reference("v1", "Service", service)]
        self._sim.store.create(kind, {"metadata": metadata} | content, MANAGER)

    @staticmethod
    def _endpoints(service: Obj, pods: list[Obj]) -> Obj:
        going = [pod for pod in pods if not dig(pod, "metadata", "deletionTimestamp")]
        ready = [_address(pod) for pod in going if is_ready(pod)]
        unready = [_address(pod) for pod in going if not is_ready(pod)]
        if not going:
            return {"subsets": []}
        ports = [
            pruned({"name": port.get("name"), "port": _port(port, going[0]), "protocol": port["protocol"]})
            for port in service["spec"].get("ports") or []
        ]
        subset = pruned({"addresses": ready or None, "notReadyAddresses": unready or None, "ports": ports})
        return {"subsets": [subset]}

    @staticmethod
    def _slice(service: Obj, pods: list[Obj]) -> Obj:
        endpoints = [
            {
                "addresses": [pod["status"]["podIP"]],
                "conditions": {
                    "ready": is_ready(pod) and not dig(pod, "metadata", "deletionTimestamp"),
                    "serving": is_ready(pod),
                    "terminating": bool(dig(pod, "metadata", "deletionTimestamp")),
                },
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": _reference(pod),
            }
            for pod in pods
        ]
        ports = [
            {"name": port.get("name", ""), "port": _port(port, pods[0]), "protocol": port["protocol"]}
            for port in service["spec"].get("ports") or []
            if pods
        ]
        return {"addressType": "IPv4", "endpoints": endpoints, "ports": ports}


def _address(pod: Obj) -> Obj:
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": _reference(pod)}


def _reference(pod: Obj) -> Obj:
    return {"kind": "Pod", "name": name_of(pod), "namespace": namespace_of(pod), "uid": uid_of(pod)}


def _port(port: Obj, pod: Obj) -> int:
    """The number of a service's target port, which may be the name of a container's."""
    target: Any = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    named = (item for container in pod["spec"]["containers"] for item in container.get("ports") or [])
    return next((int(item["containerPort"]) for item in named if item.get("name") == target), int(port["port"]))
