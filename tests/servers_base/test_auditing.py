"""What a server writes down of a change: that it was asked for, that a yes was used up, and what came of it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
from mcp import Client

from codenb.access import AuditEntries, AuditLog, Permits, Principal
from codenb.models import Outcome
from codenb.servers import Server
from codenb.servers._base._caller import calling
from tests.servers_base.people import Person, error_type, no, text
from tests.servers_base.test_processes import killed_while_writing
from tests.servers_base.test_replay import Round
from tests.servers_base.toy import SECRET, Toy, serve, settings

CALL = {"name": "checkout", "value": 6}


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """The project's."""
    return AuditLog(tmp_path / ".mcp" / "audit")


def kinds(entries: AuditEntries) -> list[str]:
    return [one.event.kind for one in entries]


def fill(log: AuditLog) -> None:
    """As a full disk does: what is there can be read, and nothing more is written."""
    log.path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    for one in log.path.parent.iterdir():
        one.unlink()
    log.path.mkdir()


async def test_a_change_leaves_who_asked_that_it_was_approved_and_how_it_ended(
    server: Server, log: AuditLog, mode: str
):
    """In both eras the same three entries, bound to one preview, although the newer one runs everything twice."""
    person = Person()
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        await client.call_tool("set_count", CALL)

    entries = log.entries()
    assert kinds(entries) == ["asked", "approved", "applied"]
    assert {one.event.reference for one in entries} == set(person.references)
    assert {one.event.principal for one in entries} == {"local"}
    assert {one.event.summary for one in entries} == {"set Counter shop/checkout from 3 to 6"}
    assert {one.event.identity for one in entries} == {"0b6c2f0e-toy"}
    assert entries[0].event.call.startswith("toy.set_count(name='checkout', value=6")
    assert log.verify() is None


async def test_a_no_is_written_and_names_what_it_was_about(server: Server, log: AuditLog, mode: str):
    """That somebody said no is as much worth knowing as a yes."""
    async with Client(server.mcp, mode=mode, elicitation_callback=Person(no)) as client:
        await client.call_tool("set_count", CALL)

    entries = log.entries()
    assert kinds(entries) == ["asked", "declined"]
    assert entries[1].event.summary == "set Counter shop/checkout from 3 to 6"
    assert entries[1].event.reference == entries[0].event.reference


async def test_a_failure_says_why_without_secrets(server: Server, log: AuditLog):
    """The log is read by more people than may see the token in a stack trace."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        await client.call_tool("fail", {"name": "checkout", "how": "broken"})

    last = log.entries()[-1].event
    assert last.kind == "unknown"
    assert "connection reset" in last.message
    assert SECRET not in last.message


async def test_what_moved_after_the_approval_is_refused_and_written(server: Server, toy: Toy, log: AuditLog):
    """A yes that led to nothing must not look like a change."""

    def moving(message: str, reference: str):
        toy.backend.move("checkout", 4)
        return Person().answer(message, reference)

    async with Client(server.mcp, elicitation_callback=Person(moving)) as client:
        await client.call_tool("set_count", CALL)

    assert kinds(log.entries()) == ["asked", "approved", "refused"]
    assert "moved" in log.entries()[-1].event.message


async def test_changes_that_are_off_are_written_as_denied(tmp_path: Path, toy: Toy, log: AuditLog):
    """Who keeps trying where he may not is what an auditor looks for."""
    server = serve(toy, settings(tmp_path, changes={}))
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        await client.call_tool("set_count", CALL)

    (entry,) = log.entries()
    assert entry.event.kind == "denied"
    assert "changes are off" in entry.event.message


async def test_a_call_without_a_permit_is_written_with_its_principal(server: Server, log: AuditLog):
    """The server is the boundary over HTTP, so it is the one who knows."""
    reader = Principal("ann", proof="token", permits=Permits(tools=("toy/get_*",)))
    with calling(reader):
        async with Client(server.mcp, elicitation_callback=Person()) as client:
            result = await client.call_tool("set_count", CALL)

    assert error_type(result) == "PermissionMissing"
    (entry,) = log.entries()
    assert (entry.event.kind, entry.event.principal, entry.event.tool) == ("denied", "ann", "set_count")


async def test_nothing_is_asked_where_it_cannot_be_written(server: Server, toy: Toy, log: AuditLog):
    """A change that leaves no trace is not made; nobody's time is taken for it either."""
    fill(log)
    person = Person()
    async with Client(server.mcp, elicitation_callback=person) as client:
        result = await client.call_tool("set_count", CALL)

    assert error_type(result) == "ConfigError"
    assert "a change that cannot be recorded is not made: nothing was changed" in text(result)
    assert person.asked == []
    assert toy.backend.writes() == []


async def test_a_disk_that_fills_up_while_a_person_thinks_stops_the_change(server: Server, toy: Toy, log: AuditLog):
    """The yes is there, the trace is not: refused, and its caller hears why."""

    def filling(message: str, reference: str):
        fill(log)
        return Person().answer(message, reference)

    person = Person(filling)
    async with Client(server.mcp, elicitation_callback=person) as client:
        result = await client.call_tool("set_count", CALL)

    assert result.is_error
    assert "a change that cannot be recorded is not made" in text(result)
    assert toy.backend.writes() == []
    kept = await server.preview(person.references[0])
    assert kept
    assert kept.outcome
    assert kept.outcome.status == "refused"


async def test_a_disk_that_fills_up_during_the_write_is_said_in_the_outcome(server: Server, toy: Toy, log: AuditLog):
    """What was made was made; that the log does not know of it must not be silent."""
    toy.gate = asyncio.Event()
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        call = asyncio.create_task(client.call_tool("set_count", CALL))
        await toy.started.wait()
        fill(log)
        toy.gate.set()
        outcome = Outcome.from_dict((await call).structured_content)

    assert outcome.status == "applied"
    assert "this could not be written to the audit log" in outcome.message
    assert toy.backend.writes() == [(6, "")]


async def test_what_a_killed_server_did_is_written_once_it_was_read_back(tmp_path: Path, server: Server, log: AuditLog):
    """An approval without an end stands in the log until somebody looks; then the end is there, once."""
    person = Person()
    (tmp_path / "closed").touch()
    await killed_while_writing(tmp_path, person, signal.SIGKILL)
    before = kinds(log.entries())

    for _ in range(2):
        await server.preview(person.references[0])

    assert before == ["asked", "approved"]
    assert kinds(log.entries()) == ["asked", "approved", "failed"]
    assert (await server.memory.recall(f"outcome/{person.references[0]}")).value["status"] == "failed"  # type: ignore[index, call-overload]


async def test_an_approval_sent_again_is_written_as_refused(server: Server, toy: Toy, log: AuditLog):
    """A replay is harmless, and still worth an entry: whoever sends one may be trying."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        last = await Round.first(client)
        for _ in range(2):
            await last.send(client)

    assert kinds(log.entries()) == ["asked", "approved", "applied", "refused"]
    assert "already used" in log.entries()[-1].event.message
    assert len(toy.backend.writes()) == 1
