"""Whose a session is: a token says it, where access is configured."""

from __future__ import annotations

from pathlib import Path

import pytest

import codenb
from codenb import Access
from codenb.access._keys import write_pair
from codenb.actions import demo_policy
from codenb.cli import main
from codenb.demo import WorldThread
from codenb.errors import BadInput, ConfigError, CredentialsRejected, PermissionMissing
from codenb.views import to_text
from tests.session.conftest import Project

CART = {"name": "cart", "namespace": "shop", "replicas": 3}
ACCESS = """\
[access]
algorithm = "EdDSA"
issuer = "https://login.example.org"
audience = "codenb"
keys = { dev = "keys/dev.pub" }
[[access.permits]]
principal = "ci"
tools = ["kubernetes/get_pods", "deployment/validate_*"]
"""


@pytest.fixture
def guarded(
    foreign_world: WorldThread, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """A project with access on a cluster; returns a token of `ci`, made as a person makes one."""
    monkeypatch.setenv("KUBECONFIG", str(foreign_world.kubeconfig))
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("CODENB_TOKEN", raising=False)
    write_pair(project.folder / "keys", "dev")
    project.say(ACCESS)
    assert main(["token", "--sub", "ci", "--key", "keys/dev.key"]) == 0
    return capsys.readouterr().out.strip()


async def test_the_token_of_the_environment_is_who_calls(guarded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline sets CODENB_TOKEN (a line break at its end included) and no notebook has to change."""
    monkeypatch.setenv("CODENB_TOKEN", f"{guarded}\n")

    async with codenb.connect() as nb:
        pods = await nb.call("kubernetes", "get_pods", namespace="shop")
        with pytest.raises(PermissionMissing, match="ask for a permit on the tool kubernetes/get_logs"):
            await nb.call("kubernetes", "get_logs", pod="x", namespace="shop")
        names = {(one.server, one.name) for one in await nb.tools()}
        shown = " ".join(to_text(nb.view(), 10_000).split())

    assert pods.data
    assert names == {("kubernetes", "get_pods"), ("deployment", "validate_deployment")}
    assert {one.principal for one in nb.calls} == {"ci"}
    assert "who may call kubernetes/get_pods, deployment/validate_*" in shown
    assert guarded.rpartition(".")[2] not in shown


async def test_without_a_token_everything_is_denied_with_one_line(guarded: str) -> None:
    """Nothing is opened, nothing is asked, and the first cell says what is missing."""
    async with codenb.connect() as nb:
        with pytest.raises(CredentialsRejected, match="nothing may be called without a token"):
            await nb.call("kubernetes", "get_pods", namespace="shop")
        bundle = await nb.gather(namespace="shop", workload="checkout")
        shown = to_text(nb.view(), 10_000)

    assert {item.status for item in bundle.items} == {"denied"}
    assert shown.count("nothing may be called without a token") == 1
    assert "not known: nothing may be called" in shown
    assert repr(nb).startswith("<codenb session: ")
    assert {one.status for one in nb.calls} == {"denied"}


@pytest.mark.parametrize("end", ["", "x"])
async def test_a_bad_token_is_refused_when_connecting(guarded: str, end: str) -> None:
    """Who comes with a forged or empty token learns it at once, not call by call; the token is not repeated."""
    bad = guarded + end if end else ""

    with pytest.raises(CredentialsRejected, match="the token is not accepted: it is") as refused:
        await codenb.connect(token=bad)

    assert not bad or bad not in str(refused.value)


async def test_access_that_cannot_be_read_is_no_open_door(guarded: str, project: Project) -> None:
    """An empty [access] or a misspelt key stops the session, whoever it is."""
    (project.folder / "codenb.toml").write_text("[access]\n")

    with pytest.raises(ConfigError, match=r"access\.algorithm is missing"):
        await codenb.connect(token=guarded)


async def test_a_token_that_nothing_checks_is_an_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gives a token believes in being held to it; one in the environment may be for other servers."""
    monkeypatch.chdir(project.folder)

    with pytest.raises(BadInput, match=r"nothing says how to check it: add \[access\] to "):
        await codenb.connect(token="a.b.c")


@pytest.mark.parametrize("access", ["ci", {"ci": ["*/*"]}, Access])
async def test_access_is_an_access(project: Project, monkeypatch: pytest.MonkeyPatch, access: object) -> None:
    """What only looks like one must not pass for none."""
    monkeypatch.chdir(project.folder)

    with pytest.raises(BadInput, match=r"give a codenb\.Access, such as codenb\.Access\.permit"):
        await codenb.connect(access=access)  # type: ignore[arg-type]


async def test_a_change_on_the_embedded_world_takes_its_permit(tmp_path: Path) -> None:
    """Who may scale and nothing else sees, proposes and makes that change, and no other one is even shown."""
    access = Access.permit("ops", "kubernetes/scale_deployment", "kubernetes/rollout_status")

    async with codenb.connect("demo", access=access, token=access.token("ops")) as nb:
        proposal = await nb.propose("kubernetes", "scale_deployment", **CART)
        outcomes = await nb.execute(proposal, demo_policy())
        with pytest.raises(PermissionMissing, match="ask for a permit on the tool kubernetes/restart_deployment"):
            await nb.propose("kubernetes", "restart_deployment", name="cart", namespace="shop")
        names = {one.name for one in await nb.tools("kubernetes")}

    assert outcomes[0].status == "verified"
    assert names == {"scale_deployment", "rollout_status", "preview_change"}
    assert [one.tool for one in nb.calls if one.status == "denied"][:1] == ["restart_deployment"]
