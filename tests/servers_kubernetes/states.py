"""Handmade states of a namespace, small enough to be read in a test."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from codenb.models import Cause, Finding
from codenb.models._yaml import as_yaml
from codenb.servers.kubernetes.analyzers import analyze
from codenb.servers.kubernetes.snapshot import (
    Container,
    ContainerState,
    Event,
    Log,
    Pod,
    Service,
    ServicePort,
    Snapshot,
    Workload,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COUNTED = ("workloads", "services", "endpoints", "pvcs", "storage_classes", "config_maps", "secrets")
APP = Container(name="app", image="web:1", ports=("http 8080/TCP",), requests={"memory": "64Mi"})


def seen_as(**parts: Any) -> Snapshot:
    """A snapshot that was read to the end."""
    made = Snapshot(namespace="shop", taken_at=NOW, **{key: tuple(value) for key, value in parts.items()})
    return made.model_copy(update={"counts": {name: len(getattr(made, name)) for name in COUNTED}})


def web(name: str = "web", **fields: Any) -> Workload:
    """A Deployment of two replicas, none of them ready."""
    given_fields: dict[str, Any] = {
        "kind": "Deployment",
        "name": name,
        "desired": 2,
        "updated": 2,
        "ready": 0,
        "selector": {"app": name},
        "labels": {"app": name},
        "containers": (APP,),
    }
    return Workload(**(given_fields | fields))


def pod(name: str = "web", state: ContainerState | None = None, **fields: Any) -> Pod:
    """One of its pods."""
    boxes = (state,) if state else ()
    given_fields: dict[str, Any] = {"phase": "Running", "owner": f"Deployment {name}", "containers": boxes}
    return Pod(name=f"{name}-1", **(given_fields | fields))


def crash(**fields: Any) -> ContainerState:
    """A container that ends again and again."""
    given_fields: dict[str, Any] = {
        "name": "app",
        "restarts": 4,
        "state": "waiting",
        "reason": "CrashLoopBackOff",
        "message": "back-off 5m0s restarting failed container",
        "last_reason": "Error",
        "last_exit_code": 1,
    }
    return ContainerState(**(given_fields | fields))


def service(name: str = "web", *, target: str = "http", selector: dict[str, str] | None = None) -> Service:
    """A service in front of it."""
    port = ServicePort(name="http", port=80, target=target)
    return Service(name=name, type="ClusterIP", selector=selector or {"app": name}, ports=(port,))


def log(text: str, name: str = "web") -> Log:
    """What its container wrote."""
    return Log(pod=f"{name}-1", owner=f"Deployment {name}", container="app", text=text)


def warning(reason: str, message: str, about: str = "Pod web-1", owner: str = "Deployment web", **fields: Any) -> Event:
    """A warning about its pod."""
    return Event(type="Warning", reason=reason, object=about, owner=owner, message=message, **fields)


def first_of(seen: Snapshot) -> Finding:
    """The leading finding; every quote of every finding is checked on the way."""
    text = re.sub(r"\s+", " ", as_yaml(seen.to_dict()))
    found = analyze(seen)
    for one in found:
        assert one.quotes, one.rule
        assert all(re.sub(r"\s+", " ", quote) in text for quote in one.quotes), one
    return found[0]


def says(seen: Snapshot, cause: Cause, root: str) -> Finding:
    """The leading finding, which has to be this one."""
    first = first_of(seen)
    assert (first.cause, f"{first.root.kind} {first.root.name}") == (cause, root), first.message
    return first
