"""Why a workload did not become ready: its pods, its events, the ends of its logs, and the cause that they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codenb.errors import CodenbError
from codenb.models import Finding
from codenb.servers._clients.cluster import Cluster
from codenb.servers.deployment.kubernetes._models import NotReady
from codenb.servers.deployment.kubernetes._wanted import Wanted
from codenb.servers.deployment.kubernetes._workloads import Progress
from codenb.servers.kubernetes import gather
from codenb.servers.kubernetes.analyzers import analyze
from codenb.servers.kubernetes.running import Event, Log, Pod
from codenb.servers.kubernetes.snapshot import Snapshot

MOST = 5
"""Workloads, pods, events and logs that are told of, each."""

_LINES = 20


async def not_ready(cluster: Cluster, wanted: Sequence[Wanted], seen: Mapping[str, Progress]) -> tuple[NotReady, ...]:
    """What is known of the workloads that did not become ready.

    Args:
        cluster: Where.
        wanted: The workloads that were waited for.
        seen: How far each has come.
    """
    behind = [one for one in wanted if not seen[one.key].ready][:MOST]
    return tuple([await _explained(cluster, one, seen[one.key]) for one in behind])


async def _explained(cluster: Cluster, wanted: Wanted, seen: Progress) -> NotReady:
    try:
        around = await gather.snapshot(cluster, wanted.namespace or "default", wanted.name, wanted.kind.kind)
    except CodenbError as error:
        return NotReady(
            object=wanted.key, ready=seen.counts, reason=seen.message or "it is not ready", pods=(f"not read: {error}",)
        )
    about = f"{wanted.kind.kind} {wanted.name}"
    finding = next((one for one in analyze(around) if one.root.name == wanted.name and not one.cause.symptom), None)
    pods = [one for one in around.pods if one.owner == about or one.name == wanted.name]
    return NotReady(
        object=wanted.key,
        ready=seen.counts,
        reason=_reason(finding, pods, seen),
        cause=str(finding.cause) if finding else "",
        pods=tuple(_pod(one) for one in pods if not one.ready)[:MOST],
        events=_events(around, about, {one.name for one in pods}),
        logs=_logs(around, {one.name for one in pods}),
    )


def _reason(finding: Finding | None, pods: Sequence[Pod], seen: Progress) -> str:
    if finding is not None:
        return finding.message
    told = next((_pod(one) for one in pods if not one.ready and one.reason), "")
    return told or seen.message or "it is not ready yet, and nothing says why"


def _pod(pod: Pod) -> str:
    said = pod.message or next((one.message for one in pod.containers if one.message), "")
    return ": ".join(part for part in (pod.name, pod.reason or pod.phase, said) if part)


def _events(around: Snapshot, about: str, pods: set[str]) -> tuple[Event, ...]:
    names = {f"Pod {name}" for name in pods} | {about}
    told = [one for one in around.events if one.type == "Warning" and (one.owner == about or one.object in names)]
    return tuple(told[-MOST:])


def _logs(around: Snapshot, pods: set[str]) -> tuple[Log, ...]:
    told = [one for one in around.logs if one.pod in pods][:MOST]
    return tuple(one.model_copy(update={"text": "\n".join(one.text.splitlines()[-_LINES:])}) for one in told)
