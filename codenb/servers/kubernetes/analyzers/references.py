"""ConfigMaps, Secrets and service accounts that pods need and that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from codenb.models import Cause, Finding, Remedy, Severity
from codenb.servers.kubernetes.analyzers._case import Case, made
from codenb.servers.kubernetes.snapshot import Keys, Reference, Workload

_SAID = re.compile(
    r'(?P<kind>configmap|secret) "?(?P<name>[a-z0-9][-a-z0-9.]*)"? not found'
    r"|couldn't find key (?P<key>\S+) in (?P<kind2>ConfigMap|Secret) (?:[^/\s]+/)?(?P<name2>[a-z0-9][-a-z0-9.]*)"
    r"|references non-existent (?P<what>secret|config) key: (?P<key2>\S+)",
    re.IGNORECASE,
)
_CAUSES = {"ConfigMap": Cause.MISSING_CONFIG, "Secret": Cause.MISSING_SECRET}
_WAITING = frozenset({"CreateContainerConfigError", "ContainerCreating", "PodInitializing"})
_ACCOUNT = re.compile(r'serviceaccount "(?P<name>[^"]+)" not found', re.IGNORECASE)


def missing_references(case: Case) -> Iterator[Finding]:
    """A pod template refers to something that does not exist."""
    for workload in case.snapshot.workloads:
        for one in workload.references:
            lacking = _lacking(case, one)
            if one.kind not in _CAUSES or one.optional or not lacking:
                continue
            root = case.of(workload)
            said = _said(case, workload, one)
            waits = any(not pod.ready for pod in case.pods_of(workload))
            yield made(
                f"references/{one.kind.lower()}",
                _CAUSES[one.kind],
                case.severity(workload) if said or waits else Severity.MEDIUM,
                entity=root,
                root=root,
                message=f"{root} needs {one.kind} {one.name}{lacking} ({one.via}), which does not exist",
                quotes=[*said, f"kind: {one.kind} name: {one.name}", f"via: {one.via}"],
                remedies=[
                    *_renamed(case, workload, one),
                    Remedy(text=f"create {one.kind} {one.name}{lacking} in namespace {case.namespace}"),
                ],
            )


def missing_account(case: Case) -> Iterator[Finding]:
    """Pods cannot be made because their service account does not exist."""
    for event in case.events("FailedCreate"):
        match = _ACCOUNT.search(event.message)
        workload = case.workloads.get(event.owner or event.object)
        if not match or workload is None or not case.short_of_pods(workload):
            continue
        yield made(
            "references/service-account",
            Cause.MISSING_SERVICE_ACCOUNT,
            case.severity(workload),
            entity=case.of(workload),
            root=case.of(workload),
            message=f"the service account {match['name']} of {case.of(workload)} does not exist",
            quotes=[event.message],
            remedies=[Remedy(text=f"create ServiceAccount {match['name']}, or name one that exists")],
        )


def _lacking(case: Case, one: Reference) -> str:
    """What is not there, as a clause; empty where all is there or it cannot be told."""
    held = {"ConfigMap": case.snapshot.config_maps, "Secret": case.snapshot.secrets}.get(one.kind, ())
    found: Keys | None = next((other for other in held if other.name == one.name), None)
    if found is None:
        known = case.snapshot.whole("config_maps" if one.kind == "ConfigMap" else "secrets")
        return " " if one.name and known else _told_missing(case, one)
    lacking = [key for key in one.keys if key not in found.keys]
    return f" with key {', '.join(lacking)}" if lacking else ""


def _told_missing(case: Case, one: Reference) -> str:
    """Where the list may not be read, the kubelet's word counts."""
    said = any(_is_about(text, one) for text in _texts(case))
    return " " if said else ""


def _texts(case: Case) -> Iterator[str]:
    for pod in case.snapshot.pods:
        yield from (state.message for state in pod.containers if state.reason in _WAITING)
    yield from (event.message for event in case.events("FailedMount", "Failed"))


def _is_about(text: str, one: Reference) -> bool:
    match = _SAID.search(text)
    return bool(match) and one.name in text


def _said(case: Case, workload: Workload, one: Reference) -> list[str]:
    states = [
        state.message for pod in case.pods_of(workload) for state in pod.containers if _is_about(state.message, one)
    ]
    events = [event.message for event in case.events("FailedMount", "Failed", about=case.of(workload))]
    return [*states[:1], *[text for text in events if _is_about(text, one)][:1]]


def _renamed(case: Case, workload: Workload, one: Reference) -> list[Remedy]:
    changed = [line for line in case.last_changes(workload) if one.name in line.rpartition(" -> ")[2]]
    return (
        case.back(workload, f"references of {case.of(workload)}", f"which did not need {one.name}") if changed else []
    )
