"""States of a namespace, written as a server would answer them, for what no scenario shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from codenb.models import ContextBundle, ContextItem, Entity, Target
from codenb.servers.kubernetes.snapshot import (
    Container,
    ContainerState,
    Event,
    Pod,
    ReplicaSet,
    Snapshot,
    Workload,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHECKOUT = Entity(kind="Deployment", namespace="shop", name="checkout")


def ago(minutes: float) -> datetime:
    """That many minutes before the state was taken."""
    return NOW - timedelta(minutes=minutes)


def bundle(snapshot: Snapshot | None = None, *, workload: str | None = "checkout", status: str = "ok") -> ContextBundle:
    """The bundle that a gather would make of it."""
    items: tuple[ContextItem, ...] = ()
    if snapshot is not None:
        item = {
            "id": "kubernetes.gather_context",
            "server": "kubernetes",
            "tool": "gather_context",
            "status": status,
            "data": snapshot.to_dict(),
            "gathered_at": NOW,
        }
        items = (ContextItem.model_validate(item),)
    return ContextBundle(target=Target(namespace="shop", workload=workload), items=items, gathered_at=NOW)


def deployment(name: str = "checkout", *, ready: int = 3, desired: int = 3, **more: Any) -> Workload:
    """A deployment with one container."""
    fields = {
        "kind": "Deployment",
        "name": name,
        "desired": desired,
        "updated": desired,
        "ready": ready,
        "available": ready,
        "labels": {"app": name},
        "selector": {"app": name},
        "containers": [Container(name="app", image=f"registry.example/{name}:2")],
    }
    return Workload.model_validate(fields | more)


def revision(number: int, minutes: float, *changes: str, name: str = "checkout", **more: Any) -> ReplicaSet:
    """A revision that was rolled out that many minutes ago."""
    fields = {"name": f"{name}-{number}", "deployment": name, "revision": number, "created_at": ago(minutes)}
    return ReplicaSet.model_validate(fields | {"changes": changes} | more)


def pod(number: int, minutes: float, *boxes: ContainerState, name: str = "checkout", **more: Any) -> Pod:
    """A pod of that revision, created that many minutes ago."""
    fields = {
        "name": f"{name}-{number}-a",
        "owner": f"Deployment {name}",
        "replica_set": f"{name}-{number}",
        "phase": "Running",
        "created_at": ago(minutes),
        "containers": boxes,
    }
    return Pod.model_validate(fields | more)


def warning(reason: str, message: str, first: float, last: float = 0, *, number: int = 2, **more: Any) -> Event:
    """A warning on a pod of that revision, seen from so many to so many minutes ago."""
    fields = {
        "type": "Warning",
        "reason": reason,
        "object": f"Pod checkout-{number}-a",
        "owner": "Deployment checkout",
        "message": message,
        "first_at": ago(first),
        "last_at": ago(last),
    }
    return Event.model_validate(fields | more)


def state(**parts: Any) -> Snapshot:
    """A snapshot of the namespace `shop`; without parts, of a healthy checkout."""
    fields: dict[str, Any] = {
        "namespace": "shop",
        "workload": "checkout",
        "taken_at": NOW,
        "workloads": (deployment(),),
    }
    return Snapshot.model_validate(fields | parts)
