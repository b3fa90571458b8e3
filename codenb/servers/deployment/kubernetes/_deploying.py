"""A deployment as a change: what would be created, updated and pruned, who is in the way, how it is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from codenb.errors import BadInput, ChangeError
from codenb.models import Change, Entity, Expectation, Owner, SuccessCondition, ToolCall
from codenb.servers._base._sealing import Sealer
from codenb.servers._clients.cluster import Cluster
from codenb.servers._manifests import Manifests
from codenb.servers.deployment.kubernetes import _fields
from codenb.servers.deployment.kubernetes._applying import Carrying
from codenb.servers.deployment.kubernetes._conflicts import owners_of
from codenb.servers.deployment.kubernetes._models import entity_of
from codenb.servers.deployment.kubernetes._planning import Planned, Planning
from codenb.servers.deployment.kubernetes._pruning import prunable, shared_label
from codenb.servers.deployment.kubernetes._secrecy import as_documents, conceal, telling, veiled
from codenb.servers.deployment.kubernetes._undoing import Undo, key_of, listed, undo_of
from codenb.servers.deployment.kubernetes._wanted import Wanted, wanted_of
from codenb.servers.deployment.kubernetes._workloads import waits_for
from codenb.servers.kubernetes.remedies import SERVER as KUBERNETES

CHECK = "diff_kubernetes"
LONGEST_WAIT_S = 3600.0

_BESIDES_S = 120.0
"""For all that is not waiting, in seconds; an object more adds one."""


@dataclass(frozen=True, slots=True)
class _Deployment:
    """Everything that a deployment would do."""

    cluster: str
    planned: Sequence[Planned]
    deleted: Sequence[dict[str, Any]]
    sealer: Sealer
    prices: Path | None = None

    @property
    def changed(self) -> list[Planned]:
        return [one for one in self.planned if one.changes]

    def sides(self) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
        """Before and after, by object; what is not there has no entry."""
        before: dict[str, JsonValue] = {}
        after: dict[str, JsonValue] = {}
        for one in self.changed:
            was, will = one.difference(self.sealer)
            if one.live is not None:
                before[one.wanted.key] = was or {}
            after[one.wanted.key] = will or {}
        for resource in self.deleted:
            part = _fields.part(resource, _fields.applied_by(resource))
            before[key_of(resource)] = veiled(part, self.sealer, str(resource["kind"]))
        return before, after

    def cost(self) -> tuple[float | None, str]:
        """What it adds a month in USD, None where nobody knows; and what that leaves out."""
        from codenb.servers import cost  # noqa: PLC0415  the price book is read only where something is deployed

        before = [one.live for one in self.changed] + list(self.deleted)
        after = [one.after for one in self.changed]
        amount, note = cost.monthly_delta_of_manifests(before, after, cost.PriceBook.of(self.prices))
        return None if amount is None else float(amount), note

    def entities(self) -> list[Entity]:
        """What is touched; everything where nothing is."""
        touched = [one.wanted.entity for one in self.changed or ([] if self.deleted else self.planned)]
        return touched + [
            Entity(kind=one["kind"], name=one["metadata"]["name"], namespace=one["metadata"].get("namespace"))
            for one in self.deleted
        ]


async def deployed(
    cluster: Cluster,
    manifests: Manifests,
    namespace: str | None = None,
    *,
    wait: bool = True,
    timeout_s: float = 300,
    prune: bool = False,
    force_conflicts: bool = False,
    call: ToolCall,
    sealer: Sealer | None = None,
    prices: Path | None = None,
) -> Change:
    """Apply manifests by server-side apply as field manager `codenb`, in the order of `_order`.

    Args:
        cluster: Where.
        manifests: As they were read; at most 500 objects.
        namespace: Of objects that name none; `default` where it is None. One that names another is refused.
        wait: Whether it is done only when the workloads are ready.
        timeout_s: How long they may take, in seconds, at most an hour.
        prune: Whether to delete, after all is ready, what codenb applied of the same application before and the
            manifests no longer have; see `_pruning`.
        force_conflicts: Whether to take fields that others own; the preview says which from whom.
        call: The call itself, for its undo and its check.
        sealer: Makes what stands for secrets in the digest; None makes a change that only this process can approve.
        prices: CSV of the user's own, on top of the embedded prices.

    Raises:
        BadInput: The manifests cannot be deployed, or the prices not be used, as they stand.
        ChangeError: Fields belong to others, and they are not to be taken.
        PermissionMissing: These credentials may not; the message names the permission.
    """
    if not 0 < timeout_s <= LONGEST_WAIT_S:
        raise BadInput(f"timeout {timeout_s:g} is no time to wait: give seconds, more than 0 and at most 3600")
    sealer = sealer or Sealer()
    wanted = await wanted_of(cluster, manifests, namespace)
    conceal((one.body for one in wanted), sealer)
    going = await prunable(cluster, wanted) if prune else []
    plan = _Deployment(cluster.context, await Planning(cluster).all(wanted), going, sealer, prices)
    if not force_conflicts:
        _refuse_conflicts(plan.planned)
    waited = [one.wanted for one in plan.planned if wait and waits_for(one.after or {})]
    # Secrets are looked for in every object: a second of work where there are hundreds.
    change = await asyncio.to_thread(_change, plan, call, manifests, timeout_s=timeout_s, waits=bool(waited))

    async def write() -> JsonValue:
        return await Carrying(
            cluster,
            plan.changed,
            waited,
            plan.deleted,
            wait_s=timeout_s if wait else None,
            force=force_conflicts,
            undoable=change.undo is not None,
        ).out()

    return change.written_by(write)


def _change(plan: _Deployment, call: ToolCall, manifests: Manifests, *, timeout_s: float, waits: bool) -> Change:
    """The deployment as a person sees it."""
    undo = undo_of(plan.changed, plan.deleted)
    wanted = [one.wanted for one in plan.planned]
    label = shared_label(wanted)
    before, after = plan.sides()
    touched = plan.entities()
    cost, cost_note = plan.cost()
    notes = _notes(plan, undo, waits=waits, manifests=manifests)
    return Change(
        summary=_summary(plan),
        entity=entity_of(touched, label[1] if label else ""),
        namespaces=tuple(sorted({one.namespace for one in touched}, key=str)),
        before=before,
        after=after,
        success=_success(call, wanted, timeout_s),
        undo=_undo(call, undo),
        owner=_owner(plan.changed),
        cost_usd_month=cost,
        destructive=bool(plan.deleted),
        notes=(*notes, f"cost: {cost_note}") if cost_note else notes,
        shown_arguments=_shown_arguments(call, wanted, plan.sealer),
        timeout_s=timeout_s + _BESIDES_S + len(wanted),
    )


def _refuse_conflicts(planned: Sequence[Planned]) -> None:
    taken = [
        f"{one.wanted.key}: {'; '.join(map(str, owners_of(one.conflicts, one.scaler)))}"
        for one in planned
        if one.conflicts
    ]
    if taken:
        owners = {one.owner.manager: one.owner.note for one in planned if one.conflicts and one.owner}
        advice = "".join(f"; {manager}, {note}" for manager, note in owners.items())
        raise ChangeError(
            f"fields belong to others ({listed(taken, 3)}): leave them out of the manifests, or take them over with "
            f"force_conflicts=true{advice}"
        )


def _summary(plan: _Deployment) -> str:
    created = [one.wanted.key for one in plan.changed if one.live is None]
    updated = [one.wanted.key for one in plan.changed if one.live is not None]
    parts = [f"create {listed(created, 3)}"] if created else []
    parts += [f"update {listed(updated, 3)}"] if updated else []
    parts += [f"delete {listed([key_of(one) for one in plan.deleted], 3)}"] if plan.deleted else []
    what = "; ".join(parts) or f"nothing to change in {len(plan.planned)} objects"
    return f"deploy to cluster {plan.cluster}: {what}"


def _owner(changed: Sequence[Planned]) -> Owner | None:
    """Whoever manages what changes: of the object with conflicts first."""
    owned = sorted((one for one in changed if one.owner or one.scaler), key=lambda one: not one.conflicts)
    if not owned:
        return None
    first = owned[0]
    owner = first.owner or first.scaler
    assert owner is not None
    fields = tuple(one.field.removeprefix(".") for one in first.conflicts) or owner.fields
    others = f" (and {len(owned) - 1} more objects have owners)" if len(owned) > 1 else ""
    return Owner(manager=owner.manager, fields=fields, note=f"{first.wanted.key}: {owner.note}{others}")


def _notes(plan: _Deployment, undo: Undo, *, waits: bool, manifests: Manifests) -> tuple[str, ...]:
    notes = [
        f"takes {each} in {one.wanted.key}" for one in plan.changed for each in owners_of(one.conflicts, one.scaler)
    ]
    if any(one.conflicts for one in plan.changed):
        notes.append("the undo sets the values back, and leaves the fields with codenb")
    sets = [one for one in plan.changed if one.scaler and "replicas" in (one.wanted.body.get("spec") or {})]
    notes += [f"{one.wanted.key} sets replicas, which {one.scaler.manager} sets too" for one in sets if one.scaler]
    local = [one.wanted.key for one in plan.changed if one.local]
    if local:
        notes.append(
            f"not dry-run, because what they need comes with the same manifests: {listed(local)}; the server's own "
            f"checks of them come when they are applied"
        )
    if plan.deleted:
        when = "after all workloads are ready" if waits else "after all is applied"
        notes.append(f"deletes {listed([key_of(one) for one in plan.deleted], 20)}, {when}")
    return (*notes, *undo.notes, *manifests.notes)


def _success(call: ToolCall, wanted: Sequence[Wanted], timeout_s: float) -> SuccessCondition:
    arguments = {"manifests": _tellable(call, wanted), "namespace": call.arguments.get("namespace")}
    return SuccessCondition(
        text="the cluster has what the manifests say, and their workloads are ready",
        check=ToolCall(server=call.server, tool=CHECK, arguments=arguments),
        expect=(
            Expectation(field="changed", value=0),
            Expectation(field="ready_replicas", op=">=", value="$desired_replicas"),
        ),
        within_s=min(max(timeout_s, 1.0), LONGEST_WAIT_S),
    )


def _tellable(call: ToolCall, wanted: Sequence[Wanted]) -> JsonValue:
    """The manifests as they were given; as text without the objects that hold secrets, because a check is kept."""
    given = call.arguments.get("manifests")
    if not _is_text(given) or all(telling(one.body) for one in wanted):
        return given
    return [as_documents(one.body for one in wanted if telling(one.body))]


def _shown_arguments(call: ToolCall, wanted: Sequence[Wanted], sealer: Sealer) -> dict[str, JsonValue]:
    """Manifests that hold secrets, with these sealed; nothing where the call names paths, or they hold none."""
    if not _is_text(call.arguments.get("manifests")) or all(telling(one.body) for one in wanted):
        return {}
    return {"manifests": [as_documents(veiled(one.body, sealer) for one in wanted)]}


def _is_text(given: JsonValue) -> bool:
    return any("\n" in item for item in (given if isinstance(given, list) else [given]) if isinstance(item, str))


def _undo(call: ToolCall, undo: Undo) -> ToolCall | None:
    if made := undo.deletes:
        arguments: dict[str, JsonValue] = {"kind": made.kind, "name": made.name, "namespace": made.namespace}
        return ToolCall(server=KUBERNETES, tool="delete_resource", arguments=arguments)
    if not undo.manifests:
        return None
    keep = {name: call.arguments[name] for name in ("namespace", "wait", "timeout") if name in call.arguments}
    return ToolCall(server=call.server, tool=call.tool, arguments={"manifests": list(undo.manifests), **keep})
