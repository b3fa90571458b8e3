"""What applying would do to each object: read, dry-run, and compared in the fields that are ours.

The API server says what would come of it: defaults, conversions, admission and conflicts are its own. Where it may not
be asked (a dry run needs the permission of the write) or cannot tell yet (the namespace or the definition of the
object comes with the same manifests), the change is computed here from the managed fields, and marked as such.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from codenb.errors import AccessError, PermissionMissing, ToolError
from codenb.models import Owner
from codenb.servers._base._sealing import Sealer
from codenb.servers._clients.applying import FieldConflict
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.servers.deployment.kubernetes import _fields
from codenb.servers.deployment.kubernetes._secrecy import veiled
from codenb.servers.deployment.kubernetes._wanted import Wanted
from codenb.servers.kubernetes.differences import differing
from codenb.servers.kubernetes.owners import autoscaled, owner_of

AT_ONCE = 8
"""Requests to the API server at a time; it limits a client that sends more."""

SCALED = ("Deployment", "StatefulSet", "ReplicaSet")


@dataclass(frozen=True, slots=True)
class Planned:
    """One object, as it is and as it would be.

    Attributes:
        wanted: What the manifests ask for.
        live: As it was read; None where it is not there.
        after: As it would be, by the server's dry run or by our own merge; None where it may not be read.
        fields: What codenb manages of it, before or after.
        conflicts: Fields of others that stand in the way; `after` takes them.
        owner: Who else manages it.
        scaler: The autoscaler that sets its replicas.
        local: Why `after` was computed here; empty where the server said it.
        missing: The permission that is missing.
    """

    wanted: Wanted
    live: dict[str, Any] | None
    after: dict[str, Any] | None
    fields: _fields.Fields = field(default_factory=dict)
    conflicts: tuple[FieldConflict, ...] = ()
    owner: Owner | None = None
    scaler: Owner | None = None
    local: str = ""
    missing: str = ""

    @property
    def changes(self) -> bool:
        """Whether anything of it would be another."""
        return self.live is None or self.before_part != self.after_part

    @property
    def before_part(self) -> Any:
        """What codenb manages of it, as it is; None where it is not there."""
        return None if self.live is None else _fields.part(_bare(self.live), self.fields)

    @property
    def after_part(self) -> Any:
        """The same part, as it would be."""
        return None if self.after is None else _fields.part(_bare(self.after), self.fields)

    def difference(self, sealer: Sealer) -> tuple[Any, Any]:
        """The part in which they differ, secrets sealed."""
        kind = self.wanted.kind.kind
        before, after = (veiled(part, sealer, kind) for part in (self.before_part, self.after_part))
        return differing(before or {}, after or {}) if self.live is not None else (None, after)


@dataclass(frozen=True, slots=True)
class Planning:
    """How a set of objects is planned.

    Attributes:
        cluster: Where.
        lenient: Whether what may not be dry-run is computed here instead of being refused.
    """

    cluster: Cluster
    lenient: bool = False

    async def all(self, wanted: Sequence[Wanted]) -> list[Planned]:
        """Plan some objects, several at a time.

        Raises:
            BadInput: The API server calls one invalid.
            PermissionMissing: One may not be read or applied, and that is not allowed for.
        """
        soon = await self._namespaces_to_come(wanted)
        scalers = await self._scalers(wanted)
        gate = asyncio.Semaphore(AT_ONCE)

        async def plan(one: Wanted) -> Planned:
            async with gate:
                return await self.one(one, soon=soon, scaler=scalers.get(one.key))

        planned = await asyncio.gather(*(plan(one) for one in wanted), return_exceptions=True)
        for one in planned:
            if isinstance(one, BaseException):
                raise one  # of several the first in the manifests, whichever came first
        return [one for one in planned if isinstance(one, Planned)]

    async def one(
        self, wanted: Wanted, *, soon: frozenset[str] = frozenset(), scaler: Owner | None = None, served: bool = False
    ) -> Planned:
        """Plan one object.

        Args:
            wanted: Which.
            soon: Namespaces that will be there once the objects before it are applied.
            scaler: The autoscaler that sets its replicas.
            served: Whether its kind is served by now, whatever it was when the manifests were read.
        """
        if not (wanted.served or served):
            return _alone(wanted, None, f"{wanted.kind.kind} is defined by the same manifests")
        try:
            live = await self.cluster.find(wanted.kind, wanted.name, wanted.namespace)
        except PermissionMissing as error:
            if not self.lenient:
                raise
            return Planned(wanted, None, None, local="it may not be read", missing=str(error))
        if wanted.namespace in soon:
            return _alone(wanted, live, f"namespace {wanted.namespace} comes with the same manifests")
        owner = owner_of(live) if live else None
        try:
            applied = await self.cluster.apply(
                wanted.kind, wanted.name, wanted.namespace, wanted.body, force=False, dry_run=True
            )
            conflicts = applied.conflicts
            if conflicts:
                applied = await self.cluster.apply(
                    wanted.kind, wanted.name, wanted.namespace, wanted.body, force=True, dry_run=True
                )
        except PermissionMissing as error:
            if not self.lenient:
                raise
            planned = _alone(wanted, live, "a dry run needs the permission to apply")
            return _with(planned, owner=owner, scaler=scaler, missing=str(error))
        after = applied.resource or {}
        fields = _fields.union(_fields.applied_by(live), _fields.applied_by(after) or _fields.fields_of(wanted.body))
        return Planned(wanted, live, after, fields, conflicts, owner, scaler)

    async def _namespaces_to_come(self, wanted: Sequence[Wanted]) -> frozenset[str]:
        named = [one for one in wanted if one.kind == KINDS["Namespace"]]
        try:
            there = [await self.cluster.find(one.kind, one.name) for one in named]
        except AccessError:
            return frozenset()  # who may not read namespaces hears it when they are planned
        return frozenset(one.name for one, found in zip(named, there, strict=True) if found is None)

    async def _scalers(self, wanted: Sequence[Wanted]) -> dict[str, Owner]:
        """The autoscalers of the workloads, by the workload's key; none where autoscalers may not be read."""
        workloads = [one for one in wanted if one.kind.kind in SCALED]
        found: dict[str, Owner] = {}
        for namespace in {one.namespace for one in workloads}:
            try:
                autoscalers = (await self.cluster.listed(KINDS["HorizontalPodAutoscaler"], namespace)).items
            except (AccessError, ToolError):
                continue
            for one in workloads:
                scaler = autoscaled(autoscalers, one.kind.kind, one.name) if one.namespace == namespace else None
                found |= {one.key: scaler} if scaler else {}
        return found


def _alone(wanted: Wanted, live: dict[str, Any] | None, why: str) -> Planned:
    """The plan that can be made without the server: merged, without what we applied once and no longer have."""
    mine, now = _fields.applied_by(live), _fields.fields_of(wanted.body)
    given_up = _fields.without(_fields.without(mine, now), _fields.of_others(live))
    after = _fields.merged(_fields.removed(_bare(live or {}), given_up), wanted.body)
    return Planned(wanted, live, after, _fields.union(mine, now), owner=owner_of(live) if live else None, local=why)


def _with(planned: Planned, *, owner: Owner | None, scaler: Owner | None, missing: str) -> Planned:
    return Planned(
        planned.wanted,
        planned.live,
        planned.after,
        planned.fields,
        owner=owner,
        scaler=scaler,
        local=planned.local,
        missing=missing,
    )


def _bare(resource: dict[str, Any]) -> dict[str, Any]:
    """An object without what the server keeps for itself."""
    told = resource.get("metadata") or {}
    kept = {key: value for key, value in told.items() if key != "managedFields"}
    return {key: value for key, value in resource.items() if key != "status"} | {"metadata": kept}
