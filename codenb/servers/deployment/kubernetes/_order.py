"""The order in which objects are applied: what others need comes before what needs it.

| step | kinds | why there |
|---|---|---|
| 1 | Namespace | everything in it needs it |
| 2 | CustomResourceDefinition | until it is established the API server does not know its objects |
| 3 | PriorityClass, RuntimeClass, StorageClass, IngressClass, VolumeSnapshotClass | named by what follows |
| 4 | ResourceQuota, LimitRange, NetworkPolicy, PodDisruptionBudget | what limits or protects pods must be there first |
| 5 | ConfigMap, Secret | a pod that starts before them fails, or starts with the old ones |
| 6 | ServiceAccount, roles, then their bindings | a pod is refused without its account, and a binding needs its role |
| 7 | PersistentVolume, PersistentVolumeClaim | a pod waits for its claim |
| 8 | Service, Endpoints | a container is told its services in its environment, once, when it starts |
| 9 | workloads | |
| 10 | HorizontalPodAutoscaler, Ingress, HTTPRoute and the like | they point at workloads and services |
| 11 | custom resources and whatever is not listed | their controllers and admission webhooks are among the workloads |
| 12 | APIService, admission webhooks | one whose server is not up yet refuses everything that comes after it |

Objects of one step keep the order of the files. What is deleted goes the other way.
"""

from __future__ import annotations

_STEPS: tuple[tuple[str, ...], ...] = (
    ("Namespace",),
    ("CustomResourceDefinition",),
    ("PriorityClass", "RuntimeClass", "StorageClass", "IngressClass", "GatewayClass", "VolumeSnapshotClass"),
    ("ResourceQuota", "LimitRange", "NetworkPolicy", "PodDisruptionBudget"),
    ("ConfigMap", "Secret"),
    ("ServiceAccount",),
    ("ClusterRole", "Role"),
    ("ClusterRoleBinding", "RoleBinding"),
    ("PersistentVolume",),
    ("PersistentVolumeClaim",),
    ("Service", "Endpoints", "EndpointSlice"),
    ("DaemonSet", "StatefulSet", "Deployment", "ReplicaSet", "ReplicationController", "Pod", "CronJob", "Job"),
    ("HorizontalPodAutoscaler", "Ingress", "Gateway", "HTTPRoute", "GRPCRoute"),
)
_RANKS = {kind: rank for rank, kinds in enumerate(_STEPS) for kind in kinds}
_OTHERS = len(_STEPS)
_LAST = frozenset({"APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"})


def rank(kind: str) -> int:
    """Where a kind comes; the lowest first."""
    return _OTHERS + 1 if kind in _LAST else _RANKS.get(kind, _OTHERS)
