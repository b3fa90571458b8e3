"""Create, replace, patch, delete; what is refused; what a dry run keeps."""

from __future__ import annotations

import pytest

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
CHECKOUT = f"{DEPLOYMENTS}/checkout"


def web(replicas=3, labels=None, **container):
    """A small deployment."""
    app = {"name": "app", "image": "registry.example/app:1.0"} | container
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": labels or {"app": "web"}}, "spec": {"containers": [app]}},
        },
    }


def app_of(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]


def test_a_new_object_gets_its_identity_and_its_defaults(http_):
    """As the recording of a real server has it."""
    status, made = http_("POST", f"{DEPLOYMENTS}?fieldManager=codenb", web())
    assert status == 201
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["managedFields"][0]["manager"] == "codenb"
    assert "f:replicas" in made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": "25%", "maxSurge": "25%"}
    assert app_of(made)["imagePullPolicy"] == "IfNotPresent"
    assert made["status"] == {}


def test_a_name_that_is_taken_is_409(steady):
    """Word for word, with the details that clients read."""
    _, cart = steady("GET", f"{DEPLOYMENTS}/cart")
    status, body = steady("POST", DEPLOYMENTS, {**cart, "metadata": {"name": "cart"}})
    assert status == 409
    assert body["message"] == 'deployments.apps "cart" already exists'
    assert body["details"] == {"name": "cart", "group": "apps", "kind": "deployments"}


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC, "PUT"])
def test_an_old_resource_version_is_a_conflict(http_, kind):
    """The precondition of every approved change: what was read must still be there."""
    _, read = http_("GET", CHECKOUT)
    http_("PATCH", CHECKOUT, {"metadata": {"labels": {"seen": "yes"}}}, kind=MERGE)
    old = {"metadata": {"resourceVersion": read["metadata"]["resourceVersion"], "labels": {"a": "b"}}}
    status, body = http_("PUT", CHECKOUT, read) if kind == "PUT" else http_("PATCH", CHECKOUT, old, kind=kind)
    assert (status, body["reason"]) == (409, "Conflict")
    assert body["message"] == (
        'Operation cannot be fulfilled on deployments.apps "checkout": the object has been modified; please apply your '
        "changes to the latest version and try again"
    )


def test_the_current_resource_version_is_accepted_and_only_spec_changes_raise_the_generation(http_):
    """A controller compares generations to know whether it has work."""
    _, before = http_("GET", CHECKOUT)
    version = before["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version, "labels": {"seen": "yes"}}}
    status, labelled = http_("PATCH", CHECKOUT, patch, kind=MERGE)
    assert status == 200
    assert labelled["metadata"]["generation"] == before["metadata"]["generation"]
    assert labelled["metadata"]["resourceVersion"] != version
    _, scaled = http_("PATCH", CHECKOUT, {"spec": {"replicas": 4}}, kind=MERGE)
    assert scaled["metadata"]["generation"] == before["metadata"]["generation"] + 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", DEPLOYMENTS, web()),
        ("PATCH", CHECKOUT, {"spec": {"replicas": 9}}),
        ("PATCH", f"{CHECKOUT}/scale", {"spec": {"replicas": 9}}),
        ("DELETE", CHECKOUT, None),
        ("DELETE", DEPLOYMENTS, None),
    ],
)
def test_a_dry_run_answers_and_keeps_nothing(world, http_, method, path, body):
    """A preview that changed something would be the worst bug of all."""
    _, before = http_("GET", DEPLOYMENTS)
    kind = MERGE if method == "PATCH" else "application/json"
    status, _ = http_(method, f"{path}?dryRun=All", body, kind=kind)
    assert status in (200, 201)
    world.advance(10)
    assert http_("GET", DEPLOYMENTS)[1] == before
    assert world.writes("deployments", "checkout") == 0


def test_a_dry_run_shows_the_object_as_it_would_be_under_its_old_resource_version(steady):
    """As the recording of a real server has it; a digest over it must not depend on a version that is never stored."""
    _, before = steady("GET", f"{CHECKOUT}/scale")
    _, after = steady("PATCH", f"{CHECKOUT}/scale?dryRun=All", {"spec": {"replicas": 5}}, kind=MERGE)
    assert after == before | {"spec": {"replicas": 5}}


def test_a_delete_with_dry_run_in_its_body_keeps_the_object(steady):
    """The option comes in the body from kubectl, in the query from the Python client."""
    assert steady("DELETE", CHECKOUT, {"dryRun": ["All"]})[0] == 200
    assert steady("GET", CHECKOUT)[0] == 200


def test_strategic_merge_changes_one_container_by_name_and_one_variable_by_name(http_):
    """A merge that replaced the list would drop ports, probes and the other variables."""
    _, before = http_("GET", CHECKOUT)
    env = [{"name": "DEPLOY_ENV", "value": "staging"}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": env}]}}}}
    _, after = http_("PATCH", CHECKOUT, patch, kind=STRATEGIC)
    was, now = app_of(before), app_of(after)
    assert now["ports"] == was["ports"]
    assert now["env"] == [{"name": "DEPLOY_ENV", "value": "staging"}, was["env"][1]]
    removal = [{"name": "DEPLOY_ENV", "$patch": "delete"}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": removal}]}}}}
    _, after = http_("PATCH", CHECKOUT, patch, kind=STRATEGIC)
    assert app_of(after)["env"] == [was["env"][1]]


def test_a_merge_patch_replaces_lists_and_null_removes(http_):
    """RFC 7396."""
    _, after = http_("PATCH", CHECKOUT, {"metadata": {"labels": {"team": None, "new": "yes"}}}, kind=MERGE)
    assert after["metadata"]["labels"] == {"app": "checkout", "new": "yes"}


def test_a_json_patch_whose_test_fails_is_422_and_changes_nothing(steady):
    """As the recording of a real server has it."""
    operations = [
        {"op": "replace", "path": "/spec/replicas", "value": 1},
        {"op": "test", "path": "/spec/replicas", "value": 99},
    ]
    status, body = steady("PATCH", CHECKOUT, operations, kind=JSON_PATCH)
    assert (status, body["reason"]) == (422, "Invalid")
    assert body["message"] == "the server rejected our request due to an error in our request"
    assert steady("GET", CHECKOUT)[1]["spec"]["replicas"] == 3


def test_a_json_patch_is_applied_in_order(http_):
    """RFC 6902, with an escaped key as annotations need it."""
    operations = [
        {"op": "test", "path": "/spec/replicas", "value": 3},
        {"op": "add", "path": "/metadata/annotations/example~1note", "value": "x"},
        {"op": "copy", "from": "/metadata/annotations/example~1note", "path": "/metadata/labels/copied"},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
    ]
    status, after = http_("PATCH", CHECKOUT, operations, kind=JSON_PATCH)
    assert status == 200
    assert after["metadata"]["annotations"]["example/note"] == "x"
    assert after["metadata"]["labels"]["copied"] == "x"
    assert after["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (web(replicas=-1), "spec.replicas", "FieldValueInvalid"),
        (web(labels={"app": "other"}), "spec.template.metadata.labels", "FieldValueInvalid"),
        (web(image=""), "spec.template.spec.containers[0].image", "FieldValueRequired"),
        (web(name="Not A Name"), "spec.template.spec.containers[0].name", "FieldValueInvalid"),
        (
            web(resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}),
            "spec.template.spec.containers[0].resources.requests",
            "FieldValueInvalid",
        ),
    ],
)
def test_an_invalid_deployment_is_422_with_its_cause(steady, body, field, reason):
    """The cause names the field, so that an editor or a model can mend it."""
    status, answer = steady("POST", DEPLOYMENTS, body)
    assert (status, answer["reason"]) == (422, "Invalid")
    assert [(cause["field"], cause["reason"]) for cause in answer["details"]["causes"]] == [(field, reason)]
    assert answer["message"].startswith('Deployment.apps "web" is invalid: ')


def test_several_causes_come_in_one_answer_in_the_real_words(steady):
    """As the recording of a real server has it."""
    body = web(replicas=-1, labels={"app": "other"})
    body["spec"]["template"]["spec"]["containers"] = []
    _, answer = steady("POST", DEPLOYMENTS, body)
    assert answer["message"] == (
        'Deployment.apps "web" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, '
        'spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`, '
        "spec.template.spec.containers: Required value]"
    )


def test_a_selector_cannot_be_changed(steady):
    """Its pods would be orphaned."""
    patch = {"spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}}}}
    status, answer = steady("PATCH", CHECKOUT, patch, kind=MERGE)
    assert status == 422
    assert "field is immutable" in answer["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'"text"',
        b"[" * 100_000,
        {"kind": "Pod", "apiVersion": "v1"},
        web(replicas="three"),
        web(replicas=None) | {"spec": "text"},
        web() | {"metadata": []},
        web(resources={"limits": {"memory": "lots"}}),
        web(env=[{"name": "A", "value": 1}]),
        web(image=7),
    ],
)
def test_a_body_that_cannot_be_decoded_is_400(steady, body):
    """Whatever is sent, the answer is a Status and the server lives."""
    status, answer = steady("POST", DEPLOYMENTS, body)
    assert (status, answer["kind"], answer["reason"]) == (400, "Status", "BadRequest")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ports": "80"},
        {"env": "A=1"},
        {"resources": "much"},
        {"resources": {"limits": ["1Gi"]}},
        {"readinessProbe": "yes"},
        {"envFrom": [7]},
        {"envFrom": "settings"},
        {"command": "nginx"},
    ],
)
def test_a_field_of_another_shape_is_400_and_the_world_lives(steady, wrong):
    """What a typed decoder would refuse must not reach the controllers."""
    status, answer = steady("POST", DEPLOYMENTS + "?dryRun=All", web(**wrong))
    assert (status, answer["reason"]) == (400, "BadRequest")
    assert steady("GET", CHECKOUT)[0] == 200


@pytest.mark.parametrize("port", [{"name": "http"}, {"port": "80"}, {"port": 0}, {"port": 70000}])
def test_a_port_of_a_service_is_a_number_that_can_be_a_port(steady, port):
    """The endpoints are made from it."""
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [port]}}
    status, answer = steady("POST", "/api/v1/namespaces/shop/services", body)
    assert status == 422
    assert answer["details"]["causes"][0]["field"] == "spec.ports[0].port"


def test_an_unknown_field_is_refused_when_strictness_is_asked_for(steady):
    """As kubectl asks: a typo must not be dropped silently."""
    body = web()
    body["spec"]["replicaz"] = 3
    status, answer = steady("POST", f"{DEPLOYMENTS}?fieldValidation=Strict&dryRun=All", body)
    assert status == 400
    assert answer["message"] == (
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field '
        '"spec.replicaz"'
    )


def test_a_patch_of_no_kind_is_refused_in_the_real_words(steady):
    """As the recording of a real server has it."""
    status, answer = steady("PATCH", CHECKOUT, {"a": 1})
    assert (status, answer["reason"], answer["message"]) == (
        415,
        "UnsupportedMediaType",
        "415: Unsupported Media Type",
    )


@pytest.mark.parametrize("path", [DEPLOYMENTS, f"{CHECKOUT}/scale"])
def test_more_replicas_than_can_be_lived_through_are_refused(steady, path):
    """A slip of the keyboard would keep the world busy for hours."""
    many = web(replicas=2_000_000)
    answer = steady("POST", path, many) if path == DEPLOYMENTS else steady("PATCH", path, many, kind=MERGE)
    assert (answer[0], answer[1]["message"].partition(":")[0]) == (501, "more than 5000 replicas")


def test_a_body_over_the_limit_is_413(steady):
    """What is read is bounded."""
    assert steady("POST", DEPLOYMENTS, b" " * (3 * 1024 * 1024 + 1))[0] == 413


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", DEPLOYMENTS), ("POST", CHECKOUT), ("POST", "/api/v1/pods"), ("BREW", CHECKOUT)]
)
def test_a_method_that_a_path_does_not_have_is_405(steady, method, path):
    """Not 404: the resource is there."""
    status, answer = steady(method, path, {})
    assert (status, answer["reason"]) == (405, "MethodNotAllowed")


def test_an_object_in_a_namespace_that_is_not_there_is_404(steady):
    """The namespace is named, not the object."""
    path = DEPLOYMENTS.replace("shop", "nowhere")
    status, answer = steady("POST", path, web())
    assert (status, answer["message"]) == (404, 'namespaces "nowhere" not found')


def test_status_is_written_only_through_its_subresource(http_):
    """Otherwise a client that sends back what it read would overwrite the controllers."""
    _, after = http_("PATCH", CHECKOUT, {"status": {"replicas": 77}}, kind=MERGE)
    assert after["status"]["replicas"] == 3
    _, after = http_("PATCH", f"{CHECKOUT}/status", {"spec": {"replicas": 77}}, kind=MERGE)
    assert after["spec"]["replicas"] == 3


def test_a_secret_is_stored_in_base64_whatever_way_it_was_sent(http_):
    """`stringData` is for writing only."""
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "value"}}
    _, made = http_("POST", "/api/v1/namespaces/shop/secrets", body)
    assert made["data"] == {"key": "dmFsdWU="}
    assert "stringData" not in made


def test_a_field_belongs_to_the_manager_that_last_changed_it(http_):
    """Who owns a field decides whether it may be changed directly."""
    http_("PATCH", f"{CHECKOUT}?fieldManager=hand", {"spec": {"replicas": 4}}, kind=MERGE)
    _, after = http_("GET", CHECKOUT)
    owners = [
        entry["manager"]
        for entry in after["metadata"]["managedFields"]
        if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
    ]
    assert owners == ["hand"]


def test_writes_are_counted_by_resource_and_name_without_dry_runs_and_refusals(world, http_):
    """Tests of consent count what really reached the cluster."""
    scale = f"{CHECKOUT}/scale"
    http_("PATCH", f"{scale}?dryRun=All", {"spec": {"replicas": 5}}, kind=MERGE)
    http_("PATCH", scale, {"spec": {"replicas": -5}}, kind=MERGE)
    http_("PATCH", scale, {"spec": {"replicas": 5}}, kind=MERGE)
    assert world.writes("deployments/scale", "checkout") == 1
    assert world.writes("deployments", "checkout") == 0
    status, counted = http_("GET", "/_demo/writes")
    assert (status, counted["writes"]) == (200, [{"resource": "deployments/scale", "name": "checkout", "count": 1}])
