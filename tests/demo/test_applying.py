"""Server-side apply: who owns which field, what is a conflict, what goes when it is no longer asked for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.demo import applying, fieldset, forms
from codenb.demo.managed import Write

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
SHOP = "/apis/apps/v1/namespaces/shop/deployments"
WEB = f"{SHOP}/web"
CONFIG = "/api/v1/namespaces/shop/configmaps/settings"


@pytest.fixture
def apply(http_):
    """Applies a configuration as a manager; returns the status and the answer."""

    def call(body, manager="codenb", path=WEB, query=""):
        return http_("PATCH", f"{path}?fieldManager={manager}{query}", body, kind=APPLY)

    return call


def settings(**data):
    """A config map."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


def containers(deployment):
    return deployment["spec"]["template"]["spec"]["containers"]


def owners(obj, *path):
    """The managers of a field, by its path in `FieldsV1`."""
    found = []
    for entry in obj["metadata"]["managedFields"]:
        fields = entry["fieldsV1"]
        for key in path:
            fields = fields.get(key) if fields is not None else None
        if fields is not None:
            found.append((entry["manager"], entry["operation"]))
    return found


def test_an_apply_creates_and_owns_exactly_what_it_names(apply, manifest):
    """As the recording of a real server has it: defaults belong to nobody."""
    status, made = apply(manifest(replicas=2))
    assert status == 201
    assert containers(made)[0]["imagePullPolicy"] == "IfNotPresent"
    (entry,) = made["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("codenb", "Apply", "apps/v1")
    assert entry["fieldsV1"] == {
        "f:metadata": {"f:labels": {"f:app": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {"f:containers": {'k:{"name":"app"}': {".": {}, "f:image": {}, "f:name": {}}}},
            },
        },
    }


def test_the_same_apply_again_writes_nothing(world, apply, manifest):
    """An unchanged deployment must not wake its controllers, nor look younger than it is."""
    _, made = apply(manifest())
    world.advance(30)
    _, before = apply(manifest())
    world.advance(30)
    status, after = apply(manifest())
    assert status == 200
    assert after == before
    assert after["metadata"]["generation"] == made["metadata"]["generation"] == 1


def test_a_field_of_another_manager_is_a_conflict_in_the_real_words(apply, manifest):
    """As the recording of a real server has it."""
    apply(manifest(replicas=2))
    status, body = apply(manifest(replicas=4), manager="other")
    assert status == 409
    assert body["reason"] == "Conflict"
    assert body["message"] == 'Apply failed with 1 conflict: conflict with "codenb": .spec.replicas'
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "codenb"', "field": ".spec.replicas"}
    assert body["details"] == {"causes": [cause]}


def test_several_conflicts_are_told_by_manager(http_, apply, manifest):
    """An update's manager is named with its API version, one of a subresource with that."""
    apply(manifest(replicas=2, container={"image": "registry.example/app:1.0"}), manager="argocd")
    http_("PATCH", f"{WEB}/scale?fieldManager=hpa", {"spec": {"replicas": 5}}, kind=MERGE)
    http_("PATCH", f"{WEB}?fieldManager=kubectl-edit", {"metadata": {"labels": {"app": "mine"}}}, kind=MERGE)
    status, body = apply(manifest(replicas=3, container={"image": "registry.example/app:2.0"}))
    assert status == 409
    assert body["message"] == (
        'Apply failed with 3 conflicts: conflicts with "argocd":\n'
        '- .spec.template.spec.containers[name="app"].image\n'
        'conflicts with "hpa" with subresource "scale" using apps/v1:\n'
        "- .spec.replicas\n"
        'conflicts with "kubectl-edit" using apps/v1:\n'
        "- .metadata.labels.app"
    )
    assert len(body["details"]["causes"]) == 3


def test_force_takes_the_field_and_leaves_the_rest_shared(apply, manifest):
    """As the recording of a real server has it."""
    apply(manifest(replicas=2))
    status, after = apply(manifest(replicas=4), manager="other", query="&force=true")
    assert status == 200
    assert after["spec"]["replicas"] == 4
    assert owners(after, "f:spec", "f:replicas") == [("other", "Apply")]
    assert owners(after, "f:spec", "f:selector") == [("codenb", "Apply"), ("other", "Apply")]


def test_the_same_value_is_shared_and_no_conflict(apply, manifest):
    """Two managers may want the same."""
    apply(manifest(replicas=2))
    assert apply(manifest(replicas=2), manager="other")[0] == 200
    assert apply(manifest(replicas=3), manager="other")[0] == 409


def test_a_dry_run_is_merged_and_refused_as_the_apply_itself_and_keeps_nothing(http_, apply, manifest):
    """The preview of a deployment is this very call."""
    assert apply(manifest(), query="&dryRun=All")[0] == 201
    assert http_("GET", WEB)[0] == 404
    apply(manifest(replicas=2))
    assert apply(manifest(replicas=4), manager="other", query="&dryRun=All")[0] == 409
    status, shown = apply(manifest(replicas=4), manager="other", query="&dryRun=All&force=true")
    assert (status, shown["spec"]["replicas"], shown["metadata"]["generation"]) == (200, 4, 2)
    _, kept = http_("GET", WEB)
    assert kept["spec"]["replicas"] == 2
    assert owners(kept, "f:spec", "f:replicas") == [("codenb", "Apply")]


def test_a_managers_own_update_is_no_conflict_for_its_next_apply(http_, apply, manifest):
    """A tool that patches and deploys under one name does not stand in its own way."""
    apply(manifest(replicas=2))
    http_("PATCH", f"{WEB}?fieldManager=codenb", {"spec": {"replicas": 6}}, kind=MERGE)
    status, after = apply(manifest(replicas=2))
    assert (status, after["spec"]["replicas"]) == (200, 2)
    assert owners(after, "f:spec", "f:replicas") == [("codenb", "Apply")]


def test_a_scale_is_a_conflict_for_the_next_apply_even_of_the_same_manager(http_, apply, manifest):
    """The first lesson of everybody who scales by hand what is applied: the subresource is an owner of its own."""
    apply(manifest(replicas=2), manager="kubectl")
    http_("PATCH", f"{WEB}/scale?fieldManager=kubectl", {"spec": {"replicas": 6}}, kind=MERGE)
    status, body = apply(manifest(replicas=2), manager="kubectl")
    assert status == 409
    assert body["message"] == (
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
    )
    status, after = apply(manifest(replicas=2), manager="kubectl", query="&force=true")
    assert (status, after["spec"]["replicas"]) == (200, 2)


def test_what_is_no_longer_applied_goes_unless_somebody_else_applies_it_too(apply):
    """The whole difference between an apply and a merge patch."""
    apply(settings(mine="1", shared="2"), path=CONFIG)
    apply(settings(shared="2", theirs="3"), manager="other", path=CONFIG)
    _, after = apply(settings(mine="1"), path=CONFIG)
    assert after["data"] == {"mine": "1", "shared": "2", "theirs": "3"}
    _, after = apply(settings(new="4"), path=CONFIG)
    assert after["data"] == {"shared": "2", "theirs": "3", "new": "4"}
    assert owners(after, "f:data", "f:shared") == [("other", "Apply")]


def test_giving_up_a_field_leaves_it_to_its_other_owner_and_to_its_default(apply, manifest):
    """Replicas that are left to an autoscaler: out of the configuration, not back to one."""
    apply(manifest(replicas=5))
    apply(manifest(replicas=5), manager="hpa")
    given_up = manifest()
    del given_up["spec"]["replicas"]
    _, after = apply(given_up)
    assert after["spec"]["replicas"] == 5
    assert owners(after, "f:spec", "f:replicas") == [("hpa", "Apply")]
    _, after = apply(given_up, manager="hpa")
    assert after["spec"]["replicas"] == 1


def test_a_container_that_is_no_longer_applied_goes_with_its_defaults(apply, manifest):
    """The defaults in it have no owner, and do not keep half a container alive."""
    both = manifest()
    containers(both).append({"name": "proxy", "image": "registry.example/proxy:1.0"})
    assert len(containers(apply(both)[1])) == 2
    _, after = apply(manifest())
    assert [item["name"] for item in containers(after)] == ["app"]


def test_a_sidecar_that_another_manager_put_in_stays(http_, apply, manifest):
    """A mesh's injected container must survive the next deployment."""
    apply(manifest())
    sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "mesh", "image": "registry.example/mesh:1"}]}}}}
    http_("PATCH", f"{WEB}?fieldManager=mesh", sidecar, kind="application/strategic-merge-patch+json")
    _, after = apply(manifest(container={"image": "registry.example/app:2.0"}))
    assert {item["name"]: item["image"] for item in containers(after)} == {
        "app": "registry.example/app:2.0",
        "mesh": "registry.example/mesh:1",
    }


def test_lists_are_merged_by_their_keys(apply, manifest):
    """Two managers may each have their ports, variables and mounts in one container."""
    first = {"ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "1"}], "args": ["x"]}
    second = {"ports": [{"containerPort": 80, "protocol": "UDP"}], "env": [{"name": "B", "value": "2"}]}
    assert apply(manifest(container=first))[0] == 201
    status, after = apply(manifest(container=second), manager="other")
    assert status == 200
    app = containers(after)[0]
    assert {(port["containerPort"], port["protocol"]) for port in app["ports"]} == {(80, "TCP"), (80, "UDP")}
    assert {item["name"]: item["value"] for item in app["env"]} == {"A": "1", "B": "2"}
    status, body = apply(manifest(container={"args": ["y"]}), manager="other")
    assert status == 409
    assert body["message"].endswith('conflict with "codenb": .spec.template.spec.containers[name="app"].args')


def test_an_atomic_list_has_one_owner_and_is_replaced_whole(apply, manifest):
    """Arguments of two managers, mixed, would be nobody's command."""
    apply(manifest(container={"args": ["--one", "--two"]}))
    _, after = apply(manifest(container={"args": ["--three"]}))
    assert containers(after)[0]["args"] == ["--three"]


def test_a_service_keeps_the_ports_of_each_protocol_apart(apply):
    """The same number twice is allowed there: DNS."""
    path = "/api/v1/namespaces/shop/services/dns"
    ports = [{"name": "udp", "port": 53, "protocol": "UDP"}, {"name": "tcp", "port": 53}]
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns"}, "spec": {"ports": ports}}
    _, made = apply(body, path=path)
    assert len(made["spec"]["ports"]) == 2
    fields = made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:ports"]
    assert list(fields) == ['k:{"port":53,"protocol":"TCP"}', 'k:{"port":53,"protocol":"UDP"}']


@pytest.mark.parametrize(
    ("container", "why"),
    [
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
            '.spec.template.spec.containers[name="app"].env: duplicate entries for key [name="A"]',
        ),
        ({"imagee": "x"}, '.spec.template.spec.containers[name="app"].imagee: field not declared in schema'),
    ],
)
def test_a_configuration_that_its_schema_does_not_know_is_refused_in_the_real_words(apply, manifest, container, why):
    """A plain error of the real server, with 500 and without a reason."""
    status, body = apply(manifest(container=container))
    assert (status, body.get("reason")) == (500, None)
    assert body["message"] == f"failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): {why}"


def test_without_a_field_manager_there_is_no_apply(http_, manifest):
    """As the recording of a real server has it."""
    status, body = http_("PATCH", WEB, manifest(), kind=APPLY)
    assert (status, body["reason"]) == (422, "Invalid")
    assert body["message"] == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
    )
    assert "name" not in body["details"]


def test_an_old_resource_version_is_a_conflict_and_the_current_one_is_not(http_, apply, manifest):
    """The precondition under which an approved deployment is written."""
    _, made = apply(manifest())
    _, live = http_("GET", WEB)
    body = manifest(replicas=4)
    body["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    status, refused = apply(body)
    assert (status, refused["reason"]) == (409, "Conflict")
    assert "the object has been modified" in refused["message"]
    body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    assert apply(body)[0] == 200


def test_a_uid_binds_an_apply_to_the_object_that_was_seen(http_, apply, manifest):
    """Deleted meanwhile, it must not be made anew; made anew, it is another one."""
    body = manifest()
    body["metadata"]["uid"] = "6a1b7e5e-0000-4000-8000-000000000000"
    status, answer = apply(body)
    assert (status, answer["reason"]) == (409, "Conflict")
    assert "uid mismatch" in answer["message"]
    assert http_("GET", WEB)[0] == 404
    apply(manifest())
    assert apply(body)[0] == 422


def test_the_status_is_applied_only_through_its_subresource(apply, manifest):
    """A manifest that was read back from a cluster carries its old status."""
    body = manifest()
    body["status"] = {"replicas": 77}
    _, made = apply(body)
    assert made["status"] == {}
    assert "f:status" not in made["metadata"]["managedFields"][0]["fieldsV1"]


def test_the_body_may_be_yaml(apply):
    """Which is what the media type says; text that YAML 1.1 takes for a date or base 60 stays text."""
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  day: 2030-01-01\n  map: 22:22\n"
    status, made = apply(body, path=CONFIG)
    assert (status, made["data"]) == (201, {"day": "2030-01-01", "map": "22:22"})


def laughs():
    """Nine lists of nine aliases each: a billion entries, written out."""
    lines = ["x0: &x0 [0, 0, 0, 0, 0, 0, 0, 0, 0]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"a: [",
        b"- a\n- b\n",
        b"a: 1\n---\nb: 2\n",
        b"\x00",
        b"a: !!python/object:os.system {}",
        b"a: .nan",
        b"&a [*a]",
        laughs(),
    ],
)
def test_a_body_that_is_no_object_or_grows_without_end_is_400(apply, body):
    """Among them the document of a billion laughs."""
    status, answer = apply(body, path=CONFIG)
    assert (status, answer["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"apiVersion": "apps/v1"}, "Incorrect version specified in apply patch"),
        ({"kind": "Secret"}, "does not match the kind"),
        ({"metadata": {"name": "other"}}, "does not match the name on the URL"),
        ({"metadata": {"namespace": "default"}}, "does not match the namespace"),
        ({"metadata": {"managedFields": []}}, "metadata.managedFields must be nil"),
        ({"metadata": []}, "metadata must be an object"),
        ({"data": {"a": 1}}, "cannot unmarshal"),
    ],
)
def test_a_configuration_for_something_else_is_400(apply, change, message):
    """The path says what is meant, and the body has to agree."""
    status, answer = apply(settings(a="b") | change, path=CONFIG)
    assert status == 400
    assert message in answer["message"]


def test_a_viewer_may_not_even_try(world, talk, manifest):
    """A dry run is authorised like the write itself."""
    for query in ("", "&dryRun=All"):
        status, body = talk(world, "viewer")("PATCH", f"{WEB}?fieldManager=codenb{query}", manifest(), kind=APPLY)
        assert (status, body["reason"]) == (403, "Forbidden")
        assert 'cannot patch resource "deployments"' in body["message"]


def test_an_apply_is_counted_as_a_write_and_a_dry_run_is_not(world, apply, manifest):
    """Tests of consent count what really reached the cluster."""
    apply(manifest(), query="&dryRun=All")
    apply(manifest())
    assert world.writes("deployments", "web") == 1


def test_an_apply_where_another_kind_of_resource_is_meant_is_refused(http_, apply):
    """What is not done here is not pretended."""
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 1}}
    assert apply(scale, path=f"{SHOP}/cart/scale")[0] == 501
    assert apply({}, path="/apis/example.com/v1/namespaces/shop/widgets/w")[0] == 404


BAD_IMAGES = {
    "registry.example/shop/cart:9.9.9": "registry.example/shop/cart:9.9.9: not found",
    "registry.invalid/web:1.0": "lookup registry.invalid on 10.96.0.10:53: no such host",
}


@pytest.mark.parametrize("image", BAD_IMAGES)
def test_a_new_deployment_of_a_bad_image_stalls_with_its_event(world, http_, apply, manifest, image):
    """A deployment that waits must be able to say which pod and why."""
    why = BAD_IMAGES[image]
    body = manifest(container={"image": image})
    body["spec"]["progressDeadlineSeconds"] = 20
    apply(body)
    world.advance(5)
    _, pods = http_("GET", "/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb")
    (status,) = pods["items"][0]["status"]["containerStatuses"]
    assert status["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert status["state"]["waiting"]["message"].endswith(why)
    selector = f"fieldSelector=type%3DWarning,involvedObject.name%3D{pods['items'][0]['metadata']['name']}"
    _, events = http_("GET", f"/api/v1/namespaces/shop/events?{selector}")
    assert any(event["message"].endswith(why) for event in events["items"])
    world.advance(30)
    _, deployment = http_("GET", WEB)
    assert "ProgressDeadlineExceeded" in [item["reason"] for item in deployment["status"]["conditions"]]
    assert deployment["status"].get("readyReplicas", 0) == 0


data = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["1", "2"]), max_size=4)
steps = st.lists(st.tuples(st.sampled_from(["x", "y", "z"]), data), min_size=1, max_size=6)


@given(steps=steps)
def test_after_any_forced_applies_the_fields_are_exactly_those_that_somebody_still_wants(steps):
    """The invariant of apply: each field has an owner, each owner's last word holds unless another forced it away."""
    live, wanted = None, {}
    for number, (manager, values) in enumerate(steps):
        config = settings(**values)
        write = Write(manager, "v1", str(number), "", "Apply")
        obj, entries = applying.apply(live, config, write, forms.of("ConfigMap"), force=True)
        live = json.loads(json.dumps(obj))
        live["metadata"]["managedFields"] = entries
        for other, theirs in wanted.items():
            wanted[other] = {key: value for key, value in theirs.items() if values.get(key, value) == value}
        wanted[manager] = dict(values)
        expected = {key: value for theirs in wanted.values() for key, value in theirs.items()}
        assert (live.get("data") or {}) == expected
        owned = {entry["manager"]: set(entry["fieldsV1"].get("f:data", {})) - {"."} for entry in entries}
        named = {manager: {f"f:{key}" for key in values} for manager, values in wanted.items()}
        assert {key: value for key, value in owned.items() if value} == {k: v for k, v in named.items() if v}


ELEMENTS = ["f:a", "f:b", 'k:{"name":"x"}', "."]
trees = st.recursive(
    st.just({}),
    lambda below: st.dictionaries(st.sampled_from(ELEMENTS), below, min_size=1, max_size=3),
    max_leaves=8,
)


def members(tree, way=()):
    found = set()
    for key, below in tree.items():
        if key != ".":
            inside, deeper = fieldset.split(below)
            found |= ({(*way, key)} if inside else set()) | members(deeper, (*way, key))
    return found


@given(left=trees, right=trees)
def test_sets_of_fields_are_sets(left, right):
    """Union, difference and intersection agree with those of the paths they stand for."""
    assert members(fieldset.union(left, right)) == members(left) | members(right)
    assert members(fieldset.minus(left, right)) == members(left) - members(right)
    assert members(fieldset.common(left, right)) == members(left) & members(right)
