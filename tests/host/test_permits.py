"""What the host lets a principal do: denied before anything is sent, and never without a record."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from codenb.access import Access, Permits, Principal
from codenb.config import ServerSettings, Settings
from codenb.errors import AccessError, BadInput, CredentialsRejected, PermissionMissing, UnknownServer
from codenb.host import Answered, Host
from codenb.models import ToolCall
from tests.host.helpers import SERVERS, Journal

DELETE = ToolCall(server="plain", tool="delete", arguments={"name": "web"})
MakeHost = Callable[[Principal], Host]


def ci(*tools: str, resources: tuple[str, ...] = ()) -> Principal:
    return Principal("ci", "token", Permits(tools, resources))


def replace_tool(tool: str) -> ToolCall:
    return DELETE.model_copy(update={"tool": tool})


async def yes(_: object) -> Answered:
    return Answered(approve=True)


@pytest.fixture
async def host_of(tmp_path: Path, plain: ModuleType, journal: Journal) -> AsyncIterator[MakeHost]:
    """Makes a host with the fixture server in process and as a process, for a principal."""
    made = []
    command = (str(SERVERS / "plain.py"), "stdio", str(journal.path))
    other = ServerSettings("other", "stdio", command=sys.executable, args=command, read_only=("add", "wait"))

    def make(principal: Principal) -> Host:
        settings = Settings(home=tmp_path, servers={"plain": ServerSettings("plain", "builtin"), "other": other})
        host = Host(settings, servers={"plain": lambda: plain.build(journal.path)}, principal=principal)
        made.append(host)
        return host

    yield make
    for host in made:
        await host.close()


DENIED: dict[str, tuple[Callable[[Host], Awaitable[object]], str]] = {
    "tool": (lambda host: host.call("plain", "add", {"a": 1, "b": 2}), "the tool plain/add"),
    "change": (lambda host: host.change(DELETE, yes), "the tool plain/delete"),
    "unmarked tool": (lambda host: host.change(replace_tool("unmarked"), yes), "the tool plain/unmarked"),
    "memory": (lambda host: host.call("plain", "remember", {"note_text": "x"}), "the tool plain/remember"),
    "a tool that there is not": (lambda host: host.call("plain", "nothing"), "the tool plain/nothing"),
    "resource": (lambda host: host.read("plain", "thing://x"), "the resource plain/thing://x"),
    "preview": (lambda host: host.read("other", "preview://x"), "the resource other/preview://x"),
    "prompt": (lambda host: host.prompt("plain", "greet", {"name": "x"}), "the tool plain/greet"),
    "proposal": (lambda host: host.require_permit(DELETE), "the tool plain/delete"),
}


@pytest.mark.parametrize("what", DENIED)
async def test_what_is_not_permitted_is_denied_before_anything_is_sent(
    host_of: MakeHost, journal: Journal, what: str
) -> None:
    """The message names the permit; the record says who it was; no connection was opened and nobody asked."""
    host = host_of(ci("plain/rows"))
    ask, named = DENIED[what]

    with pytest.raises(PermissionMissing, match=rf"^ci may not .*: ask for a permit on {named}$"):
        await ask(host)

    assert [(one.status, one.error_type, one.principal) for one in host.calls] == [
        ("denied", "PermissionMissing", "ci")
    ]
    assert {one.state for one in host.status()} == {"closed"}
    assert journal.lines() == []


async def test_what_is_permitted_works(host_of: MakeHost, journal: Journal) -> None:
    """Tools, a change with its approval, memory, resources and prompts, each by its own permit."""
    host = host_of(ci("plain/add", "plain/delete", "plain/remember", "plain/greet", resources=("plain/thing://a*",)))

    assert (await host.call("plain", "add", {"a": 1, "b": 2})).data == 3
    assert (await host.change(DELETE, yes)).data == "deleted web"
    assert (await host.call("plain", "remember", {"note_text": "x"})).data == "kept"
    assert (await host.read("plain", "thing://ab")).data == "a ab"
    assert (await host.read("plain", "about://server")).data["name"] == "plain"
    assert "Hello, x" in str((await host.prompt("plain", "greet", {"name": "x"})).data)
    assert {(one.status, one.principal) for one in host.calls} == {("ok", "ci")}


async def test_lists_show_what_may_be_used(host_of: MakeHost) -> None:
    """What may not be called is not offered: neither to a person nor to a model that reads the list."""
    host = host_of(ci("plain/add", "*/delete", "other/nothing", resources=("plain/thing://*",)))

    tools, resources, prompts = await host.tools(), await host.resources(), await host.prompts()

    assert [(one.server, one.name) for one in tools] == [("plain", "add"), ("plain", "delete"), ("other", "delete")]
    assert {(one.server, one.uri) for one in resources} == {
        ("plain", "about://server"),
        ("plain", "thing://{name}"),
        ("other", "about://server"),
    }
    assert list(prompts) == []
    assert tools.problems == resources.problems == prompts.problems == {}


async def test_without_access_lists_are_whole(in_process: Host) -> None:
    """Who needs no permit sees everything."""
    assert {one.name for one in await in_process.tools()} >= {"add", "delete", "remember", "unmarked"}
    assert {one.uri for one in await in_process.resources()} >= {"about://server", "thing://{name}"}
    assert [one.name for one in await in_process.prompts()] == ["greet"]


async def test_a_misspelt_server_is_named_as_such(host_of: MakeHost) -> None:
    """Somebody who asks for a permit on a server that there is not waits for nothing."""
    with pytest.raises(UnknownServer, match="did you mean 'plain'"):
        await host_of(ci()).call("plane", "add")


async def test_arguments_that_are_none_are_named_as_such(host_of: MakeHost) -> None:
    """Bad input is bad input, whoever sends it."""
    with pytest.raises(BadInput):
        await host_of(ci()).call("plain", "add", {"a": object()})


async def test_without_a_token_nothing_happens_at_all(host_of: MakeHost, journal: Journal) -> None:
    """Where access is configured and nobody showed a token, no server is even started, and each call says why."""
    host = host_of(Access.permit("ci", "*/*").nobody())

    await host.open()

    for ask, _ in DENIED.values():
        with pytest.raises(CredentialsRejected, match=r"^nothing may be called without a token"):
            await ask(host)
    with pytest.raises(CredentialsRejected):
        await host.tools("plain")
    assert set((await host.tools()).problems) == {"plain", "other"}
    assert {one.state for one in host.status()} == {"closed"}
    assert {(one.status, one.principal) for one in host.calls} == {("denied", "nobody")}
    assert journal.lines() == []


async def test_a_token_that_expires_in_the_middle_of_a_session_ends_it(host_of: MakeHost) -> None:
    """What was open stays open and is of no use: every further call says when the token expired."""
    principal = ci("*/*", resources=("*/*",))
    host = host_of(principal)
    await host.tools()
    assert (await host.call("plain", "add", {"a": 1, "b": 2})).data == 3

    host._pipeline.gate.principal = replace(principal, expires_at=datetime(2026, 1, 2, tzinfo=UTC))

    for ask in (*(ask for ask, _ in DENIED.values()), lambda host: host.tools("plain")):
        with pytest.raises(CredentialsRejected, match=r"^the token of ci expired at 2026-01-02 00:00:00 UTC"):
            await ask(host)
    assert {one.status for one in list(host.calls)[-len(DENIED) - 1 :]} == {"denied"}


async def test_of_a_server_without_previews_a_permit_for_the_change_shows_it(host_of: MakeHost) -> None:
    """A permit on seeing changes lists what may be proposed, and lets nobody make it."""
    host = host_of(ci("plain/preview_change"))

    assert [one.name for one in await host.tools("plain")] == ["delete", "delete_slowly", "unmarked"]
    await host.require_permit(DELETE)
    with pytest.raises(PermissionMissing, match="ask for a permit on the tool plain/delete"):
        await host.change(DELETE, yes)


async def test_a_change_named_like_a_preview_takes_its_own_permit(host_of: MakeHost) -> None:
    """Somebody else's `preview_change` may do anything; a permit on what it claims to preview does not cover it."""
    call = ToolCall(server="other", tool="preview_change", arguments={"tool": "add"})

    with pytest.raises(PermissionMissing, match="ask for a permit on the tool other/preview_change"):
        await host_of(ci("other/add")).change(call, yes)


async def test_what_became_of_a_change_is_read_by_who_may_change(host_of: MakeHost) -> None:
    """An outcome that was lost is settled from the preview, which takes no permit beside that on the change."""
    host = host_of(ci("plain/delete"))

    with pytest.raises(Exception, match="preview") as refused:
        await host.read("plain", "preview://x")

    assert not isinstance(refused.value, AccessError)  # the fixture server has none; it was asked
