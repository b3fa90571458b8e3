"""Calls that mend, and how one can tell that they did; shared by the analyzers and the changes themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codenb.models import Expectation, Remedy, SuccessCondition, ToolCall

SERVER = "kubernetes"
WITHIN_S = 120.0


def rolled_out(kind: str, name: str, namespace: str, *, replicas: int | None = None) -> SuccessCondition:
    """The condition that every replica is of the newest template and ready.

    Args:
        kind: `Deployment`, `StatefulSet` or `DaemonSet`.
        name: Of the workload.
        namespace: Of the workload.
        replicas: How many there have to be; None is as many as are desired.
    """
    expected = [
        Expectation(field="observed_generation", op=">=", value="$generation"),
        Expectation(field="updated", value="$desired"),
        Expectation(field="ready", value="$desired"),
        Expectation(field="replicas", value="$desired"),
    ]
    if replicas is not None:
        expected.insert(0, Expectation(field="desired", value=replicas))
    arguments: dict[str, Any] = {"name": name, "namespace": namespace}
    if kind != "Deployment":
        arguments["kind"] = kind
    many = "all replicas" if replicas is None else f"{replicas} replicas"
    return SuccessCondition(
        text=f"{many} of {kind} {namespace}/{name} are of the newest revision and ready",
        check=ToolCall(server=SERVER, tool="rollout_status", arguments=arguments),
        expect=tuple(expected),
        within_s=WITHIN_S,
    )


def patch(
    text: str, *, kind: str, name: str, namespace: str, container: str, group: str, values: Mapping[str, Any]
) -> Remedy:
    """A remedy that changes one container's image, resources or environment.

    Args:
        text: For a person.
        kind: Of the workload.
        name: Of the workload.
        namespace: Of the workload.
        container: Which.
        group: Of its alternatives.
        values: `image`, `requests`, `limits`, `env`, as the tool takes them.
    """
    arguments = {"kind": kind, "name": name, "namespace": namespace, "container": container, **values}
    return Remedy(
        text=text,
        call=ToolCall(server=SERVER, tool="patch_workload", arguments=arguments),
        success=rolled_out(kind, name, namespace),
        group=group,
    )


def undo(text: str, name: str, namespace: str, revision: int, group: str) -> Remedy:
    """A remedy that goes back to an older revision of a Deployment."""
    arguments: dict[str, Any] = {"name": name, "namespace": namespace, "revision": revision}
    return Remedy(
        text=text,
        call=ToolCall(server=SERVER, tool="undo_rollout", arguments=arguments),
        success=rolled_out("Deployment", name, namespace),
        group=group,
    )


def scale(text: str, name: str, namespace: str, replicas: int, group: str) -> Remedy:
    """A remedy that sets a Deployment's replicas."""
    arguments: dict[str, Any] = {"name": name, "replicas": replicas, "namespace": namespace}
    return Remedy(
        text=text,
        call=ToolCall(server=SERVER, tool="scale_deployment", arguments=arguments),
        success=rolled_out("Deployment", name, namespace, replicas=replicas),
        group=group,
    )
