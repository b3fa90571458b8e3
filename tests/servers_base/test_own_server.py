"""A server of one's own: the documented one works as it stands, and what cannot work is said when it is made."""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest
from mcp import Client

import codenb
from codenb.config import Settings
from codenb.errors import ConfigError, NotApproved
from codenb.host import Host
from codenb.models import Change, Entity, Place
from codenb.servers import Server, make_server


def documented() -> tuple[str, dict[str, object], str]:
    """The server, the entry in .mcp.json and the lines of codenb.toml that `help(codenb.make_server)` shows."""
    text = inspect.getdoc(codenb.make_server) or ""
    source, rest = text.split("is not in its memory:\n")[1].split("\nIt joins a project")
    entry, rest = rest.split("`.mcp.json`:\n")[1].split("\nand is trusted")
    toml = rest.split("is one):\n")[1].split("\nArgs:")[0]
    return textwrap.dedent(source).strip(), json.loads(entry), textwrap.dedent(toml)


@pytest.fixture
def joined(tmp_path: Path) -> Path:
    """A project with the documented server as it is documented."""
    source, entry, toml = documented()
    entry["mcpServers"]["flags"]["command"] = sys.executable  # type: ignore[index]
    (tmp_path / "flags.py").write_text(source)
    (tmp_path / "flags.json").write_text('{"checkout-v2": false}')
    (tmp_path / ".mcp.json").write_text(json.dumps(entry))
    (tmp_path / "codenb.toml").write_text(toml)
    return tmp_path


async def test_the_documented_server_joins_and_previews(joined: Path):
    """What a newcomer copies must work, to the last line."""
    async with codenb.connect("demo:healthy", home=joined) as nb:
        flag = await nb.call("flags", "get_flag", name="checkout-v2")
        proposal = await nb.propose("flags", "set_flag", name="checkout-v2", on=True)

    assert flag.data == {"on": False}
    assert proposal.problem is None
    assert proposal.preview is not None
    assert proposal.preview.refusal is None
    assert str(proposal.preview.place) == "server flags (server:flags)"
    assert proposal.preview.change.summary == "set flag checkout-v2 from False to True"


async def test_without_a_trusted_preview_the_line_to_add_is_named(joined: Path):
    """The way to a preview is not to propose the preview."""
    (joined / "codenb.toml").write_text("")
    async with codenb.connect("demo:healthy", home=joined) as nb:
        with pytest.raises(NotApproved) as caught:
            await nb.call("flags", "preview_change", tool="set_flag", arguments={})
        proposal = await nb.propose("flags", "set_flag", name="checkout-v2", on=True)

    assert proposal.problem == str(caught.value)
    assert 'add "preview_change" to read_only under [servers.flags] in codenb.toml' in str(caught.value)
    assert "nb.propose" not in str(caught.value)


async def test_an_untrusted_server_is_named_as_one(joined: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A person looks for a cluster where the refusal says cluster."""
    monkeypatch.chdir(joined)
    module = ModuleType("flags")
    exec(documented()[0], module.__dict__)
    server = make_server(
        "flags", tools=[module.get_flag, module.set_flag], settings=Settings(home=tmp_path / "elsewhere")
    )

    assert 'changes are off for server flags: add "server:flags" = ["*"]' in (await server.about()).changes_reason
    async with Client(server.mcp) as client:
        asked = {"tool": "set_flag", "arguments": {"name": "checkout-v2", "on": True}}
        preview = (await client.call_tool("preview_change", asked)).structured_content
    assert "changes are off for what is in no namespace of server flags" not in preview["refusal"]
    assert "changes are off for server flags" in preview["refusal"]


async def test_what_one_may_copy_opens_no_whole_cluster(tmp_path: Path):
    """The header of a session advises no more than a refusal would."""

    async def place() -> Place:
        return Place(name="prod", address="https://prod", identity="8f0e7c1d-prod")

    about = await make_server("one", place=place, settings=Settings(home=tmp_path)).about()

    assert 'add "8f0e7c1d-prod" = ["<namespace>"] under [changes]' in about.changes_reason


def test_marks_need_no_parentheses():
    """Most tools have nothing to say of themselves."""

    @codenb.reads
    def get_one() -> int:
        """One."""
        return 1

    @codenb.changes
    def change_one() -> Change:
        """Change it."""
        return Change(summary="", entity=Entity(kind="One", name="one"), before=1, after=2)

    server = make_server("ones", tools=[get_one, change_one])

    @server.reads
    def get_two() -> int:
        """Two."""
        return 2

    assert get_one() == 1
    assert server.mcp.registered("get_two").meta["codenb/kind"] == "reads"  # type: ignore[index]
    assert server.mcp.registered("change_one").meta["codenb/kind"] == "changes"  # type: ignore[index]


@pytest.mark.parametrize("name", ["", "my flags", "flags.v2", "flägs", "flags\n"])
def test_a_server_has_a_name_that_can_be_configured(name: str):
    """The name stands in files, in addresses and in `[changes]`."""
    with pytest.raises(ConfigError, match="is no name for a server"):
        make_server(name)


def test_a_change_tool_says_that_it_returns_a_change():
    """Found when the server is made, not when somebody is about to approve."""

    @codenb.changes
    def reboot(name: str) -> str:
        """Reboot."""
        return name

    with pytest.raises(ConfigError, match=r"annotate it with `-> codenb\.Change`"):
        make_server("machines", tools=[reboot])


async def test_an_undo_that_is_no_tool_keeps_the_server_shut(tmp_path: Path):
    """An undo is needed when something went wrong, which is late to find out that there is none."""

    @codenb.changes(undo="nosuch")
    def switch(name: str) -> Change:
        """Switch."""
        return Change(summary="", entity=Entity(kind="Flag", name=name), before=1, after=2)

    def factory() -> object:
        return wrong.mcp

    wrong: Server = make_server("flags", tools=[switch])
    with pytest.raises(ConfigError, match="'nosuch', the undo of switch, is none"):
        wrong.check()
    async with Host(Settings(home=tmp_path), servers={"flags": factory}) as host:  # type: ignore[dict-item]
        (status,) = host.status()
    assert status.state == "failed"
    assert "'nosuch', the undo of switch, is none" in status.problem
