"""The two phases of a change, in both protocol eras."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest
from mcp import Client
from mcp.types import ElicitResult

from codenb.config import Limits
from codenb.models import EMBEDDED_UID, Change, Entity, Outcome, Preview
from codenb.servers._base import Server, changes
from tests.servers_base.people import Person, error_type, no, read_json, text, yes
from tests.servers_base.toy import SECRET, UID, Toy, serve, settings


async def test_an_approved_change_is_applied_once_and_says_what_came_of_it(server: Server, toy: Toy, mode: str):
    """Approving is the only thing that is needed and the only thing that suffices."""
    person = Person()
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    outcome = Outcome.from_dict(result.structured_content)
    assert toy.backend.writes() == [(6, "")]
    assert (outcome.status, outcome.reference, outcome.answer) == ("applied", person.references[0], {"version": 2})
    assert outcome.call.arguments == {"name": "checkout", "value": 6, "namespace": "shop", "note": ""}


async def test_the_question_shows_what_would_change_and_where(server: Server, mode: str):
    """A person who sees only the question can decide on it."""
    person = Person()
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        await client.call_tool("set_count", {"name": "checkout", "value": 6})

    (question,) = person.asked
    for shown in ("set Counter shop/checkout from 3 to 6", UID, "- value: 3", "+ value: 6", "checkout is 6"):
        assert shown in question


@pytest.mark.parametrize("approve", [False, True])
async def test_a_change_that_is_declined_is_not_made(server: Server, toy: Toy, mode: str, *, approve: bool):
    """A no is a no, whether the form is declined or filled in with one."""

    def filled(message: str, reference: str) -> ElicitResult:
        return ElicitResult(action="accept", content={"approve": False, "preview": reference})

    person = Person(filled if approve else no)
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert error_type(result) == "NotApproved"
    assert toy.backend.writes() == []


async def test_a_yes_to_another_preview_changes_nothing(server: Server, toy: Toy, mode: str):
    """An approval is bound to one preview, also when an equal one exists."""
    references: list[str] = []

    def another(message: str, reference: str) -> ElicitResult:
        references.append(reference)
        return yes(message, f"{reference[:-1]}{'0' if reference[-1] != '0' else '1'}")

    async with Client(server.mcp, mode=mode, elicitation_callback=Person(another)) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert error_type(result) == "NotApproved"
    assert toy.backend.writes() == []


async def test_a_client_that_cannot_ask_is_refused_before_anything_is_read(server: Server, toy: Toy, mode: str):
    """Without elicitation there is no approval, so there is no reason to look at the cluster."""
    async with Client(server.mcp, mode=mode) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert error_type(result) == "NotApproved"
    assert "preview_change" in text(result)
    assert (toy.backend.reads(), toy.backend.writes()) == (0, [])


async def test_where_changes_are_off_nobody_is_asked(server: Server, toy: Toy, mode: str):
    """A person's yes that cannot be honoured must not be asked for."""
    person = Person()
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6, "namespace": "payments"})

    assert error_type(result) == "ChangesOff"
    assert '"payments"' in text(result)
    assert (person.asked, toy.backend.writes()) == ([], [])


async def test_read_only_in_the_environment_wins_over_the_settings(toy: Toy, mode: str):
    """`CODENB_READ_ONLY=1` is the switch that always works."""
    server = serve(toy, settings(toy.backend.folder, read_only_env=True))
    person = Person()
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})
        about = await read_json(client, "about://server")

    assert error_type(result) == "ChangesOff"
    assert "CODENB_READ_ONLY" in text(result)
    assert (about["changes"], person.asked, toy.backend.writes()) == ([], [], [])


async def test_changes_that_are_turned_off_after_the_question_are_not_made(toy: Toy, mode: str):
    """What is allowed is asked again right before the write; a person may think for half an hour."""
    configured = settings(toy.backend.folder)
    server = serve(toy, configured)

    def turned_off(message: str, reference: str) -> ElicitResult:
        server.settings = dataclasses.replace(configured, read_only_env=True)
        return yes(message, reference)

    async with Client(server.mcp, mode=mode, elicitation_callback=Person(turned_off)) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert error_type(result) == "ChangesOff"
    assert result.meta["codenb/error"]["status"] == "refused"
    assert toy.backend.writes() == []


@pytest.mark.parametrize(("address", "writes"), [("http://127.0.0.1:1", 1), ("https://prod.example.com", 0)])
async def test_the_embedded_world_is_changed_only_on_this_machine(toy: Toy, address: str, writes: int):
    """Anybody can give a namespace the embedded world's uid; nobody can put a remote cluster on loopback."""
    toy.uid, toy.address = EMBEDDED_UID, address
    server = serve(toy, settings(toy.backend.folder, changes={}))
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert len(toy.backend.writes()) == writes


async def test_a_state_that_moved_since_the_approval_is_not_overwritten(server: Server, toy: Toy, mode: str):
    """What was approved was 3 -> 6; meanwhile somebody made it 4, and the error says so."""

    def while_thinking(message: str, reference: str) -> ElicitResult:
        toy.backend.move("checkout", 4)
        return yes(message, reference)

    person = Person(while_thinking)
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})
        kept = Preview.from_dict(await read_json(client, f"preview://{person.references[0]}"))

    assert error_type(result) == "PreviewStale"
    assert "before.value: 3 -> 4" in text(result)
    assert toy.backend.writes() == []
    assert kept.outcome
    assert kept.outcome.status == "refused"


async def test_a_version_that_moved_without_the_fields_is_no_reason_to_refuse(server: Server, toy: Toy, mode: str):
    """Status and versions move all the time while a person reads."""

    def while_thinking(message: str, reference: str) -> ElicitResult:
        toy.backend.move("checkout")
        return yes(message, reference)

    async with Client(server.mcp, mode=mode, elicitation_callback=Person(while_thinking)) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert not result.is_error
    assert toy.backend.writes() == [(6, "")]


@pytest.mark.parametrize(("conflicts", "writes"), [(2, 1), (3, 0), (4, 0)])
async def test_a_write_that_conflicts_is_tried_three_times(server: Server, toy: Toy, conflicts: int, writes: int):
    """Controllers write the same object all the time; a change that never wins is refused, not forced."""
    toy.conflicts = conflicts
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert len(toy.backend.writes()) == writes
    assert result.is_error is (writes == 0)
    if result.is_error:
        assert error_type(result) == "Conflict"
        assert result.meta["codenb/error"]["status"] == "refused"


async def test_a_value_settled_at_the_preview_is_the_one_that_is_applied(server: Server, toy: Toy, mode: str):
    """A restart writes its time; a time of its own in each run would make every approval stale."""
    shown: list[Preview] = []

    async def looked_at(message: str, reference: str) -> ElicitResult:
        kept = await server.preview(reference)
        assert kept
        shown.append(kept)
        return yes(message, reference)

    async with Client(server.mcp, mode=mode, elicitation_callback=Person(looked_at)) as client:
        result = await client.call_tool("restart", {"name": "checkout"})

    assert not result.is_error, text(result)
    assert toy.backend.writes() == [(3, shown[0].change.fixed["at"])]


async def test_settled_values_stay_out_of_the_digest(server: Server, mode: str):
    """Two previews of the same restart are the same change, so a decision made beforehand fits both."""
    async with Client(server.mcp, mode=mode) as client:
        call = {"tool": "restart", "arguments": {"name": "checkout"}}
        one, two = [
            Preview.from_dict((await client.call_tool("preview_change", call)).structured_content) for _ in range(2)
        ]

    assert one.digest == two.digest
    assert one.id != two.id
    assert one.change.fixed != two.change.fixed


async def test_preview_change_shows_without_asking_and_says_why_it_would_be_refused(
    server: Server, toy: Toy, mode: str
):
    """Proposals are shown before anybody is asked, also where they could not be carried out."""
    async with Client(server.mcp, mode=mode) as client:
        allowed, off = [
            await client.call_tool(
                "preview_change",
                {"tool": "set_count", "arguments": {"name": "checkout", "value": 6, "namespace": namespace}},
            )
            for namespace in ("shop", "payments")
        ]
        preview = Preview.from_dict(allowed.structured_content)
        kept = Preview.from_dict(await read_json(client, f"preview://{preview.reference}"))

    assert kept == preview
    assert preview.refusal is None
    assert preview.change.before == {"value": 3, "note": ""}
    assert "payments" in str(Preview.from_dict(off.structured_content).refusal)
    assert toy.backend.writes() == []


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("get_count", {"name": "x"}, "changes nothing"),
        ("nothing", {}, "no tool 'nothing'"),
        ("set_count", {"name": "checkout", "valeu": 6}, "no argument 'valeu'"),
        ("set_count", {"name": "checkout", "value": 101}, "argument 'value'"),
    ],
)
async def test_preview_change_names_what_is_wrong_with_its_arguments(server: Server, tool: str, arguments, said: str):
    """A model mends a call only when it is told which argument is wrong."""
    async with Client(server.mcp) as client:
        result = await client.call_tool("preview_change", {"tool": tool, "arguments": arguments})

    assert result.is_error
    assert said in text(result)
    assert "\n" not in text(result)


async def test_a_secret_is_in_no_question_no_preview_and_no_store(server: Server, toy: Toy, mode: str):
    """The true value decides the digest and is written; what is shown and kept has a pseudonym."""
    person = Person()
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6, "note": SECRET})

    assert not result.is_error
    assert toy.backend.writes() == [(6, SECRET)]
    assert SECRET not in person.asked[0] + text(result) + str(result.structured_content)
    stored = b"".join(path.read_bytes() for path in (toy.backend.folder / ".mcp").rglob("*") if path.is_file())
    assert b"<redacted:github-token:" in stored
    assert SECRET.encode() not in stored


async def test_two_changes_that_differ_in_a_secret_only_have_two_digests(server: Server):
    """Pseudonyms are made to look alike; approvals must not."""
    async with Client(server.mcp) as client:
        digests = {
            (
                await client.call_tool(
                    "preview_change",
                    {"tool": "set_count", "arguments": {"name": "checkout", "value": 6, "note": f"password={note}"}},
                )
            ).structured_content["digest"]
            for note in ("correct-horse-1", "correct-horse-2")
        }

    assert len(digests) == 2


@pytest.mark.parametrize(
    ("how", "status", "kind"), [("forbidden", "failed", "PermissionMissing"), ("reset", "unknown", "ToolError")]
)
async def test_a_write_that_fails_says_how_much_is_known(server: Server, mode: str, how: str, status: str, kind: str):
    """A refused write was not made; a connection that broke may have carried it."""
    person = Person()
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("fail", {"name": "checkout", "how": how})
        kept = Preview.from_dict(await read_json(client, f"preview://{person.references[0]}"))

    assert error_type(result) == kind
    assert result.meta["codenb/error"] == {"type": kind, "status": status, "reference": person.references[0]}
    assert kept.outcome
    assert kept.outcome.status == status
    assert ("read Counter shop/checkout back" in text(result)) is (status == "unknown")
    assert SECRET not in kept.outcome.message + text(result)


@pytest.mark.parametrize("how", ["chatty", "garbled"])
async def test_a_change_whose_system_answers_what_cannot_be_kept_is_applied_all_the_same(server: Server, how: str):
    """Found with an answer that is no JSON: a change that was made was reported as failed."""
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        result = await client.call_tool("fail", {"name": "checkout", "how": how})

    outcome = Outcome.from_dict(result.structured_content)
    assert outcome.status == "applied"
    assert "not kept" in str(outcome.answer)


async def test_a_caller_who_cancels_does_not_stop_the_change(server: Server, toy: Toy, mode: str):
    """Half a change is worse than either; what came of it can be asked for."""
    toy.gate = asyncio.Event()
    person = Person()
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        call = asyncio.create_task(client.call_tool("set_count", {"name": "checkout", "value": 6}))
        await toy.started.wait()
        during = await read_json(client, f"preview://{person.references[0]}")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert toy.backend.writes() == []
        toy.gate.set()
        await server.drain()
        after = await read_json(client, f"preview://{person.references[0]}")

    assert during["outcome"] is None
    assert toy.backend.writes() == [(6, "")]
    assert after["outcome"]["status"] == "applied"


async def test_a_client_who_leaves_waits_for_the_change_it_started(server: Server, toy: Toy, mode: str):
    """Closing the connection in process closes the server, and a server that closes finishes what it writes."""
    toy.gate = asyncio.Event()
    person = Person()
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        call = asyncio.create_task(client.call_tool("set_count", {"name": "checkout", "value": 6}))
        await toy.started.wait()
        asyncio.get_running_loop().call_later(0.2, toy.gate.set)
    await asyncio.gather(call, return_exceptions=True)

    assert toy.backend.writes() == [(6, "")]
    kept = await server.preview(person.references[0])
    assert kept
    assert kept.outcome
    assert kept.outcome.status == "applied"


@pytest.mark.parametrize("said_by", ["the server's maker", "the settings"])
async def test_a_write_that_never_ends_is_given_up_as_unknown(toy: Toy, said_by: str):
    """Shutdown waits for changes, so a change may not take for ever."""
    toy.gate = asyncio.Event()
    if said_by == "the settings":
        server = serve(toy, settings(toy.backend.folder, limits=Limits(change_timeout_s=0.2)))
    else:
        server = serve(toy, settings(toy.backend.folder), change_timeout_s=0.2)
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert error_type(result) == "DeadlineExceeded"
    assert result.meta["codenb/error"]["status"] == "unknown"


async def test_an_expired_preview_is_not_carried_out(server: Server, toy: Toy, monkeypatch: pytest.MonkeyPatch):
    """An approval is for the state of some minutes ago, not of yesterday."""

    def tomorrow(message: str, reference: str) -> ElicitResult:
        later = time.time() + 24 * 3600
        monkeypatch.setattr("codenb.servers._base._store.time.time", lambda: later)
        return yes(message, reference)

    async with Client(server.mcp, mode="legacy", elicitation_callback=Person(tomorrow)) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert error_type(result) == "PreviewStale"
    assert toy.backend.writes() == []


async def test_a_long_diff_is_cut_in_the_question_and_whole_in_the_resource(server: Server, mode: str):
    """Hosts drop questions that are too long, and nobody may approve a part that was cut without being told."""
    person = Person()
    note = "\n".join(f"line {number}" for number in range(5000))
    async with Client(server.mcp, mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6, "note": note})
        whole = await read_json(client, f"preview://{person.references[0]}")

    assert not result.is_error, text(result)
    assert len(person.asked[0].encode()) < 16_000
    assert "CUT HERE" in person.asked[0]
    assert whole["change"]["after"]["note"] == note


@changes()
async def forgetful() -> Change:
    """Plans, and binds no write."""
    return Change(summary="x", entity=Entity(kind="Counter", name="x"), before=1, after=2)


async def test_a_change_function_must_bind_its_write(server: Server):
    """A tool that forgets `written_by` fails at the preview, not after the approval."""
    server.add(forgetful)
    async with Client(server.mcp) as client:
        result = await client.call_tool("preview_change", {"tool": "forgetful", "arguments": {}})

    assert "written_by" in text(result)
