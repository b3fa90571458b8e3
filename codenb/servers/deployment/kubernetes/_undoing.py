"""The undo of a deployment: the values that its objects had before, as manifests that are deployed in their turn.

What codenb manages of an object before and after is taken from the object as it was read. Deployed again, values that
were changed are set back, and fields that were added are taken away, because a manager who no longer applies a field
that only it owned gives it up. Whose field it was before a conflict was forced does not come back: only its value.
Where one object was made and nothing else was done, the undo deletes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codenb.models import Entity
from codenb.servers._clients.kinds import KINDS
from codenb.servers.deployment.kubernetes import _fields
from codenb.servers.deployment.kubernetes._planning import Planned
from codenb.servers.deployment.kubernetes._secrecy import as_documents, telling
from codenb.servers.deployment.kubernetes._wanted import Wanted
from codenb.servers.kubernetes.deleting import SYSTEM

REMAKEABLE = (
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "Service",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "Ingress",
    "NetworkPolicy",
)
"""Kinds that can be deleted and made again; what holds data, and what stands in no namespace, is none of them."""

LARGEST_UNDO = 1_000_000
"""Characters; a preview that carried more could not be answered with."""


@dataclass(frozen=True, slots=True)
class Undo:
    """What would bring back the state before.

    Attributes:
        manifests: YAML, one text of several documents; empty where nothing can be brought back.
        notes: What it does not bring back, a line each.
        deletes: The one object that was made, where that is all that was done.
    """

    manifests: tuple[str, ...]
    notes: tuple[str, ...]
    deletes: Entity | None = None


def undo_of(changed: Sequence[Planned], deleted: Sequence[Mapping[str, Any]]) -> Undo:
    """The undo of some changes.

    Args:
        changed: The objects that would be created or changed.
        deleted: Objects that would be pruned, as they were read.
    """
    created = [one.wanted for one in changed if one.live is None]
    if len(created) == len(changed) == 1 and not deleted and _deletable(created[0]):
        return Undo((), (), deletes=created[0].entity)
    previous = [(one.wanted.key, _previous(one.live, one.fields)) for one in changed if one.live is not None]
    previous += [(key_of(one), _previous(one, _fields.applied_by(one))) for one in deleted]
    kept = [manifest for _, manifest in previous if telling(manifest)]
    hidden = [key for key, manifest in previous if not telling(manifest)]
    notes = []
    if created:
        names = listed([one.key for one in created])
        notes.append(f"the undo does not delete what is created: {names}; delete_resource does, one by one")
    if hidden:
        notes.append(
            f"the undo leaves out {listed(hidden)}: an undo is kept and shown, and the values before hold secrets"
        )
    text = as_documents(kept)
    if len(text) > LARGEST_UNDO:
        return Undo((), (*notes, f"there is no undo: the values before have {len(text):,} characters"))
    return Undo((text,) if kept else (), tuple(notes))


def _deletable(wanted: Wanted) -> bool:
    kind = wanted.kind
    return kind.kind in REMAKEABLE and KINDS[kind.kind] == kind and wanted.namespace not in SYSTEM


def listed(keys: Sequence[str], most: int = 5) -> str:
    """Some names, the first few of them."""
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more


def _previous(live: Mapping[str, Any], fields: _fields.Fields) -> dict[str, Any]:
    part = _fields.part({key: value for key, value in live.items() if key != "status"}, fields)
    told = live["metadata"]
    identity = {"name": told["name"]} | ({"namespace": told["namespace"]} if told.get("namespace") else {})
    rest = {key: value for key, value in part.items() if key not in ("apiVersion", "kind", "metadata")}
    metadata = identity | (part.get("metadata") or {})
    return {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata} | rest


def key_of(resource: Mapping[str, Any]) -> str:
    told = resource["metadata"]
    place = f"{told['namespace']}/" if told.get("namespace") else ""
    return f"{resource['kind']} {place}{told['name']}"
