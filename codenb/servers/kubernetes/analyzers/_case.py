"""What every analyzer works with: a snapshot, looked up by ownership, and findings made in one way.

An analyzer is a pure function of a `Case` that yields findings. It quotes words that stand in the snapshot's text,
raises what it saw to the owning workload, and proposes a call only with arguments that the cluster's own objects
gave; what a program wrote into its log is quoted, never used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from codenb.models import Cause, Entity, Finding, Remedy, Severity
from codenb.servers.kubernetes.remedies import patch, undo
from codenb.servers.kubernetes.snapshot import (
    Container,
    ContainerState,
    Endpoints,
    Event,
    Log,
    Pod,
    ReplicaSet,
    Service,
    Snapshot,
    Workload,
)

LONGEST_QUOTE = 300

_LATELY = timedelta(hours=1)
_CHANGEABLE = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True)
class Case:
    """A snapshot and the ways through it."""

    snapshot: Snapshot

    @property
    def namespace(self) -> str:
        """Where all of it is."""
        return self.snapshot.namespace

    def entity(self, kind: str, name: str) -> Entity:
        """An object of this namespace."""
        return Entity(kind=kind, name=name, namespace=self.namespace)

    def of(self, workload: Workload) -> Entity:
        """A workload as an entity."""
        return self.entity(workload.kind, workload.name)

    @cached_property
    def workloads(self) -> Mapping[str, Workload]:
        """By `Kind name`."""
        return {f"{one.kind} {one.name}": one for one in self.snapshot.workloads}

    def workload_of(self, pod: Pod) -> Workload | None:
        """What a pod is raised to, as far as it is in the snapshot."""
        return self.workloads.get(pod.owner or f"Pod {pod.name}")

    def pods_of(self, workload: Workload) -> list[Pod]:
        """A workload's pods, as far as they are in the snapshot."""
        key = f"{workload.kind} {workload.name}"
        return [one for one in self.snapshot.pods if (one.owner or f"Pod {one.name}") == key]

    def events(self, *reasons: str, about: Entity | None = None) -> list[Event]:
        """Events with one of these reasons (any where none is given), newest first.

        Args:
            reasons: Such as `FailedMount`.
            about: An object, or a workload that the event's object is raised to.
        """
        named = f"{about.kind} {about.name}" if about else ""
        return [
            one
            for one in reversed(self.snapshot.events)
            if (not reasons or one.reason in reasons) and (not named or named in (one.object, one.owner))
        ]

    def scaled(self, workload: Workload) -> list[Event]:
        """What its controller said when it scaled a workload, newest first."""
        return self.events("ScalingReplicaSet", "SuccessfulRescale", about=self.of(workload))

    def logs(self, workload: Workload, container: str = "") -> list[Log]:
        """The logs of a workload's containers."""
        key = f"{workload.kind} {workload.name}"
        return [
            one
            for one in self.snapshot.logs
            if (one.owner or f"Pod {one.pod}") == key and container in ("", one.container)
        ]

    def container(self, workload: Workload, name: str) -> Container:
        """A container as the workload's template describes it."""
        return next((one for one in workload.containers if one.name == name), Container(name=name))

    def previous(self, workload: Workload) -> ReplicaSet | None:
        """The revision before the present one of a Deployment."""
        revisions = self.snapshot.revisions(workload.name) if workload.kind == "Deployment" else []
        return revisions[1] if len(revisions) > 1 else None

    def last_changes(self, workload: Workload) -> tuple[str, ...]:
        """What the present revision changed of the one before."""
        revisions = self.snapshot.revisions(workload.name) if workload.kind == "Deployment" else []
        return revisions[0].changes if revisions else ()

    def behind(self, service: Service) -> list[Workload]:
        """The workloads that a service selects; their Jobs do not count."""
        return [
            one
            for one in self.snapshot.workloads
            if one.kind not in ("Job", "CronJob") and selects(service.selector, one.labels)
        ]

    def nobody_ready(self, service: Service) -> bool:
        """Whether it is known that a service leads nowhere."""
        return self.snapshot.whole("endpoints") and not self.endpoints_of(service).ready

    def endpoints_of(self, service: Service) -> Endpoints:
        """A service's endpoints; none where no slice is there."""
        found = (one for one in self.snapshot.endpoints if one.service == service.name)
        return next(found, Endpoints(service=service.name))

    def short_of_pods(self, workload: Workload) -> bool:
        """Whether pods are still to be made: too few are ready, or too few are of the newest template."""
        desired = 1 if workload.desired is None else workload.desired
        updated = desired if workload.updated is None else workload.updated
        return min(workload.ready or 0, updated) < desired

    def severity(self, workload: Workload | None) -> Severity:
        """Critical where nothing of a workload is left that works, high where something is."""
        return Severity.HIGH if workload and (workload.ready or 0) > 0 else Severity.CRITICAL

    def states(self) -> Iterator[tuple[Pod, ContainerState, Workload | None]]:
        """Every container that is not well or was not lately, one a workload, container and reason."""
        seen = set()
        for pod in self.snapshot.pods:
            for state in pod.containers:
                if well(state) and not self._lately(state):
                    continue
                key = (pod.owner or pod.name, state.name, state.reason, state.last_reason)
                if key not in seen:
                    seen.add(key)
                    yield pod, state, self.workload_of(pod)

    def _lately(self, state: ContainerState) -> bool:
        """Whether a container that is well now ended with an error in the last hour."""
        now, ended = self.snapshot.taken_at, state.last_finished_at
        return bool(state.last_exit_code) and (now is None or ended is None or now - ended < _LATELY)

    def back(self, workload: Workload | None, group: str, why: str) -> list[Remedy]:
        """The remedy that goes back to the previous revision, where there is one that ran."""
        before = self.previous(workload) if workload else None
        if workload is None or before is None:
            return []
        text = f"go back to revision {before.revision}, {why}"
        return [undo(text, workload.name, self.namespace, before.revision, group)]

    def patched(
        self, workload: Workload, container: str, values: Mapping[str, Any], *, text: str, group: str
    ) -> Remedy:
        """The remedy that changes one container of a workload; see `patch_workload` for the values."""
        return patch(
            text,
            kind=workload.kind,
            name=workload.name,
            namespace=self.namespace,
            container=container,
            group=group,
            values=values,
        )


Analyzer = Callable[[Case], Iterator[Finding]]


def made(
    rule: str,
    cause: Cause,
    severity: Severity,
    *,
    entity: Entity,
    root: Entity,
    message: str,
    quotes: list[str],
    remedies: list[Remedy] | tuple[Remedy, ...] = (),
) -> Finding:
    """A finding whose quotes are cut to what evidence may hold."""
    return Finding(
        rule=rule,
        severity=severity,
        cause=cause,
        entity=entity,
        root=root,
        message=message,
        quotes=tuple(dict.fromkeys(cut for quote in quotes if (cut := shortened(quote))))[:5],
        remedies=tuple(remedies),
    )


def shortened(quote: str) -> str:
    """The first line of a quote, at most as long as evidence may be: a prefix stays verbatim."""
    first = next((line.strip() for line in quote.splitlines() if line.strip()), "")
    return first[:LONGEST_QUOTE].rstrip()


def well(state: ContainerState) -> bool:
    """Whether a container runs and is ready."""
    return state.ready and state.state == "running"


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a selector that asks for something finds these labels."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def changeable(workload: Workload | None) -> bool:
    """Whether `patch_workload` can change it."""
    return workload is not None and workload.kind in _CHANGEABLE


def lines_like(pattern: re.Pattern[str], logs: list[Log]) -> list[tuple[Log, str, re.Match[str]]]:
    """Log lines that a pattern finds, newest first, with where they stand."""
    return [
        (log, line.strip(), match)
        for log in logs
        for line in reversed(log.text.splitlines())
        if (match := pattern.search(line))
    ]
