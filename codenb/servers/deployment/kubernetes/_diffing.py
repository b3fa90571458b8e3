"""The diff between manifests and a cluster, object by object, without what is not the manifests' business."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence

from codenb.models._yaml import as_yaml
from codenb.servers._base._sealing import Sealer
from codenb.servers._clients.cluster import Cluster
from codenb.servers._manifests import Manifests
from codenb.servers.deployment.kubernetes._conflicts import owners_of
from codenb.servers.deployment.kubernetes._models import Action, ManifestDiff, ObjectDiff
from codenb.servers.deployment.kubernetes._planning import Planned, Planning
from codenb.servers.deployment.kubernetes._secrecy import conceal
from codenb.servers.deployment.kubernetes._wanted import wanted_of
from codenb.servers.deployment.kubernetes._workloads import replicas_of

LARGEST_DIFF = 20_000
"""Characters of one object's diff; what is longer is cut, and says so."""

LARGEST_DIFFS = 400_000
"""Characters of all of them."""


async def diff(
    cluster: Cluster, manifests: Manifests, namespace: str | None = None, *, sealer: Sealer | None = None
) -> ManifestDiff:
    """What deploying manifests would change, by a server-side dry run of each object.

    Only fields that the manifests set, or set when codenb applied them last, are compared: what the server keeps for
    itself, defaults, and what others manage make no difference. Without the permission to apply, which a dry run needs
    too, the diff is computed here and marked `local`.

    Args:
        cluster: Where.
        manifests: As they were read; at most 500 objects.
        namespace: Of objects that name none; `default` where it is None.
        sealer: Makes the pseudonyms of what Secrets hold; None makes some that only this answer knows.

    Raises:
        BadInput: The manifests cannot be deployed as they stand, or the API server calls an object invalid.
    """
    sealer = sealer or Sealer()
    wanted = await wanted_of(cluster, manifests, namespace)
    conceal((one.body for one in wanted), sealer)
    planned = await Planning(cluster, lenient=True).all(wanted)
    objects = await asyncio.to_thread(lambda: _bounded([_object(one, sealer) for one in planned]))
    missing = list(dict.fromkeys(one.missing for one in planned if one.missing))
    counts = [replicas_of(one.after, one.live) for one in planned]
    return ManifestDiff(
        cluster=cluster.context,
        objects=tuple(objects),
        changed=sum(one.action != "unchanged" for one in objects),
        conflicts=sum(len(one.conflicts) for one in objects),
        desired_replicas=sum(desired for desired, _ in counts),
        ready_replicas=sum(ready for _, ready in counts),
        local=any(one.local for one in objects),
        local_reason=_reason(missing, planned),
        notes=manifests.notes,
    )


def _object(planned: Planned, sealer: Sealer) -> ObjectDiff:
    action = _action(planned)
    shown = action in ("create", "update")
    return ObjectDiff(
        object=planned.wanted.key,
        action=action,
        diff=unified(*planned.difference(sealer)) if shown else "",
        conflicts=owners_of(planned.conflicts, planned.scaler),
        owner=_owner(planned),
        local=planned.local,
        where=planned.wanted.where,
    )


def _action(planned: Planned) -> Action:
    if planned.after is None:
        return "unknown"
    if planned.live is None:
        return "create"
    return "update" if planned.changes else "unchanged"


def _owner(planned: Planned) -> str:
    owners = [one for one in (planned.owner, planned.scaler) if one is not None]
    return "; ".join(f"{one.manager}: {one.note}" for one in owners)


def unified(before: object, after: object) -> str:
    """A unified diff of two values as YAML, with every line."""
    old, new = ([] if side in (None, {}) else as_yaml(side).splitlines() for side in (before, after))
    return "\n".join(difflib.unified_diff(old, new, "live", "manifest", lineterm="", n=10_000))


def _bounded(objects: Sequence[ObjectDiff]) -> list[ObjectDiff]:
    kept, left = [], LARGEST_DIFFS
    for one in objects:
        most = min(LARGEST_DIFF, left)
        if len(one.diff) > most:
            cut = f"{one.diff[:most].rpartition(chr(10))[0]}\n (cut: {len(one.diff):,} characters in all)"
            kept.append(one.model_copy(update={"diff": cut}))
        else:
            kept.append(one)
        left = max(left - len(one.diff), 0)
    return kept


def _reason(missing: Sequence[str], planned: Sequence[Planned]) -> str:
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        return (
            f"computed here, without the server's defaults, validation and conflicts, because a dry run needs the same "
            f"permission as applying: {missing[0]}{more}"
        )
    if any(one.local for one in planned):
        return (
            "some objects cannot be dry-run before others of the same manifests are there; they are shown as they are "
            "written, without the server's defaults"
        )
    return ""
