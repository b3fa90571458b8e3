"""The metrics API of a world: numbers of what really runs there, in the forms of a metrics server."""

from __future__ import annotations

import pytest

from codenb.demo import WorldThread

PODS = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"
NODES = "/apis/metrics.k8s.io/v1beta1/nodes"


def test_pods_that_run_are_measured_and_those_that_crash_at_once_are_not(serve, talk):
    """As with a real metrics server, a container that dies within its first window was never seen."""
    status, answer = talk(serve("oom"))("GET", PODS)

    assert status == 200
    assert answer["kind"] == "PodMetricsList"
    assert {one["metadata"]["name"].split("-")[0] for one in answer["items"]} == {"cart", "catalog"}
    one = answer["items"][0]
    assert one["window"] == "15s"
    assert one["containers"][0]["name"] == "app"
    assert one["containers"][0]["usage"]["cpu"].endswith("n")
    assert one["containers"][0]["usage"]["memory"].endswith("Ki")


def test_equal_worlds_take_the_same_at_the_same_moment():
    """Numbers that jump by chance would make every test and every recording another one."""
    found = []
    for _ in range(2):
        with WorldThread("healthy", frozen=True) as world:
            live = world._served.live
            live.pace.skip(0)
            from codenb.demo.api import metrics  # noqa: PLC0415
            from codenb.demo.kinds import POD  # noqa: PLC0415

            moment = live.sim.clock.now // 15 * 15
            found.append(
                {
                    pod["metadata"]["name"]: metrics._containers(live, pod, moment)
                    for pod in live.sim.store.all(POD, "shop")
                }
            )

    assert found[0] == found[1]
    assert len(found[0]) == 7


def test_a_node_takes_what_its_pods_take_and_some_for_itself(serve, talk):
    """`kubectl top nodes` is a sum, and a sum that can be checked."""
    ask = talk(serve("healthy"))

    def cores(usage):
        return int(usage["cpu"].removesuffix("n"))

    pods = sum(cores(part["usage"]) for one in ask("GET", PODS)[1]["items"] for part in one["containers"])
    nodes = ask("GET", NODES)[1]["items"]

    assert len(nodes) == 3
    assert sum(cores(one["usage"]) for one in nodes) == pytest.approx(pods + 3 * 180_000_000, abs=10)


def test_what_one_takes_moves_with_the_windows_and_not_within_one(serve, talk):
    """A window is an average: asked twice in it, the answer is the same; in the next ones it is not."""
    world = serve("healthy")
    ask = talk(world)
    first, again = ask("GET", PODS)[1], ask("GET", PODS)[1]
    world.advance(15)
    later = ask("GET", PODS)[1]

    assert first == again
    assert [one["containers"] for one in first["items"]] != [one["containers"] for one in later["items"]]
    assert first["items"][0]["timestamp"] < later["items"][0]["timestamp"]


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", f"{PODS}/nope", 404, 'pods.metrics.k8s.io "shop/nope" not found'),
        ("DELETE", PODS, 405, "method"),
        ("GET", f"{PODS}?watch=true", 405, "method"),
        ("GET", f"{PODS}?labelSelector=app=cart", 200, ""),
        ("GET", f"{PODS}?labelSelector=a%20b", 400, "requirement"),
        ("GET", "/apis/metrics.k8s.io/v1beta1/services", 404, "requested resource"),
        ("GET", "/apis/metrics.k8s.io/v1beta1", 200, ""),
    ],
)
def test_it_answers_and_refuses_as_a_metrics_server(steady, method, path, status, said):
    """Only reading, only of what was measured."""
    code, answer = steady(method, path)

    assert code == status
    assert said in answer.get("message", "")


def test_without_a_metrics_server_the_group_is_nowhere(serve, talk):
    """Most small clusters have none; clients decide by discovery."""
    ask = talk(serve("healthy", metrics=False))

    assert ask("GET", PODS)[0] == 404
    assert "metrics.k8s.io" not in [group["name"] for group in ask("GET", "/apis")[1]["groups"]]


def test_strangers_learn_nothing(steady_world, talk):
    """Usage tells a lot about what runs."""
    status, answer = talk(steady_world, "")("GET", PODS)

    assert status == 403
    assert 'cannot list resource "pods" in API group "metrics.k8s.io" in the namespace "shop"' in answer["message"]
