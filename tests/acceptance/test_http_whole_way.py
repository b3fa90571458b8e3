"""A project on a server elsewhere: over HTTP, behind a token, from the proposal to the verified change and its undo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import codenb
from codenb.access import Access
from codenb.actions import decision
from codenb.models import ApprovalRequest, Decision
from codenb.servers import Server
from codenb.servers._base._http import listening
from tests.servers_base.toy import Toy, serve, settings

ACCESS = Access.permit("ops", "toy/set_count", "toy/get_count").permit("viewer", "toy/get_count")

TRUST = """
[servers.toy]
read_only = ["preview_change", "get_count"]
"""


class Yes:
    """An approver who says yes, and remembers what was shown."""

    def __init__(self) -> None:
        self.asked: list[ApprovalRequest] = []

    async def decide(self, request: ApprovalRequest) -> Decision:
        self.asked.append(request)
        return decision(request, approve=True, by="the test", approver="test")


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path / "elsewhere")


@pytest.fixture
def server(toy: Toy) -> Server:
    """The server that is elsewhere, with a state folder of its own."""
    return serve(toy, settings(toy.backend.folder))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as a team has it: the address in one file, trust in the other, the token in the environment."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "codenb.toml").write_text(TRUST)
    return folder


def _reach(project: Path, url: str) -> None:
    entry = {"url": url, "headers": {"Authorization": "Bearer ${TOY_TOKEN}"}}
    off = {name: {"disabled": True} for name in ("kubernetes", "deployment")}
    (project / ".mcp.json").write_text(json.dumps({"mcpServers": {"toy": entry, **off}}))


async def test_a_change_is_proposed_approved_carried_out_and_taken_back_over_http(
    project: Path, server: Server, toy: Toy, monkeypatch: pytest.MonkeyPatch
):
    """The permit for one tool is enough for its preview, its question, its outcome and its undo."""
    monkeypatch.setenv("TOY_TOKEN", ACCESS.token("ops"))
    approver = Yes()
    async with listening(server, access=ACCESS) as web:
        _reach(project, web.urls["toy"])
        async with codenb.connect(project) as nb:
            proposal = await nb.propose("toy", "set_count", name="checkout", value=6)
            (done,) = await nb.execute([proposal], approver=approver)
            undo = await nb.undo(done)
            (back,) = await nb.execute([undo], approver=approver)
            listed = {tool.name for tool in await nb.tools("toy")}

    assert [done.status, back.status] == ["verified", "verified"], (done.message, back.message)
    assert [value for value, _ in toy.backend.writes()] == [6, 3]
    assert len(approver.asked) == 2
    assert listed == {"get_count", "set_count", "preview_change"}


async def test_who_may_only_look_can_propose_nothing(
    project: Path, server: Server, toy: Toy, monkeypatch: pytest.MonkeyPatch
):
    """The server says so; what the notebook's own host thinks of it does not matter."""
    monkeypatch.setenv("TOY_TOKEN", ACCESS.token("viewer"))
    async with listening(server, access=ACCESS) as web:
        _reach(project, web.urls["toy"])
        async with codenb.connect(project) as nb:
            seen = await nb.call("toy", "get_count", name="checkout")
            with pytest.raises(codenb.CodenbError) as refused:
                await nb.propose("toy", "set_count", name="checkout", value=6)

    assert seen.data["value"] == 3
    assert len(str(refused.value).splitlines()) == 1
    assert toy.backend.writes() == []
