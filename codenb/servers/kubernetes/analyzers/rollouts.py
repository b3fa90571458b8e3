"""Rollouts that make no progress, jobs that failed, and releases after which it got worse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from codenb.models import Cause, Finding, Remedy, Severity
from codenb.servers.kubernetes.analyzers._case import Case, lines_like, made
from codenb.servers.kubernetes.snapshot import Event, ReplicaSet, Workload

_TROUBLE = re.compile(r"\bslow|timed? ?out|error|fail|degraded|deadline|\b50[0234]\b", re.IGNORECASE)
_SOON = timedelta(minutes=30)
_EVENTS_LAST = timedelta(hours=1)
_STARTING, _STILL = timedelta(minutes=3), timedelta(minutes=10)
_ENOUGH = 3
_WORSE = frozenset({"Unhealthy", "ProbeError", "BackOff"})


def stuck(case: Case) -> Iterator[Finding]:
    """A rollout makes no progress: what one sees of a cause beneath."""
    for workload in case.snapshot.workloads:
        root = case.of(workload)
        late = next((one for one in workload.conditions if one.reason == "ProgressDeadlineExceeded"), None)
        held = workload.paused and workload.updated is not None and workload.updated < (workload.desired or 0)
        if late:
            message, quotes = f"the rollout of {root} makes no progress", [late.message, f"reason: {late.reason}"]
        elif held:
            message, quotes = (
                f"the rollout of {root} is paused before its end",
                ["paused: true", f"name: {workload.name}"],
            )
        else:
            continue
        group = f"rollout of {root}"
        yield made(
            "rollouts/stuck",
            Cause.ROLLOUT_STUCK,
            case.severity(workload),
            entity=root,
            root=root,
            message=message,
            quotes=[*quotes, *case.last_changes(workload)[:2]],
            remedies=[
                *case.back(workload, group, "which rolled out"),
                Remedy(text="mend what keeps its pods from ready"),
            ],
        )


def jobs(case: Case) -> Iterator[Finding]:
    """A Job has given up."""
    for workload in case.snapshot.workloads:
        failed = next((one for one in workload.conditions if one.type in ("Failed", "FailureTarget")), None)
        if workload.kind != "Job" or failed is None:
            continue
        root = case.of(workload)
        yield made(
            "rollouts/job",
            Cause.JOB_FAILED,
            Severity.HIGH,
            entity=root,
            root=root,
            message=f"{root} failed: {failed.reason}",
            quotes=[failed.message, f"reason: {failed.reason}"],
            remedies=[Remedy(text=f"read the log of its last pod, then run {root} again")],
        )


def regressions(case: Case) -> Iterator[Finding]:
    """A rollout went through, and what its pods complain of began after it.

    Only where the revision is young enough for complaints of the one before to be still on record: the API server
    forgets events after an hour.
    """
    now = case.snapshot.taken_at
    for workload in case.snapshot.workloads:
        revision = next(iter(case.snapshot.revisions(workload.name)), None) if workload.kind == "Deployment" else None
        before = case.previous(workload)
        if now is None or revision is None or before is None or revision.created_at is None or not revision.changes:
            continue
        complaints = [one for one in case.events(*_WORSE, about=case.of(workload)) if one.type == "Warning"]
        first = min((one.first_at for one in complaints if one.first_at), default=None)
        last = max((one.last_at for one in complaints if one.last_at), default=None)
        done = not workload.conditions and min(workload.updated or 0, workload.ready or 0) >= (workload.desired or 1)
        if first is None or last is None or not done or now - revision.created_at > _EVENTS_LAST:
            continue
        # A probe that fails while a pod starts is no complaint about the release.
        lasting = last - revision.created_at > _STARTING and now - last < _STILL
        enough = sum(one.count for one in complaints) >= _ENOUGH
        if enough and lasting and revision.created_at <= first <= revision.created_at + _SOON:
            yield _regression(case, workload, revision, complaints[0])


def _regression(case: Case, workload: Workload, revision: ReplicaSet, complaint: Event) -> Finding:
    root = case.of(workload)
    version = any(".image: " in one for one in revision.changes)
    slow = lines_like(_TROUBLE, case.logs(workload))
    return made(
        "rollouts/regression",
        Cause.VERSION_REGRESSION if version else Cause.CONFIG_CHANGE,
        Severity.HIGH,
        entity=case.entity("ReplicaSet", revision.name),
        root=root,
        message=f"since revision {revision.revision} of {root} was rolled out, its pods complain; none did before",
        quotes=[*revision.changes[:2], complaint.message, *(line for _, line, _ in slow[:1])],
        remedies=case.back(workload, f"release of {root}", "which had no such trouble"),
    )
