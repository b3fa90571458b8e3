"""The ways to connect, and what a session says of itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import codenb
from codenb.errors import BadInput, CodenbError, ConfigError, UnknownServer
from codenb.session import Session
from codenb.views import to_html, to_text
from tests.host.helpers import nothing_since
from tests.session.conftest import Project

CLUSTER = "kubernetes"


def said(nb: Session) -> str:
    """What a person reads, line breaks aside."""
    return " ".join(to_text(nb.view(), 10_000).split())


@pytest.fixture(autouse=True)
def in_the_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in the project's folder, as a notebook does."""
    monkeypatch.chdir(project.folder)


async def test_the_session_says_which_world_which_servers_and_that_it_may_change_it():
    """The first thing seen in a runbook must answer: where am I, with what, and can I break something?"""
    async with codenb.connect("demo") as nb:
        text = said(nb)

        assert "embedded world" in text
        assert "changes on" in text
        assert "every namespace" in text
        assert nb.place is not None
        assert nb.place.identity in text
        assert "kubernetes in process" in text
        assert "scenario oom" in text
        assert nb.place.address in to_html(nb.view())


@pytest.mark.parametrize(("value", "scenario"), [("demo", "oom"), ("demo:regression", "regression")])
async def test_one_variable_turns_a_notebook_to_the_embedded_world(
    value: str, scenario: str, project: Project, monkeypatch: pytest.MonkeyPatch
):
    """CI and Binder run the notebook as it stands; that the project's files are broken must not matter to them."""
    (project.folder / ".mcp.json").write_text("{")
    monkeypatch.setenv("CODENB_CONNECT", value)

    nb = await codenb.connect()

    assert nb.world is not None
    assert nb.world.scenario.name == scenario
    await nb.close()
    assert not nb.world.alive


@pytest.mark.parametrize("variable", ["CODENB_CONNECT", "CODENB_HOME"])
async def test_a_variable_may_name_the_project(variable: str, project: Project, tmp_path: Path, monkeypatch):
    """A notebook is run from another folder than it was written in, by schedulers above all."""
    elsewhere = Project(tmp_path / "elsewhere")
    elsewhere.misbehaving("well")
    monkeypatch.setenv(variable, str(elsewhere.folder))

    async with codenb.connect() as nb:
        assert nb.settings.home == elsewhere.folder
        assert (await nb.call("other", "go")).data == "went"


async def test_home_adds_a_projects_servers_to_the_embedded_world(project: Project):
    """Other people's servers are tried where nothing can be broken; without `home` they are not even started."""
    project.misbehaving("well")

    async with codenb.connect("demo", home=project.folder) as nb, codenb.connect("demo") as apart:
        bundle = await nb.gather(namespace="shop")

        assert [item.status for item in bundle.items] == ["ok", "ok", "ok"]
        assert [row.server for row in apart.host.status()] == [CLUSTER, "deployment"]


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ("demo:ooom", BadInput, "there is no scenario 'ooom': choose one of crash-command"),
        ("nowhere", ConfigError, "nowhere is not a folder: name one that exists"),
        (".mcp.json", ConfigError, ".mcp.json is not a folder"),
    ],
)
async def test_what_cannot_be_connected_to_is_one_line(
    where: str, error: type[CodenbError], words: str, project, running_before: list[int]
):
    """The commonest first mistake is a typing error, and nothing may be left running by it."""
    project.misbehaving("well")

    with pytest.raises(error) as caught:
        await codenb.connect(where)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    await nothing_since(running_before)


async def test_two_folders_are_one_too_many(project: Project):
    """Whichever was taken silently, it would be the wrong one half of the time."""
    with pytest.raises(BadInput, match="name the one that is meant"):
        await codenb.connect(project.folder, home=project.folder)


async def test_a_session_left_by_an_error_leaves_nothing_running(running_before: list[int]):
    """`async with` is how a script connects; an error in it must not keep a world alive."""
    with pytest.raises(UnknownServer, match="did you mean 'kubernetes'"):
        async with codenb.connect("demo") as nb:
            await nb.call("kubernetess", "get_pods")

    await nothing_since(running_before)


async def test_connecting_that_is_stopped_leaves_nothing_running(running_before: list[int]):
    """Stop is pressed most often while something slow comes up."""
    for wait_s in (0.05, 0.4):
        connecting = asyncio.ensure_future(_connected())
        await asyncio.sleep(wait_s)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        if not connecting.cancelled():
            await connecting.result().close()  # it was quicker

        await nothing_since(running_before)


async def _connected() -> Session:
    return await codenb.connect("demo")


async def test_other_peoples_tools_are_not_called_read_only(project: Project):
    """No setting keeps another server's tools off a cluster: a badge that says read-only beside them would lie."""
    project.add("other", "-S", str(Path(__file__).parents[1] / "host" / "servers" / "raw.py"), "well")
    project.say('[servers.other]\nmode = "legacy"')

    async with codenb.connect(project.folder) as nb:
        assert "changes on" in said(nb)
        assert "each call with an approval: 1 tool of other" in said(nb)


async def test_read_only_wins_over_other_peoples_tools_too(project: Project, monkeypatch: pytest.MonkeyPatch, yes):
    """CODENB_READ_ONLY is what a person sets who must be sure; a third-party server does not know it."""
    project.add("other", "-S", str(Path(__file__).parents[1] / "host" / "servers" / "raw.py"), "well")
    project.say('[servers.other]\nmode = "legacy"')
    monkeypatch.setenv("CODENB_READ_ONLY", "1")

    async with codenb.connect(project.folder) as nb:
        outcomes = await nb.execute(await nb.propose("other", "go"), yes)

        assert "read-only" in said(nb)
        assert outcomes[0].status == "refused"
        assert "CODENB_READ_ONLY is set" in outcomes[0].message
        assert nb.calls[-1].error_type == "ChangesOff"


async def test_the_projects_limits_hold_for_gather(project: Project):
    """A team that sets a budget for its models, or a deadline for its scheduler, sets it once."""
    project.misbehaving("deaf")
    project.say("[limits]\ngather_timeout_s = 0.5\ncontext_tokens = 1500")

    async with codenb.connect("demo", home=project.folder) as nb:
        await nb.call(CLUSTER, "get_pods", namespace="shop")  # what is loaded once is loaded now
        bundle = await nb.gather(namespace="shop", timeout_s=20, servers=[CLUSTER])
        late = await nb.gather(namespace="shop", servers=["other"])

    assert bundle.token_budget == 1500
    assert sum(item.tokens_kept for item in bundle.items) <= 1500
    assert "no answer within 0.5 s" in late.missing["other.go"]


async def test_outside_a_kernel_progress_is_plain_lines(capsys: pytest.CaptureFixture[str]):
    """A script's log has no outputs that update, and what it prints itself may be another program's input."""
    async with codenb.connect("demo:healthy") as nb:
        await nb.gather(namespace="shop")

    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert printed.out == ""
    assert sorted(line.partition(",")[0] for line in lines) == [
        "· deployment.gather_context: ok",
        "· kubernetes.gather_context: ok",
    ]


@pytest.mark.parametrize("target", [{"namespace": "shop", "team": "blue"}, codenb.Target(namespace="shop")])
async def test_a_target_is_given_as_it_comes_to_hand(target: Any):
    """A dict, keywords or a Target; both at once would lose one of them."""
    async with codenb.connect("demo:healthy") as nb:
        found = await nb.gather(target)

        assert found.target.namespace == "shop"
        assert dict(found.target.extra) == ({"team": "blue"} if isinstance(target, dict) else {})
        if not isinstance(target, dict):
            with pytest.raises(BadInput, match="not both"):
                await nb.gather(target, workload="cart")
