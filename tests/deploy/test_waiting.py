"""Waiting for a deployment, and saying why it did not come up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from codenb.demo import WorldThread
from codenb.errors import ChangeFailed
from codenb.servers._base._progress import reporting
from codenb.servers.deployment.kubernetes._workloads import replicas_of
from tests.deploy.conftest import Compare, Plan, write
from tests.deploy.manifests import CONFIG, DEPLOYMENT
from tests.deploy.test_deploy import undone


@asynccontextmanager
async def time_passes(world: WorldThread) -> AsyncIterator[None]:
    """Let the world's time run, much faster than ours, while something waits for it."""

    async def run() -> None:
        while True:
            await asyncio.to_thread(world.advance, 5)
            await asyncio.sleep(0.02)

    running = asyncio.create_task(run())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_it_is_done_when_the_pods_are_ready_and_says_how_far_it_is(world: WorldThread, plan: Plan) -> None:
    """A cell that waits for minutes has to show what it waits for."""
    lines: list[str] = []

    async def listen(_done: float, _total: float | None, line: str) -> None:
        lines.append(line)
        if line.startswith("waiting"):
            started.set()

    started = asyncio.Event()
    change = await plan(CONFIG, DEPLOYMENT, wait=True)
    with reporting(listen, str):
        writing = asyncio.create_task(write(change))
    await started.wait()
    async with time_passes(world):
        report = await writing

    assert report["ready"] == {"Deployment shop/web": "2 of 2"}
    assert lines[:3] == [
        "applying ConfigMap shop/web",
        "applying Deployment shop/web",
        "waiting for Deployment shop/web 0 of 2",
    ]
    assert lines[-1] == "Deployment shop/web is ready"


async def test_a_bad_image_is_reported_with_pod_event_and_cause_and_undone(
    world: WorldThread, plan: Plan, compare: Compare, cluster: Any
) -> None:
    """The rollout stalls with the old pods serving; the report has to name the pod and the registry's words."""
    async with time_passes(world):
        await write(await plan(DEPLOYMENT, wait=True))
    change = await plan(DEPLOYMENT.replace(":2.4.0", ":no-such-tag"), wait=True)

    with pytest.raises(ChangeFailed, match=r"1 object was applied, and failed: Deployment shop/web") as failed:
        async with time_passes(world):
            await write(change)

    answer = failed.value.answer
    (told,) = answer["not_ready"]
    assert answer["applied"] == ["Deployment shop/web"]
    assert told["cause"] == "ImagePull"
    assert "cannot pull registry.example/shop/checkout:no-such-tag" in told["reason"]
    assert told["pods"][0].startswith("web-")
    assert any("no-such-tag" in one["message"] for one in told["events"])
    assert "web-" in str(failed.value)
    assert "the undo sets back" in str(failed.value)
    await write(await undone(cluster, change))
    world.advance(60)
    after = await compare(DEPLOYMENT)
    assert (after.changed, after.ready_replicas) == (0, 2)


async def test_pods_of_the_old_template_do_not_count_as_ready_ones_of_the_new(
    world: WorldThread, plan: Plan, compare: Compare
) -> None:
    """A rollout whose image cannot be pulled said "1 of 2": the old pods were ready, and one new one was there."""
    async with time_passes(world):
        await write(await plan(DEPLOYMENT, wait=True))
    bad = DEPLOYMENT.replace(":2.4.0", ":no-such-tag")

    with pytest.raises(ChangeFailed, match=r"Deployment shop/web, 0 of 2") as failed:
        async with time_passes(world):
            await write(await plan(bad, wait=True))

    (told,) = failed.value.answer["not_ready"]
    compared = await compare(bad)
    assert told["ready"] == "0 of 2"
    assert (compared.changed, compared.desired_replicas, compared.ready_replicas) == (0, 2, 0)


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ({"replicas": 4, "updatedReplicas": 1, "readyReplicas": 3, "availableReplicas": 3}, 0),
        ({"replicas": 4, "updatedReplicas": 2, "readyReplicas": 3, "availableReplicas": 3}, 1),
        ({"replicas": 4, "updatedReplicas": 2, "readyReplicas": 4, "availableReplicas": 3}, 1),
        ({"replicas": 3, "updatedReplicas": 3, "readyReplicas": 2, "availableReplicas": 2}, 2),
        ({"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}, 3),
        ({"replicas": 3, "readyReplicas": 3, "availableReplicas": 3}, 0),
    ],
)
def test_of_the_ready_pods_as_many_may_be_old_as_there_are_old_ones(status: dict[str, int], ready: int) -> None:
    """The status of a workload counts the ready pods of all templates together."""
    live = {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "generation": 2},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": 2, **status},
    }

    assert replicas_of(live, live) == (3, ready)
    unseen = live | {"metadata": live["metadata"] | {"generation": 3}}
    assert replicas_of(unseen, unseen) == (3, 0)


async def test_a_program_that_crashes_is_reported_with_its_last_lines(world: WorldThread, plan: Plan) -> None:
    """What it wrote before it ended is the first thing that anybody asks for."""
    crashing = DEPLOYMENT.replace("memory: 64Mi}", "memory: 64Mi}, limits: {memory: 64Mi}")

    change = await plan(crashing, wait=True, timeout_s=1)

    async def listen(_done: float, _total: float | None, line: str) -> None:
        if line.startswith("waiting"):
            world.advance(90)  # from here on it stands still, in the middle of the crash loop

    with reporting(listen, str), pytest.raises(ChangeFailed) as failed:
        await write(change)

    (told,) = failed.value.answer["not_ready"]
    assert told["cause"] == "OOMKilled"
    assert told["logs"][0]["text"]
    assert told["logs"][0]["pod"].startswith("web-")


async def test_time_that_is_over_is_a_failure_that_says_how_far_it_came(world: WorldThread, plan: Plan) -> None:
    """Nothing moves in this world: the wait ends by its own time, and what was applied stays known."""
    with pytest.raises(ChangeFailed, match=r"not ready after 0\.05 s: Deployment shop/web, 0 of 2") as failed:
        await write(await plan(DEPLOYMENT, wait=True, timeout_s=0.05))

    assert failed.value.answer["applied"] == ["Deployment shop/web"]
