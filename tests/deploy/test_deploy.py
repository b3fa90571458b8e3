"""Deploying: in an order that works, exactly what was approved, never over others, and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from codenb.demo import WorldThread
from codenb.errors import BadInput, ChangeError, ChangeFailed, Conflict, PermissionMissing
from codenb.models import EMBEDDED_UID, Change, Place, ToolCall
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.servers.deployment.kubernetes import deployed
from codenb.servers.kubernetes import deleting
from tests.deploy.conftest import SEALER, Compare, Plan, apply_as, write
from tests.deploy.manifests import BUDGET, CONFIG, DEFINITION, DEPLOYMENT, NAMESPACE, SECRET, SERVICE, WIDGET, read

PLACE = Place(name="demo", address="https://demo", identity=EMBEDDED_UID)
DEPLOYMENTS, CONFIG_MAPS = KINDS["Deployment"], KINDS["ConfigMap"]


async def undone(cluster: Cluster, change: Change) -> Change:
    """The undo of a change, planned from its call as the tool would."""
    assert change.undo is not None
    (text,) = change.undo.arguments["manifests"]  # type: ignore[misc]
    call = ToolCall(server="deployment", tool="deploy_kubernetes", arguments=change.undo.arguments)
    return await deployed(cluster, read(text), "shop", wait=False, call=call, sealer=SEALER)


async def test_a_plan_writes_nothing(world: WorldThread, cluster: Cluster, plan: Plan) -> None:
    """Previews are asked for by models and shown to people; looking must cost nothing."""
    await plan(CONFIG, SECRET, SERVICE, DEPLOYMENT)

    assert world.writes("deployments", "web") == 0
    assert await cluster.find(CONFIG_MAPS, "web", "shop") is None


async def test_what_others_need_is_applied_first(plan: Plan, compare: Compare) -> None:
    """Written the wrong way round, nothing of this would be accepted: namespace, definition and account come last."""
    documents = (WIDGET, DEPLOYMENT, SERVICE, CONFIG, DEFINITION, NAMESPACE)

    report = await write(await plan(*documents, namespace="staging"))

    assert report == {
        "applied": [
            "Namespace staging",
            "CustomResourceDefinition widgets.shop.example",
            "ConfigMap staging/web",
            "Service staging/web",
            "Deployment staging/web",
            "Widget staging/first",
        ]
    }
    assert (await compare(*documents, namespace="staging")).changed == 0


async def test_the_digest_is_the_same_whoever_looks_and_whenever(
    world: WorldThread, cluster: Cluster, plan: Plan
) -> None:
    """A decision recorded beforehand has to match what a server plans an hour later."""
    await write(await plan(CONFIG, SECRET, DEPLOYMENT))
    wanted = (
        CONFIG.replace("info", "debug"),
        SECRET.replace("battery", "staple"),
        DEPLOYMENT.replace("2.4.0", "2.5.0"),
    )
    first = await plan(*wanted)
    world.advance(60)
    await cluster.patch(DEPLOYMENTS, "web", "shop", {"metadata": {"annotations": {"seen": "yes"}}}, dry_run=False)
    second = await plan(*wanted)

    call = ToolCall(server="deployment", tool="deploy_kubernetes", arguments={"manifests": ["x"]})
    assert first.digest(PLACE, call) == second.digest(PLACE, call)
    assert (first.before, first.after) == (second.before, second.after)


async def test_the_undo_sets_values_back_takes_fields_away_and_leaves_what_was_created(
    cluster: Cluster, plan: Plan, compare: Compare
) -> None:
    """A rollout that went wrong is taken back by the same way it came."""
    before = (CONFIG, DEPLOYMENT)
    await write(await plan(*before))
    changed = CONFIG.replace("{LEVEL: info}", "{LEVEL: debug, NEW: x}"), DEPLOYMENT.replace("2.4.0", "2.5.0")
    change = await plan(*changed, SERVICE)
    await write(change)

    await write(await undone(cluster, change))

    assert (await compare(*before)).changed == 0
    assert (await cluster.get(CONFIG_MAPS, "web", "shop"))["data"] == {"LEVEL": "info"}
    assert any(note.startswith("the undo does not delete what is created: Service shop/web;") for note in change.notes)


@pytest.mark.parametrize("document", [CONFIG, SECRET, DEPLOYMENT])
async def test_the_undo_of_one_object_that_was_made_deletes_it(
    world: WorldThread, cluster: Cluster, plan: Plan, document: str
) -> None:
    """Found when a first deployment was taken back: there was nothing to set back, and it stayed."""
    change = await plan(document)
    await write(change)
    world.advance(1)
    assert change.undo is not None
    assert (change.undo.server, change.undo.tool) == ("kubernetes", "delete_resource")
    there: dict[str, Any] = change.undo.arguments
    undo = await deleting.deleted(cluster, **there, api_version=None, propagation="Background", fixed={})
    await write(undo)
    world.advance(5)

    assert await cluster.find(KINDS[there["kind"]], there["name"], there["namespace"]) is None
    assert not [note for note in change.notes if "the undo" in note]


async def test_an_undo_never_holds_a_secret(plan: Plan, cluster: Cluster) -> None:
    """An undo is kept, shown and copied; one with a pseudonym in it would set the pseudonym."""
    secret_env = DEPLOYMENT + "        env: [{name: API_TOKEN, value: correct-horse-battery}]\n"
    await write(await plan(SECRET, secret_env, CONFIG))
    change = await plan(
        SECRET.replace("correct", "another"), secret_env.replace("2.4.0", "2.5.0"), CONFIG.replace("info", "debug")
    )

    assert change.undo is not None
    assert "correct-horse" not in change.model_dump_json()
    assert await undone(cluster, change)
    left_out = next(note for note in change.notes if "leaves out" in note)
    assert "Secret shop/web" in left_out
    assert "Deployment shop/web" in left_out


async def test_fields_of_others_are_refused_and_taken_only_on_demand(cluster: Cluster, plan: Plan) -> None:
    """The last one to write must not win unseen: the message names the field and whose it is."""
    path = "/apis/apps/v1/namespaces/shop/deployments/web"
    await write(await plan(DEPLOYMENT))
    theirs = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 5}}
    await apply_as(cluster, "platform-team", path, theirs, force=True)

    with pytest.raises(ChangeError, match=r"spec\.replicas of 'platform-team'.*force_conflicts=true"):
        await plan(DEPLOYMENT)
    change = await plan(DEPLOYMENT, force_conflicts=True)
    await write(change)

    assert "takes spec.replicas of 'platform-team' in Deployment shop/web" in change.notes
    assert (await cluster.get(DEPLOYMENTS, "web", "shop"))["spec"]["replicas"] == 2
    assert change.undo is not None
    await write(await undone(cluster, change))
    assert (await cluster.get(DEPLOYMENTS, "web", "shop"))["spec"]["replicas"] == 5


async def test_what_codenb_scaled_or_patched_itself_is_no_conflict(cluster: Cluster, plan: Plan) -> None:
    """After our own scale_deployment the next deployment was refused: `spec.replicas` of 'codenb', says the server.

    It keeps what came through a subresource, or by a patch, as another entry of the same manager. Nobody else's field
    may be taken on that way, though: that of another is still the one that is named.
    """
    await write(await plan(DEPLOYMENT))
    await cluster.patch(
        DEPLOYMENTS, "web", "shop", {"spec": {"replicas": 6}}, form="merge", subresource="scale", dry_run=False
    )
    image = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "registry.example/shop/app:9"}]}}}}
    await cluster.patch(DEPLOYMENTS, "web", "shop", image, dry_run=False)

    change = await plan(DEPLOYMENT)
    assert change.before["Deployment shop/web"]["spec"]["replicas"] == 6
    assert change.after["Deployment shop/web"]["spec"]["replicas"] == 2
    assert await write(change) == {"applied": ["Deployment shop/web"]}
    spec = (await cluster.get(DEPLOYMENTS, "web", "shop"))["spec"]
    assert (spec["replicas"], spec["template"]["spec"]["containers"][0]["image"][-5:]) == (2, "2.4.0")

    path = "/apis/apps/v1/namespaces/shop/deployments/web"
    theirs = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"paused": True}}
    await apply_as(cluster, "platform-team", path, theirs, force=True)
    await cluster.patch(
        DEPLOYMENTS, "web", "shop", {"spec": {"replicas": 6}}, form="merge", subresource="scale", dry_run=False
    )
    with pytest.raises(ChangeError, match=r"spec\.paused of 'platform-team'") as refused:
        await plan(DEPLOYMENT.replace("  replicas: 2", "  replicas: 2\n  paused: false"))
    assert "'codenb'" not in str(refused.value)


async def test_a_field_that_another_takes_between_two_looks_is_not_taken_from_him_with_our_own(
    cluster: Cluster, plan: Plan
) -> None:
    """Our own conflict is solved by force, and force takes everything: only of an object that nobody touched since."""
    await write(await plan(DEPLOYMENT))
    body = read(DEPLOYMENT).documents[0].data
    await cluster.patch(
        DEPLOYMENTS, "web", "shop", {"spec": {"replicas": 6}}, form="merge", subresource="scale", dry_run=False
    )

    blind = await cluster.apply(DEPLOYMENTS, "web", "shop", body, force=False, dry_run=False)
    assert [one.manager for one in blind.conflicts] == ["codenb"]
    old = str(int((await cluster.get(DEPLOYMENTS, "web", "shop"))["metadata"]["resourceVersion"]) - 1)
    with pytest.raises(Conflict):
        await cluster.apply(
            DEPLOYMENTS,
            "web",
            "shop",
            body | {"metadata": body["metadata"] | {"resourceVersion": old}},
            force=False,
            dry_run=False,
        )


async def test_an_object_that_moved_in_what_is_not_ours_is_written_all_the_same(cluster: Cluster, plan: Plan) -> None:
    """Every status bumps the version: a write that gave up on it would never come through during a rollout."""
    await write(await plan(DEPLOYMENT))
    change = await plan(DEPLOYMENT.replace("2.4.0", "2.5.0"))
    await cluster.patch(DEPLOYMENTS, "web", "shop", {"metadata": {"annotations": {"seen": "yes"}}}, dry_run=False)

    assert await write(change) == {"applied": ["Deployment shop/web"]}


async def test_an_object_that_moved_in_what_is_ours_is_not_written(cluster: Cluster, plan: Plan) -> None:
    """Somebody else set the image meanwhile: what was approved is no longer what would happen."""
    await write(await plan(DEPLOYMENT))
    change = await plan(DEPLOYMENT.replace("2.4.0", "2.5.0"))
    image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:latest"}]
    await cluster.patch(DEPLOYMENTS, "web", "shop", image, form="json", dry_run=False)

    with pytest.raises(Conflict, match="was changed meanwhile"):
        await write(change)


async def test_when_one_object_is_refused_the_report_says_what_is_there_and_what_is_not(
    cluster: Cluster, plan: Plan
) -> None:
    """Half a deployment is the normal failure; guessing which half is what people do at night."""
    change = await plan(CONFIG, SERVICE, DEPLOYMENT, BUDGET)
    taken: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": []}}
    taken["spec"]["ports"] = [{"port": 81}]
    await apply_as(cluster, "other", "/api/v1/namespaces/shop/services/web", taken)

    with pytest.raises(ChangeFailed, match=r"2 objects were applied .*ConfigMap shop/web.*Service shop/web") as failed:
        await write(change)

    answer = failed.value.answer
    assert answer["applied"] == ["PodDisruptionBudget shop/web", "ConfigMap shop/web"]
    assert list(answer["failed"]) == ["Service shop/web"]
    assert answer["not_applied"] == ["Deployment shop/web"]
    assert await cluster.find(DEPLOYMENTS, "web", "shop") is None


async def test_pruning_takes_only_what_codenb_applied_under_the_same_label(
    cluster: Cluster, plan: Plan, compare: Compare
) -> None:
    """Others' objects with the same label, and our own of another application, are not what was left out."""
    await write(await plan(CONFIG, SERVICE, DEPLOYMENT))
    await write(await plan(CONFIG.replace("name: web", "name: other").replace("instance: web", "instance: other")))
    theirs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "theirs", "labels": {"app.kubernetes.io/instance": "web"}},
    }
    await apply_as(cluster, "other", "/api/v1/namespaces/shop/configmaps/theirs", theirs)

    kept = await plan(DEPLOYMENT)
    change = await plan(DEPLOYMENT, prune=True)
    report = await write(change)

    assert (kept.destructive, change.destructive) == (False, True)
    assert report == {"deleted": ["Service shop/web", "ConfigMap shop/web"]}
    assert change.before == {
        "Service shop/web": (change.before or {})["Service shop/web"],  # type: ignore[index, call-overload]
        "ConfigMap shop/web": {
            "data": {"LEVEL": "info"},
            "metadata": {"labels": {"app.kubernetes.io/instance": "web"}},
        },
    }
    assert await cluster.find(CONFIG_MAPS, "theirs", "shop")
    assert await cluster.find(CONFIG_MAPS, "other", "shop")
    await write(await undone(cluster, change))
    assert (await compare(CONFIG, SERVICE, DEPLOYMENT)).changed == 0


async def test_pruning_without_a_common_label_is_refused(plan: Plan) -> None:
    """Without it everything that codenb ever applied in the namespace would be left out."""
    with pytest.raises(BadInput, match="prune needs a label"):
        await plan(CONFIG, BUDGET, prune=True)


async def test_who_may_not_apply_hears_which_permission_is_missing(plan: Plan, viewer: Cluster) -> None:
    """Nobody should approve what would be refused."""
    with pytest.raises(PermissionMissing, match=r"verb 'patch' on 'deployments\.apps' in namespace 'shop'"):
        await plan(DEPLOYMENT, on=viewer)


async def test_what_is_applied_already_has_nothing_to_write(world: WorldThread, plan: Plan) -> None:
    """A pipeline that runs twice changes a cluster once."""
    await write(await plan(DEPLOYMENT))
    again = await plan(DEPLOYMENT)

    assert await write(again) == {}
    assert (again.before, again.after, again.undo) == ({}, {}, None)
    assert world.writes("deployments", "web") == 1


async def test_what_is_done_can_be_told_by_the_diff(world: WorldThread, plan: Plan, compare: Compare) -> None:
    """The success condition is a read that anybody can repeat; it holds when the pods are ready, not before."""
    change = await plan(CONFIG, DEPLOYMENT)
    await write(change)
    assert change.success is not None
    assert change.success.check.arguments["manifests"] == [f"{CONFIG}---\n{DEPLOYMENT}"]

    at_once = await compare(CONFIG, DEPLOYMENT)
    world.advance(30)
    later = await compare(CONFIG, DEPLOYMENT)

    assert [(one.changed, one.ready_replicas >= one.desired_replicas) for one in (at_once, later)] == [
        (0, False),
        (0, True),
    ]
