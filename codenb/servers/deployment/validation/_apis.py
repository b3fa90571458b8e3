"""API versions: which are deprecated or gone in the chosen Kubernetes version, and kinds that never were.

The table tells what is announced; where it is silent, the published schemas of other versions tell in which of them a
kind was served.
"""

from __future__ import annotations

from difflib import get_close_matches

from codenb.models import CheckerRun, ValidationFinding
from codenb.servers._manifests import Document
from codenb.servers.deployment.validation import _schemas
from codenb.servers.deployment.validation._deprecations import TABLE
from codenb.servers.deployment.validation._job import Job, looked
from codenb.servers.deployment.validation._rules import found, shown
from codenb.servers.deployment.validation._versions import folders, number

_UNGROUPED = {"", "apps", "batch", "autoscaling", "policy", "extensions"}


class Apis:
    """Deprecated, removed and unknown API versions."""

    name = "kubernetes apis"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Look at the `apiVersion` and `kind` of every object."""
        findings = await looked(job, self._look)
        return CheckerRun(name=self.name, version=job.kubernetes_version), findings

    def _look(self, job: Job) -> list[ValidationFinding]:
        findings: list[ValidationFinding] = []
        for document in job.manifests.documents:
            if not document.api_version or not document.kind:
                missing = [name for name in ("apiVersion", "kind") if not document.data.get(name)]
                said = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
                if not missing:
                    said = "apiVersion and kind must be text"
                findings.append(
                    found(self.name, document, (), "kubernetes/no-kind", said, remedy="name the kind of object")
                )
            elif finding := self._api(document, job.kubernetes_version):
                findings.append(finding)
        return findings

    def _api(self, document: Document, version: str) -> ValidationFinding | None:
        told = TABLE.get((document.api_version, document.kind))
        if told is None:
            return None
        now = number(version) if version else (9, 9)
        remedy = f"use {told.replacement}" + (f"; {told.note}" if told.note else "")
        what = f"{document.kind} of {document.api_version}"
        if told.removed and number(told.removed) <= now:
            said = f"{what} was removed in Kubernetes {told.removed}"
            return found(self.name, document, ("apiVersion",), "kubernetes/removed-api", said, remedy=remedy)
        if number(told.deprecated) <= now:
            when = f", and removed in {told.removed}" if told.removed else ""
            said = f"{what} is deprecated since Kubernetes {told.deprecated}{when}"
            return found(self.name, document, ("apiVersion",), "kubernetes/deprecated-api", said, remedy=remedy)
        return None


def built_in(group: str) -> bool:
    """Whether an API group is Kubernetes' own, so that what it does not have cannot come from a CRD."""
    return group in _UNGROUPED or any(group == one for one, _, _ in _schemas.kinds_of(list(folders())[-1]))


def unknown_kind(checker: str, document: Document, kind: _schemas.Kind, version: str) -> ValidationFinding | None:
    """The finding for a built-in kind that a Kubernetes version does not have; None where the table tells."""
    if (document.api_version, document.kind) in TABLE:
        return None
    name = kind[2]
    here = _schemas.kinds_of(version)
    what = f"Kubernetes {version} has no {name} in {document.api_version}"
    serving = [one for one in folders() if kind in _schemas.kinds_of(one)]
    others = sorted({f"{of}/{at}" if of else at for of, at, one in here if one == name}, key=len)
    if serving and number(serving[-1]) < number(version):
        said = f"{what}: it was served until {serving[-1]}"
        remedy = f"use {' or '.join(others)}" if others else "remove it"
        return found(checker, document, ("apiVersion",), "kubernetes/removed-api", said, remedy=remedy)
    if serving:
        said = f"{what}: it is served from {serving[0]} on"
        return found(
            checker, document, ("apiVersion",), "kubernetes/unknown-kind", said, remedy="upgrade first, or leave it out"
        )
    if others:
        said = f"{what}: did you mean {others[0]}?"
        return found(
            checker, document, ("apiVersion",), "kubernetes/unknown-kind", said, remedy=f"use {' or '.join(others)}"
        )
    near = get_close_matches(name, {one for _, _, one in here if not one.endswith("List")}, n=1)
    said = f"{what}" + (f": did you mean {near[0]}?" if near else f", nor any other kind {shown(name)}")
    return found(
        checker, document, ("kind",), "kubernetes/unknown-kind", said, remedy=f"write {near[0]}" if near else ""
    )
