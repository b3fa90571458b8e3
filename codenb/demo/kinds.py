"""The kinds of object that the embedded API server keeps: what discovery says and what a path means.

The table follows the API reference of Kubernetes 1.37. A kind that is not here, and that no CustomResourceDefinition
of the world adds, is refused, never imitated.
"""

from __future__ import annotations

from dataclasses import dataclass

from codenb.demo import forms
from codenb.demo.forms import Form
from codenb.demo.objects import Obj

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(slots=True, eq=False)
class Custom:
    """What a CustomResourceDefinition says of one version.

    Attributes:
        schema: `openAPIV3Schema`; that of the stored version changes with its definition.
        columns: Name, type, JSON path and priority of its printer columns.
    """

    schema: Obj
    columns: tuple[tuple[str, str, str, int], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)  # one object a kind: told apart, and hashed, by what it is
class Kind:
    """One resource type of one API group version.

    Attributes:
        generation: Whether its spec is counted in `metadata.generation`.
        status: Whether it has a `status` subresource.
        scale: Whether it has a `scale` subresource.
        custom: The definition of a custom resource in this version; None for a built-in kind.
        kept_as: What the objects of a custom resource are kept as, whatever version they are asked for in.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    in_all: bool = False
    generation: bool = False
    status: bool = False
    scale: bool = False
    custom: Custom | None = None
    kept_as: Kind | None = None

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`deployments.apps`, or `pods` in the core group: as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def stored(self) -> Kind:
        """The kind that its objects are kept as: both APIs of events show the same ones."""
        return EVENT if self is NEW_EVENT else self.kept_as or self

    @property
    def form(self) -> Form:
        """How its objects are merged."""
        return forms.of(self.kind) if self.custom is None else forms.Schemed(self.custom.schema)

    @property
    def gvk(self) -> str:
        """`Deployment.apps`, or `Pod` in the core group: as messages of validation name it."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


NAMESPACE = Kind("", "v1", "namespaces", "Namespace", namespaced=False, short=("ns",), status=True)
NODE = Kind("", "v1", "nodes", "Node", namespaced=False, short=("no",), status=True)
POD = Kind("", "v1", "pods", "Pod", short=("po",), in_all=True, generation=True, status=True)
SERVICE = Kind("", "v1", "services", "Service", short=("svc",), in_all=True, status=True)
ENDPOINTS = Kind("", "v1", "endpoints", "Endpoints", short=("ep",))
EVENT = Kind("", "v1", "events", "Event", short=("ev",))
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap", short=("cm",))
SECRET = Kind("", "v1", "secrets", "Secret")
SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount", short=("sa",))
CLAIM = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", short=("pvc",), status=True)
VOLUME = Kind("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False, short=("pv",), status=True)
QUOTA = Kind("", "v1", "resourcequotas", "ResourceQuota", short=("quota",), status=True)
LIMIT_RANGE = Kind("", "v1", "limitranges", "LimitRange", short=("limits",))
DEPLOYMENT = Kind(
    "apps", "v1", "deployments", "Deployment", short=("deploy",), in_all=True, scale=True, generation=True, status=True
)
REPLICA_SET = Kind(
    "apps", "v1", "replicasets", "ReplicaSet", short=("rs",), in_all=True, scale=True, generation=True, status=True
)
SLICE = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", generation=True)
STORAGE_CLASS = Kind("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False, short=("sc",))
DEFINITION = Kind(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
    short=("crd", "crds"),
    generation=True,
    status=True,
)
NEW_EVENT = Kind("events.k8s.io", "v1", "events", "Event", short=("ev",))

KINDS: tuple[Kind, ...] = (
    CONFIG_MAP,
    ENDPOINTS,
    EVENT,
    LIMIT_RANGE,
    NAMESPACE,
    NODE,
    CLAIM,
    VOLUME,
    POD,
    QUOTA,
    SECRET,
    SERVICE_ACCOUNT,
    SERVICE,
    DEFINITION,
    Kind("apps", "v1", "controllerrevisions", "ControllerRevision"),
    Kind("apps", "v1", "daemonsets", "DaemonSet", short=("ds",), in_all=True, generation=True, status=True),
    DEPLOYMENT,
    REPLICA_SET,
    Kind(
        "apps",
        "v1",
        "statefulsets",
        "StatefulSet",
        short=("sts",),
        in_all=True,
        scale=True,
        generation=True,
        status=True,
    ),
    NEW_EVENT,
    Kind(
        "autoscaling",
        "v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        short=("hpa",),
        in_all=True,
        status=True,
    ),
    Kind("batch", "v1", "cronjobs", "CronJob", short=("cj",), in_all=True, generation=True, status=True),
    Kind("batch", "v1", "jobs", "Job", in_all=True, generation=True, status=True),
    Kind("networking.k8s.io", "v1", "ingresses", "Ingress", short=("ing",), generation=True, status=True),
    Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", short=("netpol",), generation=True),
    Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", short=("pdb",), generation=True, status=True),
    Kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    Kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False),
    Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    Kind("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    STORAGE_CLASS,
    SLICE,
)

BY_NAME: dict[tuple[str, str], Kind] = {(kind.api_version, kind.kind): kind for kind in KINDS}


class Catalogue:
    """The kinds that one world serves: those that are built in, and those that its definitions add."""

    def __init__(self) -> None:
        self._by_path: dict[tuple[str, str, str], Kind] = {(one.group, one.version, one.plural): one for one in KINDS}

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind that a path means; None where nothing is served there."""
        return self._by_path.get((group, version, plural))

    def all(self) -> list[Kind]:
        """All of them, the built-in ones first."""
        return list(self._by_path.values())

    def serve(self, kept_as: Kind, versions: list[Kind]) -> None:
        """Serve a custom resource in these versions and no others; in none, where the list is empty."""
        self._by_path = {path: kind for path, kind in self._by_path.items() if kind.kept_as is not kept_as}
        self._by_path |= {(kind.group, kind.version, kind.plural): kind for kind in versions}
