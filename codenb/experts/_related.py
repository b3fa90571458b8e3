"""What belongs to a workload: its services, its storage, and the workloads that it names as what it needs."""

from __future__ import annotations

import re

from codenb.models import Entity
from codenb.servers.kubernetes.snapshot import Snapshot, Workload

_FARTHEST = 3  # steps from a workload to what it needs, and on to what that needs


def related(snapshot: Snapshot, name: str) -> dict[tuple[str, str], int]:
    """How near each object is to a workload.

    Args:
        snapshot: The state of the namespace.
        name: Of the workload.

    Returns:
        Steps by kind and name: 0 for the workload, its pods, revisions, services, claims and configuration; one more
        for each dependency between. What is not in it is not related.
    """
    near: dict[tuple[str, str], int] = {}
    frontier = [one for one in snapshot.workloads if one.name == name]
    for steps in range(_FARTHEST + 1):
        for workload in frontier:
            for key in _own(snapshot, workload):
                near.setdefault(key, steps)
        needed = [other for workload in frontier for other in _needed(snapshot, workload)]
        frontier = [one for one in needed if (one.kind, one.name) not in near]
    return near


def distance(near: dict[tuple[str, str], int], *entities: Entity) -> int | None:
    """The least number of steps to any of these; None where none is related."""
    return min((near[one.kind, one.name] for one in entities if (one.kind, one.name) in near), default=None)


def _own(snapshot: Snapshot, workload: Workload) -> set[tuple[str, str]]:
    own = {(workload.kind, workload.name)}
    own |= {("Pod", pod.name) for pod in snapshot.pods if pod.owner == f"{workload.kind} {workload.name}"}
    own |= {(one.kind, one.name) for one in workload.references}
    if workload.service_account:
        own.add(("ServiceAccount", workload.service_account))
    if workload.kind == "Deployment":
        own |= {("ReplicaSet", one.name) for one in snapshot.revisions(workload.name)}
    services = {one.name for one in snapshot.services if _selects(one.selector, workload) or one.name == workload.name}
    own |= {("Service", service) for service in services}
    own |= {
        ("Ingress", ingress.name)
        for ingress in snapshot.ingresses
        if any(backend.service in services for backend in ingress.backends)
    }
    own |= {
        ("HorizontalPodAutoscaler", one.name)
        for one in snapshot.autoscalers
        if one.target == f"{workload.kind} {workload.name}"
    }
    own |= {("NetworkPolicy", one.name) for one in snapshot.network_policies if _selects(one.selector, workload)}
    return own | {("PodDisruptionBudget", one.name) for one in snapshot.budgets if _selects(one.selector, workload)}


def _needed(snapshot: Snapshot, workload: Workload) -> list[Workload]:
    """The workloads behind the services that this one's settings or logs name."""
    own = f"{workload.kind} {workload.name}"
    said = [value for box in workload.containers for value in (*box.env.values(), *box.args, *box.command)]
    said += [log.text for log in snapshot.logs if log.owner == own]
    words = set(re.findall(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", " ".join(said)))
    services = [one for one in snapshot.services if one.name in words and one.name != workload.name]
    return [
        other
        for other in snapshot.workloads
        if other is not workload and (other.name in words or any(_selects(one.selector, other) for one in services))
    ]


def _selects(selector: dict[str, str], workload: Workload) -> bool:
    return bool(selector) and selector.items() <= workload.labels.items()
