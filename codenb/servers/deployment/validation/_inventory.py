"""Which objects there are: among the files, and, where one is connected, in the cluster."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

from codenb.errors import BadInput, CodenbError
from codenb.servers._clients.kinds import KINDS
from codenb.servers._manifests import Document
from codenb.servers.deployment.validation._pods import Pods, get, mapping, matches, pods, text

if TYPE_CHECKING:
    from codenb.servers._clients.cluster import Cluster

Wanted = tuple[str, str, str]
"""Kind, namespace and name."""

_PARALLEL = 8
_CLUSTER_WIDE = {"ClusterRole", "PersistentVolume", "StorageClass", "Namespace", "IngressClass", "PriorityClass"}


class Names:
    """Names in the order of how they begin and of how they end, so that those like another are found among thousands.

    A slip of the pen leaves the beginning or the end of a name as it is. To compare every name that leads nowhere with
    every name there is took minutes for a thousand of each.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._forward = sorted(names)
        self._backward = sorted(name[::-1] for name in self._forward)

    def around(self, name: str, reach: int = 20) -> list[str]:
        """Up to `reach` names on either side in both orders; where there are few, all."""
        backward = _around(self._backward, name[::-1], reach)
        return list(dict.fromkeys([*_around(self._forward, name, reach), *(one[::-1] for one in backward)]))


def _around(names: list[str], name: str, reach: int) -> list[str]:
    at = bisect_left(names, name)
    return names[max(0, at - reach) : at + reach]


@dataclass
class Inventory:
    """The objects of the files, for looking up.

    An object without a namespace goes where the others of the bundle go, so it is found from any namespace.
    """

    documents: tuple[Document, ...]
    pods: list[Pods] = field(default_factory=list)
    _by_kind: dict[str, dict[str, list[Document]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    _by_owner: dict[tuple[str, str], list[Pods]] = field(default_factory=lambda: defaultdict(list))
    _by_label: dict[tuple[str, str | None], list[Pods]] = field(default_factory=lambda: defaultdict(list))
    _names: dict[str, Names] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for document in self.documents:
            if document.kind and document.name:
                self._by_kind[document.kind][document.name].append(document)
            if made := pods(document):
                self.pods.append(made)
                self._by_owner[document.kind, document.name].append(made)
                for key, value in made.labels.items():
                    self._by_label[key, None].append(made)
                    if isinstance(value, str):
                        self._by_label[key, value].append(made)

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
        if kind not in self._names:
            self._names[kind] = Names(self._by_kind.get(kind, ()))
        names = [one for one in self._names[kind].around(name) if self.of(kind, namespace, one)]
        found = get_close_matches(name, names, n=1, cutoff=0.75)
        return found[0] if found else ""

    def selected(self, selector: dict[str, Any], namespace: str) -> list[Pods]:
        """What makes pods in a namespace that a label selector selects."""
        labels = mapping(selector.get("matchLabels"))
        told = [self._by_label.get((key, value), []) for key, value in labels.items() if isinstance(value, str)]
        few = min(told, key=len, default=self.pods)
        return [
            one for one in few if same_namespace(one.document.namespace, namespace) and matches(selector, one.labels)
        ]

    def labelled(self, keys: Collection[str], namespace: str) -> Iterator[Pods]:
        """What makes pods in a namespace that have labels of these keys, whatever their values."""
        few = min((self._by_label.get((key, None), []) for key in keys), key=len, default=self.pods)
        for one in few:
            if same_namespace(one.document.namespace, namespace) and all(key in one.labels for key in keys):
                yield one

    def made_by(self, kind: str, namespace: str, name: str) -> Pods | None:
        """The pods of the first workload of this name."""
        there = self._by_owner.get((kind, name), [])
        return next((one for one in there if same_namespace(one.document.namespace, namespace)), None)

    @cached_property
    def scaled(self) -> frozenset[tuple[str, str]]:
        """Kind and name of all that an autoscaler scales."""
        targets = (mapping(get(one.data, "spec", "scaleTargetRef")) for one in self.all("HorizontalPodAutoscaler"))
        return frozenset((text(one.get("kind")), text(one.get("name"))) for one in targets)


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
