"""Deleting: the preview says what goes along and what is left broken, and only what was previewed goes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codenb.demo import WorldThread
from codenb.errors import BadInput, Conflict, PermissionMissing
from codenb.models import EMBEDDED_UID, Change, Place, ToolCall
from codenb.servers import _manifests
from codenb.servers._base._paths import Roots
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.held import shared
from codenb.servers._clients.kinds import KINDS
from codenb.servers.deployment import kubernetes
from codenb.servers.kubernetes import changes as plans
from codenb.servers.kubernetes import deleting, reading
from tests.servers_kubernetes.conftest import Caller

PLACE = Place(name="demo", address="https://demo", identity=EMBEDDED_UID)
CALL = ToolCall(server="kubernetes", tool="delete_resource", arguments={})
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "orders", "namespace": "shop"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


async def _plan(cluster: Cluster, kind: str, name: str, namespace: str | None = "shop", **options: Any) -> Change:
    wanted: dict[str, Any] = {"api_version": None, "propagation": "Background", "fixed": {}} | options
    return await deleting.deleted(cluster, kind, name, namespace, **wanted)


async def _write(change: Change) -> Any:
    assert change.write is not None
    return await change.write()


async def _names(cluster: Cluster, kind: str) -> list[str]:
    return [one["metadata"]["name"] for one in (await cluster.listed(KINDS[kind], "shop")).items]


async def test_the_preview_names_what_goes_along_and_writes_nothing(world: WorldThread, changing: Cluster) -> None:
    """Three pods, two revisions and a service without anybody behind it: a person must read that before saying yes."""
    change = await _plan(changing, "deploy", "checkout")

    assert change.summary == "delete Deployment shop/checkout with 3 Pods, 2 ReplicaSets"
    assert change.destructive
    assert "deletes with it 3 Pods, 2 ReplicaSets" in change.notes
    assert "the revisions that it could be rolled back to are lost" in change.notes
    assert "Service checkout sends to 3 pods now, and none afterwards" in change.notes
    assert change.after == {}
    assert world.writes("deployments", "checkout") == 0


async def test_a_digest_holds_while_pods_come_and_go(world: WorldThread, changing: Cluster) -> None:
    """Pods are remade at any moment; an approval must not die of it."""
    before = await _plan(changing, "Deployment", "checkout")
    [pod, *_] = [name for name in await _names(changing, "Pod") if name.startswith("checkout")]
    await _write(await _plan(changing, "Pod", pod))
    world.advance(5)
    after = await _plan(changing, "Deployment", "checkout")

    assert pod not in await _names(changing, "Pod")
    assert before.digest(PLACE, CALL) == after.digest(PLACE, CALL)


async def test_what_is_deleted_is_gone_with_all_it_owned_and_the_condition_says_so(
    world: WorldThread, changing: Cluster
) -> None:
    """The whole way, and the check that is false before and true after."""
    change = await _plan(changing, "Deployment", "checkout")
    assert change.success is not None
    arguments: dict[str, Any] = change.success.check.arguments
    asked = {
        "kind": arguments["kind"],
        "api_version": arguments["api_version"],
        "namespace": arguments["namespace"],
        "labels": "",
        "fields": arguments["field_selector"],
        "limit": 100,
        "cursor": "",
    }
    there = await reading.resources(changing, **asked)
    answer = await _write(change)
    world.advance(5)
    gone = await reading.resources(changing, **asked)

    assert (there.total, gone.total) == (1, 0)
    assert (change.success.expect[0].field, change.success.expect[0].value) == ("total", 0)
    assert answer["deleted"] == "Deployment shop/checkout"
    assert len(answer["with_it"]) == 5
    assert not [name for name in await _names(changing, "Pod") if name.startswith("checkout")]
    assert not [name for name in await _names(changing, "ReplicaSet") if name.startswith("checkout")]


async def test_orphans_stay_and_the_preview_says_that_they_belong_to_nobody(
    world: WorldThread, changing: Cluster
) -> None:
    """Taking a Deployment away from under its running pods is how some migrate; it must not stop them."""
    pods = await _names(changing, "Pod")
    change = await _plan(changing, "Deployment", "cart", propagation="Orphan")
    await _write(change)
    world.advance(5)

    assert change.summary == "delete Deployment shop/cart"
    assert "what it owns stays, and belongs to nobody afterwards" in change.notes
    assert await _names(changing, "Pod") == pods


async def test_an_object_made_anew_under_the_same_name_is_not_the_one_that_was_previewed(
    world: WorldThread, changing: Cluster
) -> None:
    """An approval is for one object, not for a name: another team's new one would be deleted by a yes to the old."""
    first = await _plan(changing, "Deployment", "cart")
    undo = first.undo
    await _write(first)
    world.advance(5)
    assert undo is not None
    await _redeploy(changing, undo)

    again = await _plan(changing, "Deployment", "cart", fixed=first.fixed)

    assert again.digest(PLACE, CALL) != first.digest(PLACE, CALL)
    with pytest.raises(Conflict, match="Deployment shop/cart was made anew since it was previewed"):
        await _write(again)
    with pytest.raises(Conflict):
        await _write(first)
    assert "cart" in await _names(changing, "Deployment")


async def _redeploy(cluster: Cluster, undo: ToolCall) -> Change:
    texts: Any = undo.arguments["manifests"]
    manifests = _manifests.read(texts, Roots(()))
    change = await kubernetes.deployed(cluster, manifests, str(undo.arguments["namespace"]), wait=False, call=undo)
    await _write(change)
    return change


@pytest.mark.parametrize(
    ("kind", "name"), [("Deployment", "catalog"), ("Service", "cart"), ("ConfigMap", "shop-settings")]
)
async def test_the_undo_brings_back_what_was_asked_for(
    world: WorldThread, changing: Cluster, kind: str, name: str
) -> None:
    """Deployed for real: an undo that an API server refuses is worse than none."""
    before = await changing.get(KINDS[kind], name, "shop")
    change = await _plan(changing, kind, name)
    await _write(change)
    world.advance(5)
    assert change.undo is not None
    await _redeploy(changing, change.undo)

    after = await changing.get(KINDS[kind], name, "shop")

    def asked(resource: dict[str, Any]) -> dict[str, Any]:
        spec = {key: value for key, value in (resource.get("spec") or {}).items() if not key.startswith("clusterIP")}
        return {"spec": spec, "data": resource.get("data"), "labels": resource["metadata"].get("labels")}

    assert asked(after) == asked(before)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


async def test_a_write_is_refused_when_the_object_moved_after_the_plan(changing: Cluster) -> None:
    """Somebody mended it meanwhile; what was previewed is not what would be lost."""
    change = await _plan(changing, "Deployment", "checkout")
    await _write(await plans.scaled(changing, "checkout", "shop", 5))

    with pytest.raises(Conflict):
        await _write(change)

    assert "checkout" in await _names(changing, "Deployment")


async def test_planned_again_after_it_was_made_it_tells_that_nothing_is_left(changing: Cluster) -> None:
    """A server killed in the middle reads back by planning the same call: gone must not read as unknown."""
    change = await _plan(changing, "ConfigMap", "shop-settings")
    await _write(change)

    again = await _plan(changing, "ConfigMap", "shop-settings", fixed=change.fixed)

    assert (again.before, again.after) == ({}, {})


async def test_what_others_need_is_named_before_it_goes(cluster: Cluster) -> None:
    """Pods that run go on; the next one that starts is the one that fails, at night."""
    settings = await _plan(cluster, "cm", "shop-settings")
    secret = await _plan(cluster, "secret", "payment-provider")

    assert sum("needs it (envFrom of app): its pods cannot start anew" in note for note in settings.notes) == 3
    assert "Deployment shop/checkout needs it (env PAYMENT_API_KEY of app): its pods cannot start anew" in secret.notes


async def test_a_secret_is_previewed_by_its_keys_and_has_no_undo(cluster: Cluster) -> None:
    """An undo is kept and shown, so it could only be had by keeping the values."""
    change = await _plan(cluster, "Secret", "payment-provider")

    told = json.dumps(change.to_dict())
    assert "API_KEY (28 characters)" in told
    assert "bm90LWEtcmVhbC1rZXktMDAwMA" not in told  # what the value is in base64
    assert change.undo is None
    assert any(note.startswith("no undo: ") for note in change.notes)


async def test_the_data_behind_a_claim_is_part_of_what_is_approved(world: WorldThread, changing: Cluster) -> None:
    """Data is the one loss that nothing brings back: its volume and what becomes of it stand in the preview."""
    await changing.apply(KINDS["PersistentVolumeClaim"], "orders", "shop", CLAIM, force=False, dry_run=False)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "writer", "namespace": "shop"},
        "spec": {
            "containers": [{"name": "app", "image": "nginx:1.28.0"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "orders"}}],
        },
    }
    await changing.apply(KINDS["Pod"], "writer", "shop", pod, force=False, dry_run=False)
    world.advance(10)
    claim = await changing.get(KINDS["PersistentVolumeClaim"], "orders", "shop")
    volume = claim["spec"]["volumeName"]

    change = await _plan(changing, "pvc", "orders")

    assert isinstance(change.before, dict)
    assert change.before[f"PersistentVolume {volume}"] == "its data is deleted"
    assert f"PersistentVolume {volume}: deleted with all its data" in change.notes
    assert any(note.startswith("Pod shop/writer needs it (volume data)") for note in change.notes)
    assert change.undo is None


async def test_a_pod_of_a_workload_names_the_workload_that_makes_it_again(cluster: Cluster) -> None:
    """Deleting a pod to be rid of it does not help; the person is told who brings it back."""
    [pod, *_] = [name for name in await _names(cluster, "Pod") if name.startswith("cart")]

    change = await _plan(cluster, "po", pod)

    assert change.owner is not None
    assert change.owner.manager.startswith("ReplicaSet cart-")
    assert "Service cart sends to 2 pods now, and 1 afterwards" in change.notes


@pytest.mark.parametrize(
    ("kind", "name", "namespace", "said"),
    [
        ("ns", "shop", None, "a Namespace stands in no namespace"),
        ("node", "node-1", "shop", "a Node stands in no namespace"),
        ("crd", "x.example.com", None, "a CustomResourceDefinition stands in no namespace"),
        ("deploy", "coredns", "kube-system", "namespace kube-system is the cluster's own"),
        ("cm", "kube-root-ca.crt", "shop", "makes it again at once"),
        ("sa", "default", "shop", "makes it again at once"),
        ("svc", "kubernetes", "default", "makes it again at once"),
        ("deploy", "web", None, "say in which"),
        ("deploy", "chekout", "shop", "did you mean 'checkout'"),
        ("deploy", "../secrets/x", "shop", "is no object's name"),
    ],
)
async def test_what_is_not_deleted_here_is_refused_with_its_reason(
    cluster: Cluster, kind: str, name: str, namespace: str | None, said: str
) -> None:
    """A namespace takes everything with it and a definition all of its objects: no preview can show that."""
    with pytest.raises(BadInput, match=said):
        await _plan(cluster, kind, name, namespace)


async def test_a_viewer_is_told_at_the_preview(shop: WorldThread) -> None:
    """The dry run is authorised like the deletion, so nobody approves what could not be done."""
    async with shared(shop.kubeconfig, f"{shop.context}-viewer") as cluster:
        with pytest.raises(PermissionMissing, match=r"verb 'delete' on 'deployments.apps'"):
            await _plan(cluster, "Deployment", "cart")


async def test_it_is_asked_about_and_done_once_over_the_protocol(
    world: WorldThread, changing: Cluster, approving: Caller
) -> None:
    """Through a plain MCP client: previewed, elicited, consumed, deleted."""
    result = await approving.call_tool("delete_resource", {"kind": "Deployment", "name": "cart", "namespace": "shop"})

    assert not result.is_error, result.content
    assert world.writes("deployments", "cart") == 1
    assert "cart" not in await _names(changing, "Deployment")
