"""Containers killed for their memory."""

from __future__ import annotations

from collections.abc import Iterator

from codenb.models import Cause, Finding, Remedy
from codenb.servers.kubernetes.analyzers._case import Case, changeable, made
from codenb.servers.kubernetes.snapshot import Workload
from codenb.servers.kubernetes.units import doubled, quantity


def oom_killed(case: Case) -> Iterator[Finding]:
    """A container used more memory than its limit."""
    for pod, state, workload in case.states():
        if "OOMKilled" not in (state.reason, state.last_reason):
            continue
        root = case.snapshot.owner_of(pod)
        limit = case.container(workload, state.name).limits.get("memory", "") if workload else ""
        lowered = next(
            (one for one in (case.last_changes(workload) if workload else ()) if _is_limit(one, state.name)), ""
        )
        where = f"its limit of {limit}" if limit else "what its node has"
        yield made(
            "memory/oom-killed",
            Cause.OOM_KILLED,
            case.severity(workload),
            entity=case.entity("Pod", pod.name),
            root=root,
            message=f"container {state.name} of {root} is killed for using more memory than {where}",
            quotes=[
                f"last_reason: {state.last_reason}" if state.last_reason == "OOMKilled" else f"reason: {state.reason}",
                lowered,
                f"memory: {limit}" if limit else "",
            ],
            remedies=_remedies(case, workload, state.name, limit),
        )


def _is_limit(line: str, container: str) -> bool:
    return line.startswith(f"containers[{container}].resources.limits.memory: ")


def _remedies(case: Case, workload: Workload | None, container: str, limit: str) -> list[Remedy]:
    words = Remedy(text="find out what holds the memory: a cache without bound, a leak, or simply more load")
    if workload is None or not changeable(workload) or not limit:
        return [words]
    before = case.previous(workload)
    old = next(
        (one.limits.get("memory", "") for one in (before.containers if before else ()) if one.name == container), ""
    )
    larger = bool(old) and quantity(old) > quantity(limit)
    wanted = old if larger else doubled(limit)
    group = f"memory of {workload.kind} {workload.name}"
    why = "which the previous revision had" if larger else "twice what it has"
    text = f"raise the memory limit of {container} from {limit} to {wanted}, {why}"
    remedies = [case.patched(workload, container, {"limits": {"memory": wanted}}, text=text, group=group)]
    if larger:
        remedies += case.back(workload, group, f"whose limit was {old}")
    return [*remedies, words]
