"""Watches."""

from __future__ import annotations

import threading
import time

import pytest
from kubernetes import watch
from kubernetes.client import CoreV1Api

from codenb.demo import WorldThread

MERGE = "application/merge-patch+json"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
PODS = "/api/v1/namespaces/shop/pods"


def version(http_, path=DEPLOYMENTS):
    return http_("GET", path)[1]["metadata"]["resourceVersion"]


def test_a_watch_tells_what_happened_since_a_resource_version(http_):
    """A client lists, then watches from there: nothing may fall between."""
    since = version(http_)
    http_("PATCH", f"{DEPLOYMENTS}/cart", {"metadata": {"labels": {"seen": "yes"}}}, kind=MERGE)
    events = http_.watch(DEPLOYMENTS, resourceVersion=since)
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [("MODIFIED", "cart")]
    assert events[0]["object"]["kind"] == "Deployment"


def test_a_watch_without_a_version_begins_with_everything(steady):
    """As the real server does."""
    events = steady.watch(DEPLOYMENTS, count=3)
    assert {(event["type"], event["object"]["metadata"]["name"]) for event in events} == {
        ("ADDED", "cart"),
        ("ADDED", "catalog"),
        ("ADDED", "checkout"),
    }


def test_a_watch_with_a_selector_sees_objects_come_and_go(http_):
    """What begins to match is added, what ceases to match is deleted: a cache would keep a ghost otherwise."""
    since = version(http_)
    for value in ("yes", None):
        http_("PATCH", f"{DEPLOYMENTS}/cart", {"metadata": {"labels": {"seen": value}}}, kind=MERGE)
    events = http_.watch(DEPLOYMENTS, count=2, resourceVersion=since, labelSelector="seen")
    assert [event["type"] for event in events] == ["ADDED", "DELETED"]


def test_a_version_that_is_too_old_is_an_error_event_with_410(world, http_, manifest):
    """The client must list again rather than miss changes; crash loops alone make old versions go."""
    http_("POST", DEPLOYMENTS, manifest("stuck", container={"image": "nginx:invalid-tag"}))
    since = version(http_)
    world.advance(6 * 3600)
    (event,) = http_.watch(DEPLOYMENTS, resourceVersion=since)
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith(f"too old resource version: {since} (")


def test_an_informer_that_lists_by_watching_gets_its_mark(steady):
    """Without it `kubectl rollout status` waits for ever; found by trying kubectl 1.37."""
    events = steady.watch(
        DEPLOYMENTS, count=4, sendInitialEvents="true", allowWatchBookmarks="true", resourceVersionMatch="NotOlderThan"
    )
    marks = [event for event in events if event["type"] == "BOOKMARK"]
    assert [event["type"] for event in events[:3]] == ["ADDED"] * 3
    assert marks[0]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_the_official_client_watches_a_scaling_as_it_happens(serve, talk):
    """On a clock that runs, watchers hear of pods without anybody asking."""
    world = serve("healthy", frozen=False)
    core = CoreV1Api(talk.client(world))
    since = core.list_namespaced_pod("shop").metadata.resource_version
    talk(world)("PATCH", f"{DEPLOYMENTS}/cart/scale", {"spec": {"replicas": 3}}, kind=MERGE)
    ready = False
    stream = watch.Watch().stream(
        core.list_namespaced_pod, "shop", label_selector="app=cart", resource_version=since, timeout_seconds=60
    )
    for event in stream:
        conditions = event["object"].status.conditions or []
        if event["type"] == "MODIFIED" and any(item.type == "Ready" and item.status == "True" for item in conditions):
            ready = True
            break
    assert ready


@pytest.mark.parametrize("query", ["resourceVersion=abc", "resourceVersion=1&labelSelector=(", "timeoutSeconds=soon"])
def test_a_watch_that_cannot_be_understood_is_400(steady, query):
    """Before the stream begins, while there is still a status to answer with."""
    assert steady("GET", f"{DEPLOYMENTS}?watch=1&{query}")[0] == 400


def test_a_world_stops_although_somebody_watches(serve, talk):
    """An open watch kept a stopping server waiting for ever on Python 3.12."""
    with WorldThread("healthy", frozen=True) as world:
        watcher = threading.Thread(target=talk(world).watch, args=(PODS,), kwargs={"timeoutSeconds": 3600}, daemon=True)
        watcher.start()
        time.sleep(0.2)
    watcher.join(timeout=60)
    assert not watcher.is_alive()
