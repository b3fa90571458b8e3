"""Which objects there are: among the files, and, where one is connected, in the cluster."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from codenb.errors import BadInput, CodenbError
from codenb.servers._clients.kinds import KINDS
from codenb.servers._manifests import Document
from codenb.servers.deployment.validation._pods import Pods, pods

if TYPE_CHECKING:
    from codenb.servers._clients.cluster import Cluster

Wanted = tuple[str, str, str]
"""Kind, namespace and name."""

_PARALLEL = 8
_CLUSTER_WIDE = {"ClusterRole", "PersistentVolume", "StorageClass", "Namespace", "IngressClass", "PriorityClass"}


@dataclass(slots=True)
class Inventory:
    """The objects of the files, for looking up.

    An object without a namespace goes where the others of the bundle go, so it is found from any namespace.
    """

    documents: tuple[Document, ...]
    pods: list[Pods] = field(default_factory=list)
    _by_kind: dict[str, dict[str, list[Document]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def __post_init__(self) -> None:
        for document in self.documents:
            if document.kind and document.name:
                self._by_kind[document.kind][document.name].append(document)
            if made := pods(document):
                self.pods.append(made)

    def of(self, kind: str, namespace: str, name: str) -> list[Document]:
        """The objects of this name that a reference from a namespace can mean."""
        there = self._by_kind.get(kind, {}).get(name, [])
        return there if kind in _CLUSTER_WIDE else [one for one in there if same_namespace(one.namespace, namespace)]

    def all(self, kind: str) -> Iterator[Document]:
        """Every object of a kind that has a name."""
        for several in self._by_kind.get(kind, {}).values():
            yield from several

    def near(self, kind: str, namespace: str, name: str) -> str:
        """A name of this kind that may have been meant; empty where none is near."""
        names = [one.name for one in self.all(kind) if same_namespace(one.namespace, namespace)]
        found = get_close_matches(name, names, n=1, cutoff=0.75)
        return found[0] if found else ""

    def pods_in(self, namespace: str) -> list[Pods]:
        """What makes pods in a namespace."""
        return [one for one in self.pods if same_namespace(one.document.namespace, namespace)]


def same_namespace(one: str, other: str) -> bool:
    """Whether two objects can be in the same namespace; one that names none can be in any."""
    return one == other or not one or not other


@dataclass(slots=True)
class Live:
    """What the cluster has of the objects that are referred to.

    Attributes:
        there: Of those that could be looked up: the object, or None where there is none.
        problem: Why others could not be; empty where all could.
    """

    there: dict[Wanted, dict[str, Any] | None] = field(default_factory=dict)
    problem: str = ""


async def looked_up(cluster: Cluster, wanted: Iterable[Wanted]) -> Live:
    """Ask a cluster for some objects.

    Args:
        cluster: Which one.
        wanted: What for; of an empty namespace it is `default`'s.
    """
    live, turns = Live(), asyncio.Semaphore(_PARALLEL)

    async def ask(one: Wanted) -> None:
        kind, namespace, name = one
        async with turns:
            try:
                known = KINDS.get(kind) or await cluster.kind(kind)
                live.there[one] = await cluster.find(known, name, namespace or "default")
            except BadInput:
                live.there[one] = None  # a name or a kind that no cluster could have
            except CodenbError as error:
                live.problem = live.problem or f"references could not be compared with the cluster: {error}"

    await asyncio.gather(*(ask(one) for one in dict.fromkeys(wanted)))
    return live
