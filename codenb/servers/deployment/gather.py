"""What the deployment server knows of a target: who deployed what is there, and how sound what is asked for is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from codenb.errors import CodenbError
from codenb.models import Target
from codenb.servers.kubernetes.running import Part
from codenb.views import Block, Table, View
from codenb.views import Field as Line

if TYPE_CHECKING:
    from codenb.config import Settings
    from codenb.servers._base._paths import Roots
    from codenb.servers._clients.cluster import Cluster

_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_MOST_WORKLOADS = 30
_MOST_FINDINGS = 10
_OWN = frozenset({"status", "scale"})
"""Subresources that controllers write: not a deployment."""


class Deployed(Part):
    """Who last wrote a workload, by its managed fields.

    Attributes:
        workload: `Kind namespace/name`.
        manager: Its field manager, as the API server names it: `kubectl-client-side-apply`, `helm`, `codenb`.
        operation: `Apply` or `Update`.
        at: RFC 3339.
    """

    workload: str = ""
    manager: str = ""
    operation: str = ""
    at: str = ""


class DeploymentContext(Part):
    """What is deployed by whom, and what is asked for.

    Attributes:
        namespace: Where.
        deployed: Who wrote the workloads, the newest first.
        validation: Of the target's manifests: `valid`, `invalid` or `incomplete`, and the worst findings.
        findings: The worst findings, one line each.
        cost: Of the target's manifests, for 730 hours.
        missing: What could not be told, and why.
    """

    namespace: str = ""
    deployed: tuple[Deployed, ...] = ()
    validation: str = ""
    findings: tuple[str, ...] = ()
    cost: str = ""
    missing: dict[str, str] = Field(default_factory=dict)

    def view(self) -> View:
        """A row a workload, then what is asked for."""
        rows = [(one.workload, one.manager, one.operation, one.at) for one in self.deployed]
        blocks: list[Block] = [Table(["workload", "written by", "operation", "at"], rows)]
        blocks += [Line("manifests", self.validation), Line("cost", self.cost)] if self.validation else []
        blocks += [Line("finding", one) for one in self.findings]
        blocks += [Table(["could not be told", "why"], list(self.missing.items()))] if self.missing else []
        return View(title=f"Deployment of {self.namespace}", blocks=blocks)


async def described(target: Target, cluster: Cluster, roots: Roots, settings: Settings) -> DeploymentContext:
    """Look at a target.

    Args:
        target: Its namespace is read; its manifests, where it has any, are validated and priced.
        cluster: Where it is or would be.
        roots: Where manifests may be.
        settings: Say which prices and programs are one's own.
    """
    missing: dict[str, str] = {}
    deployed: list[Deployed] = []
    for name in _KINDS:
        try:
            kind = await cluster.kind(name, "apps/v1")
            page = await cluster.page(kind, target.namespace, limit=_MOST_WORKLOADS)
        except CodenbError as error:
            missing[f"{name}s"] = str(error)
            continue
        deployed += [one for item in page.items if (one := _deployed(name, item, target.workload))]
    deployed.sort(key=lambda one: one.at, reverse=True)
    context = DeploymentContext(namespace=target.namespace, deployed=tuple(deployed), missing=missing)
    return context.model_copy(update=await _asked(target, roots, settings)) if target.manifests else context


async def _asked(target: Target, roots: Roots, settings: Settings) -> dict[str, Any]:
    from codenb.servers import cost  # noqa: PLC0415  only where something is asked for
    from codenb.servers.deployment.validation import validate  # noqa: PLC0415

    report = await validate(target.manifests, roots, type="kubernetes", settings=settings)
    configured = settings.servers.get("deployment")
    book = await asyncio.to_thread(cost.PriceBook.of, configured.prices if configured else None)
    estimate = await asyncio.to_thread(cost.estimate, target.manifests, book=book, roots=roots)
    return {
        "validation": report.status,
        "findings": tuple(f"{one.severity} {one.rule} {one.place}: {one.message}" for one in report.findings)[
            :_MOST_FINDINGS
        ],
        "cost": f"{estimate.total_text} for {estimate.duration_hours:g} hours",
    }


def _deployed(kind: str, item: Mapping[str, Any], workload: str | None) -> Deployed | None:
    metadata = item.get("metadata") or {}
    if workload and metadata.get("name") != workload:
        return None
    last = max(_writes(metadata), key=lambda entry: str(entry.get("time", "")), default={})
    return Deployed(
        workload=f"{kind} {metadata.get('namespace')}/{metadata.get('name')}",
        manager=str(last.get("manager", "")),
        operation=str(last.get("operation", "")),
        at=str(last.get("time", "")),
    )


def _writes(metadata: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entry in metadata.get("managedFields") or ():
        if isinstance(entry, Mapping) and entry.get("subresource") not in _OWN:
            yield entry
