"""One look at a namespace: everything a diagnosis needs, read at once and compressed.

What may not be read, or is not served, is named in `missing`, and the rest is answered all the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from codenb.errors import BadInput, CodenbError, ConnectFailed, CredentialsRejected
from codenb.models import Place
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.servers.kubernetes import facts, surroundings
from codenb.servers.kubernetes.facts import Object, Owners, controller, name_of
from codenb.servers.kubernetes.logs import telling_logs
from codenb.servers.kubernetes.snapshot import Event, Keys, Pod, ReplicaSet, Snapshot, Workload

_AT_MOST = {
    "Pod": 5_000,
    "Event": 3_000,
    "Deployment": 500,
    "StatefulSet": 500,
    "DaemonSet": 500,
    "ReplicaSet": 2_000,
    "Job": 500,
    "CronJob": 200,
    "Service": 500,
    "EndpointSlice": 1_000,
    "Ingress": 200,
    "PersistentVolumeClaim": 500,
    "StorageClass": 100,
    "Node": 1_000,
    "ResourceQuota": 50,
    "ConfigMap": 200,
    "Secret": 200,
    "ServiceAccount": 200,
    "HorizontalPodAutoscaler": 200,
    "PodDisruptionBudget": 200,
    "NetworkPolicy": 200,
}
_MAKERS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")

MOST_WORKLOADS = 20
MOST_PODS = 20
MOST_EVENTS = 40
MOST_OTHERS = 30
_PODS_ALIKE = 2
_HEALTHY_PODS = 1
_COUNTED = ("services", "endpoints", "pvcs", "storage_classes", "config_maps", "secrets")
_RECENTLY = timedelta(hours=1)
_EVERYDAY = frozenset({"Scheduled", "Pulling", "Pulled", "Created", "Started", "SuccessfulCreate", "SuccessfulDelete"})
_NOISE = ("kube-root-ca.crt", "openshift-service-ca.crt", "sh.helm.release.v1.", "istio-ca-root-cert")


@dataclass(frozen=True, slots=True)
class Lists:
    """What the API server answered, by kind, and what it did not."""

    found: dict[str, list[dict[str, Any]]]
    missing: dict[str, str]
    cut: tuple[str, ...]
    unfinished: frozenset[str]

    def __getitem__(self, kind: str) -> list[dict[str, Any]]:
        return self.found.get(kind, [])


async def snapshot(
    cluster: Cluster,
    namespace: str,
    workload: str | None = None,
    kind: str | None = None,
    *,
    asked_for: bool = False,
) -> Snapshot:
    """Read a namespace.

    Args:
        cluster: Where.
        namespace: Which.
        workload: What the question is about; it and its own come first, everything else stays for context.
        kind: Of the workload, where two kinds share a name.
        asked_for: Whether the workload is to be deployed, so that it need not be there.

    Raises:
        BadInput: There is no such namespace or workload.
        CredentialsRejected: Nothing can be read with these credentials.
        ConnectFailed: The cluster cannot be reached.
    """
    lists, place = await asyncio.gather(read(cluster, namespace), _place(cluster))
    if not any(found for kind, found in lists.found.items() if KINDS[kind].namespaced):
        await cluster.require_namespace(namespace)
    now = datetime.now(UTC)
    owners = Owners(lists["ReplicaSet"], lists["Job"])
    pods = [facts.pod(one, owners) for one in lists["Pod"]]
    workloads = _workloads(lists, owners)
    if workload and not asked_for and not any(one.name == workload and kind in (None, one.kind) for one in workloads):
        raise BadInput(_no_workload(cluster, namespace, f"{kind or 'workload'} {workload!r}", workload, workloads))
    suffering = {one.owner for one in pods if suffers(one, now)} | {_key(one) for one in workloads if one.conditions}
    kept = _first(workloads, workload, suffering)
    kept_pods = _kept_pods(pods, workload, now)
    revisions = facts.revisions(lists["ReplicaSet"])
    events = facts.events(lists["Event"], owners, {name_of(one): one for one in lists["Pod"]})
    parts = _surroundings(lists, kept)
    counts = {name: count for name, count in parts.pop("counts").items() if count is not None}
    logs, unread = await telling_logs(cluster, namespace, kept_pods, kept, now)
    return Snapshot(
        place=place,
        namespace=namespace,
        workload=workload or "",
        taken_at=now,
        summary=_summary(workloads, pods, sum(one.count for one in events if one.type == "Warning")),
        missing=lists.missing | unread,
        cut=(*lists.cut, *_cuts((len(workloads), len(kept), "workloads"), (len(pods), len(kept_pods), "pods"))),
        counts=counts | ({"workloads": len(workloads)} if all(kind in lists.found for kind in _MAKERS) else {}),
        workloads=tuple(kept),
        pods=tuple(kept_pods),
        events=tuple(_kept_events(events)),
        logs=tuple(logs),
        replica_sets=tuple(_kept_revisions(revisions, kept)),
        **parts,
    )


async def read(cluster: Cluster, namespace: str) -> Lists:
    """Ask for every kind at once."""
    kinds = [KINDS[name] for name in _AT_MOST]
    pages = await asyncio.gather(
        *(cluster.listed(kind, namespace if kind.namespaced else None, at_most=_AT_MOST[kind.kind]) for kind in kinds),
        return_exceptions=True,
    )
    found, missing, unfinished = {}, {}, set()
    for kind, page in zip(kinds, pages, strict=True):
        if isinstance(page, CredentialsRejected | ConnectFailed | BadInput):
            raise page
        if isinstance(page, CodenbError):
            missing[kind.plural] = str(page)
        elif isinstance(page, BaseException):
            raise page
        else:
            found[kind.kind] = page.items
            unfinished |= {kind.kind} if page.cursor else set()
    cut = tuple(f"{KINDS[kind].plural}: the first {len(found[kind])} were read" for kind in sorted(unfinished))
    return Lists(found, missing, cut, frozenset(unfinished))


def _surroundings(lists: Lists, kept: Sequence[Workload]) -> dict[str, Any]:
    """What stands around the pods, a bounded number of each, and of what was read to the end how many there are."""
    needed = {reference.name for one in kept for reference in one.references}
    made: dict[str, tuple[str, list[Any]]] = {
        "services": ("Service", [surroundings.service(one) for one in lists["Service"]]),
        "endpoints": ("EndpointSlice", surroundings.endpoints(lists["EndpointSlice"])),
        "ingresses": ("Ingress", [surroundings.ingress(one) for one in lists["Ingress"]]),
        "pvcs": ("PersistentVolumeClaim", [surroundings.claim(one) for one in lists["PersistentVolumeClaim"]]),
        "storage_classes": ("StorageClass", [surroundings.storage_class(one) for one in lists["StorageClass"]]),
        "nodes": ("Node", surroundings.nodes(lists["Node"])),
        "quotas": ("ResourceQuota", [surroundings.quota(one) for one in lists["ResourceQuota"]]),
        "config_maps": ("ConfigMap", _keys(lists["ConfigMap"], needed)),
        "secrets": ("Secret", _keys(lists["Secret"], needed)),
        "service_accounts": ("ServiceAccount", [name_of(one) for one in lists["ServiceAccount"]]),
        "autoscalers": ("HorizontalPodAutoscaler", [*map(surroundings.autoscaler, lists["HorizontalPodAutoscaler"])]),
        "budgets": ("PodDisruptionBudget", [surroundings.budget(one) for one in lists["PodDisruptionBudget"]]),
        "network_policies": ("NetworkPolicy", [surroundings.network_policy(one) for one in lists["NetworkPolicy"]]),
    }
    counts = {
        name: len(there) if kind in lists.found and kind not in lists.unfinished else None
        for name, (kind, there) in made.items()
        if name in _COUNTED
    }
    return {name: tuple(there[:MOST_OTHERS]) for name, (_, there) in made.items()} | {"counts": counts}


def suffers(pod: Pod, now: datetime) -> bool:
    """Whether a pod is not well now, or was not a short while ago."""
    if not pod.ready and pod.phase != "Succeeded":
        return True
    return any(
        one.last_exit_code and (one.last_finished_at is None or now - one.last_finished_at < _RECENTLY)
        for one in pod.containers
    )


async def _place(cluster: Cluster) -> Place | None:
    try:
        return await cluster.place()
    except CodenbError:
        return None  # where nothing can be read at all, the lists say so


def _workloads(lists: Lists, owners: Owners) -> list[Workload]:
    makers = [one for kind in _MAKERS for one in lists[kind] if kind != "Job" or controller(one) is None]
    jobs = [one for one in lists["Job"] if controller(one) is not None and (one.get("status") or {}).get("failed")]
    bare = [one for one in lists["Pod"] if owners.root(one) is None]
    return [facts.workload(one) for one in [*makers, *jobs, *bare[:MOST_OTHERS]]]


def _key(workload: Workload) -> str:
    return "" if workload.kind == "Pod" else f"{workload.kind} {workload.name}"


def _first(workloads: Iterable[Workload], focus: str | None, suffering: set[str]) -> list[Workload]:
    def rank(one: Workload) -> tuple[bool, bool]:
        unready = one.desired is not None and (one.ready or 0) < one.desired
        return one.name != focus, _key(one) not in suffering and not unready

    return sorted(workloads, key=rank)[:MOST_WORKLOADS]


def _kept_pods(pods: Sequence[Pod], focus: str | None, now: datetime) -> list[Pod]:
    """The unhealthy ones, a few of each sort, and of the healthy ones a specimen a workload."""
    groups: dict[tuple[bool, str, str, str], list[Pod]] = defaultdict(list)
    for one in sorted(pods, key=lambda pod: str(pod.created_at or ""), reverse=True):
        bad = suffers(one, now)
        groups[not bad, one.owner or one.name, one.replica_set, one.reason if bad else ""].append(one)
    ranked = sorted(groups.items(), key=lambda item: (item[0][0], item[0][1].partition(" ")[2] != focus))
    return [one for (healthy, *_), same in ranked for one in same[: _HEALTHY_PODS if healthy else _PODS_ALIKE]][
        :MOST_PODS
    ]


def _kept_events(events: Sequence[Event]) -> list[Event]:
    """Without what every pod says when it starts; warnings first, newer first, then in the order of time again."""
    told = [one for one in events if one.type == "Warning" or one.reason not in _EVERYDAY]
    ranked = sorted(told, key=lambda one: (one.type != "Warning", -(one.last_at.timestamp() if one.last_at else 0)))
    kept = {id(one) for one in ranked[:MOST_EVENTS]}
    return [one for one in told if id(one) in kept]


def _kept_revisions(revisions: Iterable[ReplicaSet], kept: Iterable[Workload]) -> list[ReplicaSet]:
    names = {one.name for one in kept if one.kind == "Deployment"}
    return [one for one in revisions if one.deployment in names]


def _keys(found: Iterable[Object], needed: set[str]) -> list[Keys]:
    """What a pod refers to comes first; what tools keep for themselves is left out."""
    wanted = [one for one in found if name_of(one) in needed or not name_of(one).startswith(_NOISE)]
    return [surroundings.keys(one) for one in sorted(wanted, key=lambda one: name_of(one) not in needed)]


def _summary(workloads: Sequence[Workload], pods: Sequence[Pod], warnings: int) -> dict[str, str]:
    lasting = [one for one in pods if one.phase != "Succeeded"]
    counted = [one for one in workloads if one.desired is not None and one.kind != "Job"]
    ready = sum((one.ready or 0) >= (one.desired or 0) for one in counted)
    return {
        "workloads": f"{ready} of {len(counted)} as desired",
        "pods": f"{sum(one.ready for one in lasting)} of {len(lasting)} ready",
        "restarts": str(sum(one.restarts for one in pods)),
        "warnings": f"{warnings} warning events",
    }


def _cuts(*counts: tuple[int, int, str]) -> list[str]:
    return [f"{what}: {kept} of {there} are shown" for there, kept, what in counts if kept < there]


def _no_workload(cluster: Cluster, namespace: str, wanted: str, name: str, there: Sequence[Workload]) -> str:
    import difflib  # noqa: PLC0415  only for the message

    names = sorted({one.name for one in there})
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(names[:5]) or 'none'}"
    return f"there is no {wanted} in namespace {namespace!r} of cluster {cluster.context}: {hint}"
