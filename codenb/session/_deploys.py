"""What a session does with configuration: check it, price it, show what applying it would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from codenb.config import ServerSettings
from codenb.errors import BadInput, UnknownServer
from codenb.models import CostEstimate, TerraformPlan, ValidationReport
from codenb.session import _files
from codenb.session._trace import traced
from codenb.views import Progress

if TYPE_CHECKING:
    from codenb.host import Host
    from codenb.servers.deployment.kubernetes import ManifestDiff
    from codenb.session._files import Given

_DEPLOYMENT = "deployment"
_PLAN_S = 1800.0
"""How long planning infrastructure may take, in seconds: it reads every resource that there is."""

_VALIDATE_S = 300.0


class Deploys:
    """The part of a session that asks the deployment server; nothing in it changes anything."""

    host: Host

    @traced
    async def validate(
        self,
        *what: Given,
        type: Literal["auto", "terraform", "kubernetes", "docker"] = "auto",  # noqa: A002  the tool's own name for it
        strict: bool = True,
        kubernetes_version: str | None = None,
    ) -> ValidationReport:
        """Check Terraform, Kubernetes or Docker configuration before anything is done with it.

        Args:
            *what: Paths of files or folders, or texts (with a newline in them).
            type: What it is; `auto` tells by the files.
            strict: Whether matters of style count with their own severity.
            kubernetes_version: Whose schemas to use, such as `1.37`; None is the cluster's, else the newest known.

        Returns:
            Findings with file and line, and which checkers ran; never `valid` where one could not.

        Raises:
            BadInput: A path does not exist, or is outside of the roots.
        """
        arguments = {
            "type": type,
            "config_path": _files.items(what, self._deployment),
            "strict": strict,
            "kubernetes_version": kubernetes_version,
        }
        answer = await self.host.call(
            _DEPLOYMENT, "validate_deployment", arguments, timeout_s=_VALIDATE_S, on_progress=Progress()
        )
        return ValidationReport.from_dict(answer.data, what="the validation")

    @traced
    async def diff(self, manifests: Given | Sequence[Given], namespace: str | None = None) -> ManifestDiff:
        """What applying manifests would change in the cluster, object by object; nothing is changed.

        Args:
            manifests: Paths of files or folders, or YAML texts.
            namespace: For objects that name none.

        Returns:
            A diff for each object, who owns what, and how many replicas are ready.
        """
        from codenb.servers.deployment.kubernetes import ManifestDiff  # noqa: PLC0415  with what it is made by

        arguments = {"manifests": _files.items(manifests, self._deployment), "namespace": namespace}
        answer = await self.host.call(_DEPLOYMENT, "diff_kubernetes", arguments, on_progress=Progress())
        return ManifestDiff.from_dict(answer.data, what="the diff")

    @traced
    async def plan(
        self,
        workspace: str | Path,
        variables: Mapping[str, Any] | None = None,
        *,
        resource_address: str | None = None,
    ) -> TerraformPlan:
        """What Terraform or OpenTofu would change, as a table; nothing is changed.

        Args:
            workspace: Folder of the root module.
            variables: By name; sensitive ones show nowhere.
            resource_address: Plan only this resource, and what it depends on.

        Returns:
            The plan. To apply it: `nb.propose("deployment", "apply_terraform", workspace=..., plan_id=plan.plan_id)`.
        """
        if not isinstance(variables, Mapping | None):
            raise BadInput(f"variables are a mapping of names to values, not of type {type(variables).__name__}")
        arguments = {
            "workspace": str(_files.path(workspace)),
            "variables": dict(variables or {}),
            "resource_address": resource_address,
        }
        answer = await self.host.call(
            _DEPLOYMENT, "plan_terraform", arguments, timeout_s=_PLAN_S, on_progress=Progress()
        )
        return TerraformPlan.from_dict(answer.data, what="the plan")

    @traced
    async def estimate(
        self, infrastructure: Any, *, duration_hours: float = 730, include_data_transfer: bool = True
    ) -> CostEstimate:
        """What infrastructure costs.

        Args:
            infrastructure: Paths or texts of manifests, the JSON of a Terraform plan, or a list of items such as
                `{"type": "m5.large", "count": 3}`.
            duration_hours: For how long; a month is 730 hours.
            include_data_transfer: Whether traffic counts, where it is declared.

        Returns:
            Lines with their prices and sources; what has no price is listed, and the total then says "at least".
        """
        arguments = {
            "infrastructure": _files.infrastructure(infrastructure, self._deployment),
            "duration_hours": duration_hours,
            "include_data_transfer": include_data_transfer,
        }
        answer = await self.host.call(_DEPLOYMENT, "estimate_costs", arguments)
        return CostEstimate.from_dict(answer.data, what="the estimate")

    @property
    def _deployment(self) -> ServerSettings:
        if _DEPLOYMENT not in self.host.servers:
            raise UnknownServer(
                "this needs the deployment server, which is switched off: take `enabled = false` or "
                '`"disabled": true` from its settings'
            )
        return self.host.servers[_DEPLOYMENT]
