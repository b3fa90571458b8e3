"""Volume claims that stay pending, and volumes that cannot be mounted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from codenb.models import Cause, Finding, Remedy
from codenb.servers.kubernetes.analyzers._case import Case, made
from codenb.servers.kubernetes.snapshot import Claim, Workload

_ABOUT_REFERENCES = re.compile(r"(?:configmap|secret) .*not found|references non-existent", re.IGNORECASE)


def claims(case: Case) -> Iterator[Finding]:
    """A claim is not bound, for a reason that can be told."""
    for claim in case.snapshot.pvcs:
        if claim.phase == "Bound":
            continue
        found = _why(case, claim)
        if found is None:
            continue
        cause, message, quotes, remedy = found
        workload = _user(case, claim)
        entity = case.entity("PersistentVolumeClaim", claim.name)
        said = [one.message for one in case.events("ProvisioningFailed", "FailedBinding", about=entity)]
        yield made(
            "storage/claim",
            cause,
            case.severity(workload),
            entity=entity,
            root=case.of(workload) if workload else entity,
            message=message,
            quotes=[*said[:1], *quotes],
            remedies=[Remedy(text=remedy)],
        )


def missing_claims(case: Case) -> Iterator[Finding]:
    """A pod mounts a claim that does not exist."""
    if not case.snapshot.whole("pvcs"):
        return
    there = {one.name for one in case.snapshot.pvcs}
    for workload in case.snapshot.workloads:
        for one in workload.references:
            if one.kind != "PersistentVolumeClaim" or one.name in there:
                continue
            root = case.of(workload)
            said = [pod.message for pod in case.pods_of(workload) if one.name in pod.message]
            yield made(
                "storage/missing-claim",
                Cause.VOLUME_MISSING,
                case.severity(workload),
                entity=root,
                root=root,
                message=f"{root} mounts PersistentVolumeClaim {one.name} ({one.via}), which does not exist",
                quotes=[*said[:1], f"kind: {one.kind} name: {one.name}"],
                remedies=[Remedy(text=f"create PersistentVolumeClaim {one.name}, or mount one that exists")],
            )


def mounts(case: Case) -> Iterator[Finding]:
    """A volume exists and cannot be attached or mounted."""
    seen: set[str] = set()
    for event in case.events("FailedMount", "FailedAttachVolume"):
        workload = case.workloads.get(event.owner or event.object)
        waits = workload is not None and any(not pod.ready for pod in case.pods_of(workload))
        if workload is None or not waits or workload.name in seen or _ABOUT_REFERENCES.search(event.message):
            continue
        seen.add(workload.name)
        yield made(
            "storage/mount",
            Cause.VOLUME_MOUNT_FAILED,
            case.severity(workload),
            entity=case.of(workload),
            root=case.of(workload),
            message=f"a volume of {case.of(workload)} cannot be attached or mounted",
            quotes=[event.message],
            remedies=[Remedy(text="see whether another node still holds the volume, and what its driver says")],
        )


def _why(case: Case, claim: Claim) -> tuple[Cause, str, list[str], str] | None:
    classes = {one.name for one in case.snapshot.storage_classes}
    named = f"PersistentVolumeClaim {claim.name}"
    if claim.phase == "Lost":
        words = f"{named} has lost its volume {claim.volume}"
        return (
            Cause.VOLUME_MISSING,
            words,
            [f"name: {claim.name} phase: Lost"],
            "restore the volume from a backup",
        )
    entity = case.entity("PersistentVolumeClaim", claim.name)
    said = " ".join(one.message for one in case.events("ProvisioningFailed", "FailedBinding", about=entity))
    known = case.snapshot.whole("storage_classes")
    if claim.storage_class and (claim.storage_class not in classes if known else "not found" in said):
        there = ", ".join(sorted(classes)) or "none"
        words = f"{named} asks for storage class {claim.storage_class}, which does not exist"
        remedy = f"make the claim again with a class that exists ({there}), or create class {claim.storage_class}"
        return Cause.STORAGE_CLASS_MISSING, words, [f"storage_class: {claim.storage_class}"], remedy
    if not claim.storage_class and known and not any(one.default for one in case.snapshot.storage_classes):
        words = f"{named} names no storage class, and the cluster has no default one"
        remedy = "make the claim again with a storage class, or mark one as the default"
        return Cause.STORAGE_CLASS_MISSING, words, [f"name: {claim.name} phase: {claim.phase}"], remedy
    if "failed" in said.lower() or "no persistent volumes available" in said:
        words = f"{named} gets no volume"
        return (
            Cause.VOLUME_MISSING,
            words,
            [f"name: {claim.name} phase: {claim.phase}"],
            "see what the provisioner says, and its quota",
        )
    return None


def _user(case: Case, claim: Claim) -> Workload | None:
    for one in case.snapshot.workloads:
        if any(ref.kind == "PersistentVolumeClaim" and ref.name == claim.name for ref in one.references):
            return one
        if one.kind == "StatefulSet" and re.search(rf"-{re.escape(one.name)}-\d+$", claim.name):
            return one
    return None
