"""Changes as plans: a fresh read, a server-side dry run, and the one write that would make them.

Nothing here writes by itself. A plan carries its write, which takes the object's resourceVersion of that read along,
so that it is refused where anything moved in between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import JsonValue

from codenb.errors import AccessError, BadInput, ToolError
from codenb.models import Change, Entity, Owner, SuccessCondition, ToolCall
from codenb.redaction import is_secret_name
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.servers.kubernetes import facts, rollouts
from codenb.servers.kubernetes.differences import differing
from codenb.servers.kubernetes.facts import name_of
from codenb.servers.kubernetes.owners import autoscaled, owner_of
from codenb.servers.kubernetes.remedies import SERVER, rolled_out
from codenb.servers.kubernetes.rollouts import WorkloadKind
from codenb.servers.kubernetes.units import quantity

_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]{0,252}")
_RESOURCE = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9_./]{0,252}")
_IMAGE = re.compile(r"[\w][\w.:/@+-]{0,511}", re.ASCII)
_SETTLED, _EARLIER = "(the time fixed in the preview)", "(an earlier time)"


@dataclass(frozen=True, slots=True)
class _Patch:
    """One patch of one object, for the dry run and for the write."""

    cluster: Cluster
    resource: dict[str, Any]
    body: Any
    form: Literal["strategic", "merge", "json"] = "strategic"
    subresource: str = ""

    async def send(self, *, dry_run: bool) -> dict[str, Any]:
        told = self.resource["metadata"]
        return await self.cluster.patch(
            KINDS[self.resource["kind"]],
            told["name"],
            told["namespace"],
            self.body,
            form=self.form,
            subresource=self.subresource,
            dry_run=dry_run,
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """What a person is told of a change besides its difference."""

    summary: str
    owner: Owner | None
    success: SuccessCondition
    undo: ToolCall | None = None
    fixed: dict[str, JsonValue] = field(default_factory=dict)


async def scaled(cluster: Cluster, name: str, namespace: str, replicas: int) -> Change:
    """Set how many replicas a Deployment runs."""
    resource = await cluster.get(KINDS["Deployment"], name, namespace)
    now = int(resource["spec"].get("replicas", 1))
    body = {"metadata": {"resourceVersion": _version(resource)}, "spec": {"replicas": replicas}}
    patch = _Patch(cluster, resource, body, form="merge", subresource="scale")
    told = _Told(
        summary=f"scale {_entity(resource)} from {now} to {replicas}",
        owner=await _scaler(cluster, resource) or owner_of(resource),
        success=rolled_out("Deployment", name, namespace, replicas=replicas),
        undo=ToolCall(
            server=SERVER,
            tool="scale_deployment",
            arguments={"name": name, "replicas": now, "namespace": namespace},
        ),
    )
    after = await patch.send(dry_run=True)
    return _change(patch, told, {"spec": {"replicas": now}}, {"spec": {"replicas": after["spec"].get("replicas", 0)}})


async def undone(cluster: Cluster, name: str, namespace: str, revision: int | None) -> Change:
    """Go back to an older revision of a Deployment's template; None is the one before the present."""
    resource = await cluster.get(KINDS["Deployment"], name, namespace)
    entity = _entity(resource)
    if resource["spec"].get("paused"):
        raise BadInput(f"{entity} is paused, and a paused rollout cannot be undone: resume it first")
    found = await rollouts.replica_sets(cluster, resource)
    present = facts.revision_of(resource)
    older = {facts.revision_of(one): one for one in found if facts.revision_of(one) not in (0, present)}
    if not older:
        raise BadInput(f"{entity} has no other revision than {present}: there is nothing to go back to")
    wanted = max((one for one in older if one < present), default=max(older)) if revision is None else revision
    if wanted not in older:
        there = ", ".join(map(str, sorted(older)))
        what = "is the present one" if wanted == present else "is not kept"
        raise BadInput(f"revision {wanted} of {entity} {what}: choose one of {there}")
    patch = _Patch(cluster, resource, _back_to(resource, older[wanted]), form="json")
    told = _Told(
        summary=f"roll {entity} back from revision {present} to {wanted}",
        owner=owner_of(resource),
        success=rolled_out("Deployment", name, namespace),
        undo=_revert(name, namespace, present),
    )
    return _compared(patch, told, await patch.send(dry_run=True))


async def restarted(cluster: Cluster, name: str, namespace: str, fixed: Mapping[str, Any]) -> Change:
    """Make all pods of a Deployment anew, under its rollout strategy."""
    resource = await cluster.get(KINDS["Deployment"], name, namespace)
    at = str(fixed.get("restarted_at") or datetime.now(UTC).isoformat(timespec="seconds"))
    annotations = {facts.RESTARTED: at}
    body = _template_patch(resource, {"metadata": {"annotations": annotations}})
    patch = _Patch(cluster, resource, body)
    told = _Told(
        summary=f"restart {_entity(resource)}: all its pods are made anew",
        owner=owner_of(resource),
        success=rolled_out("Deployment", name, namespace),
        fixed={"restarted_at": at},
    )
    after = await patch.send(dry_run=True)
    # The time itself would make every preview another one.
    for one in (patch.resource, after):
        notes = (facts.template_of(one).get("metadata") or {}).get("annotations") or {}
        if facts.RESTARTED in notes:
            notes[facts.RESTARTED] = _SETTLED if one is after else _EARLIER
    return _compared(patch, told, after)


async def patched(
    cluster: Cluster,
    kind: WorkloadKind,
    name: str,
    namespace: str,
    container: str,
    *,
    image: str | None,
    requests: Mapping[str, str | None],
    limits: Mapping[str, str | None],
    env: Mapping[str, str | None],
) -> Change:
    """Change one container of a workload's template.

    Args:
        cluster: Where.
        kind: Of the workload.
        name: Of the workload.
        namespace: Of the workload.
        container: Which, init containers included.
        image: None leaves it.
        requests: By resource; None takes one away.
        limits: Likewise.
        env: By name; None takes one away.
    """
    _check(image, {**requests, **limits}, env)
    resource = await cluster.get(KINDS[kind], name, namespace)
    section, now = _container(resource, container)
    wanted: dict[str, Any] = {"name": container}
    if image is not None:
        wanted["image"] = image
    if requests or limits:
        parts = {"requests": dict(requests), "limits": dict(limits)}
        wanted["resources"] = {part: values for part, values in parts.items() if values}
    if env:
        held = {str(one.get("name")): one for one in now.get("env") or []}
        wanted["env"] = [one for key, value in env.items() if (one := _variable(key, value, held.get(key)))]
    patch = _Patch(cluster, resource, _template_patch(resource, {"spec": {section: [wanted]}}))
    words = [f"image {image}"] if image is not None else []
    words += [f"{what} {_pairs(values)}" for what, values in (("requests", requests), ("limits", limits)) if values]
    words += [f"env {', '.join(env)}"] if env else []
    told = _Told(
        summary=f"set {'; '.join(words)} of container {container} in {_entity(resource)}",
        owner=owner_of(resource),
        success=rolled_out(kind, name, namespace),
        undo=_undo_patch(resource, container, now, image=image, requests=requests, limits=limits, env=env),
    )
    return _compared(patch, told, await patch.send(dry_run=True))


def _change(patch: _Patch, told: _Told, before: JsonValue, after: JsonValue) -> Change:
    async def write() -> JsonValue:
        answer = await patch.send(dry_run=False)
        status: JsonValue = rollouts.status_of(answer).to_dict() if answer.get("kind") in KINDS else answer.get("spec")
        return status

    return Change(
        summary=told.summary,
        entity=_entity(patch.resource),
        before=before,
        after=after,
        success=told.success,
        undo=told.undo,
        owner=told.owner,
        fixed=told.fixed,
    ).written_by(write)


def _compared(patch: _Patch, told: _Told, after: dict[str, Any]) -> Change:
    """A change whose before and after are what differs between the object and its dry run."""
    was, will = differing(_lasting(patch.resource), _lasting(after))
    return _change(patch, told, was or {}, will or {})


def _lasting(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an object that people mean: neither status nor what moves by itself."""
    notes = (resource.get("metadata") or {}).get("annotations") or {}
    kept = {key: value for key, value in notes.items() if key == facts.CHANGE_CAUSE}
    return {"metadata": {"annotations": kept}, "spec": resource.get("spec") or {}}


def _entity(resource: Mapping[str, Any]) -> Entity:
    return Entity(kind=resource["kind"], name=name_of(resource), namespace=resource["metadata"]["namespace"])


def _version(resource: Mapping[str, Any]) -> str:
    return str(resource["metadata"]["resourceVersion"])


def _template_patch(resource: Mapping[str, Any], template: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": _version(resource)}, "spec": {"template": template}}


def _back_to(resource: Mapping[str, Any], replica_set: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The patch that gives a Deployment the template of an older ReplicaSet, and the note that went with it."""
    template = replica_set["spec"]["template"]
    told = template.get("metadata") or {}
    labels = {key: value for key, value in (told.get("labels") or {}).items() if key != "pod-template-hash"}
    wanted = {**template, "metadata": {**told, "labels": labels}}
    patch: list[dict[str, Any]] = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": _version(resource)},
        {"op": "replace", "path": "/spec/template", "value": wanted},
    ]
    notes = resource["metadata"].get("annotations") or {}
    cause = ((replica_set["metadata"]).get("annotations") or {}).get(facts.CHANGE_CAUSE)
    path = f"/metadata/annotations/{facts.CHANGE_CAUSE.replace('/', '~1')}"
    if cause and notes:
        patch.append({"op": "add", "path": path, "value": cause})
    elif facts.CHANGE_CAUSE in notes:
        patch.append({"op": "remove", "path": path})
    return patch


def _revert(name: str, namespace: str, revision: int) -> ToolCall | None:
    arguments: dict[str, JsonValue] = {"name": name, "namespace": namespace, "revision": revision}
    return ToolCall(server=SERVER, tool="undo_rollout", arguments=arguments) if revision else None


async def _scaler(cluster: Cluster, resource: Mapping[str, Any]) -> Owner | None:
    """The autoscaler that would take the change back; unknown where autoscalers may not be read."""
    try:
        found = await cluster.listed(KINDS["HorizontalPodAutoscaler"], resource["metadata"]["namespace"])
    except (AccessError, ToolError):
        return None
    return autoscaled(found.items, resource["kind"], name_of(resource))


def _container(resource: Mapping[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    spec = facts.template_of(resource).get("spec") or {}
    for section in ("containers", "initContainers"):
        for one in spec.get(section) or []:
            if one.get("name") == name:
                return section, one
    there = [str(one.get("name")) for section in ("containers", "initContainers") for one in spec.get(section) or []]
    raise BadInput(f"{_entity(resource)} has no container {name[:80]!r}: it has {', '.join(there)}")


def _variable(name: str, value: str | None, held: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An entry of a strategic merge patch; None where there is nothing to take away."""
    if value is None:
        return {"name": name, "$patch": "delete"} if held else None
    source = {"valueFrom": None} if held and held.get("valueFrom") else {}
    return {"name": name, "value": value} | source


def _check(image: str | None, amounts: Mapping[str, str | None], env: Mapping[str, str | None]) -> None:
    if image is None and not amounts and not env:
        raise BadInput("nothing to change: give image, requests, limits or env")
    if image is not None and not _IMAGE.fullmatch(image):
        raise BadInput(f"{image[:80]!r} is no image: write it like registry.example/shop/app:1.2")
    for name, amount in amounts.items():
        if not _RESOURCE.fullmatch(name):
            raise BadInput(f"{name[:80]!r} is no resource: write cpu, memory or a device such as vendor.example/gpu")
        if amount is not None and quantity(amount) < 0:
            raise BadInput(f"{amount} of {name} is less than nothing: write it like 250m or 128Mi")
    for name in env:
        if not _ENV_NAME.fullmatch(name):
            raise BadInput(f"{name[:80]!r} is no name of an environment variable")


def _pairs(values: Mapping[str, str | None]) -> str:
    return ", ".join(f"{key}={'(none)' if value is None else value}" for key, value in values.items())


def _undo_patch(
    resource: Mapping[str, Any],
    container: str,
    now: Mapping[str, Any],
    *,
    image: str | None,
    requests: Mapping[str, str | None],
    limits: Mapping[str, str | None],
    env: Mapping[str, str | None],
) -> ToolCall | None:
    """The call that sets the present values again; the present revision where a value is no plain text."""
    kind, name, namespace = resource["kind"], name_of(resource), resource["metadata"]["namespace"]
    held = {str(one.get("name")): one for one in now.get("env") or []}
    if any(is_secret_name(key) or (held.get(key) or {}).get("valueFrom") for key in env):
        return _revert(name, namespace, facts.revision_of(resource)) if kind == "Deployment" else None
    resources = now.get("resources") or {}
    arguments: dict[str, Any] = {"kind": kind, "name": name, "namespace": namespace, "container": container}
    if image is not None:
        arguments["image"] = now.get("image")
    for part, wanted in (("requests", requests), ("limits", limits)):
        if wanted:
            arguments[part] = {key: (resources.get(part) or {}).get(key) for key in wanted}
    if env:
        arguments["env"] = {key: held[key].get("value", "") if key in held else None for key in env}
    return ToolCall(server=SERVER, tool="patch_workload", arguments=arguments)
