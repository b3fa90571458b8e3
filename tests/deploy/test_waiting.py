"""Waiting for a deployment, and saying why it did not come up."""

from __future__ import annotations

from typing import Any

import pytest

from codenb.demo import WorldThread
from codenb.errors import ChangeFailed
from codenb.servers._base._progress import reporting
from tests.deploy.conftest import Compare, Plan, write
from tests.deploy.manifests import CONFIG, DEPLOYMENT
from tests.deploy.test_deploy import undone


class Listener:
    """Hears the progress of a deployment, and lets the world's time pass when something is waited for."""

    def __init__(self, world: WorldThread, seconds: float) -> None:
        self.world, self.seconds = world, seconds
        self.lines: list[str] = []

    async def __call__(self, _done: float, _total: float | None, line: str) -> None:
        self.lines.append(line)
        if line.startswith("waiting"):
            self.world.advance(self.seconds)


async def carried(change: Any, listener: Listener) -> Any:
    with reporting(listener, str):
        return await write(change)


async def test_it_is_done_when_the_pods_are_ready_and_says_how_far_it_is(world: WorldThread, plan: Plan) -> None:
    """A cell that waits for minutes has to show what it waits for."""
    listener = Listener(world, 10)

    report = await carried(await plan(CONFIG, DEPLOYMENT, wait=True), listener)

    assert report["ready"] == {"Deployment shop/web": "2 of 2"}
    assert listener.lines[:3] == [
        "applying ConfigMap shop/web",
        "applying Deployment shop/web",
        "waiting for Deployment shop/web 0 of 2",
    ]
    assert listener.lines[-1] == "Deployment shop/web is ready"


async def test_a_bad_image_is_reported_with_pod_event_and_cause_and_undone(
    world: WorldThread, plan: Plan, compare: Compare, cluster: Any
) -> None:
    """The rollout stalls with the old pods serving; the report has to name the pod and the registry's words."""
    await carried(await plan(DEPLOYMENT, wait=True), Listener(world, 10))
    change = await plan(DEPLOYMENT.replace(":2.4.0", ":no-such-tag"), wait=True)

    with pytest.raises(ChangeFailed, match=r"1 object was applied, and failed: Deployment shop/web") as failed:
        await carried(change, Listener(world, 90))

    answer = failed.value.answer
    (told,) = answer["not_ready"]
    assert answer["applied"] == ["Deployment shop/web"]
    assert told["cause"] == "ImagePull"
    assert "cannot pull registry.example/shop/checkout:no-such-tag" in told["reason"]
    assert told["pods"][0].startswith("web-")
    assert any("no-such-tag" in one["message"] for one in told["events"])
    assert "web-" in str(failed.value)
    assert "the undo sets back" in str(failed.value)
    await carried(await undone(cluster, change), Listener(world, 30))
    world.advance(60)
    after = await compare(DEPLOYMENT)
    assert (after.changed, after.ready_replicas) == (0, 2)


async def test_a_program_that_crashes_is_reported_with_its_last_lines(world: WorldThread, plan: Plan) -> None:
    """What it wrote before it ended is the first thing that anybody asks for."""
    crashing = DEPLOYMENT.replace("memory: 64Mi}", "memory: 64Mi}, limits: {memory: 64Mi}")

    with pytest.raises(ChangeFailed) as failed:
        await carried(await plan(crashing, wait=True), Listener(world, 90))

    (told,) = failed.value.answer["not_ready"]
    assert told["cause"] == "OOMKilled"
    assert told["logs"][0]["text"]
    assert told["logs"][0]["pod"].startswith("web-")


async def test_time_that_is_over_is_a_failure_that_says_how_far_it_came(world: WorldThread, plan: Plan) -> None:
    """Nothing moves in this world: the wait ends by its own time, and what was applied stays known."""
    with pytest.raises(ChangeFailed, match=r"not ready after 0\.05 s: Deployment shop/web, 0 of 2") as failed:
        await write(await plan(DEPLOYMENT, wait=True, timeout_s=0.05))

    assert failed.value.answer["applied"] == ["Deployment shop/web"]
