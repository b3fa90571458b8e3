"""References between objects: selectors, ports, and the names and keys of what is mounted, bound or scaled."""

from __future__ import annotations

from collections.abc import Iterator

from codenb.models import CheckerRun, Severity, ValidationFinding
from codenb.servers._manifests import Document
from codenb.servers.deployment.validation import _mounted, _selected
from codenb.servers.deployment.validation._inventory import Inventory, Live, Wanted, looked_up
from codenb.servers.deployment.validation._job import Job, looked
from codenb.servers.deployment.validation._links import Link
from codenb.servers.deployment.validation._rules import dotted, found


class References:
    """Whether what one object says of another holds."""

    name = "kubernetes references"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Follow every reference, into the cluster where one is connected."""
        links, findings = await looked(job, self._inside)
        live = await looked_up(job.cluster, [link.wanted for link in links]) if job.cluster else None
        findings += [finding for link in links if (finding := self._outside(link, live))]
        status, problem = ("failed", live.problem) if live and live.problem else ("ok", "")
        return CheckerRun(name=self.name, version=job.kubernetes_version, status=status, problem=problem), findings

    def _inside(self, job: Job) -> tuple[list[Link], list[ValidationFinding]]:
        """What the files tell by themselves, and the references that lead out of them."""
        inventory = Inventory(job.manifests.documents)
        findings = [*self._duplicates(inventory.documents), *_selected.faults(self.name, inventory)]
        out: list[Link] = []
        for link in _mounted.links(inventory):
            there = inventory.of(*link.wanted)
            if not there:
                out.append(link.near(inventory.near(*link.wanted)))
            elif finding := self._key(link, there):
                findings.append(finding)
        return out, findings

    def _key(self, link: Link, there: list[Document]) -> ValidationFinding | None:
        """Whether the object has the key that a reference names."""
        if not link.key or link.optional:
            return None
        keys = {key for one in there for key in _mounted.keys(one)}
        if link.key in keys:
            return None
        kind, _, name = link.wanted
        has = f": it has {', '.join(sorted(keys)[:8])}" if keys else ""
        said = f"{kind} {name} has no key {link.key}{has}"
        return found(self.name, link.document, link.key_path or link.path, "kubernetes/missing-key", said)

    def _outside(self, link: Link, live: Live | None) -> ValidationFinding | None:
        """What there is to say of an object that is not among the files."""
        if link.optional:
            return None
        kind, namespace, name = link.wanted
        what = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
        meant = f": did you mean {link.meant}?" if link.meant else ""
        remedy = f"write {link.meant}" if link.meant else f"create it, or correct {dotted(link.path)}"
        if live is not None and link.wanted in live.there:
            there = live.there[link.wanted]
            if there is None:
                said = f"{what} is neither among the files nor in the cluster{meant}"
                return self._missing(link, said, remedy, Severity.HIGH)
            keys = set(_mounted.keys_of(there)) if link.key else set()
            if link.key and kind == "ConfigMap" and link.key not in keys:
                said = f"{what} in the cluster has no key {link.key}"
                return found(self.name, link.document, link.key_path or link.path, "kubernetes/missing-key", said)
            return None
        said = f"{what} is not among the files{meant or ': it must be in the cluster already'}"
        return self._missing(link, said, remedy, Severity.MEDIUM if link.meant else Severity.INFO)

    def _missing(self, link: Link, message: str, remedy: str, severity: Severity) -> ValidationFinding:
        rule = "kubernetes/missing-object"
        return found(self.name, link.document, link.path, rule, message, remedy=remedy, severity=severity)

    def _duplicates(self, documents: tuple[Document, ...]) -> Iterator[ValidationFinding]:
        """Objects that stand twice in one folder; the same name in another folder is another environment's."""
        first: dict[tuple[str, ...], Document] = {}
        for document in documents:
            folder = document.file.rpartition("/")[0]
            key: tuple[str, ...] = (folder, document.api_version, *_identity(document))
            if not document.kind or not document.name:
                continue
            if key in first:
                before = first[key]
                said = f"{document.entity} stands here a second time: the first is at {before.file}:{before.line}"
                remedy = "remove or rename one of them"
                yield found(
                    self.name, document, ("metadata", "name"), "kubernetes/duplicate-object", said, remedy=remedy
                )
            else:
                first[key] = document


def _identity(document: Document) -> Wanted:
    return document.kind, document.namespace, document.name
