"""A request to deploy something, read from the target, and the manifests that would carry it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codenb.errors import BadInput
from codenb.experts._sizing_room import Need, demanded, spread
from codenb.models import (
    Entity,
    Expectation,
    ProposedChange,
    Recommendation,
    SuccessCondition,
    Target,
    ToolCall,
)
from codenb.servers.kubernetes.snapshot import Snapshot
from codenb.servers.kubernetes.units import quantity

DEPLOY = "deployment.deploy_kubernetes"

_SERVER, _TOOL, _CHECK = "deployment", "deploy_kubernetes", "diff_kubernetes"
_WITHIN_S = 300
_LONGEST_IMAGE = 500
_NAME = "app.kubernetes.io/name"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be deployed.

    Attributes:
        entity: The Deployment.
        replicas: How many.
        assumed: Why so many, where nobody asked for a number.
        resources: Requests of its container, as they were asked for.
        image: Empty where nobody named one.
        limits: Limits of its container.
        spread: Label of nodes over which its pods are spread; empty for none.
    """

    entity: Entity
    replicas: int
    assumed: str
    resources: Mapping[str, str]
    image: str
    limits: Mapping[str, str]
    spread: str

    @classmethod
    def of(cls, target: Target, snapshot: Snapshot, replicas: int | None = None) -> Request:
        """Read the target of a plan.

        Args:
            target: With a workload.
            snapshot: The namespace it goes to: its quotas say which limits have to be stated.
            replicas: In place of what the target asks for.

        Raises:
            BadInput: An amount or the image is none.
        """
        for what, text in target.resources.items():
            if quantity(text) <= 0:
                raise BadInput(f"the request asks for {text[:40]!r} of {what[:40]}: ask for more than nothing")
        image = target.extra.get("image") or ""
        if not isinstance(image, str) or len(image) > _LONGEST_IMAGE or not image.isprintable() or " " in image:
            raise BadInput("the image of the request is no image reference: write it like registry.example/shop:1.0")
        by, assumed, count = spread(snapshot), "", target.replicas if replicas is None else replicas
        if count is None:
            count = 2 if by else 1
            assumed = "nobody asked for a number: two survive the loss of one node" if by else "there is one node"
        limits = {
            what: text
            for what, text in target.resources.items()
            if what == "memory" or "/" in what or demanded(snapshot, f"limits.{what}")
        }
        entity = Entity(kind="Deployment", name=target.workload or "", namespace=snapshot.namespace)
        spread_by = by if count > 1 else ""
        return cls(entity, count, assumed, dict(target.resources), image, limits, spread_by)

    @property
    def need(self) -> Need:
        """What it asks of quotas and nodes."""
        requests = {what: quantity(text) for what, text in self.resources.items()}
        return Need(self.entity, self.replicas, requests, {what: quantity(text) for what, text in self.limits.items()})

    @property
    def container(self) -> str:
        """The path of its container, as recommendations name it."""
        return f"spec.template.spec.containers[{self.entity.name}]"

    @property
    def budget(self) -> Entity | None:
        """The disruption budget that it gets; one replica has none, or no node could be drained."""
        return self.entity.model_copy(update={"kind": "PodDisruptionBudget"}) if self.replicas > 1 else None

    def recommendations(self) -> list[Recommendation]:
        """What is recommended beside replicas and requests: field and value where they are known."""
        name, found = self.entity.name, []
        for what, value in self.limits.items():
            why = "so that a leak stops itself and not its node" if what == "memory" else "as the quota demands"
            found.append(
                self._set(f"{self.container}.resources.limits.{what}", value, f"limit {what} to {value}, {why}")
            )
        if self.budget:
            text = (
                f"give {name} a PodDisruptionBudget of maxUnavailable 1, so that draining nodes leaves the rest running"
            )
            found.append(
                Recommendation(text=text, tool=DEPLOY, entity=self.budget, field="spec.maxUnavailable", value=1)
            )
        if self.spread:
            text = f"spread the pods of {name} over {self.spread}, so that the loss of one takes not all of them"
            found.append(self._set("spec.template.spec.topologySpreadConstraints", _spread(self), text))
        text = f"give {name} a readiness probe: its path and port are not in the request, and without one it counts as "
        found.append(
            Recommendation(
                text=f"{text}ready as soon as it starts", entity=self.entity, field=f"{self.container}.readinessProbe"
            )
        )
        if self.image and ("@" not in self.image and self.image.rpartition("/")[2].partition(":")[2] in ("", "latest")):
            text = f"name a version of {self.image}: what it stands for changes, so that going back brings nothing back"
            found.append(Recommendation(text=text, entity=self.entity, field=f"{self.container}.image"))
        return found

    def asked(self) -> list[Recommendation]:
        """What is asked for, field by field."""
        told = f" ({self.assumed})" if self.assumed else ""
        found = [self._set("spec.replicas", self.replicas, f"run {self.replicas} of {self.entity.name}{told}")]
        found += [
            self._set(f"{self.container}.resources.requests.{what}", value, f"request {value} of {what} a pod")
            for what, value in self.resources.items()
        ]
        return found

    def change(self, why: str, remedies: str) -> ProposedChange:
        """The call that deploys it."""
        import yaml  # noqa: PLC0415  only a plan with an image writes manifests

        text = yaml.safe_dump_all(self.manifests(), sort_keys=False)
        arguments: dict[str, Any] = {"manifests": [text], "namespace": self.entity.namespace}
        success = SuccessCondition(
            text=f"the cluster has what the manifests say, and all replicas of {self.entity} are ready",
            check=ToolCall(server=_SERVER, tool=_CHECK, arguments=arguments),
            expect=(
                Expectation(field="changed", value=0),
                Expectation(field="ready_replicas", op=">=", value="$desired_replicas"),
            ),
            within_s=_WITHIN_S,
        )
        call = ToolCall(server=_SERVER, tool=_TOOL, arguments=arguments)
        return ProposedChange(call=call, why=why[:1_000], success=success, group=remedies, remedies=remedies)

    def manifests(self) -> list[dict[str, Any]]:
        """A Deployment, and its budget where it has one."""
        labels = {_NAME: self.entity.name, "app.kubernetes.io/instance": self.entity.name}
        head = {"name": self.entity.name, "namespace": self.entity.namespace, "labels": labels}
        resources = {"requests": dict(self.resources)} | ({"limits": dict(self.limits)} if self.limits else {})
        pod: dict[str, Any] = {"topologySpreadConstraints": _spread(self)} if self.spread else {}
        # What any image can live with, and what a pod has no need of unless its request says so.
        pod |= {
            "automountServiceAccountToken": False,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        }
        container = {"name": self.entity.name, "image": self.image, "resources": resources}
        pod["containers"] = [{**container, "securityContext": {"allowPrivilegeEscalation": False}}]
        selector = {"matchLabels": {_NAME: self.entity.name}}
        made: list[dict[str, Any]] = [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": head,
                "spec": {
                    "replicas": self.replicas,
                    "selector": selector,
                    "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
                },
            }
        ]
        if self.budget:
            spec = {"maxUnavailable": 1, "selector": {"matchLabels": {_NAME: self.entity.name}}}
            head = {**head, "labels": dict(labels)}
            made.append({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": head, "spec": spec})
        return made

    def _set(self, field: str, value: Any, text: str) -> Recommendation:
        return Recommendation(text=text, tool=DEPLOY, entity=self.entity, field=field, value=value)


def _spread(request: Request) -> list[dict[str, Any]]:
    return [
        {
            "maxSkew": 1,
            "topologyKey": request.spread,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {_NAME: request.entity.name}},
        }
    ]
