"""CustomResourceDefinitions, and the objects that they define."""

from __future__ import annotations

import pytest

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BACKUPS = f"{DEFINITIONS}/backups.example.com"
GROUP = "/apis/example.com"
SHOP = f"{GROUP}/v1/namespaces/shop/backups"

SPEC = {
    "type": "object",
    "required": ["schedule"],
    "properties": {
        "schedule": {"type": "string", "pattern": "^[0-9*/ ]+$"},
        "keep": {"type": "integer", "minimum": 1, "maximum": 30, "default": 7},
        "mode": {"type": "string", "enum": ["full", "delta"], "default": "full"},
        "port": {"x-kubernetes-int-or-string": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "raw": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "hosts": {"type": "array", "maxItems": 2, "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "stores": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "path": {"type": "string", "default": "/"}},
            },
        },
    },
}


def definition(spec=SPEC, **version):
    """A definition of backups in one version."""
    schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object", "properties": STATUS}}}
    first = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    first["subresources"] = {"status": {}}
    first["additionalPrinterColumns"] = [{"name": "Schedule", "type": "string", "jsonPath": ".spec.schedule"}]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "backups.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "backups", "kind": "Backup", "shortNames": ["bk"]},
            "versions": [first | version],
        },
    }


STATUS = {"phase": {"type": "string"}}


def backup(name="nightly", **spec):
    """A backup."""
    return {
        "apiVersion": "example.com/v1",
        "kind": "Backup",
        "metadata": {"name": name},
        "spec": {"schedule": "0 3 * * *"} | spec,
    }


@pytest.fixture
def defined(http_):
    """The healthy shop, in which backups are defined."""
    assert http_("POST", DEFINITIONS, definition())[0] == 201
    return http_


def test_a_definition_is_established_and_served(http_):
    """Clients wait for that condition, then look the new resource up."""
    status, made = http_("POST", DEFINITIONS, definition())
    assert status == 201
    assert made["spec"]["names"]["listKind"] == "BackupList"
    _, there = http_("GET", BACKUPS)
    assert {item["type"]: item["status"] for item in there["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert there["status"]["storedVersions"] == ["v1"]
    assert "example.com" in [group["name"] for group in http_("GET", "/apis")[1]["groups"]]
    _, resources = http_("GET", f"{GROUP}/v1")
    assert [item["name"] for item in resources["resources"]] == ["backups", "backups/status"]
    assert resources["resources"][0]["shortNames"] == ["bk"]
    assert http_("GET", SHOP)[1]["items"] == []


def test_before_its_definition_a_custom_resource_is_not_found(steady):
    """As for any path that means nothing."""
    status, body = steady("POST", SHOP, backup())
    assert (status, body["message"]) == (404, "the server could not find the requested resource")


def test_a_custom_resource_is_pruned_and_gets_its_defaults(defined):
    """What the schema does not know is not stored."""
    sent = backup(typo=1, raw={"anything": {"goes": 1}}, stores=[{"name": "a"}], labels={"x": "y"})
    status, made = defined("POST", SHOP, sent)
    assert status == 201
    assert made["spec"] == {
        "schedule": "0 3 * * *",
        "keep": 7,
        "mode": "full",
        "raw": {"anything": {"goes": 1}},
        "stores": [{"name": "a", "path": "/"}],
        "labels": {"x": "y"},
    }
    assert made["metadata"]["generation"] == 1
    assert (made["apiVersion"], made["kind"]) == ("example.com/v1", "Backup")


def test_an_unknown_field_is_refused_when_strictness_is_asked_for(defined):
    """As kubectl asks."""
    status, body = defined("POST", f"{SHOP}?fieldValidation=Strict", backup(typo=1))
    assert status == 400
    assert body["message"] == (
        'Backup in version "v1" cannot be handled as a Backup: strict decoding error: unknown field "spec.typo"'
    )


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        (
            {"keep": "many"},
            "FieldValueTypeInvalid",
            'spec.keep: Invalid value: "string": spec.keep in body must be of type integer: "string"',
        ),
        (
            {"keep": 0},
            "FieldValueInvalid",
            "spec.keep: Invalid value: 0: spec.keep in body should be greater than or equal to 1",
        ),
        (
            {"keep": 31},
            "FieldValueInvalid",
            "spec.keep: Invalid value: 31: spec.keep in body should be less than or equal to 30",
        ),
        (
            {"mode": "x"},
            "FieldValueNotSupported",
            'spec.mode: Unsupported value: "x": supported values: "full", "delta"',
        ),
        (
            {"schedule": "nightly"},
            "FieldValueInvalid",
            "spec.schedule: Invalid value: \"nightly\": spec.schedule in body should match '^[0-9*/ ]+$'",
        ),
        (
            {"port": []},
            "FieldValueTypeInvalid",
            'spec.port: Invalid value: "array": spec.port in body must be of type integer,string: "array"',
        ),
        ({"hosts": ["a", "a"]}, "FieldValueDuplicate", 'spec.hosts[1]: Duplicate value: "a"'),
        ({"hosts": ["a", "b", "c"]}, "FieldValueTooMany", "spec.hosts: Too many: 3: must have at most 2 items"),
        (
            {"stores": [{"name": "a"}, {"name": "a"}]},
            "FieldValueDuplicate",
            'spec.stores[1]: Duplicate value: {"name":"a"}',
        ),
        ({"stores": [{"path": "/x"}]}, "FieldValueRequired", "spec.stores[0].name: Required value"),
        (
            {"labels": {"x": 1}},
            "FieldValueTypeInvalid",
            'spec.labels.x: Invalid value: "integer": spec.labels.x in body must be of type string: "integer"',
        ),
    ],
)
def test_what_breaks_the_schema_is_422_with_its_cause(defined, spec, reason, message):
    """In the real server's words."""
    status, body = defined("POST", SHOP, backup(**spec))
    assert (status, body["reason"]) == (422, "Invalid")
    assert body["message"] == f'Backup.example.com "nightly" is invalid: {message}'
    (cause,) = body["details"]["causes"]
    assert cause["reason"] == reason


def test_a_field_that_must_be_there_is_named(defined):
    """Required is told by the path of what is missing."""
    body = backup()
    del body["spec"]["schedule"]
    status, answer = defined("POST", SHOP, body)
    assert status == 422
    assert answer["message"].endswith("spec.schedule: Required value")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"anyOf": [{"minimum": 5}, {"multipleOf": 2}]}, 4, 3),
        ({"oneOf": [{"minimum": 5}, {"maximum": 5}]}, 4, 5),
        ({"allOf": [{"minimum": 5}, {"maximum": 9}]}, 7, 3),
        ({"not": {"enum": [3]}}, 4, 3),
        ({"minimum": 3, "exclusiveMinimum": True}, 4, 3),
        ({"maximum": 3, "exclusiveMaximum": True}, 2, 3),
        ({"multipleOf": 4}, 8, 3),
        ({"nullable": False}, 1, 1.5),
    ],
)
def test_the_other_keywords_hold_too(http_, schema, good, bad):
    """Each lets something through and keeps something out."""
    spec = {"type": "object", "properties": {"n": {"type": "integer"} | schema}}
    assert http_("POST", DEFINITIONS, definition(spec, subresources={}))[0] == 201
    for value, wanted in ((good, 201), (bad, 422)):
        body = backup(name=f"n{int(value)}", n=value)
        assert http_("POST", SHOP, body)[0] == wanted


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "minLength": 2}, "ab", "a"),
        ({"type": "string", "maxLength": 2}, "ab", "abc"),
        ({"type": "string", "format": "date-time"}, "2030-01-01T00:00:00Z", "tomorrow"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, ["a"], []),
        ({"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}, {"a": "b"}, {}),
        ({"type": "object", "maxProperties": 1, "additionalProperties": True}, {"a": 1}, {"a": 1, "b": 2}),
        ({"type": "boolean"}, True, "yes"),
        ({"type": "number"}, 1.5, True),
    ],
)
def test_the_keywords_of_texts_lists_and_maps_hold_too(http_, schema, good, bad):
    """Each lets something through and keeps something out."""
    http_("POST", DEFINITIONS, definition({"type": "object", "properties": {"x": schema}}))
    assert http_("POST", SHOP, backup("good", x=good))[0] == 201
    assert http_("POST", SHOP, backup("bad", x=bad))[0] == 422


def test_the_status_is_a_subresource_where_the_definition_says_so(defined):
    """A client that sends back what it read must not overwrite what the operator wrote."""
    _, made = defined("POST", SHOP, backup() | {"status": {"phase": "Done"}})
    assert "status" not in made
    path = f"{SHOP}/nightly"
    _, after = defined("PATCH", f"{path}/status", {"status": {"phase": "Running"}, "spec": {"keep": 9}}, kind=MERGE)
    assert (after["status"], after["spec"]["keep"]) == ({"phase": "Running"}, 7)
    assert after["metadata"]["generation"] == 1
    _, after = defined("PATCH", path, {"status": {"phase": "Lost"}, "spec": {"keep": 9}}, kind=MERGE)
    assert (after["status"], after["spec"]["keep"]) == ({"phase": "Running"}, 9)
    assert after["metadata"]["generation"] == 2


def test_apply_merges_by_the_list_keys_of_the_schema(defined):
    """Two managers, each with an entry of one list; an unknown field is refused as the real server does."""
    path = f"{SHOP}/nightly?fieldManager="
    status, made = defined("PATCH", f"{path}one", backup(stores=[{"name": "a", "path": "/a"}]), kind=APPLY)
    assert status == 201
    fields = made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:stores"]
    assert fields == {'k:{"name":"a"}': {".": {}, "f:name": {}, "f:path": {}}}
    second = backup(stores=[{"name": "b"}], hosts=["x"])
    status, after = defined("PATCH", f"{path}two", second, kind=APPLY)
    assert status == 200
    assert after["spec"]["stores"] == [{"name": "a", "path": "/a"}, {"name": "b", "path": "/"}]
    status, body = defined("PATCH", f"{path}two", backup(stores=[{"name": "a", "path": "/z"}]), kind=APPLY)
    assert status == 409
    assert body["message"].endswith('conflict with "one": .spec.stores[name="a"].path')
    status, body = defined("PATCH", f"{path}two", backup(typo=1), kind=APPLY)
    assert status == 500
    assert body["message"] == (
        "failed to create typed patch object (shop/nightly; example.com/v1, Kind=Backup): .spec.typo: field not "
        "declared in schema"
    )


def test_a_strategic_merge_patch_of_a_custom_resource_is_415(defined):
    """Custom resources have no merge keys for it."""
    defined("POST", SHOP, backup())
    assert defined("PATCH", f"{SHOP}/nightly", {"spec": {"keep": 3}}, kind=STRATEGIC)[0] == 415


def test_custom_resources_are_listed_watched_replaced_and_deleted_like_any_other(defined):
    """With their kind in each item, as the real server lists them."""
    defined("POST", SHOP, backup("a"))
    _, b = defined("POST", SHOP, backup("b"))
    _, found = defined("GET", f"{GROUP}/v1/backups")
    assert [(item["kind"], item["metadata"]["name"]) for item in found["items"]] == [("Backup", "a"), ("Backup", "b")]
    b["spec"]["keep"] = 3
    assert defined("PUT", f"{SHOP}/b", b)[0] == 200
    assert defined("PUT", f"{SHOP}/b", b)[0] == 409
    (event,) = defined.watch(f"{GROUP}/v1/backups", 1, fieldSelector="metadata.name=a")
    assert (event["type"], event["object"]["apiVersion"]) == ("ADDED", "example.com/v1")
    assert defined("DELETE", f"{SHOP}/a")[0] == 200
    assert defined("GET", f"{SHOP}/a")[0] == 404


def test_a_table_of_custom_resources_has_the_columns_of_their_definition(defined):
    """What `kubectl get` prints."""
    defined("POST", SHOP, backup())
    _, table = defined("GET", SHOP, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Schedule"]
    assert table["rows"][0]["cells"] == ["nightly", "0 3 * * *"]


def test_a_resource_is_served_in_all_its_versions_and_kept_once(http_):
    """Without conversion, a version is only another name for the same object."""
    body = definition()
    older = body["spec"]["versions"][0] | {"name": "v1beta1", "storage": False}
    hidden = older | {"name": "v1alpha1", "served": False}
    body["spec"]["versions"] += [older, hidden]
    http_("POST", DEFINITIONS, body)
    _, group = http_("GET", GROUP)
    assert [item["version"] for item in group["versions"]] == ["v1", "v1beta1"]
    assert group["preferredVersion"]["version"] == "v1"
    _, made = http_("POST", SHOP.replace("v1", "v1beta1"), backup() | {"apiVersion": "example.com/v1beta1"})
    assert made["apiVersion"] == "example.com/v1beta1"
    assert http_("GET", f"{SHOP}/nightly")[1]["apiVersion"] == "example.com/v1"
    assert http_("GET", SHOP.replace("v1", "v1alpha1"))[0] == 404


def test_a_changed_schema_holds_for_the_next_write(defined):
    """Definitions are updated by each release of their operator."""
    spec = SPEC | {"properties": SPEC["properties"] | {"typo": {"type": "integer"}}}
    status, _ = defined("PATCH", f"{BACKUPS}?fieldManager=operator&force=true", definition(spec), kind=APPLY)
    assert status == 200
    _, made = defined("POST", SHOP, backup(typo=1))
    assert made["spec"]["typo"] == 1


def test_a_deleted_definition_takes_its_objects_with_it(defined):
    """And is not found any more: neither the objects nor the resource."""
    defined("POST", SHOP, backup())
    assert defined("DELETE", BACKUPS)[0] == 200
    assert defined("GET", BACKUPS)[0] == 404
    assert defined("GET", SHOP)[0] == 404
    assert defined("POST", DEFINITIONS, definition())[0] == 201
    assert defined("GET", SHOP)[1]["items"] == []


def test_a_definition_waits_for_an_object_that_is_held_by_a_finalizer(defined):
    """An operator still has to clean up behind it."""
    held = backup()
    held["metadata"]["finalizers"] = ["example.com/cleanup"]
    defined("POST", SHOP, held)
    defined("DELETE", BACKUPS)
    assert "deletionTimestamp" in defined("GET", BACKUPS)[1]["metadata"]
    assert "deletionTimestamp" in defined("GET", f"{SHOP}/nightly")[1]["metadata"]
    defined("PATCH", f"{SHOP}/nightly", {"metadata": {"finalizers": None}}, kind=MERGE)
    assert defined("GET", BACKUPS)[0] == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metadata": {"name": "backup.example.com"}}, "metadata.name"),
        ({"scope": "Everywhere"}, "spec.scope"),
        ({"versions": []}, "spec.versions"),
        ({"group": ""}, "spec.group"),
        ({"names": {"plural": "backups"}}, "spec.names.kind"),
        ({"schema": {}}, "spec.versions[0].schema.openAPIV3Schema"),
        ({"schema": {"openAPIV3Schema": {}}}, "spec.versions[0].schema.openAPIV3Schema.type"),
        ({"spec": {}}, "spec.versions[0].schema.openAPIV3Schema.properties[spec].type"),
        ({"spec": {"type": "text"}}, "spec.versions[0].schema.openAPIV3Schema.properties[spec].type"),
        ({"spec": {"type": "array"}}, "spec.versions[0].schema.openAPIV3Schema.properties[spec].items"),
        (
            {"spec": {"type": "object", "$ref": "#/x"}},
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].$ref",
        ),
        (
            {"spec": {"type": "integer", "default": "x"}},
            "spec.versions[0].schema.openAPIV3Schema.properties[spec].default",
        ),
    ],
)
def test_a_definition_that_is_not_structural_is_422(steady, change, field):
    """Pruning and defaulting need a schema that says of every field what it is."""
    body = definition(change.pop("spec", SPEC), **({"schema": change.pop("schema")} if "schema" in change else {}))
    body["metadata"] |= change.pop("metadata", {})
    body["spec"] |= change
    status, answer = steady("POST", DEFINITIONS, body)
    assert (status, answer["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in answer["details"]["causes"]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": "object", "x-kubernetes-validations": [{"rule": "self.a > 1"}]}, 501),
        ({"type": "object", "x-kubernetes-embedded-resource": True}, 501),
        ({"type": "string", "pattern": "("}, 400),
        ({"type": "string", "minLength": "two"}, 400),
        ({"type": "object", "properties": []}, 400),
        ({"type": "object", "additionalProperties": 3}, 400),
        ({"type": ["string"]}, 400),
    ],
)
def test_what_is_not_evaluated_here_is_refused_with_the_definition(steady, change, code):
    """A rule that was silently ignored would let through what a real server holds back."""
    assert steady("POST", DEFINITIONS, definition(change))[0] == code


def test_what_identifies_a_definition_cannot_be_changed(defined):
    """Its objects would be lost."""
    status, answer = defined("PATCH", BACKUPS, {"spec": {"scope": "Cluster"}}, kind=MERGE)
    assert status == 422
    assert answer["details"]["causes"][0]["field"] == "spec.scope"


def test_openapi_v3_has_the_schemas_of_custom_resources(defined):
    """Manifests are checked against the cluster's own definitions by it."""
    _, index = defined("GET", "/openapi/v3")
    link = index["paths"]["apis/example.com/v1"]["serverRelativeURL"]
    assert link.startswith("/openapi/v3/apis/example.com/v1?hash=")
    status, document = defined("GET", link)
    assert status == 200
    schema = document["components"]["schemas"]["com.example.v1.Backup"]
    assert schema["x-kubernetes-group-version-kind"] == [{"group": "example.com", "version": "v1", "kind": "Backup"}]
    assert schema["properties"]["spec"] == SPEC
    assert set(schema["properties"]) == {"apiVersion", "kind", "metadata", "spec", "status"}
    assert defined("GET", "/openapi/v3/apis/nowhere.example/v1")[0] == 404


def test_openapi_v3_says_which_parameters_a_patch_takes(steady):
    """By this kubectl decides whether the server checks fields."""
    _, document = steady("GET", "/openapi/v3/apis/apps/v1")
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert {"fieldValidation", "force"} <= {parameter["name"] for parameter in patch["parameters"]}
    assert "application/apply-patch+yaml" in patch["requestBody"]["content"]


def test_a_custom_resource_may_be_called_as_a_built_in_kind(http_):
    """Its own schema holds, not that of the Deployment of apps."""
    body = definition({"type": "object", "properties": {"replicas": {"type": "string"}}})
    body["spec"]["names"] = {"plural": "backups", "kind": "Deployment"}
    http_("POST", DEFINITIONS, body)
    made = {
        "apiVersion": "example.com/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"replicas": "few"},
    }
    assert http_("POST", SHOP, made)[0] == 201
