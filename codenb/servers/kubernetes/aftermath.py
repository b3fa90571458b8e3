"""What deleting an object takes along, and what it leaves broken: found by reading the namespace around it.

What goes along is told by owner references, as the cluster's own garbage collection goes by them. What is left broken
is told by the ways in which objects name each other: selectors, references of pods, backends, targets of scaling.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codenb.errors import AccessError, ToolError
from codenb.models import Entity
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.servers.kubernetes import facts, surroundings
from codenb.servers.kubernetes.facts import name_of
from codenb.servers.kubernetes.templates import references

Object = Mapping[str, Any]

_AROUND = (
    "Pod", "ReplicaSet", "ControllerRevision", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service",
    "EndpointSlice", "ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim", "HorizontalPodAutoscaler",
    "PodDisruptionBudget", "Ingress", "NetworkPolicy", "Role", "RoleBinding",
)  # fmt: skip
_REMADE = frozenset({"Pod", "ReplicaSet", "ControllerRevision", "EndpointSlice", "Job"})
"""Kinds that controllers make and replace at any moment: counted, because their names move while a person reads."""

_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"})


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What becomes of the objects around one that is deleted.

    Attributes:
        owned: All that goes along.
        broken: What is left behind broken, a sentence each.
        unseen: Kinds that may not be listed, of which nothing is known.
    """

    owned: tuple[Object, ...] = ()
    broken: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def lasting(self) -> tuple[Object, ...]:
        """Of what goes along, what nobody would make again."""
        return tuple(one for one in self.owned if one["kind"] not in _REMADE)

    @property
    def counted(self) -> str:
        """Of what goes along, what controllers made: `2 ReplicaSets, 3 Pods`; empty where nothing is."""
        kinds = Counter(str(one["kind"]) for one in self.owned if one["kind"] in _REMADE)
        return ", ".join(f"{many} {kind}{'' if many == 1 else 's'}" for kind, many in sorted(kinds.items()))


async def aftermath(cluster: Cluster, resource: Object, *, orphan: bool) -> Aftermath:
    """What would become of the objects around one, if it were deleted.

    Args:
        cluster: Where.
        resource: As it was read; in a namespace.
        orphan: Whether what it owns stays.
    """
    found = await asyncio.gather(*(_listed(cluster, kind, str(resource["metadata"]["namespace"])) for kind in _AROUND))
    around = {kind: items for kind, items in zip(_AROUND, found, strict=True) if items is not None}
    owned = () if orphan else _owned(resource, [one for items in around.values() for one in items])
    unseen = tuple(kind for kind in _AROUND if kind not in around)
    return Aftermath(owned, tuple(_broken(resource, owned, around)), unseen)


async def _listed(cluster: Cluster, kind: str, namespace: str) -> list[dict[str, Any]] | None:
    try:
        return (await cluster.listed(KINDS[kind], namespace)).items
    except AccessError:
        return None
    except ToolError as error:
        if error.error_type == "NotServed":
            return []
        raise


def _owned(resource: Object, around: Sequence[Object]) -> tuple[Object, ...]:
    """What the garbage collection takes: an object goes when the last of its owners has gone."""
    gone, owned = {str(resource["metadata"]["uid"])}, dict[str, Object]()
    while True:
        more = {
            str(one["metadata"]["uid"]): one
            for one in around
            if (owners := [str(ref.get("uid")) for ref in one["metadata"].get("ownerReferences") or ()])
            and gone.issuperset(owners)
            and str(one["metadata"]["uid"]) not in gone
        }
        if not more:
            return tuple(owned.values())
        owned |= more
        gone |= more.keys()


def _broken(resource: Object, owned: Sequence[Object], around: Mapping[str, Sequence[Object]]) -> Iterator[str]:
    kind, name = str(resource["kind"]), name_of(resource)
    if kind not in KINDS or KINDS[kind].group != str(resource["apiVersion"]).rpartition("/")[0]:
        yield "it is a custom resource: what its controller deletes along with it is not known here"
    elif kind in _WORKLOADS:
        yield from _without_pods([resource, *owned], around)
        for scaler in map(surroundings.autoscaler, around.get("HorizontalPodAutoscaler", ())):
            if scaler.target == f"{kind} {name}":
                yield f"HorizontalPodAutoscaler {scaler.name} is left with nothing to scale"
    elif kind == "Service":
        for ingress in map(surroundings.ingress, around.get("Ingress", ())):
            if any(backend.service == name for backend in ingress.backends):
                yield f"Ingress {ingress.name} sends to it, and will answer with errors"
    elif kind == "NetworkPolicy":
        yield "what it keeps out or in is let through, unless another policy forbids it"
    else:
        yield from _in_want(kind, name, around)
        yield from _unbound(kind, name, around.get("RoleBinding", ()))


def _without_pods(going: Sequence[Object], around: Mapping[str, Sequence[Object]]) -> Iterator[str]:
    """Services and budgets that lose pods."""
    gone = {str(one["metadata"]["uid"]) for one in going}
    for kind, verb in (("Service", "sends to"), ("PodDisruptionBudget", "guards")):
        for one in around.get(kind, ()):
            spec = one.get("spec") or {}
            wanted = spec.get("selector") or {}
            labels = wanted if kind == "Service" else wanted.get("matchLabels") or {}
            chosen = [pod for pod in around.get("Pod", ()) if labels and _has(pod, labels)]
            left = [pod for pod in chosen if str(pod["metadata"]["uid"]) not in gone]
            if len(left) < len(chosen):
                yield f"{kind} {name_of(one)} {verb} {len(chosen)} pods now, and {len(left) or 'none'} afterwards"


def _has(pod: Object, labels: Mapping[str, str]) -> bool:
    return labels.items() <= (pod["metadata"].get("labels") or {}).items()


def _in_want(kind: str, name: str, around: Mapping[str, Sequence[Object]]) -> Iterator[str]:
    """Workloads whose pods cannot start without an object."""
    for each in ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod"):
        for one in around.get(each, ()):
            if one["metadata"].get("ownerReferences"):
                continue  # its owner is told of
            spec = facts.template_of(one).get("spec") or {}
            needs = [need for need in references(spec) if (need.kind, need.name) == (kind, name)]
            vias = [need.via for need in needs if not need.optional]
            if kind == "ServiceAccount" and spec.get("serviceAccountName") == name:
                vias.append("its identity")
            if vias:
                entity = Entity(kind=each, name=name_of(one), namespace=one["metadata"].get("namespace"))
                yield f"{entity} needs it ({', '.join(dict.fromkeys(vias))}): its pods cannot start anew"


def _unbound(kind: str, name: str, bindings: Sequence[Object]) -> Iterator[str]:
    """Bindings that name a role or an account which goes."""
    for one in bindings:
        named = [one.get("roleRef") or {}, *(one.get("subjects") or ())]
        if any((each.get("kind"), each.get("name")) == (kind, name) for each in named):
            yield f"RoleBinding {name_of(one)} names it, and gives nothing by it any more"
