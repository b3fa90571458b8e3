"""Deleting one object: what goes, what goes along with it, what is left broken, and whether it can be had back.

Only what stands in a namespace is deleted here. What stands outside (namespaces, nodes, volumes, definitions, roles of
the cluster) reaches further than one preview can show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import JsonValue

from codenb.errors import BadInput, Conflict, PermissionMissing
from codenb.models import Change, Entity, Expectation, SuccessCondition, ToolCall
from codenb.redaction import redactor
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS, Kind
from codenb.servers._clients.names import checked_namespace
from codenb.servers.kubernetes.aftermath import Aftermath, aftermath
from codenb.servers.kubernetes.facts import name_of
from codenb.servers.kubernetes.owners import owner_of
from codenb.servers.kubernetes.reading import shown
from codenb.servers.kubernetes.remedies import SERVER, WITHIN_S, rolled_out

Propagation = Literal["Background", "Foreground", "Orphan"]

SYSTEM = frozenset({"kube-system", "kube-public", "kube-node-lease"})
_COMES_BACK = frozenset({("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")})
_API_SERVER = frozenset({"Service", "Endpoints", "EndpointSlice"})
"""Named `kubernetes` in namespace `default`, it is how everything in the cluster reaches the API server."""

_UNDONE = frozenset({
    "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Service", "ConfigMap", "ServiceAccount",
    "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress", "NetworkPolicy", "Role", "RoleBinding",
})  # fmt: skip
"""Kinds of which all that matters is what was asked for, so that asking again brings them back."""

_KEPT_BY_SERVER = frozenset({
    "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "deletionTimestamp",
    "deletionGracePeriodSeconds",
})  # fmt: skip
_REVISION = "deployment.kubernetes.io/revision"
_GIVEN = ("clusterIP", "clusterIPs", "healthCheckNodePort")
_LARGEST_UNDO = 200_000


async def deleted(
    cluster: Cluster,
    kind: str,
    name: str,
    namespace: str | None,
    *,
    api_version: str | None,
    propagation: Propagation,
    fixed: Mapping[str, Any],
) -> Change:
    """Delete one object.

    Args:
        cluster: Where.
        kind: Kind, plural or short name.
        name: Of the object.
        namespace: Of the object.
        api_version: Where two groups have the kind.
        propagation: What becomes of what it owns.
        fixed: The uid that was previewed, so that one made anew under the same name is not taken for it.

    Raises:
        BadInput: There is none of that name, or it is not deleted here.
        Conflict: It was made anew since the preview.
    """
    found = await cluster.kind(kind, api_version)
    space = _place_of(found, name, namespace)
    resource = await cluster.find(found, name, space) if fixed else await cluster.get(found, name, space)
    uid = fixed.get("uid")
    entity = Entity(kind=found.kind, name=name, namespace=space)
    if resource is None or (uid and resource["metadata"]["uid"] != uid):
        return _gone(entity, made_anew=resource is not None, fixed=fixed)
    await cluster.delete(found, resource, propagation=propagation, dry_run=True)
    after = await aftermath(cluster, resource, orphan=propagation == "Orphan")
    volumes = await _volumes(cluster, [resource, *after.owned])
    undo, why_not = _undo(resource, space)

    async def write() -> JsonValue:
        await cluster.delete(found, resource, propagation=propagation, dry_run=False)
        return {"deleted": str(entity), "with_it": [_key(one) for one in after.owned]}

    return Change(
        summary=f"delete {entity}" + (f" with {along}" if (along := _along(after)) else ""),
        entity=entity,
        before={_key(resource): _lasting(resource)}
        | {_key(one): "deleted with it" for one in after.lasting}
        | {
            f"PersistentVolume {volume}": "its data is deleted"
            for volume, policy in volumes.items()
            if policy == "Delete"
        },
        after={},
        success=_success(found, resource),
        undo=undo,
        owner=owner_of(resource),
        destructive=True,
        fixed={"uid": resource["metadata"]["uid"]},
        notes=tuple(_notes(resource, after, volumes, propagation, why_not)),
    ).written_by(write)


def _place_of(kind: Kind, name: str, namespace: str | None) -> str:
    """The namespace, where the object may be deleted."""
    if not kind.namespaced:
        raise BadInput(
            f"a {kind.kind} stands in no namespace, and what goes with it reaches further than a preview can show: "
            f"delete it with kubectl"
        )
    if not namespace:
        raise BadInput(f"a {kind.kind} is in a namespace: say in which")
    if checked_namespace(namespace) in SYSTEM:
        raise BadInput(f"namespace {namespace} is the cluster's own: nothing in it is deleted here")
    api_server = name == "kubernetes" and namespace == "default" and kind.kind in _API_SERVER
    if api_server or (kind.kind, name) in _COMES_BACK:
        raise BadInput(f"{kind.kind} {name} is the cluster's own, which makes it again at once: it is not deleted here")
    return namespace


def _gone(entity: Entity, *, made_anew: bool, fixed: Mapping[str, Any]) -> Change:
    """The plan where nothing is left of what was previewed: what tells, after a crash, that it was deleted."""

    async def write() -> JsonValue:
        what = "was made anew" if made_anew else "is gone already"
        raise Conflict(f"{entity} {what} since it was previewed: look again")

    return Change(
        summary=f"delete {entity}", entity=entity, before={}, after={}, destructive=True, fixed=dict(fixed)
    ).written_by(write)


async def _volumes(cluster: Cluster, going: list[Mapping[str, Any]]) -> dict[str, str]:
    """Volumes of the claims that go, by name: their reclaim policy, empty where it may not be read."""
    names = [
        str(volume)
        for one in going
        if one["kind"] == "PersistentVolumeClaim" and (volume := (one.get("spec") or {}).get("volumeName"))
    ]
    found = {}
    for name in names:
        try:
            volume = await cluster.find(KINDS["PersistentVolume"], name)
        except PermissionMissing:
            found[name] = ""
            continue
        found[name] = str(((volume or {}).get("spec") or {}).get("persistentVolumeReclaimPolicy") or "")
    return found


def _along(after: Aftermath) -> str:
    parts = [after.counted] if after.counted else []
    return ", ".join([*map(_key, after.lasting[:3]), *parts]) + (", more" if len(after.lasting) > 3 else "")  # noqa: PLR2004


def _notes(
    resource: Mapping[str, Any], after: Aftermath, volumes: Mapping[str, str], propagation: Propagation, why_not: str
) -> list[str]:
    along = [f"deletes with it {after.counted}"] if after.counted else []
    if propagation == "Orphan":
        along = ["what it owns stays, and belongs to nobody afterwards"]
    if any(one["kind"] == "ReplicaSet" for one in after.owned):
        along.append("the revisions that it could be rolled back to are lost")
    data = [
        f"PersistentVolume {name}: "
        + {"Delete": "deleted with all its data", "Retain": "kept, with its data"}.get(
            policy, "what becomes of its data is not known"
        )
        for name, policy in volumes.items()
    ]
    held = resource["metadata"].get("finalizers") or ()
    waits = [f"it goes only once its finalizers let go: {', '.join(held)}"] if held else []
    unseen = [f"may not be listed, so nothing is known of them: {', '.join(after.unseen)}"] if after.unseen else []
    undo = [f"no undo: {why_not}"] if why_not else ["the undo makes it anew; what it was doing meanwhile is lost"]
    return [*along, *data, *after.broken, *waits, *unseen, *undo]


def _success(kind: Kind, resource: Mapping[str, Any]) -> SuccessCondition:
    name, namespace = name_of(resource), str(resource["metadata"]["namespace"])
    for one in resource["metadata"].get("ownerReferences") or ():
        if one.get("controller") and one.get("kind") == "StatefulSet":  # makes one of the same name in its place
            return rolled_out("StatefulSet", str(one.get("name")), namespace)
    arguments: dict[str, JsonValue] = {
        "kind": kind.kind,
        "api_version": kind.api_version,
        "namespace": namespace,
        "field_selector": f"metadata.name={name}",
    }
    return SuccessCondition(
        text=f"{kind.kind} {namespace}/{name} is gone",
        check=ToolCall(server=SERVER, tool="list_resources", arguments=arguments),
        expect=(Expectation(field="total", value=0),),
        within_s=WITHIN_S,
    )


def _undo(resource: Mapping[str, Any], namespace: str) -> tuple[ToolCall | None, str]:
    """The call that makes the object anew, or why there is none."""
    if resource["kind"] not in _UNDONE or resource["apiVersion"] != KINDS[resource["kind"]].api_version:
        return None, f"what was in a {resource['kind']} does not come back with its manifest"
    if resource["metadata"].get("ownerReferences"):
        return None, "its owner makes it, and nobody else should"
    import yaml  # noqa: PLC0415  only where something is deleted

    text = yaml.safe_dump(_manifest(resource), sort_keys=False, allow_unicode=True, width=10_000)
    if redactor().text(text) != text:
        return None, "it holds what looks like a secret, and an undo is kept and shown"
    if len(text) > _LARGEST_UNDO:
        return None, f"it has {len(text):,} characters"
    arguments: dict[str, JsonValue] = {"manifests": [text], "namespace": namespace}
    return ToolCall(server="deployment", tool="deploy_kubernetes", arguments=arguments), ""


def _lasting(resource: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what moves by itself, and without the values of a Secret."""
    kept = {key: value for key, value in shown(resource).items() if key != "status"}
    kept["metadata"] = {key: value for key, value in kept["metadata"].items() if key not in _KEPT_BY_SERVER}
    if notes := kept["metadata"].get("annotations"):
        kept["metadata"]["annotations"] = {key: value for key, value in notes.items() if key != _REVISION}
    return kept


def _manifest(resource: Mapping[str, Any]) -> dict[str, Any]:
    """An object as somebody would ask for it."""
    kept = _lasting(resource)
    if resource["kind"] == "Service" and kept.get("spec", {}).get("clusterIP") != "None":
        kept["spec"] = {key: value for key, value in kept["spec"].items() if key not in _GIVEN}
    return kept


def _key(resource: Mapping[str, Any]) -> str:
    return f"{resource['kind']} {resource['metadata']['namespace']}/{name_of(resource)}"
