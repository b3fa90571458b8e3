"""What deploying would change, and nothing else: no noise, no secrets, and marked where it was computed here."""

from __future__ import annotations

import base64

import pytest

from codenb.demo import WorldThread
from codenb.errors import BadInput
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.views import to_html, to_text
from tests.deploy.conftest import Compare, Plan, apply_as, write
from tests.deploy.manifests import CONFIG, DEFINITION, DEPLOYMENT, NAMESPACE, SECRET, SERVICE, WIDGET

PATH = "/apis/apps/v1/namespaces/shop/deployments/web"
NOISE = ("managedFields", "resourceVersion", "uid", "generation", "status", "creationTimestamp", "last-applied")


async def test_what_is_not_there_is_created_and_shown_as_it_is_written(compare: Compare) -> None:
    """Defaults that the server adds are not what the manifests ask for, and would bury what they do."""
    found = await compare(CONFIG, SERVICE, DEPLOYMENT)

    assert {one.object: one.action for one in found.objects} == {
        "ConfigMap shop/web": "create",
        "Service shop/web": "create",
        "Deployment shop/web": "create",
    }
    assert (found.changed, found.desired_replicas, found.ready_replicas, found.local) == (3, 2, 0, False)
    everything = "".join(one.diff for one in found.objects)
    assert "+          image: registry.example/shop/checkout:2.4.0" in everything
    assert not [word for word in (*NOISE, "terminationMessagePath", "clusterIP") if word in everything]


async def test_what_is_so_already_is_unchanged_while_the_cluster_moves(
    world: WorldThread, plan: Plan, compare: Compare
) -> None:
    """Status, replica sets' notes and versions move all the time: they made diffs that nobody could act on."""
    await write(await plan(CONFIG, SERVICE, DEPLOYMENT))
    world.advance(30)

    found = await compare(CONFIG, SERVICE, DEPLOYMENT)

    assert [one.action for one in found.objects] == ["unchanged"] * 3
    assert (found.changed, found.desired_replicas, found.ready_replicas) == (0, 2, 2)
    assert [one.diff for one in found.objects] == [""] * 3


async def test_an_update_shows_the_lines_that_move_and_their_place(plan: Plan, compare: Compare) -> None:
    """A person approves a change of an image by reading three lines."""
    await write(await plan(DEPLOYMENT))

    found = await compare(DEPLOYMENT.replace("2.4.0", "2.5.0"))

    lines = found.objects[0].diff.splitlines()
    assert [line.strip() for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-          image: registry.example/shop/checkout:2.4.0",
        "+          image: registry.example/shop/checkout:2.5.0",
    ]


async def test_a_field_that_the_manifests_no_longer_have_is_taken_away(plan: Plan, compare: Compare) -> None:
    """The server remembers what was applied; a key that was dropped from a file must not live on unseen."""
    await write(await plan(CONFIG.replace("{LEVEL: info}", "{LEVEL: info, OLD: x}")))

    change = await plan(CONFIG)
    await write(change)

    assert change.before == {"ConfigMap shop/web": {"data": {"OLD": "x"}}}
    assert change.after == {"ConfigMap shop/web": {}}
    assert (await compare(CONFIG)).changed == 0


async def test_what_others_set_beside_it_is_no_difference(cluster: Cluster, plan: Plan, compare: Compare) -> None:
    """An annotation of a controller, a variable of a webhook: theirs, and not ours to take away."""
    await write(await plan(DEPLOYMENT))
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"other.example/seen": "yes"}},
    }
    await apply_as(cluster, "other", PATH, theirs)

    assert (await compare(DEPLOYMENT)).changed == 0


async def test_a_field_of_another_is_shown_with_its_owner(cluster: Cluster, plan: Plan, compare: Compare) -> None:
    """Who must be spoken to before the field is taken is the first question."""
    await write(await plan(DEPLOYMENT))
    theirs = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 5}}
    await apply_as(cluster, "argocd-controller", PATH, theirs, force=True)

    (found,) = (await compare(DEPLOYMENT)).objects

    (conflict,) = found.conflicts
    assert str(conflict) == "spec.replicas of 'argocd-controller' (Argo CD)"
    assert "-  replicas: 5" in found.diff
    assert found.owner.startswith("Argo CD: ")
    assert "open a pull request" in found.owner


async def test_an_autoscaler_behind_the_replicas_is_recognised(cluster: Cluster, plan: Plan, compare: Compare) -> None:
    """Its writes come from the controller manager through the scale subresource, a name that says nothing."""
    await write(await plan(DEPLOYMENT))
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 5},
    }
    await cluster.request(
        "POST", "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers", body=scaler, doing="make an autoscaler"
    )
    await cluster.request(
        "PATCH",
        f"{PATH}/scale",
        query={"fieldManager": "kube-controller-manager"},
        body={"spec": {"replicas": 4}},
        content_type="application/merge-patch+json",
        doing="scale as the controller does",
    )

    (found,) = (await compare(DEPLOYMENT)).objects

    assert [(one.field, one.known_as) for one in found.conflicts] == [("spec.replicas", "HorizontalPodAutoscaler web")]


async def test_the_data_of_a_secret_is_in_no_answer(plan: Plan, compare: Compare, cluster: Cluster) -> None:
    """Neither what it is nor what it was, plain or encoded; that it changes can be seen all the same."""
    created = await compare(SECRET)
    await write(await plan(SECRET))
    changed = await compare(SECRET.replace("correct-horse-battery", "another-long-passphrase"))

    stored = await cluster.get(KINDS["Secret"], "web", "shop")
    assert base64.b64decode(stored["data"]["token"]) == b"correct-horse-battery"
    assert changed.objects[0].action == "update"
    for answer in (created, changed):
        said = answer.model_dump_json() + to_text(answer.view()) + to_html(answer.view())
        for secret in (b"correct-horse-battery", b"another-long-passphrase"):
            assert secret.decode() not in said
            assert base64.b64encode(secret).decode() not in said


async def test_who_may_only_look_gets_a_diff_made_here_and_the_missing_permission(
    plan: Plan, compare: Compare, viewer: Cluster
) -> None:
    """A dry run is authorised like the write: a viewer's 403 hid the whole diff."""
    await write(await plan(CONFIG.replace("{LEVEL: info}", "{LEVEL: info, OLD: x}"), DEPLOYMENT))

    found = await compare(CONFIG.replace("info", "debug"), DEPLOYMENT.replace("cpu: 50m", "cpu: 0.05"), on=viewer)

    assert found.local
    assert "verb 'patch' on 'configmaps' in namespace 'shop'" in found.local_reason
    config, deployment = found.objects
    lines = [line for line in config.diff.splitlines() if line[0] in "+-"][2:]
    assert lines == ["-  LEVEL: info", "-  OLD: x", "+  LEVEL: debug"]
    assert deployment.action == "unchanged"  # 0.05 and 50m are one amount


async def test_a_secret_that_may_not_be_read_is_unknown_and_not_unchanged(
    plan: Plan, compare: Compare, viewer: Cluster
) -> None:
    """What nobody could compare must not look as if it were as wanted."""
    await write(await plan(SECRET))

    found = await compare(SECRET, on=viewer)

    assert (found.objects[0].action, found.changed) == ("unknown", 1)
    assert "secrets" in found.local_reason


async def test_objects_of_a_namespace_that_comes_with_them_are_shown_without_a_dry_run(compare: Compare) -> None:
    """The server refuses a dry run in a namespace that is not there yet; the rest of the diff must not fail with it."""
    found = await compare(NAMESPACE, CONFIG, namespace="staging")

    assert [(one.object, one.action, bool(one.local)) for one in found.objects] == [
        ("Namespace staging", "create", False),
        ("ConfigMap staging/web", "create", True),
    ]
    assert "cannot be dry-run before others" in found.local_reason


async def test_a_custom_resource_and_its_definition_are_compared_in_one_go(compare: Compare) -> None:
    """Operators ship both in one file."""
    found = await compare(WIDGET, DEFINITION)

    assert [one.object for one in found.objects] == [
        "CustomResourceDefinition widgets.shop.example",
        "Widget shop/first",
    ]
    assert [one.action for one in found.objects] == ["create", "create"]
    assert "defined by the same manifests" in found.objects[1].local


async def test_what_the_server_calls_invalid_is_said_with_the_field(compare: Compare) -> None:
    """A misspelt field would be dropped in silence; the dry run is strict."""
    with pytest.raises(BadInput, match=r"Deployment shop/web.*spec\.replicsa"):
        await compare(DEPLOYMENT.replace("replicas:", "replicsa:"))


async def test_a_long_diff_is_cut_and_says_so(compare: Compare) -> None:
    """A config map may hold a megabyte; an answer may not."""
    long = "\n".join(f"  line-{number}: {'x' * 60}" for number in range(2_000))

    (found,) = (await compare(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: long}}\ndata:\n{long}\n")).objects

    assert len(found.diff) < 21_000
    assert "(cut: " in found.diff.splitlines()[-1]
