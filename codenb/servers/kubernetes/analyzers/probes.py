"""Probes that ask the wrong thing of a program that works."""

from __future__ import annotations

import re
from collections.abc import Iterator

from codenb.models import Cause, Finding, Remedy, Severity
from codenb.servers.kubernetes.analyzers._case import Case, made
from codenb.servers.kubernetes.snapshot import Container, Event, Workload

_PORT = re.compile(r"(?:http-get|tcp|grpc) :(?P<port>[^\s/]+)")
_WRONG = re.compile(
    r"statuscode: (?:404|401|403|405)|HTTP probe failed with statuscode: 30\d|server gave HTTP response"
)
_KIND = re.compile(r"(?P<kind>Readiness|Liveness|Startup) probe (?:failed|errored)", re.IGNORECASE)
_REFUSED = re.compile(r"connection refused|context deadline exceeded|i/o timeout|timed out", re.IGNORECASE)


def probes(case: Case) -> Iterator[Finding]:
    """A container runs, and its probe keeps it from being ready or has it killed."""
    for workload in case.snapshot.workloads:
        pods = [one for one in case.pods_of(workload) if one.phase == "Running"]
        runs = {state.name for pod in pods for state in pod.containers if state.state == "running" and not state.ready}
        killed = {
            state.name
            for pod in pods
            for state in pod.containers
            if state.restarts and state.last_reason != "OOMKilled"
        }
        for event in case.events("Unhealthy", "ProbeError", about=case.of(workload)):
            kind = _KIND.search(event.message)
            if kind is None:
                continue
            name = kind["kind"].lower()
            boxes = [one for one in workload.containers if name in one.probes]
            concerned = [one for one in boxes if one.name in runs or (name != "readiness" and one.name in killed)]
            found = next((it for box in concerned if (it := _finding(case, workload, box, name, event))), None)
            if found:
                yield found
                break


def _finding(case: Case, workload: Workload, box: Container, name: str, event: Event) -> Finding | None:
    probe = box.probes[name]
    port = match["port"] if (match := _PORT.match(probe)) else ""
    strange = bool(port and box.ports) and not _declared(port, box)
    # A liveness probe that runs into time-outs kills a program that may only be slow to start.
    strict = name != "readiness" and _REFUSED.search(event.message)
    if not (strange or strict or _WRONG.search(event.message)):
        return None
    why = f"port {port}, which the container does not have" if strange else "what the program does not answer"
    if strict and not strange:
        why = "earlier or more strictly than the program can answer"
    root = case.of(workload)
    changed = [one for one in case.last_changes(workload) if "Probe" in one or "ports" in one]
    back = case.back(workload, f"probe of {root}", "which had another probe") if changed else []
    return made(
        "probes/wrong",
        Cause.PROBE_WRONG,
        min(case.severity(workload), Severity.HIGH),
        entity=root,
        root=root,
        message=f"the {name} probe of container {box.name} of {root} asks {why}",
        quotes=[f"{name}: {probe}", event.message, *changed],
        remedies=[*back, Remedy(text=f"correct the {name} probe of {box.name}: port, path and initial delay")],
    )


def _declared(port: str, box: Container) -> bool:
    """Whether a port, by number or by name, is one of the container's."""
    for one in box.ports:
        name, _, number = one.rpartition(" ")
        if port in (name, number.partition("/")[0]):
            return True
    return False
