"""Changes: what is previewed is what is written, once, and only while nothing moved."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from codenb.demo import WorldThread
from codenb.errors import BadInput, Conflict, PermissionMissing
from codenb.models import EMBEDDED_UID, Change, Place, ToolCall
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.held import shared
from codenb.servers._clients.kinds import KINDS
from codenb.servers.kubernetes import changes as plans
from codenb.servers.kubernetes import rollouts
from tests.servers_kubernetes.conftest import Caller

DEPLOYMENTS = KINDS["Deployment"]
PLACE = Place(name="demo", address="https://demo", identity=EMBEDDED_UID)


async def _patch(cluster: Cluster, **values: Any) -> Change:
    wanted: dict[str, Any] = {"image": None, "requests": {}, "limits": {}, "env": {}} | values
    return await plans.patched(cluster, "Deployment", "checkout", "shop", "app", **wanted)


async def _write(change: Change) -> Any:
    assert change.write is not None
    return await change.write()


def _container(template: Any) -> dict[str, Any]:
    return dict(template["spec"]["template"]["spec"]["containers"][0])


async def test_a_plan_writes_nothing(world: WorldThread, changing: Cluster) -> None:
    """A preview is asked for by models and shown to people; looking must cost nothing."""
    await plans.scaled(changing, "checkout", "shop", 6)
    await plans.undone(changing, "checkout", "shop", None)
    await plans.restarted(changing, "checkout", "shop", {})
    await _patch(changing, limits={"memory": "256Mi"})

    assert world.writes("deployments", "checkout") == world.writes("deployments/scale", "checkout") == 0


async def test_scaling_shows_the_replicas_only_and_is_undone_by_the_number_before(
    world: WorldThread, changing: Cluster
) -> None:
    """What moves by itself (versions, status, times) would make every digest another one."""
    change = await plans.scaled(changing, "checkout", "shop", 6)
    await _write(change)

    assert (change.before, change.after) == ({"spec": {"replicas": 3}}, {"spec": {"replicas": 6}})
    assert change.undo is not None
    assert change.undo.arguments == {"name": "checkout", "replicas": 3, "namespace": "shop"}
    assert world.writes("deployments/scale", "checkout") == 1
    assert (await rollouts.status(changing, "Deployment", "checkout", "shop")).desired == 6


async def test_raising_the_limit_mends_the_pods_and_the_condition_says_so(
    world: WorldThread, changing: Cluster
) -> None:
    """The whole way of the first scenario: patch, roll out, success condition true, and not a moment before."""
    change = await _patch(changing, limits={"memory": "256Mi"})
    await _write(change)

    at_once = (await rollouts.status(changing, "Deployment", "checkout", "shop")).to_dict()
    world.advance(30)
    later = (await rollouts.status(changing, "Deployment", "checkout", "shop")).to_dict()

    assert _container(change.before) == {"name": "app", "resources": {"limits": {"memory": "128Mi"}}}
    assert _container(change.after) == {"name": "app", "resources": {"limits": {"memory": "256Mi"}}}
    assert not _holds(change, at_once)
    assert _holds(change, later)


def _holds(change: Change, answer: dict[str, Any]) -> bool:
    assert change.success is not None

    def value(wanted: Any) -> Any:
        return answer[wanted[1:]] if isinstance(wanted, str) and wanted.startswith("$") else wanted

    compare = {"==": lambda one, other: one == other, ">=": lambda one, other: one >= other}
    return all(compare[one.op](answer[one.field], value(one.value)) for one in change.success.expect)


async def test_undo_goes_back_to_the_template_before_and_again_forward(world: WorldThread, changing: Cluster) -> None:
    """The undo of an undo is the revision it left, under the number that the controller keeps for it."""
    back = await plans.undone(changing, "checkout", "shop", None)
    await _write(back)
    world.advance(30)
    history = await rollouts.history(changing, "checkout", "shop")

    assert history.current == 3
    assert history.revisions[0].changes == ("containers[app].resources.limits.memory: 128Mi -> 256Mi",)
    assert back.undo == ToolCall(
        server="kubernetes", tool="undo_rollout", arguments={"name": "checkout", "namespace": "shop", "revision": 2}
    )
    forward = await plans.undone(changing, "checkout", "shop", 2)
    assert _container(forward.after)["resources"] == {"limits": {"memory": "128Mi"}}


@pytest.mark.parametrize(("revision", "said"), [(9, "9 of .* is not kept: choose one of 1"), (2, "is the present one")])
async def test_a_revision_that_cannot_be_gone_back_to_is_refused(cluster: Cluster, revision: int, said: str) -> None:
    """Revisions are pruned; the sentence names those that are left."""
    with pytest.raises(BadInput, match=said):
        await plans.undone(cluster, "checkout", "shop", revision)


async def test_a_workload_with_one_revision_has_nothing_to_go_back_to(cluster: Cluster) -> None:
    """A model that tries should hear it at once."""
    with pytest.raises(BadInput, match="no other revision than 1"):
        await plans.undone(cluster, "cart", "shop", None)


async def test_a_restart_is_the_same_change_whenever_it_is_previewed(changing: Cluster) -> None:
    """The time is settled at the preview and kept out of the digest, or no decision made beforehand could match."""
    call = ToolCall(server="kubernetes", tool="restart_deployment", arguments={"name": "checkout"})
    first = await plans.restarted(changing, "checkout", "shop", {})
    second = await plans.restarted(changing, "checkout", "shop", {"restarted_at": "2031-05-05T05:05:05+00:00"})
    await _write(second)
    again = await plans.restarted(changing, "checkout", "shop", {})

    written = await changing.get(DEPLOYMENTS, "checkout", "shop")
    assert first.digest(PLACE, call) == second.digest(PLACE, call)
    assert first.fixed != second.fixed
    notes = written["spec"]["template"]["metadata"]["annotations"]
    assert notes["kubectl.kubernetes.io/restartedAt"] == "2031-05-05T05:05:05+00:00"
    assert "2031" not in str((again.before, again.after))


@pytest.mark.parametrize("what", ["scale", "undo", "restart", "patch"])
async def test_a_write_is_refused_when_the_object_moved_after_the_plan(changing: Cluster, what: str) -> None:
    """Somebody else was faster: what was approved is no longer what would happen."""
    plan = {
        "scale": lambda: plans.scaled(changing, "checkout", "shop", 6),
        "undo": lambda: plans.undone(changing, "checkout", "shop", None),
        "restart": lambda: plans.restarted(changing, "checkout", "shop", {}),
        "patch": lambda: _patch(changing, image="registry.example/shop/checkout:2.4.0"),
    }[what]
    change = await plan()
    await changing.patch(DEPLOYMENTS, "checkout", "shop", {"metadata": {"labels": {"moved": "yes"}}}, dry_run=False)

    with pytest.raises(Conflict):
        await _write(change)
    assert (await changing.get(DEPLOYMENTS, "checkout", "shop"))["spec"]["replicas"] == 3


async def test_variables_are_set_replaced_and_taken_away(changing: Cluster) -> None:
    """A variable that came from a Secret cannot keep both its source and a value."""
    change = await _patch(changing, env={"DEPLOY_ENV": None, "NEW": "1", "PAYMENT_API_KEY": "plain", "GONE": None})
    await _write(change)

    found = (await changing.get(DEPLOYMENTS, "checkout", "shop"))["spec"]["template"]["spec"]["containers"][0]
    assert {one["name"]: one.get("value") for one in found["env"]} == {"NEW": "1", "PAYMENT_API_KEY": "plain"}
    assert all("valueFrom" not in one for one in found["env"])
    assert change.undo is not None
    assert change.undo.tool == "undo_rollout"  # a reference is no text that could be set again


async def test_a_patch_is_undone_by_the_values_before(changing: Cluster) -> None:
    """What had no value before is taken away again."""
    change = await _patch(changing, limits={"memory": "256Mi", "cpu": "1"}, env={"NEW": "1", "DEPLOY_ENV": "test"})

    assert change.undo is not None
    assert change.undo.arguments["limits"] == {"memory": "128Mi", "cpu": None}
    assert change.undo.arguments["env"] == {"NEW": None, "DEPLOY_ENV": "production"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "nothing to change"),
        ({"image": "--privileged"}, "is no image"),
        ({"image": "a b"}, "is no image"),
        ({"limits": {"memory": "lots"}}, "is no quantity"),
        ({"limits": {"memory": "-1Mi"}}, "less than nothing"),
        ({"limits": {"mem ory": "1Mi"}}, "is no resource"),
        ({"env": {"A=B": "x"}}, "is no name of an environment variable"),
    ],
)
async def test_values_that_cannot_be_are_refused_before_anything_is_read(
    cluster: Cluster, values: dict[str, Any], said: str
) -> None:
    """Arguments come from models and from text that models read."""
    with pytest.raises(BadInput, match=said):
        await _patch(cluster, **values)


async def test_what_the_api_server_calls_invalid_is_told_with_its_causes(cluster: Cluster) -> None:
    """The dry run is the whole of the server's own validation."""
    with pytest.raises(BadInput, match=r"it is invalid: .*limit"):
        await _patch(cluster, requests={"memory": "900Mi"}, limits={"memory": "100Mi"})


async def test_a_container_that_is_not_there_names_those_that_are(cluster: Cluster) -> None:
    """A strategic merge patch would add it as a new container instead."""
    with pytest.raises(BadInput, match="no container 'web': it has app"):
        await plans.patched(
            cluster, "Deployment", "checkout", "shop", "web", image="a:1", requests={}, limits={}, env={}
        )


async def test_who_may_only_look_is_told_so_by_the_dry_run(shop: WorldThread) -> None:
    """A dry run is authorised like the write, so nobody approves what would be refused."""
    async with shared(shop.kubeconfig, "codenb-demo-viewer") as viewer:
        with pytest.raises(PermissionMissing, match=r"verb 'patch' on 'deployments\.apps/scale'"):
            await plans.scaled(viewer, "checkout", "shop", 6)


async def test_the_owner_of_what_would_change_is_named(changing: Cluster) -> None:
    """An autoscaler for the replicas, GitOps for the object: a person must know who takes it back."""
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "checkout"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"},
            "maxReplicas": 5,
        },
    }
    path = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
    await changing.request("POST", path, body=scaler, doing="make an autoscaler")
    marked = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop-app:apps/Deployment:shop/checkout"}}}
    await changing.patch(DEPLOYMENTS, "checkout", "shop", marked, dry_run=False)

    scaled, patched = await asyncio.gather(
        plans.scaled(changing, "checkout", "shop", 4), _patch(changing, limits={"memory": "256Mi"})
    )

    assert scaled.owner is not None
    assert scaled.owner.manager == "HorizontalPodAutoscaler checkout"
    assert patched.owner is not None
    assert (patched.owner.manager, "shop-app" in patched.owner.note) == ("Argo CD", True)


async def test_an_approved_change_is_made_over_the_protocol(world: WorldThread, approving: Caller) -> None:
    """The face of the server, in front of the kernel's two phases: previewed, approved, written once."""
    arguments = {"name": "checkout", "replicas": 6, "namespace": "shop"}
    preview = await approving.call_tool("preview_change", {"tool": "scale_deployment", "arguments": arguments})
    result = await approving.call_tool("scale_deployment", arguments)

    assert not preview.is_error
    assert preview.structured_content is not None
    assert preview.structured_content["change"]["summary"] == "scale Deployment shop/checkout from 3 to 6"
    assert result.structured_content is not None
    assert result.structured_content["status"] == "applied"
    assert world.writes("deployments/scale", "checkout") == 1
