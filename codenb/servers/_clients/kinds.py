"""Kinds of objects and where the API server keeps them.

The common ones stand in a table, so that reading pods needs no discovery; all others, custom resources included, are
discovered.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects.

    Attributes:
        kind: Such as `Deployment`.
        api_version: Such as `apps/v1`.
        plural: Its name in URLs and in permissions, such as `deployments`.
        namespaced: Whether its objects live in namespaces.
        short: Other names that people type.
    """

    kind: str
    api_version: str
    plural: str
    namespaced: bool = True
    short: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """API group; empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def root(self) -> str:
        """Path under which the API server serves the group."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"

    @property
    def permission(self) -> str:
        """Its name in a role, such as `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def answers_to(self, name: str) -> bool:
        """Whether people may mean this kind by that name."""
        wanted = name.lower()
        names = (self.kind.lower(), self.plural.lower(), self.permission.lower(), *self.short)
        return wanted in names


_TABLE = (
    Kind("Pod", "v1", "pods", short=("po",)),
    Kind("Service", "v1", "services", short=("svc",)),
    Kind("Event", "v1", "events", short=("ev",)),
    Kind("ConfigMap", "v1", "configmaps", short=("cm",)),
    Kind("Secret", "v1", "secrets"),
    Kind("ServiceAccount", "v1", "serviceaccounts", short=("sa",)),
    Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims", short=("pvc",)),
    Kind("PersistentVolume", "v1", "persistentvolumes", namespaced=False, short=("pv",)),
    Kind("Namespace", "v1", "namespaces", namespaced=False, short=("ns",)),
    Kind("Node", "v1", "nodes", namespaced=False, short=("no",)),
    Kind("ResourceQuota", "v1", "resourcequotas", short=("quota",)),
    Kind("LimitRange", "v1", "limitranges", short=("limits",)),
    Kind("Endpoints", "v1", "endpoints", short=("ep",)),
    Kind("Deployment", "apps/v1", "deployments", short=("deploy",)),
    Kind("ReplicaSet", "apps/v1", "replicasets", short=("rs",)),
    Kind("StatefulSet", "apps/v1", "statefulsets", short=("sts",)),
    Kind("DaemonSet", "apps/v1", "daemonsets", short=("ds",)),
    Kind("ControllerRevision", "apps/v1", "controllerrevisions"),
    Kind("Job", "batch/v1", "jobs"),
    Kind("CronJob", "batch/v1", "cronjobs", short=("cj",)),
    Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers", short=("hpa",)),
    Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets", short=("pdb",)),
    Kind("Ingress", "networking.k8s.io/v1", "ingresses", short=("ing",)),
    Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies", short=("netpol",)),
    Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices"),
    Kind("StorageClass", "storage.k8s.io/v1", "storageclasses", namespaced=False, short=("sc",)),
    Kind("Role", "rbac.authorization.k8s.io/v1", "roles"),
    Kind("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings"),
    Kind("ClusterRole", "rbac.authorization.k8s.io/v1", "clusterroles", namespaced=False),
    Kind("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", "clusterrolebindings", namespaced=False),
)

KINDS = {one.kind: one for one in _TABLE}


def known(name: str, api_version: str | None = None) -> Kind | None:
    """The kind of the table that people mean by this name."""
    return next((one for one in _TABLE if one.answers_to(name) and api_version in (None, one.api_version)), None)
