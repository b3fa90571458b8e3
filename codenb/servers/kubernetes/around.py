"""What stands around the pods of a namespace: services, storage, nodes, quotas, configuration, rules."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field as Setting

from codenb.servers.kubernetes.running import Condition, Part


class ServicePort(Part):
    """A port of a service.

    Attributes:
        name: Where it has one.
        port: On the service.
        target: Number or name of the container's port.
        protocol: `TCP`, `UDP` or `SCTP`.
    """

    name: str = ""
    port: int = 0
    target: str = ""
    protocol: str = "TCP"


class Service(Part):
    """A service: whom it selects and which ports it maps.

    Attributes:
        name: Its name.
        type: `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
        selector: Labels; empty where somebody else keeps the endpoints.
        ports: Its ports.
        external_name: Of an ExternalName service.
    """

    name: str = ""
    type: str = ""
    selector: dict[str, str] = Setting(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    external_name: str = ""


class Endpoints(Part):
    """Where a service's traffic goes, from its EndpointSlices.

    Attributes:
        service: Name of the service.
        ready: Addresses that take traffic.
        not_ready: Addresses that do not.
        ports: Such as `8080/TCP`.
    """

    service: str = ""
    ready: int = 0
    not_ready: int = 0
    ports: tuple[str, ...] = ()


class Backend(Part):
    """Where an ingress sends a path.

    Attributes:
        host: Empty is any.
        path: Empty is any.
        service: Name of the service.
        port: Number or name of its port.
    """

    host: str = ""
    path: str = ""
    service: str = ""
    port: str = ""


class Ingress(Part):
    """An ingress and its backends.

    Attributes:
        name: Its name.
        ingress_class: Which controller serves it.
        backends: Where it sends what.
        tls_secrets: Secrets with its certificates.
    """

    name: str = ""
    ingress_class: str = ""
    backends: tuple[Backend, ...] = ()
    tls_secrets: tuple[str, ...] = ()


class Claim(Part):
    """A persistent volume claim.

    Attributes:
        name: Its name.
        phase: `Pending`, `Bound` or `Lost`.
        storage_class: As asked for; empty is the cluster's default.
        requested: Size, such as `10Gi`.
        volume: The volume it is bound to or names.
        access_modes: Such as `ReadWriteOnce`.
    """

    name: str = ""
    phase: str = ""
    storage_class: str = ""
    requested: str = ""
    volume: str = ""
    access_modes: tuple[str, ...] = ()


class StorageClass(Part):
    """A storage class of the cluster.

    Attributes:
        name: Its name.
        provisioner: Who makes its volumes.
        default: Whether claims without a class get this one; absent where not.
    """

    name: str = ""
    provisioner: str = ""
    default: bool | None = None


class Node(Part):
    """A node, as far as scheduling asks.

    Attributes:
        name: Its name.
        ready: As its kubelet says.
        unschedulable: Whether it is cordoned; absent where not.
        pressures: Such as `MemoryPressure`.
        taints: Such as `gpu=true:NoSchedule`.
        allocatable: Such as `{"cpu": "4", "memory": "16Gi"}`, with devices.
        labels: Without those that are its own, such as its host name.
        conditions: Only those that are not good.
        alike: How many further nodes are like it in all of this; absent where none.
    """

    name: str = ""
    ready: bool = False
    unschedulable: bool | None = None
    pressures: tuple[str, ...] = ()
    taints: tuple[str, ...] = ()
    allocatable: dict[str, str] = Setting(default_factory=dict)
    labels: dict[str, str] = Setting(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    alike: int | None = None


class Quota(Part):
    """A resource quota.

    Attributes:
        name: Its name.
        hard: What the namespace may have.
        used: What it has.
    """

    name: str = ""
    hard: dict[str, str] = Setting(default_factory=dict)
    used: dict[str, str] = Setting(default_factory=dict)


class Keys(Part):
    """A ConfigMap or a Secret: names of its keys, never a value.

    Attributes:
        name: Its name.
        keys: Names of its keys.
        created_at: UTC.
        updated_at: When somebody last wrote it, as its managed fields say.
        updated_by: Their field manager.
    """

    name: str = ""
    keys: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    updated_by: str = ""


class Autoscaler(Part):
    """A horizontal pod autoscaler.

    Attributes:
        name: Its name.
        target: Such as `Deployment checkout`.
        min: Fewest replicas.
        max: Most replicas.
        current: Replicas there are.
        desired: Replicas it wants.
        metrics: Such as `cpu 91% of 80%`; `cpu unknown of 80%` where there is no reading.
        conditions: Only those that are not good.
    """

    name: str = ""
    target: str = ""
    min: int | None = None
    max: int | None = None
    current: int | None = None
    desired: int | None = None
    metrics: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


class Budget(Part):
    """A pod disruption budget.

    Attributes:
        name: Its name.
        selector: Labels of the pods it guards.
        min_available: Number or percentage.
        max_unavailable: Number or percentage.
        allowed: Disruptions allowed now.
        healthy: Healthy pods now.
        expected: Pods it counts.
    """

    name: str = ""
    selector: dict[str, str] = Setting(default_factory=dict)
    min_available: str = ""
    max_unavailable: str = ""
    allowed: int | None = None
    healthy: int | None = None
    expected: int | None = None


class NetworkPolicy(Part):
    """A network policy.

    Attributes:
        name: Its name.
        selector: Labels of the pods it binds; empty is all of the namespace.
        types: `Ingress`, `Egress`.
        ingress: What may come in, such as `from pods app=web on 8080/TCP`; empty with the type set is nothing.
        egress: What may go out, likewise.
    """

    name: str = ""
    selector: dict[str, str] = Setting(default_factory=dict)
    types: tuple[str, ...] = ()
    ingress: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
