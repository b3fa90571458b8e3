"""Stories: a change of a workload, and the trouble after it that the change can have brought about."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from codenb.experts._blame import BLAMES, Changed, changed
from codenb.experts._proposing import proposed
from codenb.experts._signals import Signal, signals
from codenb.experts._state import State
from codenb.models import Cause, Entity, ProposedChange, Recommendation, Vote
from codenb.models._yaml import as_yaml
from codenb.servers.kubernetes import remedies
from codenb.servers.kubernetes.snapshot import ABSENT, HIDDEN, Keys, ReplicaSet, Snapshot, Workload

NEAR = timedelta(hours=1)
"""How long after a change a trouble may begin that only time ties to it: also how long a cluster keeps events by
default (kube-apiserver, `--event-ttl`)."""

_CLOCKS = timedelta(seconds=2)  # times of the API are whole seconds, by clocks of several machines
_MAY_BLIP = frozenset({"unhealthy", "pending", "short", "log"})  # seen for a moment at every healthy rollout


@dataclass(frozen=True, slots=True)
class Story:
    """A change, and what was seen after it.

    Attributes:
        vote: The cause, with the change and the trouble as evidence.
        at: When it was changed.
        recommendation: How to take it back, in words.
        proposals: The calls that would.
    """

    vote: Vote
    at: datetime
    recommendation: Recommendation
    proposals: tuple[ProposedChange, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rollout:
    revision: ReplicaSet
    before: ReplicaSet | None
    at: datetime


def stories(state: State) -> Iterator[Story]:
    """The story of each workload that has one."""
    for workload in state.snapshot.workloads:
        root = Entity(kind=workload.kind, name=workload.name, namespace=state.snapshot.namespace)
        seen = signals(state.snapshot, root)
        story = _scaled_to_zero(state, root, workload) or _rolled_out(state, root, seen)
        if story := story or _reconfigured(state, root, workload, seen):
            yield story


def lasting(snapshot: Snapshot, root: Entity, seen: Sequence[Signal]) -> list[Signal]:
    """The signals that are not over: what was last seen before the present revision was rolled out is."""
    revisions = snapshot.revisions(root.name) if root.kind == "Deployment" else []
    newest = _since(snapshot, revisions[0]) if revisions else None
    return [one for one in seen if newest is None or one.last_at is None or one.last_at >= newest - _CLOCKS]


def _rolled_out(state: State, root: Entity, seen: Sequence[Signal]) -> Story | None:
    """The newest revision that changed a field which can bring about what is still seen, and was not seen before."""
    revisions = state.snapshot.revisions(root.name) if root.kind == "Deployment" else []
    present = lasting(state.snapshot, root, seen)
    for revision, before in itertools.zip_longest(revisions, revisions[1:]):
        at = _since(state.snapshot, revision)
        lines = [line for text in revision.changes if (line := changed(text))]
        if at is None:
            continue
        for blame, line in itertools.product(BLAMES, lines):
            after = [one for one in present if blame.matches(line, one) and _follows(one, at, by_time=blame.by_time)]
            earlier = any(blame.matches(line, one) and _was_there(one, at, revision) for one in seen)
            if after and not earlier:
                naming = [one for one in present if one.kind == "log" and line.variable and line.variable in one.quote]
                shown = [*naming[:1], *_one_of_each(sorted(after, key=lambda one: blame.seen.index(one.kind)))]
                return _rollout_story(state, root, _Rollout(revision, before, at), line, blame.cause, after=shown)
    return None


def _one_of_each(found: Sequence[Signal]) -> list[Signal]:
    """In their order, but one of every kind before a second of any: three pods that say the same say it once."""
    firsts = {id(one): one for one in {signal.kind: signal for signal in reversed(found)}.values()}
    return [*(one for one in found if id(one) in firsts), *(one for one in found if id(one) not in firsts)]


def _since(snapshot: Snapshot, revision: ReplicaSet) -> datetime | None:
    """When a revision was last rolled out: a revision that was rolled back to is older than what it followed."""
    followed = [one for one in snapshot.revisions(revision.deployment) if one.revision < revision.revision]
    made = revision.created_at
    if made is None or all(one.created_at is None or one.created_at <= made for one in followed):
        return made
    # Then the controller's events say it: this one grew, or, where it had never shrunk, those that it followed went.
    words = [f"up replica set {revision.name} ", *(f"down replica set {one.name} " for one in followed)]
    scaled = [event for event in snapshot.events if event.reason == "ScalingReplicaSet"]
    moments = [event.last_at for event in scaled if event.last_at and any(word in event.message for word in words)]
    return max(moments, default=None)


def _was_there(signal: Signal, at: datetime, revision: ReplicaSet) -> bool:
    """Whether the trouble is older than the change. At a start, a probe that fails for a moment is no trouble."""
    if signal.first_at is None or signal.first_at >= at - _CLOCKS or signal.replica_set == revision.name:
        return False
    last = signal.last_at or signal.first_at
    return signal.first_at >= at - NEAR if signal.kind in _MAY_BLIP else last >= at - NEAR


def _follows(signal: Signal, at: datetime, *, by_time: bool) -> bool:
    moment = signal.first_at if signal.first_at and signal.first_at >= at - _CLOCKS else signal.last_at
    if moment is None or moment < at - _CLOCKS:
        return False
    return not by_time or moment <= at + NEAR


def _rollout_story(
    state: State, root: Entity, rollout: _Rollout, line: Changed, cause: Cause, *, after: Sequence[Signal]
) -> Story | None:
    revision, before, at = rollout.revision, rollout.before, rollout.at
    own = state.evidence([line.line, f"revision: {revision.revision}\ncreated_at: {_written(revision.created_at)}"])
    shown = state.evidence(one.quote for one in after)
    if not own or not shown:
        return None
    vote = Vote(
        cause=cause,
        root=root,
        mechanism=(
            f"Revision {revision.revision} changed {line.path} from {line.before} to {line.after}; "
            f"{_later(after, at)}: {shown[0].quote[:200]}"
        )[:1_000],
        evidence=(*own, *shown[:3]),
        against="" if cause is not Cause.VERSION_REGRESSION else "time alone ties the new image to the trouble",
    )
    if before is None:
        return Story(vote, at, Recommendation(text=f"{line.taken_back} in {root}"[:2_000], entity=root))
    namespace = root.namespace or ""
    back, forth = (
        remedies.undo(f"go back to revision {number}, {why}", root.name, namespace, number, vote.key)
        for number, why in (
            (before.revision, f"before {line.path} was changed"),
            (revision.revision, "as it was"),
        )
    )
    change = proposed(back, vote, state.item.server, undo=forth.call)
    advice = Recommendation(
        text=f"go back to revision {before.revision} of {root}, or {line.taken_back}",
        tool=f"{state.item.server}.undo_rollout",
        entity=root,
        field=line.path,
        value=None if line.before in (ABSENT, HIDDEN) else line.before,
    )
    return Story(vote, at, advice, (change,) if change else ())


def _reconfigured(state: State, root: Entity, workload: Workload, seen: Sequence[Signal]) -> Story | None:
    """A ConfigMap or Secret that the workload uses was written, and then something got worse."""
    used = {(one.kind, one.name) for one in workload.references}
    kept = [("ConfigMap", one) for one in state.snapshot.config_maps]
    kept += [("Secret", one) for one in state.snapshot.secrets]
    for kind, keys in sorted(kept, key=lambda one: _stamp(one[1].updated_at), reverse=True):
        at = keys.updated_at
        if (kind, keys.name) not in used or at is None or keys.created_at is None or at - keys.created_at <= _CLOCKS:
            continue
        worse = [one for one in seen if one.kind in ("crash", "start", "unhealthy", "oom", "log")]
        after = [one for one in lasting(state.snapshot, root, worse) if _follows(one, at, by_time=True)]
        earlier = any(one.first_at and at - NEAR <= one.first_at < at - _CLOCKS for one in worse)
        own, shown = state.evidence(_config_quotes(keys)), state.evidence(one.quote for one in after)
        if shown and own and not earlier:
            vote = Vote(
                cause=Cause.CONFIG_CHANGE,
                root=root,
                mechanism=f"{kind} {keys.name} was written; {_later(after, at)}: {shown[0].quote[:200]}",
                evidence=(*own, *shown[:3]),
                against="the values of a configuration are not in the state: only time ties it to the trouble",
            )
            advice = f"compare {kind} {keys.name} with the version before, and restore it; then restart {root}"
            return Story(vote, at, Recommendation(text=advice, entity=root, field=f"{kind} {keys.name}"))
    return None


def _config_quotes(keys: Keys) -> list[str]:
    """The object as it stands there, which is cut where it has many keys, and its end, which says when and by whom."""
    end = f"updated_at: {_written(keys.updated_at)}\nupdated_by: {keys.updated_by}"
    return [as_yaml(keys.to_dict()), end if keys.updated_by else ""]


def _scaled_to_zero(state: State, root: Entity, workload: Workload) -> Story | None:
    """Somebody set the replicas to none: the controller says from how many, and when."""
    if workload.desired != 0 or workload.kind not in ("Deployment", "StatefulSet"):
        return None
    own = f"{root.kind} {root.name}"
    for event in reversed(state.snapshot.events):
        if (
            event.object == own
            and event.message.startswith("Scaled down")
            and " to 0" in event.message
            and event.last_at
        ):
            vote = Vote(
                cause=Cause.SCALED_TO_ZERO,
                root=root,
                mechanism=f"{root} was scaled down to no replicas at {event.last_at:%H:%M:%S}.",
                evidence=state.evidence([event.message]),
            )
            if vote.evidence:
                return _scale_story(state, vote, event.last_at, _replicas_before(event.message))
    return None


def _scale_story(state: State, vote: Vote, at: datetime, replicas: int) -> Story:
    root = vote.root
    advice = Recommendation(text=f"scale {root} up again", entity=root, field="replicas", value=replicas or None)
    if root is None or root.kind != "Deployment" or not replicas:
        return Story(vote, at, advice)
    namespace = root.namespace or ""
    up, down = (
        remedies.scale(f"run {number} replicas, as before", root.name, namespace, number, vote.key)
        for number in (replicas, 0)
    )
    change = proposed(up, vote, state.item.server, undo=down.call)
    return Story(vote, at, advice, (change,) if change else ())


def _replicas_before(message: str) -> int:
    """From `Scaled down replica set NAME from 3 to 0`; 0 where the message does not say."""
    found = re.search(r"\bfrom (\d{1,6})\b", message)
    return int(found[1]) if found else 0


def _later(after: Sequence[Signal], at: datetime) -> str:
    moments = [moment for one in after for moment in (one.first_at, one.last_at) if moment and moment >= at - _CLOCKS]
    seconds = max(1, int((min(moments) - at).total_seconds())) if moments else 1
    return f"within {seconds} s" if seconds < 120 else f"within {seconds // 60} min"  # noqa: PLR2004  two minutes


def _written(moment: datetime | None) -> str:
    """A time as models write it: RFC 3339 in UTC."""
    return moment.isoformat().replace("+00:00", "Z") if moment else ""


def _stamp(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0
