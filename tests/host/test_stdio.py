"""Servers over stdio that die, babble, flood or are no servers: a clear line, never a hang."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codenb.config import Limits, ServerSettings
from codenb.errors import (
    AnswerTooLarge,
    ConnectFailed,
    ConnectionLost,
    DeadlineExceeded,
    ProtocolFault,
    ServerError,
)
from codenb.host import Host
from codenb.host._logs import MOST_BYTES
from tests.host.helpers import PATIENCE_S, eventually

Raw = Callable[..., ServerSettings]
MakeHost = Callable[..., Host]


@pytest.mark.usefixtures("no_waits")
async def test_a_server_that_dies_in_a_call_leaves_its_last_words(
    make_host: MakeHost, raw: Raw, tmp_path: Path
) -> None:
    """Why a server died stands on its standard error, which a notebook never shows; the error must say it."""
    host = make_host(raw("dies"))

    with pytest.raises(ConnectionLost, match=r"exit code 3.*the database is on fire.*raw\.log"):
        await host.call("raw", "go")

    assert "the database is on fire" in (tmp_path / ".mcp/logs/raw.log").read_text()
    assert [(record.status, record.error_type) for record in host.calls] == [("error", "ConnectionLost")]


async def test_an_answer_over_the_limit_is_refused_and_the_next_call_works(make_host: MakeHost, raw: Raw) -> None:
    """50 MB in one line took the SDK's own reader minutes, and then the connection with it."""
    host = make_host(raw("floods", "50"))

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(AnswerTooLarge, match=r"more than 8,388,608 bytes.*line_limit_bytes.*servers\.raw"):
            await host.call("raw", "go")

    assert len(await host.tools("raw")) == 1


async def test_an_answer_below_a_raised_limit_is_taken_whole(make_host: MakeHost, raw: Raw) -> None:
    """The limit is a setting: who needs more can have it, in time that grows with the size and not its square."""
    host = make_host(raw("floods", "12", line_limit_bytes=64 * 1024**2), limits=Limits(answer_bytes=64 * 1024**2))

    async with asyncio.timeout(PATIENCE_S):
        answer = await host.call("raw", "go")

    assert len(answer.content[0].text or "") == 12 * 1024**2
    assert host.calls[-1].bytes > 12 * 1024**2


async def test_a_banner_on_standard_output_is_passed_over(make_host: MakeHost, raw: Raw, tmp_path: Path) -> None:
    """Other hosts bear with a greeting, so a team's existing file must work here as well; the log keeps it."""
    host = make_host(raw("banner"))

    assert (await host.call("raw", "go")).text == "went"
    assert "Welcome to the server!" in (tmp_path / ".mcp/logs/raw.log").read_text()


async def test_a_broken_message_is_quoted_without_its_secrets(make_host: MakeHost, raw: Raw) -> None:
    """An answer that is no JSON would be waited for until the deadline; what it holds may be secret."""
    host = make_host(raw("garbled"))

    with pytest.raises(ProtocolFault, match="no MCP message") as caught:
        await host.call("raw", "go")

    assert "jsonrpc" in str(caught.value)
    assert "hunter2-correct-horse" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_server_that_prints_instead_of_answering_is_named_at_the_deadline(
    make_host: MakeHost, raw: Raw
) -> None:
    """`print` in a tool is the commonest mistake in a server; "no answer in time" alone would not help to find it."""
    host = make_host(raw("prints-instead"))
    await host.open()

    with pytest.raises(ProtocolFault, match=r"'done!'.*standard error"):
        await host.call("raw", "go", timeout_s=2)

    assert (await host.tools("raw"))[0].name == "go"


async def test_a_server_that_never_stops_printing_is_cut_off(make_host: MakeHost, raw: Raw) -> None:
    """What is passed over is bounded: a flood of lines that are no messages ends the connection, not the memory."""
    host = make_host(raw("chatters"))

    with pytest.raises(ProtocolFault, match="keeps writing"):
        await host.call("raw", "go")


async def test_a_program_that_is_no_server_is_quoted(make_host: MakeHost) -> None:
    """A wrong command in .mcp.json usually prints its usage and leaves; that is what a person needs to see."""
    settings = ServerSettings("echo", "stdio", command="echo", args=("usage: echo WORDS",))

    with pytest.raises(ProtocolFault, match=r"'usage: echo WORDS'"):
        await make_host(settings).call("echo", "go")


async def test_a_program_that_says_nothing_is_given_up(make_host: MakeHost) -> None:
    """Opening has a deadline of its own; the process does not outlive it."""
    settings = ServerSettings("mute", "stdio", command="sleep", args=("600",), timeout_s=0.3)

    with pytest.raises(ServerError, match="did not answer"):
        await make_host(settings).call("mute", "go")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ServerSettings("x", "stdio", command="no-such-program"), r"no program 'no-such-program'.*mcpServers\.x in"),
        (ServerSettings("x", "stdio", command=sys.executable, cwd=Path("/no/such/folder")), "/no/such/folder"),
        (ServerSettings("x", "stdio", command="/etc/hostname"), "cannot be started"),
    ],
    ids=["command", "folder", "not-executable"],
)
async def test_what_cannot_be_started_says_where_it_is_configured(
    make_host: MakeHost, settings: ServerSettings, said: str
) -> None:
    """The person who reads this has to mend one line of one file; the message names both."""
    with pytest.raises(ConnectFailed, match=said):
        await make_host(settings).call("x", "go")


async def test_standard_error_is_kept_bounded_and_without_secrets(
    make_host: MakeHost, raw: Raw, tmp_path: Path
) -> None:
    """A server that logs its token and does not stop must neither fill the disk nor leave the token on it."""
    log = tmp_path / ".mcp/logs/raw.log"
    host = make_host(raw("noisy"))

    def kept() -> str:
        try:
            return "".join(path.read_text() for path in log.parent.glob("*"))
        except FileNotFoundError:  # the full one was set aside between looking and reading
            return ""

    assert (await host.call("raw", "go")).text == "went"

    await eventually(lambda: "line 013999" in kept(), "the last line in the log")
    assert "line 000000" in kept()
    assert "ghp_" not in kept()
    assert all(path.stat().st_size < 1.2 * MOST_BYTES for path in log.parent.iterdir())


async def test_a_server_gets_few_variables_and_those_configured(
    make_host: MakeHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A kernel's environment holds other people's keys; a third-party server must not be handed them."""
    monkeypatch.setenv("SOME_API_KEY", "for the kernel only")
    seen = tmp_path / "seen"
    program = f"import os; open({str(seen)!r}, 'w').write(repr(dict(os.environ)))"
    settings = ServerSettings("env", "stdio", command=sys.executable, args=("-c", program), env={"GIVEN": "yes"})

    with pytest.raises(ConnectFailed):
        await make_host(settings).call("env", "go")

    assert "SOME_API_KEY" not in seen.read_text()
    assert "'GIVEN': 'yes'" in seen.read_text()


@pytest.mark.usefixtures("short_grace")
async def test_a_server_that_hangs_is_replaced_after_a_time_out(
    make_host: MakeHost, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen process is not gone, so every further call waited for it to its deadline, until the kernel's restart."""
    monkeypatch.setattr("codenb.host._peer._LOOK_S", 0.1)
    host = make_host(raw("deaf"))
    await host.open()
    frozen = host._peers["raw"]._pool.connections[0]

    with pytest.raises(DeadlineExceeded):
        await host.call("raw", "go", timeout_s=0.5)

    await eventually(lambda: not frozen.usable, "the host to see that nothing is answered any more")
    assert len(await host.tools("raw")) == 1
    assert host.status()[0].state == "open"
    await eventually(lambda: frozen.over, "the frozen process to be ended")


async def test_a_server_that_is_only_slow_is_kept(
    reach: Callable[[str, str], Host], era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One long query must not cost the others their session: it answers everything else at once."""
    monkeypatch.setattr("codenb.host._peer._LOOK_S", PATIENCE_S)
    host = reach("stdio", era)
    before = (await host.call("plain", "pid")).data

    with pytest.raises(DeadlineExceeded):
        await host.call("plain", "wait", {"seconds": 600}, timeout_s=1)

    await eventually(lambda: not host._peers["plain"]._doubted, "the host to have looked")
    assert (await host.call("plain", "pid")).data == before
