"""Worlds served from a thread, and two ways to talk to them: the official client and plain HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import kubernetes
import pytest

from codenb.demo import WorldThread

Serve = Callable[..., WorldThread]


class Http:
    """Plain HTTP to a world, for answers word for word."""

    def __init__(self, world: WorldThread, user: str = "admin") -> None:
        config = json.loads(world.kubeconfig.read_text())
        authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
        tokens = dict(zip(("admin", "viewer"), (item["user"]["token"] for item in config["users"]), strict=True))
        self._tls = ssl.create_default_context(cadata=authority)
        self._address = urlsplit(world.server)
        self._token = tokens.get(user, user)

    def __call__(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json", accept: str = ""
    ) -> tuple[int, Any]:
        """Send a request; returns the status and the decoded body."""
        connection = http.client.HTTPSConnection(
            self._address.hostname, self._address.port, context=self._tls, timeout=60
        )
        headers = {"Content-Type": kind} | ({"Accept": accept} if accept else {})
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.headers["Content-Type"] != "application/json":
            return response.status, content.decode()
        return response.status, json.loads(content)

    def watch(self, path: str, count: int | None = None, **query: Any) -> list[Any]:
        """The first events of a watch, or all of one that ends by itself."""
        text = "&".join(f"{key}={value}" for key, value in ({"watch": 1, "timeoutSeconds": 1} | query).items())
        connection = http.client.HTTPSConnection(
            self._address.hostname, self._address.port, context=self._tls, timeout=60
        )
        connection.request("GET", f"{path}?{text}", headers={"Authorization": f"Bearer {self._token}"})
        with connection.getresponse() as lines:
            events = [json.loads(line) for line in islice(lines, count)]
        connection.close()
        return events


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts worlds with a clock that stands still, and stops them after the test."""
    with ExitStack() as stack:
        yield lambda scenario="healthy", **options: stack.enter_context(
            WorldThread(scenario, **({"frozen": True} | options))
        )


@pytest.fixture
def world(serve: Serve) -> WorldThread:
    """The healthy shop, its clock standing still."""
    return serve("healthy")


@pytest.fixture(scope="session")
def steady_world() -> Iterator[WorldThread]:
    """A healthy shop for tests that change nothing: it is started once."""
    with WorldThread("healthy", frozen=True) as served:
        yield served


@pytest.fixture
def steady(steady_world: WorldThread) -> Http:
    """Plain HTTP to the healthy shop that nobody changes, as its admin."""
    return Http(steady_world)


@pytest.fixture
def http_(world: WorldThread) -> Http:
    """Plain HTTP to the healthy shop, as its admin."""
    return Http(world)


class Talk:
    """Ways to talk to a world."""

    def __call__(self, world: WorldThread, user: str = "admin") -> Http:
        """Plain HTTP as a user, with a token, or (an empty one) without."""
        return Http(world, user)

    def client(self, world: WorldThread, context: str | None = None) -> kubernetes.client.ApiClient:
        """The official client, unmodified, by the world's own kubeconfig."""
        return kubernetes.config.new_client_from_config(str(world.kubeconfig), context=context)


@pytest.fixture
def talk() -> Talk:
    """Ways to talk to a world."""
    return Talk()


@pytest.fixture
def apps(world: WorldThread) -> kubernetes.client.AppsV1Api:
    """The official client's apps API on the healthy shop."""
    return kubernetes.client.AppsV1Api(Talk().client(world))


@pytest.fixture
def core(world: WorldThread) -> kubernetes.client.CoreV1Api:
    """The official client's core API on the healthy shop."""
    return kubernetes.client.CoreV1Api(Talk().client(world))


@pytest.fixture
def manifest() -> Callable[..., dict[str, Any]]:
    """Makes a small deployment's manifest."""
    return _manifest


def _manifest(name: str = "web", replicas: int = 3, **pod: Any) -> dict[str, Any]:
    """A small deployment's manifest."""
    container = {"name": "app", "image": "registry.example/app:1.0"} | pod.pop("container", {})
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **pod}},
        },
    }
