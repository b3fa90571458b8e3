"""What reading the files found, as findings."""

from __future__ import annotations

from codenb.models import CheckerRun, ValidationFinding
from codenb.servers.deployment.validation._job import Job

_REMEDIES = {
    "yaml/tab": "indent with spaces",
    "yaml/duplicate-key": "remove one of the two",
    "yaml/boolean-key": "write the key in quotes",
    "yaml/byte-order-mark": "remove it; each file of a joined one should be saved as UTF-8 without a byte order mark",
    "yaml/binary": "remove it from the folder, or name the files that are meant",
    "yaml/encoding": "save the file as UTF-8",
    "helm/not-rendered": "render it: helm template RELEASE CHART > rendered.yaml",
    "kubernetes/no-object": "give it apiVersion, kind and metadata, or leave the file out",
}
_YAML = "https://yaml.org/spec/1.1/"


class Syntax:
    """YAML, as Kubernetes reads it."""

    name = "kubernetes syntax"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Hand on what reading found; what could not be read keeps the report from being valid."""
        problems = job.manifests.problems
        unread = [problem for problem in problems if problem.unread]
        findings = [
            ValidationFinding(
                rule=problem.rule,
                checker=self.name,
                severity=problem.severity,
                message=problem.message,
                file=problem.file,
                line=problem.line,
                column=problem.column,
                remedy=_REMEDIES.get(problem.rule, ""),
                link=_YAML if problem.rule.startswith("yaml/") else "",
                source=problem.source,
            )
            for problem in problems
        ]
        if not unread:
            return CheckerRun(name=self.name, version="YAML 1.1"), findings
        more = f", and {len(unread) - 1} more" if len(unread) > 1 else ""
        said = f"{unread[0].file}: {unread[0].message}{more}"
        return CheckerRun(name=self.name, version="YAML 1.1", status="failed", problem=said), findings
