"""Kubernetes objects as checkov's graph, for the policies on several objects at once.

Checkov compares every binding and every network policy with every object there is, and all labels with all selectors,
which no policy asks for: for a thousand workloads that took longer than all else together. So its builders of edges are
shown only the objects that can be meant, looked up by name and by label; whether one is, they say themselves.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from codenb.servers._manifests import Document
from codenb.servers.security._pods import LONGEST, get, pod_of

_Keys = Callable[[Any], Iterator[str]]


def graph(objects: Mapping[str, Document]) -> Any:
    """The graph of some objects.

    Args:
        objects: By what the graph calls their files.
    """
    from checkov.common.graph.db_connectors.networkx.networkx_db_connector import (  # noqa: PLC0415  as all of checkov
        NetworkxConnector,
    )
    from checkov.kubernetes.graph_builder.graph_components.edge_builders.KeywordEdgeBuilder import (  # noqa: PLC0415
        KeywordEdgeBuilder,
    )
    from checkov.kubernetes.graph_builder.graph_components.edge_builders.NetworkPolicyEdgeBuilder import (  # noqa: PLC0415
        NetworkPolicyEdgeBuilder,
    )
    from checkov.kubernetes.graph_builder.local_graph import KubernetesLocalGraph  # noqa: PLC0415

    made = KubernetesLocalGraph({file: [_with_lines(document)] for file, document in objects.items()})
    builders: list[Any] = [
        _Narrowed(KeywordEdgeBuilder, _names, _named),
        _Narrowed(NetworkPolicyEdgeBuilder, _labels, _selected),
    ]
    made.edge_builders = builders
    made.build_graph(render_variables=False)
    return NetworkxConnector().save_graph(made)


class _Narrowed:
    """A builder of edges that sees only the blocks which answer to what a block asks for."""

    def __init__(self, builder: Any, answers: _Keys, asks: _Keys) -> None:
        self._builder, self._answers, self._asks = builder, answers, asks
        self._index: dict[str, list[int]] | None = None

    def should_search_for_edges(self, block: Any) -> bool:
        """Whether the block may lead to others; checkov asks."""
        return bool(self._builder.should_search_for_edges(block))

    def find_connections(self, block: Any, blocks: Sequence[Any]) -> list[int]:
        """Which of all blocks it leads to."""
        if self._index is None:
            self._index = defaultdict(list)
            for number, other in enumerate(blocks):
                for key in self._answers(other):
                    self._index[key].append(number)
        near = sorted({number for key in self._asks(block) for number in self._index.get(key, ())})
        return [near[at] for at in self._builder.find_connections(block, [blocks[number] for number in near])]


def _names(block: Any) -> Iterator[str]:
    yield str(block.attributes.get("metadata.name"))


def _named(block: Any) -> Iterator[str]:
    yield str(block.attributes.get("roleRef.name"))
    subjects = block.attributes.get("subjects")
    for number in range(len(subjects) if isinstance(subjects, list) else 0):
        yield str(block.attributes.get(f"subjects.{number}.name"))


_ANY_POD = ""
_NO_LABELS = "="
"""Of pods without labels checkov says that every network policy selects them."""


def _labels(block: Any) -> Iterator[str]:
    if block.attributes.get("kind") != "Pod":
        return
    yield _ANY_POD
    labels = block.metadata.labels if block.metadata else None
    if isinstance(labels, dict):
        yield from (f"{key}={value}" for key, value in labels.items())
    else:
        yield _NO_LABELS


def _selected(block: Any) -> Iterator[str]:
    labels = get(block.attributes, ("spec", "podSelector", "matchLabels"))
    if not isinstance(labels, dict) or not labels:
        yield _ANY_POD
    else:
        yield _NO_LABELS
        yield next(f"{key}={value}" for key, value in labels.items())


def _with_lines(document: Document) -> dict[str, Any]:
    """An object as checkov's own reader gives it."""
    data = copy.deepcopy(document.data)
    lines = {"__startline__": document.line, "__endline__": document.line}
    for depth in range(LONGEST):  # pods inside of workloads become blocks of their own
        for pod in {pod_of(document.kind)[:depth]} - {()}:
            if isinstance(inner := get(data, pod), dict):
                inner.update(lines)
    return {**data, **lines}
