"""Policies over Kubernetes objects; the engine and the table of severities are the security server's."""

from __future__ import annotations

import asyncio

from codenb.models import CheckerRun, ValidationFinding
from codenb.servers.deployment.validation._job import Job


class Policies:
    """What is allowed by the schema and unwise all the same."""

    name = "checkov"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Scan every object.

        Raises:
            PartMissing: The engine is not installed.
        """
        return await asyncio.to_thread(self._look, job)

    def _look(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        from codenb.servers.security import policies  # noqa: PLC0415  loads the engine, two seconds the first time

        documents = [one for one in job.manifests.documents if one.api_version and one.kind]
        scan = policies.scan_manifests(documents)
        problem = scan.problems[0] if scan.problems else ""
        run = CheckerRun(
            name=self.name, version=policies.version(), status="failed" if problem else "ok", problem=problem
        )
        return run, list(scan.findings)
