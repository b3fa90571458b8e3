"""Objects against the schema of their kind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from codenb.errors import CodenbError, PartMissing
from codenb.models import CheckerRun, ValidationFinding
from codenb.servers._manifests import Document
from codenb.servers.deployment.validation import _schemas
from codenb.servers.deployment.validation._apis import built_in, unknown_kind
from codenb.servers.deployment.validation._job import Job
from codenb.servers.deployment.validation._rules import found
from codenb.servers.deployment.validation._schema_words import explained
from codenb.servers.deployment.validation._versions import folders

if TYPE_CHECKING:
    from codenb.servers._clients.cluster import Cluster

_PARALLEL = 8


class SchemaChecker:
    """Fields, types and values, by the schemas of the Kubernetes version, of the cluster, and of CRDs beside them.

    A custom resource whose definition is nowhere to be had is said to be unchecked, and the run did not get over
    everything, so the report is incomplete: a mistyped field in it would show only when it is applied, or later, and
    who reads `valid` would not look for it. `--allow-incomplete` is for who knows and accepts that.
    """

    name = "kubernetes schema"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Validate every object.

        Raises:
            PartMissing: The schemas or the validator are not installed.
        """
        if not job.kubernetes_version:
            raise PartMissing("Kubernetes schemas are not installed: pip install 'codenb[deploy]'")
        served, problem = None, ""
        if job.cluster is not None:
            try:
                served = await self._of_cluster(job.cluster, job.manifests.documents)
            except CodenbError as error:
                problem = f"the cluster's own schemas could not be read: {error}"
        version = job.kubernetes_version
        if served is None and version not in folders():
            raise PartMissing(
                f"there are no schemas of Kubernetes {version}, {problem or 'nor a cluster that serves them'}"
            )
        findings, unchecked, notes = await asyncio.to_thread(self._look, job, served)
        problem = problem or unchecked or notes
        status = "failed" if problem and (unchecked or job.cluster is not None) else "ok"
        told = f"{version} of {job.cluster.context}" if served and job.cluster else version
        return CheckerRun(name=self.name, version=told, status=status, problem=problem), findings

    def _look(self, job: Job, served: _schemas.Schemas | None) -> tuple[list[ValidationFinding], str, str]:
        documents = job.manifests.documents
        own = _schemas.of_definitions([one for one in documents if _schemas.is_definition(one)])
        published = _schemas.of_version(job.kubernetes_version) if job.kubernetes_version in folders() else None
        findings: list[ValidationFinding] = []
        unchecked: dict[str, list[Document]] = {}
        rules = 0
        for document in documents:
            if not document.api_version or not document.kind:
                continue
            kind = _kind(document)
            schema = own.get(kind) or (served and served.of(kind)) or (published and published.of(kind))
            if schema:
                rules += schema.rules
                findings += explained(self.name, document, schema)
                if not schema.patterns:
                    unchecked.setdefault(f"patterns of {document.kind} ({document.api_version})", []).append(document)
            elif not built_in(kind[0]):
                unchecked.setdefault(f"{document.kind} ({document.api_version})", []).append(document)
            elif published and (finding := unknown_kind(self.name, document, kind, job.kubernetes_version)):
                findings.append(finding)
            elif not published:
                unchecked.setdefault(f"{document.kind} ({document.api_version})", []).append(document)
        findings += [
            self._unchecked(what, several, connected=served is not None) for what, several in unchecked.items()
        ]
        where = (
            "the cluster does not serve them" if served else "connect a cluster that has them, or put their CRDs beside"
        )
        said = f"no schema for {', '.join(unchecked)}: {where}" if unchecked else ""
        notes = f"rules in CEL of {rules} objects are left to the API server" if rules else ""
        return findings, said, notes

    def _unchecked(self, what: str, documents: list[Document], *, connected: bool) -> ValidationFinding:
        more = f", and {len(documents) - 1} more of this kind" if len(documents) > 1 else ""
        said = f"{what} was not checked against a schema: there is none here{more}"
        remedy = "install its CRD" if connected else "connect a cluster that has its CRD, or put the CRD beside it"
        return found(self.name, documents[0], ("kind",), "kubernetes/unchecked", said, remedy=remedy)

    async def _of_cluster(self, cluster: Cluster, documents: tuple[Document, ...]) -> _schemas.Schemas:
        """The schemas that a cluster serves for the API versions of some objects."""
        told = await cluster.request("GET", "/openapi/v3", doing="list the schemas")
        paths = told.get("paths") if isinstance(told, dict) else None
        served: dict[str, Any] = paths if isinstance(paths, dict) else {}
        versions = sorted({document.api_version for document in documents if document.api_version})
        wanted = [f"apis/{one}" if "/" in one else f"api/{one}" for one in versions]
        turns = asyncio.Semaphore(_PARALLEL)

        async def fetch(path: str) -> dict[str, Any]:
            async with turns:
                # The path that the server names carries a hash as its query; without it the answer is the current one.
                answer = await cluster.request("GET", f"/openapi/v3/{path}", doing=f"read the schemas of {path}")
            return answer if isinstance(answer, dict) else {}

        answers = await asyncio.gather(*(fetch(path) for path in wanted if path in served))
        return await asyncio.to_thread(_schemas.of_openapi, list(answers))


def _kind(document: Document) -> _schemas.Kind:
    group, _, version = document.api_version.rpartition("/")
    return group, version, document.kind
