"""The client against the embedded API server over HTTP: paging, refusals, sharing."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from codenb.demo import WorldThread
from codenb.demo.kinds import POD
from codenb.errors import BadInput, Conflict, ConnectFailed, CredentialsRejected, PermissionMissing, ToolError
from codenb.models import EMBEDDED_UID
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.held import shared
from codenb.servers._clients.kinds import KINDS
from codenb.servers._clients.refusals import refused

PODS, DEPLOYMENTS = KINDS["Pod"], KINDS["Deployment"]


def _altered(world: WorldThread, path: Path, **user: Any) -> Path:
    """The world's kubeconfig with another user."""
    config = json.loads(world.kubeconfig.read_text("utf-8"))
    for one in config["users"]:
        one["user"] = user
    path.write_text(json.dumps(config), "utf-8")
    return path


def _fill(world: WorldThread, pods: int) -> None:
    """Put pods straight into the world's store: one by one over HTTP they would take ten seconds."""
    store = world._served.live.sim.store
    spec = {"containers": [{"name": "app", "image": "registry.example/none:1"}], "nodeName": "nowhere"}

    def create() -> None:
        for number in range(pods):
            told = {"name": f"p-{number:04}", "namespace": "default"}
            store.create(POD, {"apiVersion": "v1", "kind": "Pod", "metadata": told, "spec": spec}, "test")

    world._on_loop(create)


async def test_a_cluster_is_known_by_the_uid_of_kube_system(cluster: Cluster) -> None:
    """An approval is bound to it; a renamed context must not carry it over to another cluster."""
    place = await cluster.place()

    assert (place.identity, place.derived, place.name) == (EMBEDDED_UID, False, "codenb-demo")


async def test_where_kube_system_may_not_be_read_the_identity_is_derived_and_marked(
    shop: WorldThread, tmp_path: Path
) -> None:
    """Namespace-scoped users are the rule; without credentials at all is the narrowest of them."""
    async with shared(_altered(shop, tmp_path / "config")) as nobody:
        place, again = await nobody.place(), await nobody.place()

    assert place.derived
    assert place.identity.startswith("derived:")
    assert place == again


async def test_a_namespace_of_two_thousand_pods_is_read_in_pages(world: WorldThread) -> None:
    """One answer of 2,000 pods is 16 MB on a real cluster, and some proxies cut it."""
    _fill(world, 2_000)
    async with shared(world.kubeconfig) as cluster:
        first = await cluster.page(PODS, "default")
        every = await cluster.listed(PODS, "default")
        part = await cluster.listed(PODS, "default", at_most=700)

    assert (len(first.items), first.remaining) == (500, 1_500)
    assert [one["metadata"]["name"] for one in every.items] == [f"p-{number:04}" for number in range(2_000)]
    assert (len(part.items), bool(part.cursor)) == (700, True)


async def test_a_refusal_names_verb_resource_and_namespace(shop: WorldThread) -> None:
    """Whoever gets it forwards it to the one who can grant it, so all of it must be in the sentence."""
    async with shared(shop.kubeconfig, "codenb-demo-viewer") as viewer:
        with pytest.raises(PermissionMissing) as caught:
            await viewer.patch(DEPLOYMENTS, "checkout", "shop", {"spec": {"replicas": 1}}, dry_run=True)

    assert "codenb-demo-viewer says no" in str(caught.value)
    assert "ask for a role with verb 'patch' on 'deployments.apps' in namespace 'shop'" in str(caught.value)


async def test_an_expired_token_is_not_a_missing_permission(shop: WorldThread, tmp_path: Path) -> None:
    """Somebody whose session ran out must log in, not ask for a role."""
    async with shared(_altered(shop, tmp_path / "config", token="expired")) as expired:
        with pytest.raises(CredentialsRejected, match=r"does not accept the credentials .*: log in again"):
            await expired.page(PODS, "shop")


async def test_credentials_of_a_plugin_are_renewed_when_they_are_refused(shop: WorldThread, tmp_path: Path) -> None:
    """Tokens of clouds live an hour; a notebook lives longer."""
    config = json.loads(shop.kubeconfig.read_text("utf-8"))
    good = config["users"][0]["user"]["token"]
    script, count = tmp_path / "plugin.py", tmp_path / "count"
    script.write_text(
        f"""
import json, pathlib
count = pathlib.Path({str(count)!r})
first = not count.exists()
count.write_text("called")
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                  "status": {{"token": "stale" if first else {good!r}}}}}))
""",
        "utf-8",
    )
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": [str(script)]}
    async with shared(_altered(shop, tmp_path / "config", exec=plugin)) as cluster:
        pages = await asyncio.gather(*(cluster.page(PODS, "shop", limit=1) for _ in range(5)))

    assert all(page.items for page in pages)


async def test_a_cluster_that_is_down_is_named_with_its_context(tmp_path: Path) -> None:
    """The commonest cause is a VPN; the sentence must say which server was not reached."""
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "contexts": [{"name": "staging", "context": {"cluster": "c"}}],
        "current-context": "staging",
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config), "utf-8")
    async with shared(path) as down:
        with pytest.raises(ConnectFailed, match=r"http://127.0.0.1:9 \(context staging\) cannot be reached"):
            await down.page(PODS, "shop")


async def test_a_certificate_that_is_not_trusted_is_said_so(shop: WorldThread, tmp_path: Path) -> None:
    """A private authority that the kubeconfig lacks reads like a broken network otherwise."""
    config = json.loads(shop.kubeconfig.read_text("utf-8"))
    del config["clusters"][0]["cluster"]["certificate-authority-data"]
    path = tmp_path / "config"
    path.write_text(json.dumps(config), "utf-8")
    async with shared(path) as untrusted:
        with pytest.raises(ConnectFailed, match=r"certificate of .* is not trusted"):
            await untrusted.page(PODS, "shop")


async def test_an_object_that_is_not_there_names_the_nearest(cluster: Cluster) -> None:
    """Models and people mistype names; the next call should be right."""
    with pytest.raises(BadInput, match=r"no Deployment shop/chekout .*: did you mean 'checkout'"):
        await cluster.get(DEPLOYMENTS, "chekout", "shop")
    with pytest.raises(BadInput, match=r"no namespace 'shp' .*: did you mean 'shop'"):
        await cluster.get(DEPLOYMENTS, "checkout", "shp")


@pytest.mark.parametrize("name", ["../secrets", "a/b", "a?x=1", "a%2f", "", "-rf", ".", "x" * 300, "a\nb"])
async def test_a_name_cannot_become_another_path(cluster: Cluster, name: str) -> None:
    """`../../secrets/x` under pods would read what the tool must not give away."""
    with pytest.raises(BadInput):
        await cluster.get(PODS, name or " ", "shop")
    with pytest.raises(BadInput):
        await cluster.page(PODS, name or " ")


@pytest.mark.parametrize("name", ["deploy", "Deployment", "deployments", "deployments.apps"])
async def test_a_kind_is_found_by_every_name_people_use(cluster: Cluster, name: str) -> None:
    """Kubectl understands all of these."""
    assert (await cluster.kind(name)).kind == "Deployment"


async def test_a_kind_that_is_not_in_the_table_is_discovered(cluster: Cluster) -> None:
    """Custom resources are found as any other; here by a version that the table does not hold."""
    assert (await cluster.kind("ev", "events.k8s.io/v1")).api_version == "events.k8s.io/v1"
    with pytest.raises(BadInput, match="no kind 'deploymnt': did you mean 'Deployment'"):
        await cluster.kind("deploymnt")


async def test_a_write_with_an_old_version_is_a_conflict(changing: Cluster) -> None:
    """What is approved is written only while it is still what was read."""
    found = await changing.get(DEPLOYMENTS, "checkout", "shop")
    stale = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}, "spec": {"replicas": 5}}
    await changing.patch(DEPLOYMENTS, "checkout", "shop", {"spec": {"replicas": 4}}, dry_run=False)

    with pytest.raises(Conflict, match="it was changed meanwhile"):
        await changing.patch(DEPLOYMENTS, "checkout", "shop", stale, dry_run=False)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (403, {"message": 'pods "x" is forbidden: exceeded quota: team'}, "ChangeError", "refuses it: pods"),
        (409, {"reason": "AlreadyExists", "message": "already exists"}, "BadInput", "already exists"),
        (410, {"message": "too old"}, "BadInput", "list again from the beginning"),
        (422, {"details": {"causes": [{"field": "spec.x", "message": "bad"}]}}, "BadInput", "spec.x: bad"),
        (429, {"message": "slow down"}, "ToolError", "is busy"),
        (501, {"message": "not embedded here"}, "ToolError", "does not serve this"),
        (500, "<html>oops</html>", "ToolError", "failed"),
        (502, None, "ToolError", "HTTP 502"),
    ],
)
def test_every_refusal_is_one_line_of_our_own(status: int, body: Any, kind: str, said: str) -> None:
    """Gateways answer HTML, admission answers 403: each must still say what to do."""
    error = refused(status, body, doing="change it", context="prod")

    assert type(error).__name__ == kind
    assert said in str(error)
    assert "\n" not in str(error)


async def test_connections_of_one_loop_share_a_cluster_and_the_last_one_closes_it(shop: WorldThread) -> None:
    """A lifespan runs once a connection in process; ten connections must not be ten pools."""
    async with shared(shop.kubeconfig) as one:
        async with shared(shop.kubeconfig) as other:
            assert one is other
            await other.page(PODS, "shop", limit=1)
        assert (await one.page(PODS, "shop", limit=1)).items
    with pytest.raises(ConnectFailed, match="closed"):
        await one.page(PODS, "shop")


async def test_nothing_is_left_open_and_nothing_is_logged(shop: WorldThread, caplog: pytest.LogCaptureFixture) -> None:
    """In a notebook every line that a library logs ends up under somebody's cell."""
    with warnings.catch_warnings(), caplog.at_level(logging.INFO):
        warnings.simplefilter("error")
        async with shared(shop.kubeconfig) as cluster:
            await asyncio.gather(*(cluster.page(PODS, "shop", limit=2) for _ in range(20)))
        gc.collect()

    assert [
        one for one in caplog.records if not one.name.startswith("uvicorn")
    ] == []  # the world's own, in this process


async def test_a_kind_that_the_server_lacks_is_no_empty_list(cluster: Cluster) -> None:
    """An empty list would mean that all is well."""
    unknown = type(PODS)("Widget", "example.com/v1", "widgets")
    with pytest.raises(ToolError, match="does not serve this kind"):
        await cluster.page(unknown, "shop")


def test_the_environment_of_the_tests_holds_no_cluster() -> None:
    """The suite must never reach for a developer's own cluster."""
    assert not Path(os.environ["KUBECONFIG"]).exists()
