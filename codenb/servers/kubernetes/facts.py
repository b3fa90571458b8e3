"""Objects of the API server as facts of what runs: workloads, pods, revisions, events."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from codenb.servers.kubernetes.owners import owner_of
from codenb.servers.kubernetes.running import (
    Condition,
    ContainerState,
    Event,
    Pod,
    ReplicaSet,
    Workload,
)
from codenb.servers.kubernetes.templates import changes, containers, references
from codenb.servers.kubernetes.units import moment

Object = Mapping[str, Any]

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
RESTARTED = "kubectl.kubernetes.io/restartedAt"

_GOOD_WHEN_TRUE = frozenset({"Available", "Progressing", "Ready", "ContainersReady", "Initialized", "PodScheduled"})
_GOOD_WHEN_TRUE |= {"Complete", "SuccessCriteriaMet", "AbleToScale", "ScalingActive", "PodReadyToStartContainers"}
_WAITING_IS_NORMAL = frozenset({"PodInitializing", "ContainerCreating"})
_POD_WORDS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|(?<=-)[0-9a-f]{8,10}(?=-)|(?<=-)[0-9a-z]{5}(?![0-9a-z-])"
    r"|(?<=from )\d+ to \d+|\d+(?=m?s\b)|\d+\.\d+\.\d+\.\d+"
)
_OLDER_TEMPLATES = 2


def name_of(resource: Object) -> str:
    """An object's name."""
    return str((resource.get("metadata") or {}).get("name", ""))


def selector(found: Object | None) -> dict[str, str]:
    """Labels that a selector asks for; an expression becomes a label that no object has, as it stands."""
    told = found or {}
    rules = {
        f"{one.get('key')} {one.get('operator')} {','.join(one.get('values') or ())}".strip(): ""
        for one in told.get("matchExpressions") or ()
    }
    return {**(told.get("matchLabels") or {}), **rules}


def conditions(status: Object) -> tuple[Condition, ...]:
    """The conditions that are not as they should be."""
    return tuple(
        Condition(
            type=str(one.get("type", "")),
            status=str(one.get("status", "")),
            reason=str(one.get("reason") or ""),
            message=str(one.get("message") or ""),
            since=moment(one.get("lastTransitionTime")),
        )
        for one in status.get("conditions") or ()
        if (one.get("status") == "True") != (one.get("type") in _GOOD_WHEN_TRUE)
    )


class Owners:
    """Which workload an object belongs to, through ReplicaSets and Jobs."""

    def __init__(self, replica_sets: Iterable[Object], jobs: Iterable[Object]) -> None:
        between = [("ReplicaSet", one) for one in replica_sets] + [("Job", one) for one in jobs]
        self._above = {(kind, name_of(one)): controller(one) for kind, one in between}

    def root(self, resource: Object) -> tuple[str, str] | None:
        """Kind and name of the workload that owns an object; None where nothing does."""
        above = controller(resource)
        if above is None:
            return None
        hashed = ((resource.get("metadata") or {}).get("labels") or {}).get("pod-template-hash")
        if above[0] == "ReplicaSet" and above not in self._above and hashed and above[1].endswith(f"-{hashed}"):
            return "Deployment", above[1].removesuffix(f"-{hashed}")  # where ReplicaSets may not be read
        return self._above.get(above) or above

    def of(self, kind: str, name: str) -> tuple[str, str] | None:
        """The workload that owns a ReplicaSet or Job of this name."""
        return self._above.get((kind, name))


def controller(resource: Object) -> tuple[str, str] | None:
    """Kind and name of what controls an object."""
    for one in (resource.get("metadata") or {}).get("ownerReferences") or ():
        if one.get("controller"):
            return str(one.get("kind")), str(one.get("name"))
    return None


def workload(resource: Object) -> Workload:
    """Facts of a Deployment, StatefulSet, DaemonSet, Job, CronJob or bare Pod."""
    told, spec, status = resource.get("metadata") or {}, resource.get("spec") or {}, resource.get("status") or {}
    kind = str(resource.get("kind"))
    template = template_of(resource)
    pod_spec = template.get("spec") or {}
    return Workload(
        kind=kind,
        name=name_of(resource),
        created_at=moment(told.get("creationTimestamp")),
        revision=revision_of(resource) or None,
        generation=told.get("generation"),
        observed_generation=status.get("observedGeneration"),
        paused=(spec.get("paused") or spec.get("suspend")) or None,
        owner=owner_of(resource) if kind != "Pod" else None,
        selector=selector(spec.get("selector")),
        labels=(template.get("metadata") or {}).get("labels") or {},
        containers=containers(pod_spec),
        references=references(pod_spec),
        service_account=str(pod_spec.get("serviceAccountName") or ""),
        node_selector=pod_spec.get("nodeSelector") or {},
        affinity=tuple(_affinity(pod_spec)),
        tolerations=tuple(_toleration(one) for one in pod_spec.get("tolerations") or () if not _added(one)),
        conditions=conditions(status),
        **_counts(kind, spec, status),
    )


def template_of(resource: Object) -> Object:
    """The pod template of a workload; a bare Pod is its own."""
    spec = resource.get("spec") or {}
    if resource.get("kind") == "Pod":
        return resource
    if resource.get("kind") == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    return spec.get("template") or {}


def _counts(kind: str, spec: Object, status: Object) -> dict[str, int | None]:
    if kind == "DaemonSet":
        names = ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable")
        return dict(
            zip(("desired", "updated", "ready", "available"), (status.get(name, 0) for name in names), strict=True)
        )
    if kind == "Job":
        return {
            "desired": spec.get("completions", 1),
            "ready": status.get("succeeded", 0),
            "failed": status.get("failed", 0),
        }
    if kind in ("CronJob", "Pod"):
        return {}
    return {
        "desired": spec.get("replicas", 1),
        "updated": status.get("updatedReplicas", 0),
        "ready": status.get("readyReplicas", 0),
        "available": status.get("availableReplicas", 0),
    }


def _affinity(spec: Object) -> Iterator[str]:
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    for term in required.get("nodeSelectorTerms") or ():
        rules = [*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ())]
        yield " and ".join(
            f"{one.get('key')} {one.get('operator')} {','.join(one.get('values') or ())}" for one in rules
        )


def _toleration(one: Object) -> str:
    value = f"={one['value']}" if one.get("value") else ""
    return f"{one.get('key') or 'any'}{value}:{one.get('effect') or 'any'}"


def _added(one: Object) -> bool:
    """Whether a toleration is one that the API server gives to every pod."""
    return str(one.get("key", "")).startswith("node.kubernetes.io/") and one.get("effect") == "NoExecute"


def pod(resource: Object, owners: Owners) -> Pod:
    """Facts of a pod."""
    told, spec, status = resource.get("metadata") or {}, resource.get("spec") or {}, resource.get("status") or {}
    states = container_states(status)
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or ())
    root, above = owners.root(resource), controller(resource)
    phase = "Terminating" if told.get("deletionTimestamp") else str(status.get("phase", ""))
    reason, message = why_not_well(status, states) if not ready and phase != "Succeeded" else ("", "")
    said = {one.message for one in states}
    return Pod(
        name=name_of(resource),
        owner=" ".join(root) if root else "",
        replica_set=above[1] if above and above[0] == "ReplicaSet" else "",
        phase=phase,
        ready=ready,
        restarts=sum(one.restarts for one in states),
        reason=reason,
        message="" if message in said else message,
        node=str(spec.get("nodeName") or ""),
        created_at=moment(told.get("creationTimestamp")),
        labels={} if root else told.get("labels") or {},
        containers=tuple(one for one in states if _telling(one, phase)),
    )


def container_states(status: Object) -> list[ContainerState]:
    """What every container of a pod does, init containers first."""
    first = [_state(one, init=True) for one in status.get("initContainerStatuses") or ()]
    return [*first, *(_state(one, init=None) for one in status.get("containerStatuses") or ())]


def _state(one: Object, *, init: bool | None) -> ContainerState:
    state: str = next(iter(one.get("state") or ()), "waiting")
    now = (one.get("state") or {}).get(state) or {}
    last = (one.get("lastState") or {}).get("terminated") or {}
    return ContainerState(
        name=str(one.get("name", "")),
        init=init,
        ready=bool(one.get("ready")),
        restarts=int(one.get("restartCount") or 0),
        state=state,
        reason=str(now.get("reason") or ""),
        message=str(now.get("message") or "").strip(),
        exit_code=now.get("exitCode"),
        last_reason=str(last.get("reason") or ""),
        last_message=str(last.get("message") or "").strip(),
        last_exit_code=last.get("exitCode"),
        last_finished_at=moment(last.get("finishedAt")),
    )


def _telling(one: ContainerState, phase: str) -> bool:
    """Whether a container has something to say that its pod does not."""
    done = one.state == "terminated" and one.exit_code == 0 and (one.init or phase == "Succeeded")
    return not done and (not one.ready or one.restarts > 0 or bool(one.last_reason))


def why_not_well(status: Object, states: Sequence[ContainerState]) -> tuple[str, str]:
    """The first bad reason of a pod, and the words that go with it."""
    if status.get("reason"):
        return str(status["reason"]), str(status.get("message") or "")
    for one in states:
        if one.state == "waiting" and one.reason and one.reason not in _WAITING_IS_NORMAL:
            return one.reason, one.message
        if one.state == "terminated" and one.exit_code:
            return one.reason or "Error", one.message
    for told in status.get("conditions") or ():
        if told.get("type") == "PodScheduled" and told.get("status") == "False":
            return str(told.get("reason") or "Unschedulable"), str(told.get("message") or "")
    waiting = next((one.reason for one in states if one.state == "waiting" and one.reason), "")
    return (waiting or "NotReady", "")


def revisions(replica_sets: Iterable[Object], *, most: int = 5) -> list[ReplicaSet]:
    """The revisions of every Deployment, newest first, each with what it changed of the one before.

    Args:
        replica_sets: Of a namespace.
        most: Revisions kept of each Deployment.
    """
    by_deployment: dict[str, list[Object]] = defaultdict(list)
    for one in replica_sets:
        above = controller(one)
        if above and above[0] == "Deployment" and revision_of(one):
            by_deployment[above[1]].append(one)
    found = []
    for deployment, mine in by_deployment.items():
        mine.sort(key=revision_of, reverse=True)
        for place, one in enumerate(mine[:most]):
            older = mine[place + 1] if place + 1 < len(mine) else None
            found.append(_revision(one, deployment, older, detailed=0 < place <= _OLDER_TEMPLATES))
    return found


def revision_of(resource: Object) -> int:
    """Number of a ReplicaSet's revision; 0 where it has none."""
    number = str(((resource.get("metadata") or {}).get("annotations") or {}).get(REVISION, ""))
    return int(number) if number.isdigit() else 0


def _revision(one: Object, deployment: str, older: Object | None, *, detailed: bool) -> ReplicaSet:
    told, spec, status = one.get("metadata") or {}, one.get("spec") or {}, one.get("status") or {}
    boxes = containers(template_of(one).get("spec") or {})
    return ReplicaSet(
        name=name_of(one),
        deployment=deployment,
        revision=revision_of(one),
        created_at=moment(told.get("creationTimestamp")),
        desired=int(spec.get("replicas") or 0),
        ready=int(status.get("readyReplicas") or 0),
        cause=str((told.get("annotations") or {}).get(CHANGE_CAUSE) or ""),
        changes=changes(template_of(older), template_of(one)) if older else (),
        images={box.name: box.image for box in boxes},
        containers=boxes if detailed else (),
    )


def events(found: Iterable[Object], owners: Owners, pods: Mapping[str, Object]) -> list[Event]:
    """Events, equal ones of one workload as one, newest last.

    Args:
        found: Events of the API server, core/v1 or events.k8s.io/v1.
        owners: To raise objects to their workloads.
        pods: By name, as far as they still are there.
    """
    groups: dict[tuple[str, ...], list[Object]] = defaultdict(list)
    for one in found:
        about = one.get("involvedObject") or one.get("regarding") or {}
        root = _event_root(about, owners, pods)
        told = str(one.get("message") or one.get("note") or "").strip()
        whose = " ".join(root) if root else f"{about.get('kind')} {about.get('name')}"
        groups[str(one.get("type")), str(one.get("reason")), whose, _POD_WORDS.sub("*", told)].append(one)
    merged = [_event(ones, whose) for (_, _, whose, _), ones in groups.items()]
    return sorted(merged, key=lambda one: str(one.last_at or one.first_at or ""))


def _event_root(about: Object, owners: Owners, pods: Mapping[str, Object]) -> tuple[str, str] | None:
    kind, name = str(about.get("kind")), str(about.get("name"))
    if kind == "Pod":
        if name in pods:
            return owners.root(pods[name])
        return owners.of("ReplicaSet", name.rpartition("-")[0])  # a pod that is gone
    return owners.of(kind, name)


def _event(ones: Sequence[Object], whose: str) -> Event:
    def times(one: Object) -> tuple[str, str]:
        series = one.get("series") or {}
        first = one.get("firstTimestamp") or one.get("eventTime") or one.get("deprecatedFirstTimestamp") or ""
        last = series.get("lastObservedTime") or one.get("lastTimestamp") or one.get("deprecatedLastTimestamp") or first
        created = (one.get("metadata") or {}).get("creationTimestamp") or ""
        return str(first or created), str(last or created)

    newest = max(ones, key=lambda one: times(one)[1])
    about = newest.get("involvedObject") or newest.get("regarding") or {}
    subject = f"{about.get('kind')} {about.get('name')}"
    counts = [
        (one.get("series") or {}).get("count") or one.get("count") or one.get("deprecatedCount") or 1 for one in ones
    ]
    objects = {str((one.get("involvedObject") or one.get("regarding") or {}).get("name")) for one in ones}
    return Event(
        type=str(newest.get("type") or ""),
        reason=str(newest.get("reason") or ""),
        object=subject,
        owner="" if whose == subject else whose,
        message=str(newest.get("message") or newest.get("note") or "").strip(),
        count=sum(counts),
        objects=len(objects) if len(objects) > 1 else None,
        first_at=moment(min(times(one)[0] for one in ones)),
        last_at=moment(times(newest)[1]),
    )
