"""The cache and single flight at work on the embedded world, as a notebook has them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import codenb
from codenb.actions import decision
from codenb.models import ApprovalRequest
from codenb.servers.kubernetes import reading
from tests.session.conftest import Yes

PODS = {"namespace": "shop"}


class No:
    """Rejects whatever is asked."""

    async def decide(self, request: ApprovalRequest) -> codenb.Decision:
        return decision(request, approve=False, by="test", approver="test")


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the kubernetes server read pods, by label selector."""
    read, counted = reading.pods, Counter[str]()

    async def counting(*args: Any, labels: str, **more: Any) -> Any:
        counted[labels] += 1
        return await read(*args, labels=labels, **more)

    monkeypatch.setattr(reading, "pods", counting)
    return counted


@pytest.fixture
async def nb(tmp_path: Path, executions: Counter[str]) -> AsyncIterator[codenb.Session]:
    """A session whose answers are kept for longer than a test runs, however slow the machine."""
    (tmp_path / "codenb.toml").write_text("[servers.kubernetes]\nttl = 600\n")
    async with codenb.connect("demo:healthy", home=tmp_path) as session:
        yield session


def cached(nb: codenb.Session) -> Counter[str]:
    """How the calls of get_pods were answered."""
    frame = nb.calls.frame()
    return Counter(frame[frame["tool"] == "get_pods"]["cache"])


async def test_fifty_equal_reads_are_one_and_six_different_ones_are_six(nb: codenb.Session, executions: Counter[str]):
    """Widgets, experts and cells ask the same at the same moment; the cluster is asked once."""
    answers = await asyncio.gather(*(nb.call("kubernetes", "get_pods", **PODS) for _ in range(50)))

    assert sum(executions.values()) == 1
    assert len({repr(answer.data) for answer in answers}) == 1
    taken = cached(nb)
    assert taken.pop("miss") == 1
    assert taken["joined"] + taken["hit"] == 49

    executions.clear()
    wanted = [f"tier={at}" for at in range(6)]
    await asyncio.gather(*(nb.call("kubernetes", "get_pods", label_selector=one, **PODS) for one in wanted))

    assert executions == Counter(wanted)


async def test_a_scale_drops_the_pods_and_a_refused_one_does_not(nb: codenb.Session, yes: Yes):
    """After a change a cell must not show what was before it; after a no, nothing has to be asked again."""
    before = await nb.call("kubernetes", "get_pods", **PODS)
    proposal = await nb.propose("kubernetes", "scale_deployment", name="checkout", namespace="shop", replicas=5)

    refused = await nb.execute(proposal, No())
    after_no = await nb.call("kubernetes", "get_pods", **PODS)

    assert refused[0].status == "refused"
    assert cached(nb) == {"miss": 1, "hit": 1}
    assert after_no.data == before.data

    done = await nb.execute(proposal, yes)
    after_yes = await nb.call("kubernetes", "get_pods", **PODS)

    assert done[0].status in {"applied", "verified", "applied_not_verified"}
    assert cached(nb) == {"miss": 2, "hit": 1}
    assert after_yes.data != before.data


async def test_a_second_gather_asks_no_server_and_a_fresh_one_does(nb: codenb.Session):
    """Two questions about one target within a moment are answered from one picture of it."""
    first = await nb.gather(namespace="shop", workload="checkout", servers="kubernetes")
    second = await nb.gather(namespace="shop", workload="checkout", servers="kubernetes")
    await nb.gather(namespace="shop", workload="checkout", servers="kubernetes", fresh=True)

    calls = [call.cache for call in nb.calls if call.tool == "gather_context"]
    assert calls == ["miss", "hit", "bypass"]
    assert second.digest == first.digest
    assert second.items[0].gathered_at < second.gathered_at
    assert nb.cache.to_dict()["servers"]["kubernetes"]["hit_rate"] == 0.5
