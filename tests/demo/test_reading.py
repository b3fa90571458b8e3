"""Discovery, lists, selectors, pages, tables, logs."""

from __future__ import annotations

import pytest
from kubernetes import aio
from kubernetes.client import ApiException

from codenb.demo import WorldThread

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
MERGE = "application/merge-patch+json"
PODS = "/api/v1/namespaces/shop/pods"


@pytest.fixture(scope="module")
def world():
    """One world for all: reading changes nothing."""
    with WorldThread("healthy", frozen=True) as served:
        yield served


def names(found):
    return [item.metadata.name for item in found.items]


def test_the_version_answers_with_and_without_a_trailing_slash(http_):
    """The Python client asks for /version/, kubectl for /version."""
    assert http_("GET", "/version") == http_("GET", "/version/")
    assert http_("GET", "/version")[1]["major"] == "1"


def test_discovery_names_every_resource_with_its_verbs(http_):
    """Dynamic clients and kubectl build their calls from discovery alone."""
    _, groups = http_("GET", "/apis")
    for group in groups["groups"]:
        status, found = http_("GET", f"/apis/{group['preferredVersion']['groupVersion']}")
        assert status == 200
        assert all(resource["verbs"] for resource in found["resources"])
    _, apps = http_("GET", "/apis/apps/v1")
    deployments = next(item for item in apps["resources"] if item["name"] == "deployments")
    assert deployments["shortNames"] == ["deploy"]
    scale = next(item for item in apps["resources"] if item["name"] == "deployments/scale")
    assert (scale["group"], scale["kind"]) == ("autoscaling", "Scale")


def test_kubectl_gets_the_plain_discovery_when_it_prefers_the_aggregated(http_):
    """It asks for the aggregated one first and must be able to read what comes instead."""
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    assert http_("GET", "/apis", accept=accept)[1]["kind"] == "APIGroupList"


@pytest.mark.parametrize("path", ["/openapi/v2", "/apis/apps/v1/namespaces/shop/nonsense", "/nonsense"])
def test_what_is_not_there_is_404_with_a_status(http_, path):
    """Clients decide by the Status body, not by an HTML page."""
    status, body = http_("GET", path)
    assert (status, body["kind"], body["reason"]) == (404, "Status", "NotFound")


@pytest.mark.parametrize("path", [f"{PODS}/x/exec", f"{PODS}/x/eviction", "/api/v1/watch/pods"])
def test_what_a_real_server_has_and_this_one_lacks_says_so(http_, path):
    """A double that pretends would teach something wrong."""
    status, body = http_("POST" if "pods/x" in path else "GET", path, {})
    assert (status, body["reason"]) == (501, "NotImplemented")
    assert "not embedded here" in body["message"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app=cart", {"cart"}),
        ("app==cart", {"cart"}),
        ("app!=cart", {"catalog", "checkout"}),
        ("app in (cart, catalog)", {"cart", "catalog"}),
        ("app notin (cart,catalog)", {"checkout"}),
        ("app", {"cart", "catalog", "checkout"}),
        ("!team", {"cart", "catalog"}),
        ("app=checkout,team=shop", {"checkout"}),
        ("app=nobody", set()),
    ],
)
def test_label_selectors_narrow_a_list(apps, selector, expected):
    """Every form of the selector language is used by some tool."""
    assert set(names(apps.list_namespaced_deployment("shop", label_selector=selector))) == expected


@pytest.mark.parametrize("selector", ["app=(", "=x", "app in cart", "a b"])
def test_a_label_selector_that_cannot_be_read_is_400(apps, selector):
    """A selector that is silently ignored would return everything."""
    with pytest.raises(ApiException) as caught:
        apps.list_namespaced_deployment("shop", label_selector=selector)
    assert caught.value.status == 400


def test_field_selectors_narrow_a_list(core):
    """The events of one object are found by its uid, the pods of a phase by status.phase."""
    pod = core.list_namespaced_pod("shop", field_selector="status.phase=Running").items[0]
    assert names(core.list_namespaced_pod("shop", field_selector=f"metadata.name={pod.metadata.name}")) == [
        pod.metadata.name
    ]
    assert not core.list_namespaced_pod("shop", field_selector="status.phase!=Running").items


def test_an_unknown_field_selector_is_refused_in_the_real_words(http_):
    """As the recording of a real server has it."""
    status, body = http_("GET", f"{PODS}?fieldSelector=spec.nonsense%3D1")
    assert (status, body["reason"], body["message"]) == (
        400,
        "BadRequest",
        "field label not supported: spec.nonsense",
    )


def test_pages_add_up_to_the_whole_list_in_one_revision(core):
    """A cursor that skips or repeats a pod would give wrong counts."""
    whole = core.list_namespaced_pod("shop")
    seen, token, revisions = [], None, set()
    while True:
        page = core.list_namespaced_pod("shop", limit=2, _continue=token)
        seen += names(page)
        revisions.add(page.metadata.resource_version)
        token = page.metadata._continue
        if not token:
            break
        assert page.metadata.remaining_item_count == len(whole.items) - len(seen)
    assert seen == names(whole)
    assert len(revisions) == 1


def test_a_continue_token_that_is_not_ours_is_400(core):
    """What comes from outside is checked before it is used."""
    with pytest.raises(ApiException) as caught:
        core.list_namespaced_pod("shop", limit=1, _continue="nonsense!")
    assert caught.value.status == 400


def test_items_of_a_list_do_not_repeat_their_kind_as_with_the_real_server(http_):
    """Code that reads item['kind'] works against a double and fails against a cluster."""
    _, body = http_("GET", PODS)
    assert body["kind"] == "PodList"
    assert all("kind" not in item and "apiVersion" not in item for item in body["items"])


def test_tables_have_kubectls_columns(http_):
    """`kubectl get` prints what the server's table says."""
    _, table = http_("GET", PODS, accept=TABLE)
    assert [column["name"] for column in table["columnDefinitions"] if not column["priority"]] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
    ]
    assert table["rows"][0]["cells"][1:4] == ["1/1", "Running", "0"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_events_read_through_both_apis_are_the_same_events(http_):
    """Newer tools read events.k8s.io, older ones the core group."""
    http_("PATCH", "/apis/apps/v1/namespaces/shop/deployments/cart/scale", {"spec": {"replicas": 3}}, kind=MERGE)
    _, core = http_("GET", "/api/v1/namespaces/shop/events")
    _, new = http_("GET", "/apis/events.k8s.io/v1/namespaces/shop/events")
    assert [item["message"] for item in core["items"]] == [item["note"] for item in new["items"]]
    assert core["items"]


def test_logs_can_be_cut_by_lines_time_and_bytes(world, core):
    """A reader must be able to bound what it gets."""
    pod = names(core.list_namespaced_pod("shop", label_selector="app=checkout"))[0]
    whole = core.read_namespaced_pod_log(pod, "shop").splitlines()
    assert core.read_namespaced_pod_log(pod, "shop", tail_lines=2).splitlines() == whole[-2:]
    recent = core.read_namespaced_pod_log(pod, "shop", since_seconds=60).splitlines()
    assert 0 < len(recent) <= 7
    assert len(core.read_namespaced_pod_log(pod, "shop", limit_bytes=10)) == 10
    stamped = core.read_namespaced_pod_log(pod, "shop", tail_lines=1, timestamps=True)
    assert stamped.startswith(world.now.strftime("%Y-%m-%dT%H:"))


def test_logs_of_what_does_not_exist_are_refused_in_the_real_words(core):
    """The messages are what people search for."""
    pod = names(core.list_namespaced_pod("shop", label_selector="app=checkout"))[0]
    for options, message in (
        ({"container": "zz"}, f"container zz is not valid for pod {pod}"),
        ({"previous": True}, f'previous terminated container \\"app\\" in pod \\"{pod}\\" not found'),
    ):
        with pytest.raises(ApiException) as caught:
            core.read_namespaced_pod_log(pod, "shop", **options)
        assert caught.value.status == 400
        assert message in caught.value.body


async def test_the_asynchronous_client_reads_the_same_pods(world, core):
    """The servers use kubernetes.aio, people's scripts the synchronous client."""
    async with await aio.config.new_client_from_config(str(world.kubeconfig)) as client:
        found = await aio.client.CoreV1Api(client).list_namespaced_pod("shop")
    assert names(found) == names(core.list_namespaced_pod("shop"))
