"""The state of a namespace, compressed to what a diagnosis is made of.

`gather_context` answers it, analyzers and experts read it, and quotes are looked up in its text. So it holds facts
instead of manifests (a namespace with a few workloads is some thousand tokens), keeps messages and log lines word for
word, and writes nothing that is empty. Every field has a default: a trimmed snapshot is still a snapshot.

No value of a Secret is ever in it, and a literal environment value stands here only where its name does not say that
it is a secret.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field as Setting

from codenb.models import Entity, Place
from codenb.servers.kubernetes.around import (
    Autoscaler,
    Backend,
    Budget,
    Claim,
    Endpoints,
    Ingress,
    Keys,
    NetworkPolicy,
    Node,
    Quota,
    Service,
    ServicePort,
    StorageClass,
)
from codenb.servers.kubernetes.running import (
    ABSENT,
    HIDDEN,
    Condition,
    Container,
    ContainerState,
    Event,
    Log,
    Part,
    Pod,
    Reference,
    ReplicaSet,
    Workload,
)
from codenb.views import Badge, Field, Table, Tone, View

__all__ = [
    "ABSENT",
    "HIDDEN",
    "Autoscaler",
    "Backend",
    "Budget",
    "Claim",
    "Condition",
    "Container",
    "ContainerState",
    "Endpoints",
    "Event",
    "Ingress",
    "Keys",
    "Log",
    "NetworkPolicy",
    "Node",
    "Part",
    "Pod",
    "Quota",
    "Reference",
    "ReplicaSet",
    "Service",
    "ServicePort",
    "Snapshot",
    "StorageClass",
    "Workload",
]


class Snapshot(Part):
    """What one namespace looked like at one moment.

    Attributes:
        place: Which cluster.
        namespace: Which namespace.
        workload: Where only one workload was asked for, its name.
        taken_at: UTC; ages count from here.
        summary: The most important numbers, as label and value.
        missing: What could not be read, and why.
        cut: What was left out for its size.
        counts: How many there were of what was read to the end. Only where as many are still here does it mean
            something that one is not: the snapshot may have been trimmed on its way.
        workloads: What makes pods.
        pods: The unhealthy ones first; of the healthy ones a few.
        events: Equal ones as one, newest last.
        logs: Of containers that are not well.
        replica_sets: Revisions of the Deployments, newest first.
        services: Of the namespace.
        endpoints: Of the services.
        ingresses: Of the namespace.
        pvcs: Claims.
        storage_classes: Of the cluster.
        nodes: Of the cluster.
        quotas: Of the namespace.
        config_maps: Names and keys.
        secrets: Names and keys.
        service_accounts: Names.
        autoscalers: Of the namespace.
        budgets: Of the namespace.
        network_policies: Of the namespace.
    """

    place: Place | None = None
    namespace: str = ""
    workload: str = ""
    taken_at: datetime | None = None
    summary: dict[str, str] = Setting(default_factory=dict)
    missing: dict[str, str] = Setting(default_factory=dict)
    cut: tuple[str, ...] = ()
    counts: dict[str, int] = Setting(default_factory=dict)
    workloads: tuple[Workload, ...] = ()
    pods: tuple[Pod, ...] = ()
    events: tuple[Event, ...] = ()
    logs: tuple[Log, ...] = ()
    replica_sets: tuple[ReplicaSet, ...] = ()
    services: tuple[Service, ...] = ()
    endpoints: tuple[Endpoints, ...] = ()
    ingresses: tuple[Ingress, ...] = ()
    pvcs: tuple[Claim, ...] = ()
    storage_classes: tuple[StorageClass, ...] = ()
    nodes: tuple[Node, ...] = ()
    quotas: tuple[Quota, ...] = ()
    config_maps: tuple[Keys, ...] = ()
    secrets: tuple[Keys, ...] = ()
    service_accounts: tuple[str, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    budgets: tuple[Budget, ...] = ()
    network_policies: tuple[NetworkPolicy, ...] = ()

    def whole(self, field: str) -> bool:
        """Whether a field holds all there is, so that what is not in it does not exist."""
        return self.counts.get(field) == len(getattr(self, field))

    def owner_of(self, pod: Pod) -> Entity:
        """The workload that a pod is raised to, or the pod itself."""
        kind, _, name = pod.owner.partition(" ")
        if kind and name:
            return Entity(kind=kind, name=name, namespace=self.namespace)
        return Entity(kind="Pod", name=pod.name, namespace=self.namespace)

    def revisions(self, deployment: str) -> list[ReplicaSet]:
        """A Deployment's revisions, newest first."""
        mine = [one for one in self.replica_sets if one.deployment == deployment]
        return sorted(mine, key=lambda one: one.revision, reverse=True)

    def view(self) -> View:
        """The summary, then every workload in a row."""
        blocks: list[Any] = [Field(label, value) for label, value in self.summary.items()]
        rows = [
            (f"{one.kind} {one.name}", one.desired, one.ready, ", ".join(box.image for box in one.containers))
            for one in self.workloads
        ]
        if rows:
            blocks.append(Table(["workload", "desired", "ready", "images"], rows))
        if self.missing:
            blocks.append(Table(["could not be read", "why"], list(self.missing.items())))
        badges = [Badge("partly read", Tone.WARN)] if self.missing else []
        return View(title=f"Snapshot of {self.namespace}", badges=badges, blocks=blocks)
