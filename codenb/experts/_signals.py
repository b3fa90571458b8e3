"""What is seen to go wrong, and when: the moments that a change is held against.

Kinds are coarse on purpose: they are what one can tell from the outside, and which of them a change can bring about
is for the `changes` expert to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from codenb.models import Entity
from codenb.servers.kubernetes.snapshot import ContainerState, Event, Pod, Snapshot

SignalKind = Literal[
    "oom", "pull", "start", "crash", "config", "unhealthy", "pending", "short", "mount", "create", "log"
]

# Reasons of the kubelet's and the controllers' own: https://github.com/kubernetes/kubernetes/tree/master/pkg/kubelet
_REASONS: dict[str, SignalKind] = {
    "OOMKilled": "oom",
    "OOMKilling": "oom",
    "ErrImagePull": "pull",
    "ImagePullBackOff": "pull",
    "InvalidImageName": "pull",
    "ErrImageNeverPull": "pull",
    "InspectFailed": "pull",
    "CreateContainerConfigError": "config",
    "CreateContainerError": "start",
    "RunContainerError": "start",
    "StartError": "start",
    "ContainerCannotRun": "start",
    "CrashLoopBackOff": "crash",
    "Error": "crash",
    "Unhealthy": "unhealthy",
    "FailedScheduling": "pending",
    "Unschedulable": "pending",
    "FailedMount": "mount",
    "FailedAttachVolume": "mount",
    "FailedCreate": "create",
}

# `Failed` and `BackOff` are said of several things; their words tell which. In this order.
_WORDS: tuple[tuple[SignalKind, re.Pattern[str]], ...] = (
    ("pull", re.compile(r"pull|ErrImage", re.IGNORECASE)),
    ("config", re.compile(r"(configmap|secret) .*not found|couldn't find key", re.IGNORECASE)),
    ("start", re.compile(r"executable file|no such file|permission denied|failed to (create|start)", re.IGNORECASE)),
    ("crash", re.compile(r"restarting failed", re.IGNORECASE)),
)

# Exit codes that a shell or the runtime gives where a command cannot be run: 126 not executable, 127 not found (POSIX).
_CANNOT_RUN = (126, 127, 128)

# What the scheduler says where only the amount is lacking: such nodes exist, they are full.
_SHORT = re.compile(r"Insufficient (cpu|memory|pods|ephemeral-storage)\b")
_PLACED = re.compile(r"didn't match|affinity|Insufficient \S*/|persistentvolumeclaim", re.IGNORECASE)

_WORSE = re.compile(
    r"\b(error|fatal|panic|exception|timed ?out|refused|deadline exceeded|slow|unavailable|status[=: ]+5\d\d)\b",
    re.IGNORECASE,
)
_TOOK = re.compile(r"(?:duration|latency|took|elapsed)\w*[=:\s]+(\d+(?:\.\d+)?)\s*(ms|s)?(?=\W|$)", re.IGNORECASE)
_SLOW_MS = 1000.0
"""A request that takes a second interrupts a person's flow of thought (Nielsen 1993, "Response times")."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that is not as it should be.

    Attributes:
        kind: What sort of trouble.
        quote: Words of the state that show it.
        first_at: The earliest moment known for it.
        last_at: The latest one.
        container: Where one container is concerned.
        replica_set: Of which revision's pod, where that is known.
    """

    kind: SignalKind
    quote: str
    first_at: datetime | None = None
    last_at: datetime | None = None
    container: str = ""
    replica_set: str = ""


def signals(snapshot: Snapshot, root: Entity) -> list[Signal]:
    """All signals of a workload, from its pods, their events and their logs; the earliest first."""
    pods = [pod for pod in snapshot.pods if snapshot.owner_of(pod) == root]
    found = [signal for pod in pods for signal in _of_pod(pod)]
    found += _of_events(snapshot, root, pods)
    found += _of_logs(snapshot, {pod.name: pod for pod in pods})
    # A signal without a time says least about time.
    return sorted(found, key=lambda one: (one.first_at is None, one.first_at.timestamp() if one.first_at else 0))


def _of_pod(pod: Pod) -> Iterator[Signal]:
    for box in pod.containers:
        yield from _of_container(pod, box)
    if not pod.containers and (kind := _kind_of(pod.reason, pod.message)):
        yield Signal(kind, pod.message or f"reason: {pod.reason}", pod.created_at, None, "", pod.replica_set)


def _of_container(pod: Pod, box: ContainerState) -> Iterator[Signal]:
    ended = box.last_finished_at or pod.created_at
    for reason, code, quote, at in (
        (box.reason, box.exit_code, box.message or f"reason: {box.reason}", pod.created_at),
        (box.last_reason, box.last_exit_code, f"last_reason: {box.last_reason}", ended),
    ):
        kind = _REASONS.get(reason)
        if kind == "crash" and code in _CANNOT_RUN:
            kind = "start"
        if kind:
            yield Signal(kind, quote, at, box.last_finished_at, box.name, pod.replica_set)
    if box.last_message and box.last_reason in _REASONS:
        kind = _by_words(box.last_message) or _REASONS[box.last_reason]
        yield Signal(kind, box.last_message, ended, box.last_finished_at, box.name, pod.replica_set)


def _of_events(snapshot: Snapshot, root: Entity, pods: list[Pod]) -> Iterator[Signal]:
    own = f"{root.kind} {root.name}"
    sets = {f"Pod {pod.name}": pod.replica_set for pod in pods}
    sets |= {f"ReplicaSet {one.name}": one.name for one in snapshot.revisions(root.name)}
    for event in snapshot.events:
        if event.type == "Normal" or not (own in (event.owner, event.object) or event.object in sets):
            continue
        if kind := _kind_of(event.reason, event.message):
            revision = "" if event.objects else sets.get(event.object, "")
            yield Signal(kind, event.message, event.first_at, event.last_at, _container_of(event), revision)


def _of_logs(snapshot: Snapshot, pods: dict[str, Pod]) -> Iterator[Signal]:
    for log in snapshot.logs:
        if pod := pods.get(log.pod):
            for line in _worse_lines(log.text)[-2:]:
                yield Signal("log", line, pod.created_at, None, log.container, pod.replica_set)


def _worse_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if _is_slow(line) or _WORSE.search(line)]


def _is_slow(line: str) -> bool:
    took = _TOOK.search(line)
    if not took:
        return False
    factor = 1000 if took[2] and took[2].lower() == "s" else 1
    return float(took[1]) * factor >= _SLOW_MS


def _kind_of(reason: str, message: str) -> SignalKind | None:
    kind = _REASONS.get(reason)
    if kind == "pending" and _SHORT.search(message) and not _PLACED.search(message):
        return "short"
    return kind or _by_words(message)


def _by_words(message: str) -> SignalKind | None:
    return next((kind for kind, words in _WORDS if words.search(message)), None)


def _container_of(event: Event) -> str:
    named = re.search(r"container \"?([a-z0-9][-a-z0-9]*)\"? in pod", event.message)
    return named[1] if named else ""
