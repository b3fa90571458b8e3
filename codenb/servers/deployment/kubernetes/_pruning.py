"""What would be pruned: objects that codenb applied before, of the same application, that the manifests no longer have.

Three things must hold at once, so that nothing of others is ever taken: codenb is a field manager of the object that
applied it, the object has the label that all the manifests share, and it is of a kind that can be made again. Claims,
volumes, namespaces, definitions and everything else that has no namespace are never pruned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from codenb.errors import BadInput, ToolError
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS, Kind
from codenb.servers.deployment.kubernetes import _fields
from codenb.servers.deployment.kubernetes._order import rank
from codenb.servers.deployment.kubernetes._undoing import REMAKEABLE
from codenb.servers.deployment.kubernetes._wanted import Wanted

LABELS = ("app.kubernetes.io/instance", "app.kubernetes.io/part-of")

_KEPT = frozenset({"PersistentVolumeClaim"})


async def prunable(cluster: Cluster, wanted: Sequence[Wanted]) -> list[dict[str, Any]]:
    """The objects that pruning would delete, in the order in which it would.

    Args:
        cluster: Where.
        wanted: What stays.

    Raises:
        BadInput: The manifests share no label by which their application could be told from others.
        PermissionMissing: A kind may not be listed, so that nobody could say what would be left behind.
    """
    label, value = common_label(wanted)
    namespaces = sorted({one.namespace for one in wanted if one.namespace})
    custom = {one.kind.permission: one.kind for one in wanted if one.kind.namespaced and one.served}
    kinds = {KINDS[name].permission: KINDS[name] for name in REMAKEABLE} | custom
    kinds = {name: kind for name, kind in kinds.items() if kind.kind not in _KEPT}
    found = await asyncio.gather(
        *(_listed(cluster, kind, space, f"{label}={value}") for kind in kinds.values() for space in namespaces)
    )
    stays = {(one.kind.permission, one.namespace, one.name) for one in wanted}
    going = [
        resource
        for kind, resources in found
        for resource in resources
        if (kind.permission, resource["metadata"].get("namespace"), resource["metadata"]["name"]) not in stays
        and _fields.applied_by(resource)
        and not resource["metadata"].get("ownerReferences")
        and not resource["metadata"].get("deletionTimestamp")
    ]
    return sorted(going, key=lambda one: -rank(str(one["kind"])))


def common_label(wanted: Sequence[Wanted]) -> tuple[str, str]:
    """The label that every object of the manifests has, with one value.

    Raises:
        BadInput: There is none.
    """
    if found := shared_label(wanted):
        return found
    raise BadInput(
        f"prune needs a label that every object of the manifests has with the same value, {' or '.join(LABELS)}: "
        f"without it nobody could tell which objects were left out; label them, or deploy without prune"
    )


def shared_label(wanted: Sequence[Wanted]) -> tuple[str, str] | None:
    """The same; None where there is none."""
    for label in LABELS:
        values = {_labels(one.body).get(label) for one in wanted}
        if len(values) == 1 and (value := values.pop()):
            return label, str(value)
    return None


async def _listed(cluster: Cluster, kind: Kind, namespace: str, labels: str) -> tuple[Kind, list[dict[str, Any]]]:
    try:
        return kind, (await cluster.listed(kind, namespace, labels=labels)).items
    except ToolError as error:
        if error.error_type == "NotServed":
            return kind, []
        raise


def _labels(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return (body.get("metadata") or {}).get("labels") or {}
