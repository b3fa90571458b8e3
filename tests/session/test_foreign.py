"""A cluster that is not embedded: nothing on it is changed before a setting and a person allow it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import codenb
from codenb.demo import WorldThread
from codenb.session import Session
from codenb.views import to_text
from tests.session.conftest import Project

SCALE = ("kubernetes", "scale_deployment")
CART = {"name": "cart", "namespace": "shop", "replicas": 3}


@pytest.fixture
def cluster(foreign_world: WorldThread, project: Project, monkeypatch: pytest.MonkeyPatch) -> WorldThread:
    """The foreign cluster is the current context, the project's folder the current one."""
    monkeypatch.setenv("KUBECONFIG", str(foreign_world.kubeconfig))
    monkeypatch.chdir(project.folder)
    return foreign_world


def said(nb: Session) -> str:
    return " ".join(to_text(nb.view(), 10_000).split())


def approved(pending: Path, decided: Path) -> None:
    """What a person does with what waits: read it, fill in the decision."""
    document = json.loads(pending.read_text())
    document["decisions"][0] |= {"approve": True, "by": "release", "reason": "load test"}
    decided.write_text(json.dumps(document))


async def test_it_is_named_and_read_only_and_the_setting_is_named(cluster: WorldThread, project: Project):
    """Who connects to production by mistake reads it in the first cell; who means it reads what to add, and where."""
    async with codenb.connect() as nb:
        text = said(nb)

    assert "read-only" in text
    assert "embedded" not in text
    assert cluster.server in text
    assert f'add "{cluster.uid}" = ["<namespace>"] under [changes] in {project.folder / "codenb.toml"}' in text


async def test_without_the_setting_a_change_is_shown_and_refused(cluster: WorldThread, yes):
    """What would happen may be looked at anywhere; nobody is asked about what would be refused anyway."""
    async with codenb.connect() as nb:
        proposal = await nb.propose(*SCALE, **CART)
        outcomes = await nb.execute(proposal, yes)

    assert proposal.preview is not None
    assert "replicas: 3" in proposal.preview.diff
    assert f'"{cluster.uid}" = ["shop"] under [changes]' in proposal.preview.refusal
    assert outcomes[0].status == "refused"
    assert yes.asked == []
    assert cluster.writes("deployments/scale", "cart") == 0


async def test_with_the_setting_and_a_recorded_decision_it_is_made(
    cluster: WorldThread, project: Project, monkeypatch: pytest.MonkeyPatch
):
    """The way through CI: what waits is written down, a person decides in that file, and the run is run again."""
    project.say(f'[changes]\n"{cluster.uid}" = ["shop"]')
    async with codenb.connect() as nb:
        waiting = await nb.execute(await nb.propose(*SCALE, **CART), codenb.approver())

        assert waiting.exit_code == 3
        assert cluster.writes("deployments/scale", "cart") == 0

        approved(project.folder / "pending.json", project.folder / "decided.json")
        monkeypatch.setenv("CODENB_DECISIONS", "decided.json")
        outcomes = await nb.execute(await nb.propose(*SCALE, **CART), codenb.approver())

        assert "shop" in said(nb)

    assert [one.status for one in outcomes] == ["verified"]
    assert outcomes[0].decision is not None
    assert outcomes[0].decision.by == "release"
    assert cluster.writes("deployments/scale", "cart") == 1


async def test_read_only_wins_over_the_setting(cluster: WorldThread, project: Project, monkeypatch, yes):
    """One variable makes any run safe, whatever the project allows."""
    project.say(f'[changes]\n"{cluster.uid}" = ["*"]')
    monkeypatch.setenv("CODENB_READ_ONLY", "1")
    before = cluster.writes("deployments/scale", "cart")

    async with codenb.connect() as nb:
        outcomes = await nb.execute(await nb.propose(*SCALE, **CART | {"replicas": 9}), yes)

        assert "CODENB_READ_ONLY is set" in said(nb)
    assert outcomes[0].status == "refused"
    assert "CODENB_READ_ONLY" in outcomes[0].message
    assert yes.asked == []
    assert cluster.writes("deployments/scale", "cart") == before


async def test_another_namespace_than_the_setting_names_is_refused(cluster: WorldThread, project: Project, yes):
    """A team that may change its own namespace may not change its neighbour's."""
    project.say(f'[changes]\n"{cluster.uid}" = ["elsewhere"]')
    before = cluster.writes("deployments/scale", "cart")

    async with codenb.connect() as nb:
        outcomes = await nb.execute(await nb.propose(*SCALE, **CART | {"replicas": 9}), yes)

    assert 'add "shop" to' in outcomes[0].message
    assert cluster.writes("deployments/scale", "cart") == before
