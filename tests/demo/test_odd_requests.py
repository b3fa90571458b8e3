"""Whatever is sent, the answer is a Status or an object, and the world lives on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from codenb.demo import scenarios
from codenb.demo.api.app import App
from codenb.demo.building import build
from codenb.demo.kinds import DEFINITION, KINDS, Kind
from codenb.demo.live import Live
from codenb.demo.objects import clone

ODD = [None, True, 0, -1, 3, 2**40, 1.5, "", "x", "25%", "1Gi", "2030-01-01", "Always", "\ud800", [], {}, [{}], [None]]
ODD += [{"name": "app"}, {"a": 1}, "/metadata", "Orphan"]
PATCHES = ["json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"]
QUERIES = ["", "dryRun=All", "fieldValidation=Strict", "labelSelector=app in (a", "fieldSelector=type=x", "limit=2"]
QUERIES += ["limit=" + "9" * 30, "continue=e30", "sinceTime=0001-01-01T00:00:00Z", "tailLines=-1", "timeoutSeconds=x"]
WIDGET_SPEC = {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}, "parts": {"type": "array"}}}
WIDGET_SPEC["properties"]["parts"] |= {"items": {"type": "object", "properties": {"name": {"type": "string"}}}}
WIDGETS: Any = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Cluster",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{"name": "v1", "served": True, "storage": True}],
    },
}
WIDGETS["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": {"type": "object", "properties": {"spec": WIDGET_SPEC}}}
WIDGET = {
    "apiVersion": "example.com/v1",
    "kind": "Widget",
    "metadata": {"name": "w"},
    "spec": {"size": 1, "parts": [{}]},
}
FOUND = (Phase.explicit, Phase.reuse, Phase.generate)  # to shrink a history of requests would take minutes
TABLE = b"application/json;as=Table;v=v1;g=meta.k8s.io"


def served() -> Live:
    scenario = scenarios.load("oom")
    return Live(scenario, build(scenario, seed=1, foreign=False), frozen=True)


def ask(live: Live, method: str, path: str, query: str = "", body: bytes = b"", *, media: str = "json") -> Any:
    """The status and the body of one answer, without a socket between."""
    parts: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(part: Any) -> None:
        parts.append(part)

    headers = [(b"authorization", b"Bearer " + live.tokens.admin.encode()), (b"accept", TABLE)]
    headers += [(b"content-type", b"application/" + media.encode())]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    asyncio.run(App(live)(scope, receive, send))
    return parts[0]["status"], parts[1]["body"]


def path_of(kind: Kind, namespace: str = "") -> str:
    group = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    return f"{group}/namespaces/{namespace}/{kind.plural}" if namespace else f"{group}/{kind.plural}"


def spoiled(draw: st.DrawFn, value: Any) -> Any:
    """A value with something odd in one or two of its places."""
    result = clone(value)
    for _ in range(draw(st.integers(1, 2))):
        place, key, below = None, None, result
        while isinstance(below, dict | list) and below and (place is None or draw(st.integers(0, 4))):
            place = below
            key = draw(st.sampled_from(sorted(below) if isinstance(below, dict) else range(len(below))))
            below = place[key]
        if place is not None:
            place[key] = clone(draw(st.sampled_from(ODD)))
    return result


@settings(max_examples=15, phases=FOUND, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_odd_objects_are_refused_or_borne_and_no_controller_fails(data):
    """Found by such requests: a node named n18, a patch whose path is an object, a volume without a spec."""
    live = served()
    assert ask(live, "POST", path_of(DEFINITION), body=json.dumps(WIDGETS).encode())[0] == 201
    there = [(kind, obj) for kind, obj in live.sim.store.everything() if kind.plural != "events"]
    there += [(kind, WIDGET) for kind in live.catalogue.all() if kind.kept_as is not None]
    for _ in range(20):
        kind, obj = data.draw(st.sampled_from(there))
        method = data.draw(st.sampled_from(["POST", "PUT", "PATCH", "PATCH", "DELETE"]))
        media = data.draw(st.sampled_from(PATCHES)) if method == "PATCH" else "json"
        path = path_of(kind, obj["metadata"].get("namespace", ""))
        sent = {**obj, "metadata": {**obj["metadata"], "resourceVersion": ""}}
        if method == "POST":
            sent["metadata"] |= {"name": data.draw(st.sampled_from(["n1", "n2", "n3"])), "uid": ""}
        else:
            path += f"/{obj['metadata']['name']}{data.draw(st.sampled_from(['', '', '/status', '/scale']))}"
        if media.startswith("json-"):
            place = data.draw(st.sampled_from(["/spec", "/spec/replicas", "/metadata/labels", "/status", ""]))
            operation = data.draw(st.sampled_from(["add", "copy", "move", "remove", "replace", "test"]))
            sent = [{"op": operation, "path": place, "from": place, "value": data.draw(st.sampled_from(ODD))}]
        body = spoiled(data.draw, {"propagationPolicy": "Foreground"} if method == "DELETE" else sent)
        query = data.draw(st.sampled_from(QUERIES))
        if media.startswith("apply-"):
            body = {key: value for key, value in body.items() if key != "metadata"} if isinstance(body, dict) else body
            query += f"&fieldManager={data.draw(st.sampled_from(['x', 'y']))}&force=1"
        status, answer = ask(live, method, path, query, json.dumps(body).encode(), media=media)
        assert status < 500 or status == 501 or b"failed to create typed patch object" in answer, answer
        live.skip(data.draw(st.sampled_from([0, 0, 20])))
    assert live.sim.failures == set()
    for kind in KINDS:
        assert ask(live, "GET", path_of(kind), "includeObject=Object")[0] == 200


@settings(phases=FOUND, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    parts=st.lists(st.sampled_from(["api", "apis", "v1", "apps", "namespaces", "shop", "pods", "log", "%2e", "x"])),
    query=st.sampled_from(QUERIES) | st.text(max_size=20),
    body=st.binary(max_size=20) | st.sampled_from([b"{}", b"[]", b"NaN", b"null", b"[" * 500 + b"]" * 500]),
)
def test_odd_paths_queries_and_bodies_get_a_clean_answer(odd_live, method, parts, query, body):
    """A client that has lost its way is told so; a 500 is always a fault of this program."""
    status, answer = ask(odd_live, method, "/" + "/".join(parts), query, body)
    assert status < 500 or status == 501, answer
    if status >= 400:
        assert json.loads(answer)["kind"] == "Status"


@pytest.fixture(scope="module")
def odd_live() -> Live:
    """One world for all odd requests."""
    return served()


def test_a_fault_in_a_controller_is_told_once_and_stops_neither_time_nor_the_others(capsys):
    """One broken object must not stop the world: found when a 500 stopped the clock until the next request."""
    live = served()

    def broken() -> None:
        raise ZeroDivisionError("broken on purpose")

    before = live.sim.clock.now
    live.sim.clock.after(1, broken)
    live.sim.clock.after(2, broken)
    live.skip(3)
    assert live.sim.clock.now == before + 3
    assert capsys.readouterr().err.count("ZeroDivisionError: broken on purpose") == 1
    assert live.sim.failures == {"ZeroDivisionError: broken on purpose"}
