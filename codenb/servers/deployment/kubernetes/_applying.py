"""Carrying a deployment out: one object after the other, exactly as it was approved, and an honest report.

Each write takes the resourceVersion of the read that its approval was compared with. Where an object moved only in
what is not ours (its status does all the time), it is read and compared again, three times at most. When one object is
refused, those before it are there and those after it are not, and the report says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from codenb.errors import (
    AnswerTooLarge,
    ChangeFailed,
    CodenbError,
    Conflict,
    ConnectFailed,
    ConnectionLost,
    DeadlineExceeded,
)
from codenb.servers._base._progress import progress
from codenb.servers._clients.cluster import Cluster
from codenb.servers.deployment.kubernetes import _fields, _waiting
from codenb.servers.deployment.kubernetes._failures import not_ready
from codenb.servers.deployment.kubernetes._models import NotReady, Report
from codenb.servers.deployment.kubernetes._planning import Planned, Planning
from codenb.servers.deployment.kubernetes._undoing import key_of, listed
from codenb.servers.deployment.kubernetes._wanted import Wanted

TRIES = 3

_LOST = (ConnectFailed, ConnectionLost, DeadlineExceeded, AnswerTooLarge)
"""Errors of a write that may have been made all the same."""


@dataclass(slots=True)
class Carrying:
    """One approved deployment on its way.

    Attributes:
        cluster: Where.
        changed: What is written, in this order, as it was compared with the approval.
        waited: Workloads that have to become ready.
        deleted: What is pruned at the end, as it was read.
        wait_s: How long they may take, in seconds; None does not wait.
        force: Whether fields of others are taken over.
        undoable: Whether there is an undo, for the messages.
    """

    cluster: Cluster
    changed: Sequence[Planned]
    waited: Sequence[Wanted] = ()
    deleted: Sequence[Mapping[str, Any]] = ()
    wait_s: float | None = None
    force: bool = False
    undoable: bool = False
    _applied: list[str] = field(default_factory=list)
    _pruned: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _ready: dict[str, str] = field(default_factory=dict)

    async def out(self) -> dict[str, Any]:
        """Apply, wait, prune.

        Returns:
            The report, as JSON data.

        Raises:
            Conflict: The first object moved before anything was written.
            ChangeFailed: It did not wholly take; its answer is the report.
        """
        for at, one in enumerate(self.changed):
            await progress(f"applying {one.wanted.key}", done=at, total=len(self.changed))
            await self._apply(at, one)
        if self.waited and self.wait_s is not None:
            await self._wait(self.wait_s)
        for at, resource in enumerate(self.deleted):
            await progress(f"deleting {key_of(resource)}", done=at, total=len(self.deleted))
            await self._prune(at, resource)
        return self._report().to_dict()

    async def _apply(self, at: int, one: Planned) -> None:
        key = one.wanted.key
        try:
            answer = await self._written(one)
        except _LOST as error:
            await self._settle(at, one, error)
        except Conflict as error:
            if not self._applied:
                raise  # nothing was written: the kernel looks again, and says what moved
            self._fail(at, key, error)
        except CodenbError as error:
            if not self._applied:
                raise
            self._fail(at, key, error)
        else:
            self._applied.append(key)
            if not _as_approved(one, answer):
                self._notes.append(
                    f"{key} came out otherwise than it was previewed: something changed it on its way in"
                )
        if one.wanted.kind.kind == "CustomResourceDefinition" and not await _waiting.established(
            self.cluster, one.wanted
        ):
            self._fail(at, "", ChangeFailed(f"{key} is not established after {_waiting.ESTABLISHED_S:g} s"))

    async def _written(self, one: Planned) -> dict[str, Any]:
        """Write one object while it is as it was compared; look again where it moved."""
        now = one
        for left in range(TRIES - 1, -1, -1):
            try:
                return await self._write(now)
            except Conflict:
                if not left:
                    raise
                now = await self._same(one)
        raise AssertionError("the last try returns or raises")

    async def _write(self, one: Planned) -> dict[str, Any]:
        wanted, body = one.wanted, one.wanted.body
        if one.live is not None:
            version = one.live["metadata"]["resourceVersion"]
            body = body | {"metadata": body["metadata"] | {"resourceVersion": version}}
        elif await self.cluster.find(wanted.kind, wanted.name, wanted.namespace) is not None:
            raise Conflict(f"{wanted.key} was created by somebody else meanwhile")
        done = await self.cluster.apply(
            wanted.kind, wanted.name, wanted.namespace, body, force=self.force, dry_run=False
        )
        if done.resource is None:
            fields = listed([f"{each.field} of {each.manager!r}" for each in done.conflicts])
            raise Conflict(f"{wanted.key}: others took fields of it meanwhile: {fields}")
        return done.resource

    async def _same(self, one: Planned) -> Planned:
        """The object as it is now, where what would change of it is still what was approved."""
        now = await Planning(self.cluster).one(one.wanted, served=True)
        unmoved = (now.live is None) == (one.live is None) and now.before_part == one.before_part
        if not unmoved or (now.after_part != one.after_part and not one.local) or now.conflicts != one.conflicts:
            raise Conflict(
                f"{one.wanted.key} was changed meanwhile, and what was approved is no longer what would happen"
            )
        return now

    async def _settle(self, at: int, one: Planned, error: CodenbError) -> None:
        """Whether a write whose answer was lost was made, by reading back."""
        key = one.wanted.key
        try:
            there = await self.cluster.find(one.wanted.kind, one.wanted.name, one.wanted.namespace)
        except CodenbError:
            if not self._applied:
                raise ConnectionLost(f"the answer to applying {key} was lost: {error}") from error
            self._fail(at, key, error, unknown=True)
        if there is not None and _as_approved(one, there):
            self._applied.append(key)
            self._notes.append(f"the answer to applying {key} was lost; read back, it is as it was to be")
        else:
            self._fail(at, key, error)

    async def _wait(self, timeout_s: float) -> None:
        seen = await _waiting.rolled_out(self.cluster, self.waited, timeout_s)
        self._ready = {key: one.counts for key, one in seen.items()}
        if all(one.ready for one in seen.values()):
            return
        await progress("reading why it is not ready")
        told = await not_ready(self.cluster, self.waited, seen)
        failed = any(one.failed for one in seen.values())
        how = "failed" if failed else f"not ready after {timeout_s:g} s"
        raise ChangeFailed(
            f"{_counted(self._applied, 'applied')}, and {how}: {_first(told)}{self._advice}",
            self._report(told).to_dict(),
        )

    async def _prune(self, at: int, resource: Mapping[str, Any]) -> None:
        key = key_of(resource)
        now: Mapping[str, Any] | None = resource
        try:
            for left in range(TRIES - 1, -1, -1):
                try:
                    await self._delete(now)
                    break
                except Conflict:
                    now = await self._still(resource)
                    if not left:
                        raise
        except CodenbError as error:
            left_over = [key_of(one) for one in self.deleted[at:]]
            raise ChangeFailed(
                f"{_counted(self._applied, 'applied')}, {_counted(self._pruned, 'deleted')}, {key} was not: {error}",
                self._report()
                .model_copy(update={"failed": {key: str(error)}, "not_applied": tuple(left_over)})
                .to_dict(),
            ) from error
        self._pruned.append(key)

    async def _delete(self, resource: Mapping[str, Any] | None) -> None:
        if resource is not None:
            kind = await self.cluster.served(str(resource["kind"]), str(resource["apiVersion"]))
            assert kind is not None  # it was listed by it
            await self.cluster.delete(kind, resource, dry_run=False)

    async def _still(self, resource: Mapping[str, Any]) -> dict[str, Any] | None:
        """The object as it is now, where what we manage of it has not moved; None where it is gone."""
        told = resource["metadata"]
        kind = await self.cluster.served(str(resource["kind"]), str(resource["apiVersion"]))
        assert kind is not None
        now = await self.cluster.find(kind, told["name"], told.get("namespace"))
        ours = _fields.applied_by(resource)
        if now is not None and (
            now["metadata"]["uid"] != told["uid"] or _fields.part(now, ours) != _fields.part(resource, ours)
        ):
            raise ChangeFailed(f"{key_of(resource)} was changed since it was previewed")
        return now

    def _fail(self, at: int, key: str, error: CodenbError, *, unknown: bool = False) -> NoReturn:
        """Say how far it came: what was applied, what failed, what was not tried."""
        rest = [one.wanted.key for one in self.changed[at + 1 :]]
        where = {"unknown" if unknown else "failed": {key: str(error)}} if key else {}
        report = self._report().model_copy(update={"not_applied": tuple(rest), **where})
        not_tried = f"; not applied: {listed(rest)}" if rest else ""
        done = (
            f"{_counted(self._applied, 'applied')} ({listed(self._applied)}), then"
            if self._applied
            else "nothing was applied:"
        )
        raise ChangeFailed(f"{done} {error}{not_tried}{self._advice}", report.to_dict()) from error

    @property
    def _advice(self) -> str:
        return "; the undo sets back what was there before" if self.undoable else ""

    def _report(self, told: tuple[NotReady, ...] = ()) -> Report:
        return Report(
            applied=tuple(self._applied),
            deleted=tuple(self._pruned),
            ready=self._ready,
            not_ready=told,
            notes=tuple(self._notes),
        )


def _as_approved(one: Planned, there: dict[str, Any]) -> bool:
    """Whether an object is as the approval says; of one that could not be dry-run, whether all that was written is."""
    seen = replace(one, after=there).after_part
    return _holds(seen, one.after_part) if one.local else bool(seen == one.after_part)


def _holds(there: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(_holds(there.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(there) == len(wanted) and all(map(_holds, there, wanted))
    return bool(there == wanted)


def _counted(keys: Sequence[str], verb: str) -> str:
    many = f"{len(keys)} objects were" if len(keys) != 1 else "1 object was"
    return f"{many} {verb}"


def _first(told: Sequence[NotReady]) -> str:
    """The first workload that is not ready, with its pod and the event that says why."""
    one = told[0]
    pod = f" (pod {one.pods[0]})" if one.pods else ""
    event = f"; event {one.events[-1].reason}: {one.events[-1].message}" if one.events else ""
    more = f"; and {len(told) - 1} more" if len(told) > 1 else ""
    return f"{one.object}, {one.ready}: {one.reason}{pod}{event}{more}"
