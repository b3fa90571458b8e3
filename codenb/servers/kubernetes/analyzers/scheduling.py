"""Pods that no node takes, and nodes that are not well."""

from __future__ import annotations

import re
from collections.abc import Iterator

from codenb.models import Cause, Entity, Finding, Remedy, Severity
from codenb.servers.kubernetes.analyzers._case import Case, made
from codenb.servers.kubernetes.snapshot import Pod, Workload

_STORAGE = re.compile(r"persistentvolumeclaim|PersistentVolumeClaims|volume node affinity", re.IGNORECASE)
_INSUFFICIENT = re.compile(r"Insufficient (?P<what>[\w./-]+)")
_PLACED = re.compile(
    r"node affinity|node selector|node\(s\) didn't match|affinity rules|topology spread", re.IGNORECASE
)
_COMMON = frozenset({"cpu", "memory", "pods", "ephemeral-storage"})


def unschedulable(case: Case) -> Iterator[Finding]:
    """A pod is pending because no node satisfies what it asks for."""
    seen: set[str] = set()
    for pod in case.snapshot.pods:
        said = pod.message if pod.reason in ("Unschedulable", "SchedulerError") else ""
        root = case.snapshot.owner_of(pod)
        if not said or _STORAGE.search(said) or str(root) in seen:
            continue
        seen.add(str(root))
        workload = case.workload_of(pod)
        lacking = {match["what"].rstrip(".,") for match in _INSUFFICIENT.finditer(said)}
        devices = lacking - _COMMON
        short = lacking and not devices and not _PLACED.search(said)
        yield made(
            "scheduling/capacity" if short else "scheduling/placement",
            Cause.CAPACITY_SHORT if short else Cause.UNSCHEDULABLE,
            case.severity(workload),
            entity=case.entity("Pod", pod.name),
            root=root,
            message=_message(root, workload, sorted(lacking), short=bool(short)),
            quotes=[said, *_asked(workload, lacking)],
            remedies=_remedies(case, pod, workload, sorted(lacking)),
        )


def nodes(case: Case) -> Iterator[Finding]:
    """A node is not ready, or under pressure."""
    for node in case.snapshot.nodes:
        entity = Entity(kind="Node", name=node.name)
        concerned = any(pod.node == node.name for pod in case.snapshot.pods)
        said = [one.message for one in node.conditions]
        if not node.ready:
            yield made(
                "nodes/not-ready",
                Cause.NODE_NOT_READY,
                Severity.CRITICAL if concerned else Severity.MEDIUM,
                entity=entity,
                root=entity,
                message=f"node {node.name} is not ready",
                quotes=[*said, f"name: {node.name} ready: false"],
                remedies=[Remedy(text=f"look at the kubelet of {node.name}; its pods move once they are evicted")],
            )
        elif node.pressures:
            yield made(
                "nodes/pressure",
                Cause.NODE_PRESSURE,
                Severity.HIGH if concerned else Severity.MEDIUM,
                entity=entity,
                root=entity,
                message=f"node {node.name} reports {', '.join(node.pressures)}",
                quotes=[*said, f"- {node.pressures[0]}"],
                remedies=[Remedy(text=f"free what {node.name} lacks, or move pods away from it")],
            )


def evicted(case: Case) -> Iterator[Finding]:
    """A node threw a pod out."""
    seen: set[str] = set()
    for pod in case.snapshot.pods:
        root = case.snapshot.owner_of(pod)
        if pod.reason != "Evicted" or str(root) in seen:
            continue
        seen.add(str(root))
        workload = case.workload_of(pod)
        whole = workload is not None and (workload.ready or 0) >= (workload.desired or 0)
        yield made(
            "nodes/evicted",
            Cause.EVICTED,
            Severity.LOW if whole else case.severity(workload),
            entity=case.entity("Pod", pod.name),
            root=root,
            message=f"pods of {root} are evicted from their nodes",
            quotes=[pod.message, "reason: Evicted"],
            remedies=[Remedy(text=f"give {root} requests that match its use, and its node what it lacks")],
        )


def _message(root: Entity, workload: Workload | None, lacking: list[str], *, short: bool) -> str:
    if short:
        return f"no node has enough {' and '.join(lacking)} left for the pods of {root}"
    if lacking:
        return f"no node has the {' and '.join(lacking)} that the pods of {root} ask for"
    wanted = ", ".join(f"{key}={value}" for key, value in (workload.node_selector if workload else {}).items())
    return f"no node takes the pods of {root}" + (f", which ask for nodes with {wanted}" if wanted else "")


def _asked(workload: Workload | None, lacking: set[str]) -> list[str]:
    """The lines of the template that ask for what no node has."""
    if workload is None:
        return []
    amounts = [
        f"{what}: {amount}"
        for box in workload.containers
        for what, amount in {**box.limits, **box.requests}.items()
        if what in lacking
    ]
    chosen = [f"{key}: {value}" for key, value in workload.node_selector.items()] if not lacking else []
    return [*chosen, *workload.affinity, *amounts]


def _remedies(case: Case, pod: Pod, workload: Workload | None, lacking: list[str]) -> list[Remedy]:
    changed = [
        one
        for one in (case.last_changes(workload) if workload else ())
        if any(word in one for word in ("nodeSelector", "affinity", "tolerations", ".requests.", ".limits."))
    ]
    back = case.back(workload, f"scheduling of {case.snapshot.owner_of(pod)}", "which nodes took") if changed else []
    if lacking:
        return [*back, Remedy(text=f"add nodes with {' and '.join(lacking)}, or ask for less")]
    return [*back, Remedy(text="label or add a node that fits, or correct node selector, affinity or tolerations")]
