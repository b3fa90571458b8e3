"""Workloads among the objects: how many replicas they want and have, and whether they are done rolling out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codenb.servers.kubernetes import facts, rollouts

ROLLED_OUT = ("Deployment", "StatefulSet", "DaemonSet")
_ON_DELETE = "OnDelete"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a workload has come.

    Attributes:
        ready: Whether it is done.
        failed: Whether its controller has given up.
        counts: Such as `1 of 3`.
        message: What holds it up, in its controller's words.
    """

    ready: bool
    failed: bool = False
    counts: str = ""
    message: str = ""


def replicas_of(after: Mapping[str, Any] | None, live: Mapping[str, Any] | None) -> tuple[int, int]:
    """Replicas that an object asks for, and how many of them are surely ready and of the newest template.

    Args:
        after: As it would be.
        live: As it is; None where it is not there.

    Returns:
        Twice zero for what has no replicas.
    """
    kind = str((after or live or {}).get("kind"))
    if kind not in ROLLED_OUT:
        return 0, 0
    now = rollouts.status_of(dict(live)) if live else None
    if kind == "DaemonSet":
        desired = now.desired if now else 0
    else:
        desired = int(((after or live or {}).get("spec") or {}).get("replicas", 1))
    return desired, _newest(now, min(now.ready, now.available), live or {}) if now else 0


def waits_for(resource: Mapping[str, Any]) -> bool:
    """Whether a deployment waits for this object: workloads that roll out by themselves, and bare pods."""
    kind = resource.get("kind")
    return (kind in ROLLED_OUT and not (resource.get("spec") or {}).get("paused")) or kind in ("Pod", "Job")


def progress_of(resource: dict[str, Any]) -> Progress:
    """How far one object has come. A Job has to be started and not failed; its end is not waited for."""
    match resource.get("kind"):
        case "Pod":
            return _pod(resource)
        case "Job":
            return _job(resource)
        case _:
            return _rollout(resource)


def _rollout(resource: dict[str, Any]) -> Progress:
    now = rollouts.status_of(resource)
    done = now.complete
    if _on_delete(resource):  # its pods keep the old template until somebody deletes them
        done = now.observed_generation >= now.generation and now.ready == now.replicas == now.desired
    message = f"{now.reason}: {now.message}" if now.reason and now.message else now.message or now.reason
    return Progress(
        done,
        failed=now.stuck and not done,
        counts=f"{_newest(now, now.ready, resource)} of {now.desired}",
        message=message,
    )


def _newest(now: rollouts.RolloutStatus, ready: int, resource: Mapping[str, Any]) -> int:
    """How many of the ready pods are of the newest template, whichever of the others are ready.

    The status counts the ready ones of all templates together, so that as many of them as there are old pods may be
    old: in a rollout that its image holds up, all are.
    """
    if now.observed_generation < now.generation:
        return 0
    old = 0 if _on_delete(resource) else max(now.replicas - now.updated, 0)
    return max(ready - old, 0)


def _pod(resource: Mapping[str, Any]) -> Progress:
    status = resource.get("status") or {}
    phase = str(status.get("phase") or "Pending")
    conditions = {one.get("type"): one.get("status") for one in status.get("conditions") or []}
    ready = phase == "Succeeded" or conditions.get("Ready") == "True"
    reason, message = facts.why_not_well(status, facts.container_states(status))
    return Progress(
        ready, failed=phase == "Failed", counts=phase, message=f"{reason}: {message}".strip(": ") if not ready else ""
    )


def _job(resource: Mapping[str, Any]) -> Progress:
    status = resource.get("status") or {}
    over = [one for one in status.get("conditions") or [] if (one.get("type"), one.get("status")) == ("Failed", "True")]
    suspended = bool((resource.get("spec") or {}).get("suspend"))
    started = suspended or any(status.get(key) for key in ("startTime", "active", "succeeded"))
    message = "; ".join(f"{one.get('reason', '')}: {one.get('message', '')}" for one in over)
    return Progress(started and not over, failed=bool(over), counts="failed" if over else "started", message=message)


def _on_delete(resource: Mapping[str, Any]) -> bool:
    return ((resource.get("spec") or {}).get("updateStrategy") or {}).get("type") == _ON_DELETE
