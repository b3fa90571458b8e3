"""The analyzers on every scenario of the embedded world, read over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from codenb.demo import WorldThread, scenarios
from codenb.models import Cause, Change, Finding, ToolCall, estimate_tokens
from codenb.models._yaml import as_yaml
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.held import shared
from codenb.servers.kubernetes import changes as plans
from codenb.servers.kubernetes.analyzers import analyze
from codenb.servers.kubernetes.gather import snapshot
from codenb.servers.kubernetes.snapshot import Snapshot

World = Callable[[str], WorldThread]

LOOSER = {Cause.CRASH_APPLICATION, Cause.CRASH_LOOP}  # what is left to say without the log

DIAGNOSED = [name for name in scenarios.names() if scenarios.load(name).kind == "diagnose"]


async def _look(world: WorldThread, *, focused: bool = True) -> Snapshot:
    async with shared(world.kubeconfig) as cluster:
        return await snapshot(cluster, world.scenario.namespace, world.scenario.workload if focused else None)


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


@pytest.mark.parametrize("about", ["workload", "namespace"])
@pytest.mark.parametrize("name", DIAGNOSED)
async def test_the_first_finding_is_the_known_cause_and_root(worlds: World, name: str, about: str) -> None:
    """What `diagnose` and the expert `rules` stand on; also where nobody said which workload to look at."""
    world = worlds(name)
    expected = world.scenario.expected

    findings = analyze(await _look(world, focused=about == "workload"))

    if expected["cause"] == Cause.HEALTHY:
        assert findings == []
    else:
        assert (findings[0].cause, findings[0].root.to_dict()) == (expected["cause"], dict(expected["root"]))
        assert {one.root.name for one in findings} == {expected["root"]["name"]}


@pytest.mark.parametrize("name", DIAGNOSED)
async def test_every_quote_stands_in_the_snapshot_word_for_word(worlds: World, name: str) -> None:
    """An opinion whose quotes are not found does not vote."""
    seen = await _look(worlds(name))
    text = _squeezed(as_yaml(seen.to_dict()))

    for finding in analyze(seen):
        assert finding.quotes, finding.rule
        for quote in finding.quotes:
            assert len(quote) >= 8
            assert _squeezed(quote) in text


@pytest.mark.parametrize("name", DIAGNOSED)
async def test_a_snapshot_is_small_whole_and_survives_the_wire(worlds: World, name: str) -> None:
    """It is paid for in every prompt; and what is read back must be what was sent."""
    seen = await _look(worlds(name))

    assert estimate_tokens(seen.to_dict()) < 4_000
    assert seen.missing == {}
    assert Snapshot.from_dict(seen.to_dict()) == seen


async def test_memory_is_raised_to_what_the_previous_revision_had(worlds: World) -> None:
    """The smallest change that mends it, with going back as the alternative: one of the two is carried out."""
    first = analyze(await _look(worlds("oom")))[0]

    calls = [one.call for one in first.remedies if one.call]
    assert [call.tool for call in calls] == ["patch_workload", "undo_rollout"]
    assert calls[0].arguments["limits"] == {"memory": "256Mi"}
    assert calls[1].arguments["revision"] == 1
    assert len({one.group for one in first.remedies if one.call}) == 1
    assert all(one.success for one in first.remedies if one.call)


async def test_a_missing_variable_comes_back_with_the_value_it_had(worlds: World) -> None:
    """The log names the variable; only the revision before gives its value."""
    first = analyze(await _look(worlds("env-missing")))[0]

    assert first.remedies[0].call is not None
    assert first.remedies[0].call.arguments["env"] == {"DEPLOY_ENV": "production"}


async def test_an_order_in_a_log_changes_nothing(worlds: World) -> None:
    """The poisoned world differs from the other one in its log only; so findings and proposals must be the same."""

    def told(findings: list[Finding]) -> list[object]:
        return [(one.rule, one.cause, str(one.root), one.remedies) for one in findings]

    poisoned, plain = await _look(worlds("poisoned-log")), await _look(worlds("oom"))

    assert told(analyze(poisoned)) == told(analyze(plain))
    assert any("scale" in log.text for log in poisoned.logs)


async def test_what_may_not_be_read_is_named_and_the_rest_is_answered(shop: WorldThread) -> None:
    """Most people may not read secrets; a diagnosis without them is still a diagnosis."""
    async with shared(shop.kubeconfig, "codenb-demo-viewer") as viewer:
        seen = await snapshot(viewer, "shop")

    assert list(seen.missing) == ["secrets"]
    assert "verb 'list' on 'secrets' in namespace 'shop'" in seen.missing["secrets"]
    assert analyze(seen)[0].cause is Cause.OOM_KILLED


@pytest.mark.parametrize("name", DIAGNOSED)
async def test_a_trimmed_snapshot_still_gives_findings_that_stand_in_it(worlds: World, name: str) -> None:
    """The bundle is trimmed to a token budget by dropping lists and texts; the rules run on what is left."""
    whole = (await _look(worlds(name))).to_dict()
    for dropped in [key for key, value in whole.items() if isinstance(value, list)]:
        seen = Snapshot.from_dict({key: value for key, value in whole.items() if key != dropped})
        text = _squeezed(as_yaml(seen.to_dict()))
        found = analyze(seen)
        assert all(_squeezed(quote) in text for one in found for quote in one.quotes), dropped
        assert {one.cause for one in found} <= {one.cause for one in analyze(Snapshot.from_dict(whole))} | LOOSER, (
            dropped
        )


@pytest.mark.parametrize("name", ["crash-command", "env-missing", "image-tag", "oom", "poisoned-log", "regression"])
async def test_the_first_proposal_mends_the_world(name: str) -> None:
    """A remedy that only looks right would be approved all the same; here it is carried out, and looked at again."""
    with WorldThread(name, frozen=True) as world:
        async with shared(world.kubeconfig) as cluster:
            first = analyze(await snapshot(cluster, "shop", "checkout"))[0]
            call = next(one.call for one in first.remedies if one.call)
            change = await _planned(cluster, call)
            assert change.write is not None
            await change.write()
            world.advance(120)
            seen = await snapshot(cluster, "shop", "checkout")

    assert analyze(seen) == []
    assert seen.summary["pods"] == "7 of 7 ready"


async def _planned(cluster: Cluster, call: ToolCall) -> Change:
    arguments: dict[str, Any] = dict(call.arguments)
    if call.tool == "undo_rollout":
        return await plans.undone(cluster, **arguments)
    assert call.tool == "patch_workload"
    return await plans.patched(cluster, **({"image": None, "requests": {}, "limits": {}, "env": {}} | arguments))
