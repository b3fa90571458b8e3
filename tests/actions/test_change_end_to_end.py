"""What a change may say of itself, from its server over every transport to what a person reads and what is kept."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from codenb.actions import execute, none, propose, settled
from codenb.config import load
from codenb.errors import BadInput
from codenb.host import Host
from codenb.models import Proposal, ToolCall
from codenb.views import to_html, to_markdown, to_text
from tests.actions import vault as vaults
from tests.ports import free_port

VAULT = Path(vaults.__file__)
SECRET = "correct-horse-battery-staple"
TRUSTED = '[servers.vault]\nread_only = ["preview_change"]\n'
CHANGES = '[changes]\n"server:vault" = ["*"]\n'

Reach = Callable[..., Any]


def rotate(*names: str, **more: Any) -> ToolCall:
    return ToolCall(server="vault", tool="rotate", arguments={"names": list(names or "abc"), "value": 7, **more})


@contextmanager
def web(folder: Path) -> Iterator[str]:
    """The vault as an HTTP server of its own process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(VAULT), str(folder), str(port)])
    try:
        while True:
            assert process.poll() is None, "the vault did not start"
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def vault(tmp_path: Path) -> vaults.Vault:
    """The system itself, to look at and to disturb."""
    return vaults.Vault(tmp_path)


@pytest.fixture
def reach(tmp_path: Path, vault: vaults.Vault) -> Reach:
    """Opens a host that reaches the vault over a transport in an era."""

    @asynccontextmanager
    async def opened(transport: str, era: str = "auto", more: str = "", also: str = "") -> AsyncIterator[Host]:
        toml = f'{TRUSTED}mode = "{era}"\n{more}\n{CHANGES}{also}\n'
        (tmp_path / "codenb.toml").write_text(toml)
        if transport == "builtin":
            settings = load(tmp_path, {}, builtin=("vault",))
            async with Host(settings, servers={"vault": lambda: vaults.make(tmp_path).mcp}) as host:
                yield host
            return
        with web(tmp_path) if transport == "http" else nullcontext("") as url:
            entry = {"url": url} if url else {"command": sys.executable, "args": [str(VAULT), str(tmp_path)]}
            (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"vault": entry}}))
            async with Host(load(tmp_path, {}, builtin=())) as host:
                yield host

    return opened


ERAS = {"builtin": "auto", "stdio": "legacy", "http": "auto"}
TRANSPORTS = ("builtin", "stdio", "http")
EVERYWHERE = pytest.mark.parametrize("transport", TRANSPORTS)
IN_BOTH_ERAS = pytest.mark.parametrize(
    ("transport", "era"), [(one, era) for one in TRANSPORTS for era in ("auto", "legacy")]
)


def files_in(folder: Path) -> str:
    """All that was written there: the preview store, what waits for approval, the logs of servers."""
    return "\n".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


def everything_about(model: Any) -> str:
    """All that a cell, a report, a file or a copy of the data would hold of it."""
    view = model.view()
    parts = [repr(model), str(model), json.dumps(model.to_dict()), to_text(view), to_html(view), to_markdown(view)]
    return "\n".join([*parts, str(model._repr_mimebundle_()), repr(vars(model)), repr(model.__pydantic_private__)])


@EVERYWHERE
async def test_a_masked_argument_leaves_no_trace(
    reach: Reach, tmp_path: Path, says: Any, *, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A password goes to the write and nowhere else, although this tool puts it in its summary, answer and progress."""
    caplog.set_level(logging.DEBUG, logger="codenb")
    said: list[str] = []
    given = {"db": SECRET, "admin_password": f"{SECRET}-of-the-admin"}  # one by a name that says secret
    waiting = none(tmp_path / "pending.json")
    async with reach(transport, ERAS[transport]) as host:
        proposal = await propose(host, rotate(secrets=given))
        undecided = await execute(host, [proposal], waiting, on_progress=said.append)
        asking = says()
        outcomes = await execute(host, [proposal], asking, on_progress=said.append)
        kept = await settled(host, outcomes[0].reference or "")

        assert outcomes[0].status == "applied", outcomes[0].message
        written = files_in(tmp_path)
        assert "hmac-sha256:" in written
        (request,) = asking.asked
        for one in (proposal, proposal.preview, request, *undecided, *outcomes, kept):
            assert SECRET not in everything_about(one)
            assert "hmac-sha256:" in everything_about(one)
        assert SECRET not in written
        assert SECRET not in json.dumps(host.calls.to_dict())
        assert SECRET not in "\n".join(said)
        assert SECRET not in caplog.text
        assert any("keys are rotated hmac-sha256:" in line for line in said)
    pending = json.loads((tmp_path / "pending.json").read_text())
    assert pending["requests"][0]["call"]["arguments"]["secrets"] == vaults.shown(given)


@pytest.mark.parametrize("how", ["quote", "crash", "fail"])
@pytest.mark.parametrize("transport", ["builtin", "stdio"])
async def test_a_failure_does_not_quote_a_masked_argument(
    reach: Reach, tmp_path: Path, says: Any, *, transport: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A system that refuses a password says which; the log of the server must not hold it either."""
    caplog.set_level(logging.DEBUG)
    async with reach(transport) as host:
        proposal = await propose(host, rotate(secrets={"db": SECRET}, how=how))
        outcomes = await execute(host, [proposal], says())
        calls = json.dumps(host.calls.to_dict())

    assert outcomes[0].status == ("unknown" if how == "crash" else "failed")
    assert "hmac-sha256:" in everything_about(outcomes[0])
    written = files_in(tmp_path)
    assert SECRET not in everything_about(outcomes[0]) + calls + written + caplog.text


async def test_another_secret_is_another_change(reach: Reach, vault: vaults.Vault, says: Any) -> None:
    """What stands for a secret is its HMAC, so an approval of one password does not carry over to another."""
    async with reach("builtin") as host:
        one = await propose(host, rotate(secrets={"db": SECRET}))
        other = await propose(host, rotate(secrets={"db": f"{SECRET}!"}))
        again = await propose(host, rotate(secrets={"db": SECRET}))

    assert one.preview
    assert other.preview
    assert again.preview
    assert one.preview.digest == again.preview.digest != other.preview.digest


async def test_what_stands_for_a_secret_cannot_be_sent_in_its_place(reach: Reach) -> None:
    """A call copied from an output would set the password to the text of its HMAC."""
    async with reach("builtin") as host:
        proposal = await propose(host, rotate(secrets={"db": SECRET}))
        with pytest.raises(BadInput, match="give the value itself"):
            await propose(host, proposal.call)

    assert proposal.sent.arguments["secrets"] == {"db": SECRET}
    assert Proposal.from_dict(proposal.to_dict()).sent.arguments["secrets"] == vaults.shown({"db": SECRET})


@EVERYWHERE
async def test_the_report_of_a_failed_change_arrives(
    reach: Reach, vault: vaults.Vault, says: Any, transport: str
) -> None:
    """Which part was applied and the last lines of a log are what a person needs to go on, secrets aside."""
    async with reach(transport, ERAS[transport]) as host:
        proposal = await propose(host, rotate(how="fail"))
        (outcome,) = await execute(host, [proposal], says())
        kept = await settled(host, outcome.reference or "")

    assert vault.get() == {"a": 7, "b": 1, "c": 1}
    for one in (outcome, kept):
        assert one.status == "failed"
        assert one.message == "key b was not rotated: the disk is full"
        assert isinstance(one.answer, dict)
        assert (one.answer["applied"], one.answer["not_applied"]) == (["a"], ["b", "c"])
        assert "hunter2" not in json.dumps(one.to_dict())
        assert one.undo == proposal.undo != None  # noqa: E711  equal, and there
        assert "not_applied" in to_text(one.view())
        assert "rotate(names=['a', 'b', 'c'], value=1)" in to_text(one.view())


@IN_BOTH_ERAS
async def test_progress_is_heard_from_inside_a_write(reach: Reach, says: Any, transport: str, era: str) -> None:
    """A deployment that takes minutes says what it waits for, while planning and while writing."""
    said: list[str] = []
    async with reach(transport, era) as host:
        proposal = await propose(host, rotate(), on_progress=said.append)
        assert said == ["reading the keys"]
        (outcome,) = await execute(host, [proposal], says(), on_progress=said.append)

    assert outcome.status == "applied"
    told = [line for line in said if "keys are rotated" in line]
    assert told == [f"{at} of 3 keys are rotated" for at in (1, 2, 3)]
    assert any(line.endswith("looking whether they open") for line in said)


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_server_killed_in_the_middle_is_told_part_by_part(
    reach: Reach, vault: vaults.Vault, says: Any, era: str
) -> None:
    """`kill -9` between two writes: afterwards the outcome says exactly what was made, and the next reader hears it."""
    async with reach("stdio", era) as host:
        proposal = await propose(host, rotate(how="die"))
        (outcome,) = await execute(host, [proposal], says())

        assert vault.get() == {"a": 7, "b": 1, "c": 1}
        assert outcome.status == "failed"
        assert outcome.answer == {"applied": ["Key a"], "not_applied": ["Key b", "Key c"]}
        assert "applied in part" in outcome.message
        assert outcome.undo == proposal.undo

        vault.set(a=1, b=2)  # what happens later does not change what was found
        again = await settled(host, outcome.reference or "")
        assert (again.status, again.answer) == (outcome.status, outcome.answer)


async def test_a_server_killed_with_a_secret_leaves_an_unknown_outcome(reach: Reach, says: Any) -> None:
    """The password died with the process, so the same call cannot be planned again, and nothing is claimed."""
    async with reach("stdio") as host:
        proposal = await propose(host, rotate(secrets={"db": SECRET}, how="die"))
        (outcome,) = await execute(host, [proposal], says())

    assert outcome.status == "unknown"
    assert "read Keys all back" in outcome.message


async def test_a_place_of_its_own_needs_its_own_setting(
    reach: Reach, tmp_path: Path, vault: vaults.Vault, says: Any
) -> None:
    """A server that may change itself may not therefore change a workspace; the refusal is the line to add."""
    identity = vaults.workspace(tmp_path).identity
    async with reach("builtin") as host:
        refused = await propose(host, rotate(how="elsewhere"))
        (outcome,) = await execute(host, [refused], says())

    assert refused.preview
    assert refused.preview.place.identity == identity
    assert f'add "{identity}" = ["*"] under [changes] in {tmp_path / "codenb.toml"}' in outcome.message
    assert vault.get()["a"] == 1

    async with reach("builtin", also=f'"{identity}" = ["*"]') as host:
        (done,) = await execute(host, [await propose(host, rotate(how="elsewhere"))], says())
    assert done.status == "applied", done.message
    assert vault.get()["a"] == 7


async def test_the_place_is_part_of_what_is_approved(reach: Reach) -> None:
    """The same change in another workspace is another digest."""
    async with reach("builtin") as host:
        here, there = await propose(host, rotate()), await propose(host, rotate(how="elsewhere"))

    assert here.preview
    assert there.preview
    call = here.preview.call
    assert here.preview.change.digest(there.preview.place, call) != here.preview.digest
    moved = here.preview.change.model_copy(update={"place": there.preview.place})
    assert moved.digest(here.preview.place, call) != here.preview.digest


async def test_notes_and_undo_are_shown_to_whoever_approves(reach: Reach, says: Any) -> None:
    """What the approver must know stands in the question, in the request and in the preview."""
    asking = says()
    async with reach("builtin") as host:
        proposal = await propose(host, rotate())
        await execute(host, [proposal], asking)

    for one in (proposal, proposal.preview, *asking.asked):
        assert "every client has to log in again" in to_text(one.view())
        assert "every client has to log in again" in to_html(one.view())


NAMES_DEV = 'auto_approve = ["dev"]'


@EVERYWHERE
async def test_the_servers_own_configuration_may_approve(
    reach: Reach, tmp_path: Path, vault: vaults.Vault, says: Any, transport: str
) -> None:
    """A development workspace needs nobody's yes, and the outcome says which setting gave it."""
    nobody = says("no")
    async with reach(transport, ERAS[transport], NAMES_DEV) as host:
        proposal = await propose(host, rotate(unattended=True))
        (outcome,) = await execute(host, [proposal], nobody)
        kept = await settled(host, outcome.reference or "")

    assert outcome.status == "applied", outcome.message
    assert vault.get() == {"a": 7, "b": 7, "c": 7}
    assert nobody.asked == []
    for one in (outcome, kept):
        assert one.decision
        assert (one.decision.approver, one.decision.proof) == ("auto_approve", "policy")
        assert str(tmp_path / "dev") in one.decision.reason
    assert "not asked for" in to_text(proposal.view())


@pytest.mark.parametrize("more", ["", 'auto_approve = ["prod"]', 'auto_approve = ["develop"]'])
async def test_a_callers_wish_alone_approves_nothing(
    reach: Reach, tmp_path: Path, vault: vaults.Vault, says: Any, more: str
) -> None:
    """`auto_approve` in a call is a wish; without the setting the change is refused, and the setting is named."""
    willing = says()
    async with reach("builtin", "auto", more) as host:
        (outcome,) = await execute(host, [await propose(host, rotate(unattended=True))], willing)

    assert outcome.status == "refused"
    assert f"add {tmp_path / 'dev'} to auto_approve under [servers.vault]" in outcome.message
    assert vault.get()["a"] == 1
    assert willing.asked == []


async def test_what_may_lose_something_is_asked_about_all_the_same(
    reach: Reach, vault: vaults.Vault, says: Any
) -> None:
    """A policy never approves a destruction."""
    refusing = says("no")
    async with reach("builtin", "auto", NAMES_DEV) as host:
        (outcome,) = await execute(host, [await propose(host, rotate(unattended=True, how="destroy"))], refusing)

    assert outcome.status == "refused"
    assert len(refusing.asked) == 1
    assert vault.get()["a"] == 1
