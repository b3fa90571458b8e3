"""`top`: what containers take, beside what they may have; and what is said where nobody measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from codenb.demo import WorldThread
from codenb.errors import BadInput, PermissionMissing, ToolError
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.held import shared
from codenb.servers.kubernetes import changes as plans
from codenb.servers.kubernetes.usage import UsageList, top
from codenb.views import to_text

MEBI = 1024 * 1024


@pytest.fixture
def unmeasured() -> Iterator[WorldThread]:
    """A shop without a metrics server."""
    with WorldThread("oom", frozen=True, metrics=False) as world:
        yield world


async def _top(cluster: Cluster, **options: Any) -> UsageList:
    wanted = {"labels": "", "sort": "cpu", "limit": 100} | options
    return await top(cluster, wanted.pop("namespace", "shop"), **wanted)


async def test_each_container_stands_beside_its_request_and_limit(cluster: Cluster) -> None:
    """A number alone says nothing: 60 MiB is little under 192 and nearly dead under 64."""
    [row, _] = (await _top(cluster, labels="app=cart")).containers

    assert row.cpu == pytest.approx(0.022, rel=0.1)
    assert row.memory == pytest.approx(61 * MEBI, rel=0.1)
    assert (row.cpu_request, row.cpu_limit, row.memory_request, row.memory_limit) == (0.1, None, 96 * MEBI, 192 * MEBI)
    assert row.cpu is not None
    assert row.cpu_percent == pytest.approx(100 * row.cpu / 0.1, abs=0.1)
    assert row.memory is not None
    assert row.memory_percent == pytest.approx(100 * row.memory / (192 * MEBI), abs=0.1)


@pytest.mark.parametrize("sort", ["cpu", "memory"])
async def test_those_that_take_most_come_first_and_those_without_a_number_last(cluster: Cluster, sort: str) -> None:
    """Who asks for the top wants the top; a container that crashes all the time is not left out for it."""
    answer = await _top(cluster, sort=sort)

    amounts = [getattr(one, sort) for one in answer.containers]
    measured = [one for one in amounts if one is not None]
    assert measured == sorted(measured, reverse=True)
    assert amounts[len(measured) :] == [None] * 3
    assert {one.note for one in answer.containers[len(measured) :]} == {"not measured: CrashLoopBackOff"}
    assert answer.total == 7


async def test_the_sum_is_that_of_all_also_where_few_are_shown(cluster: Cluster) -> None:
    """A limit cuts rows, not the namespace's total."""
    whole, cut = await _top(cluster), await _top(cluster, limit=1)

    assert (cut.cpu, cut.memory, cut.total) == (whole.cpu, whole.memory, 7)
    assert whole.memory == sum(one.memory or 0 for one in whole.containers)
    assert cut.cut == "the 1 that take most cpu of 7 are shown"


async def test_a_process_that_needs_more_than_its_limit_is_seen_to_grow(world: WorldThread, changing: Cluster) -> None:
    """The story of the first scenario in numbers: with room to live it takes the 150 MB that 128Mi never gave it."""
    change = await plans.patched(
        changing, "Deployment", "checkout", "shop", "app", image=None, requests={}, limits={"memory": "256Mi"}, env={}
    )
    assert change.write is not None
    await change.write()
    world.advance(120)

    rows = (await _top(changing, labels="app=checkout")).containers

    assert len(rows) == 3
    assert all(one.memory == 150_000_000 // 1024 * 1024 for one in rows)
    assert all(one.memory_percent == pytest.approx(55.9, abs=0.1) for one in rows)


async def test_a_cluster_without_a_metrics_api_says_so_and_where_to_ask(unmeasured: WorldThread) -> None:
    """Many clusters have none; `404 page not found` helps nobody."""
    async with shared(unmeasured.kubeconfig) as cluster:
        with pytest.raises(ToolError, match=r"has no metrics API .* metrics-server, or ask Prometheus") as caught:
            await _top(cluster)

    assert caught.value.error_type == "NotServed"


async def test_a_misspelt_namespace_is_no_idle_one(cluster: Cluster) -> None:
    """Nothing taken and nothing there look alike in an empty table."""
    with pytest.raises(BadInput, match=r"no Namespace shpo .*did you mean 'shop'"):
        await _top(cluster, namespace="shpo")


async def test_a_viewer_may_look_and_nobody_else(shop: WorldThread) -> None:
    """Metrics are read with the rights of the credentials in use."""
    async with shared(shop.kubeconfig, f"{shop.context}-viewer") as cluster:
        assert (await _top(cluster)).total == 7
    async with shared(_anonymous(shop)) as cluster:
        with pytest.raises(PermissionMissing, match=r"verb 'list' on 'pods.metrics.k8s.io' in namespace 'shop'"):
            await _top(cluster)


def _anonymous(world: WorldThread) -> Any:
    path = world.kubeconfig.with_name("anonymous")
    lines = world.kubeconfig.read_text().replace('"token"', '"no-token"')
    path.write_text(lines)
    return path


async def test_the_table_is_read_in_millicores_and_mebibytes(cluster: Cluster) -> None:
    """Nobody reads 64338944 bytes."""
    text = to_text((await _top(cluster, labels="app=cart")).view())

    assert "100m / –" in text
    assert "96Mi / 192Mi" in text
