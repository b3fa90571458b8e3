"""The fields that an API server fills in, as the API reference of Kubernetes gives them."""

from __future__ import annotations

import base64
from collections.abc import Callable

from codenb.demo.custom import definitions
from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj, clone

_PROBES = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_WORKLOADS = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})


def fill(kind: Kind, obj: Obj) -> Obj:
    """An object with its defaults, ready to be stored.

    Args:
        kind: Its kind.
        obj: The object as it was sent, its fields of the right types; left as it is.
    """
    filled: Obj = clone(obj)
    filled.setdefault("metadata", {})
    if kind.kind in _WORKLOADS:
        template = filled.setdefault("spec", {}).setdefault("template", {})
        template.setdefault("metadata", {})
        _pod_spec(template.setdefault("spec", {}))
    if kind.kind in _BY_KIND:
        _BY_KIND[kind.kind](filled)
    if kind.status and kind.kind not in ("Namespace", "PersistentVolumeClaim"):
        filled.setdefault("status", {})
    return filled


def _deployment(obj: Obj) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        strategy["rollingUpdate"] = {"maxUnavailable": "25%", "maxSurge": "25%"} | rolling
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _replicated(obj: Obj) -> None:
    obj["spec"].setdefault("replicas", 1)


def _pod(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    _pod_spec(spec)
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault(
        "tolerations",
        [
            {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("not-ready", "unreachable")
        ],
    )
    obj["status"] = obj.get("status") or {"phase": "Pending", "qosClass": quality_of_service(spec)}


def quality_of_service(spec: Obj) -> str:
    """The QoS class that requests and limits give a pod."""
    resources = [container.get("resources") or {} for container in spec.get("containers") or []]
    if not any(resource.get("requests") or resource.get("limits") for resource in resources):
        return "BestEffort"
    guaranteed = all(
        set(resource.get("limits") or {}) >= {"cpu", "memory"} and resource["limits"] == resource.get("requests")
        for resource in resources
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _pod_spec(spec: Obj) -> None:
    for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        _container(container)
    for volume in spec.get("volumes") or []:
        for source in ("configMap", "secret", "projected"):
            if source in volume:
                volume[source].setdefault("defaultMode", 420)
    for field, value in (
        ("restartPolicy", "Always"),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("securityContext", {}),
        ("schedulerName", "default-scheduler"),
    ):
        spec.setdefault(field, clone(value))


def _container(container: Obj) -> None:
    for port in container.get("ports") or []:
        port.setdefault("protocol", "TCP")
    resources = container.setdefault("resources", {})
    if resources.get("limits"):
        resources["requests"] = dict(resources["limits"]) | (resources.get("requests") or {})
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            container[probe] |= {field: value for field, value in _PROBES.items() if field not in container[probe]}
            if "httpGet" in container[probe]:
                container[probe]["httpGet"].setdefault("scheme", "HTTP")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    _, _, tag = str(container.get("image", "")).rpartition("/")[2].partition(":")
    container.setdefault("imagePullPolicy", "Always" if tag in ("", "latest") else "IfNotPresent")


def _service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    obj["status"] = {"loadBalancer": {}}


def _claim(obj: Obj) -> None:
    obj.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    obj.setdefault("status", {"phase": "Pending"})


def _secret(obj: Obj) -> None:
    obj.setdefault("type", "Opaque")
    plain = obj.pop("stringData", None) or {}
    if plain:
        obj["data"] = (obj.get("data") or {}) | {
            key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()
        }


def _namespace(obj: Obj) -> None:
    labels = obj["metadata"].setdefault("labels", {})
    labels.setdefault("kubernetes.io/metadata.name", obj["metadata"].get("name", ""))
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj["status"] = obj.get("status") or {"phase": "Active"}


def _storage_class(obj: Obj) -> None:
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


_BY_KIND: dict[str, Callable[[Obj], None]] = {
    "CustomResourceDefinition": definitions.fill,
    "Deployment": _deployment,
    "Namespace": _namespace,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "ReplicaSet": _replicated,
    "Secret": _secret,
    "Service": _service,
    "StatefulSet": _replicated,
    "StorageClass": _storage_class,
}
