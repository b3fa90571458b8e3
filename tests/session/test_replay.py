"""A run can be had again without its servers: the same answers, nothing opened, nothing changed, nothing made up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from codenb import actions
from codenb.access import Permits, Principal
from codenb.actions import decision
from codenb.config import GatherRule, ServerSettings
from codenb.errors import BadInput, CodenbError, NotApproved, NotRecorded, PermissionMissing, ToolError, UnknownTool
from codenb.models import ApprovalRequest, Decision, ToolCall
from codenb.session import Session
from tests.host.helpers import children, connections, started_since
from tests.session.conftest import Yes
from tests.session.taping import TOY, recording, replaying, without_wall_times


class No:
    """Rejects whatever is asked."""

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Say no."""
        return decision(request, approve=False, by="test", approver="test", reason="not today")


async def runbook(nb: Session, approver: Any = None) -> dict[str, Any]:
    """A whole way: look, gather, propose, execute, look again."""
    tools = await nb.tools()
    before = await nb.call("toy", "status", name="web")
    context = await nb.gather("shop/web")
    proposal = await nb.propose("toy", "scale", name="web", replicas=6)
    outcomes = await nb.execute(proposal, approver or Yes())
    after = await nb.call("toy", "status", name="web")
    return {
        "nb": nb.to_dict(),
        "tools": tools.to_dict(),
        "before": before.to_dict(),
        "digest": context.digest,
        "context": context.to_dict(),
        "proposal": proposal.to_dict(),
        "outcomes": outcomes.to_dict() | {"replayed": None},
        "after": after.to_dict(),
        "calls": [{**one.row(), "started_at": None, "trace_id": None, "duration_ms": None} for one in nb.calls],
    }


async def test_a_replay_gives_the_same_answers_and_opens_nothing(tmp_path: Path) -> None:
    """The acceptance of a recording: nothing but wall times, and its own word, may tell the second run."""
    file, again = tmp_path / "run.jsonl", tmp_path / "again.jsonl"
    async with recording(tmp_path, file, "toy") as nb:
        then = await runbook(nb)
    (tmp_path / "shop.json").unlink()
    processes, sockets = children(), connections()

    async with replaying(file, record=again) as nb:
        now = await runbook(nb)
        assert started_since(processes) == []
        assert connections() <= sockets
        assert nb.replay is not None
        assert (nb.replay.missed, nb.replay.unused) == ((), ())

    assert without_wall_times(now) == without_wall_times(then)
    assert not (tmp_path / "shop.json").exists()
    assert again.read_bytes() == file.read_bytes()


async def everything(nb: Session) -> list[Any]:
    """Whatever can be asked of the plain server, and what came of it."""
    asked = [
        nb.call("plain", "add", a=1, b=2),
        nb.call("plain", "rows", count=3),
        nb.call("plain", "picture"),
        nb.call("plain", "big", characters=100_000),
        nb.call("plain", "secret"),
        nb.call("plain", "remember", note_text="a"),
        nb.call("plain", "fail", kind="PermissionMissing"),
        nb.call("plain", "fail", kind="NoSuchKind"),
        nb.call("plain", "delete", name="x"),
        nb.call("plain", "ad", a=1),
        nb.call("plian", "add", a=1),
        nb.read("plain", "thing://lamp"),
        nb.read("plain", "thing://"),
        nb.host.prompt("plain", "greet", {"name": "Ada"}),
        nb.tools(),
        nb.resources(),
        nb.prompts("plain"),
        nb.prompts("plian"),
    ]
    found: list[Any] = []
    for one in asked:
        try:
            found.append((await one).to_dict())
        except CodenbError as error:
            found.append((type(error), str(error), getattr(error, "error_type", None)))
    return found


async def test_answers_lists_and_errors_of_every_kind_replay(tmp_path: Path) -> None:
    """An error is an answer too: whoever catches `PermissionMissing` catches it in the replay."""
    file, again = tmp_path / "run.jsonl", tmp_path / "again.jsonl"
    async with recording(tmp_path, file, "plain") as nb:
        then = await everything(nb)
        calls = [(one.tool, one.status, one.error_type, one.bytes, one.message) for one in nb.calls]

    async with replaying(file, record=again) as nb:
        assert await everything(nb) == then
        assert [(one.tool, one.status, one.error_type, one.bytes, one.message) for one in nb.calls] == calls

    kinds = [one[0] for one in then if isinstance(one, tuple)]
    assert kinds[:4] == [PermissionMissing, ToolError, NotApproved, UnknownTool]
    assert again.read_bytes() == file.read_bytes()


async def test_calls_that_run_at_once_replay_byte_for_byte(tmp_path: Path) -> None:
    """Twenty equal calls are one for the server and twenty for their callers, and their order is nobody's."""
    file, again = tmp_path / "run.jsonl", tmp_path / "again.jsonl"

    async def crowd(nb: Session) -> list[Any]:
        equal = [nb.call("plain", "rows", count=50) for _ in range(20)]
        others = [nb.call("plain", "wait", seconds=at / 100) for at in (6, 1, 3)]
        return [one.data for one in await asyncio.gather(*equal, *others)]

    async with recording(tmp_path, file, "plain") as nb:
        then = await crowd(nb)
        states = sorted(one.cache for one in nb.calls)
    async with replaying(file, record=again) as nb:
        assert await crowd(nb) == then
        assert sorted(one.cache for one in nb.calls) == states

    assert again.read_bytes() == file.read_bytes()
    assert file.stat().st_size < 30_000  # equal answers stand there once


async def test_a_miss_names_the_nearest_and_what_differs(tmp_path: Path) -> None:
    """Who changes a notebook has to see at once which call the recording does not hold."""
    file = tmp_path / "run.jsonl"
    async with recording(tmp_path, file, "plain") as nb:
        await nb.call("plain", "add", a=1, b=2)
        await nb.call("plain", "add", a=7, b=8)

    async with replaying(file) as nb:
        with pytest.raises(NotRecorded, match=r"plain add is not in .*run\.jsonl.*differs in b: recorded 2, asked 3"):
            await nb.call("plain", "add", a=1, b=3)
        with pytest.raises(NotRecorded, match=r"differs in b: recorded 2, asked nothing"):
            await nb.call("plain", "add", a=1)
        with pytest.raises(NotRecorded, match=r"nearest that is recorded is plain add"):
            await nb.call("plain", "adds", a=1, b=2)
        await nb.call("plain", "add", a=1, b=2)
        with pytest.raises(NotRecorded, match="made once in the recording, and is made once more now"):
            await nb.call("plain", "add", a=1, b=2)
        with pytest.raises(NotRecorded, match="tools of plain were not asked for"):
            await nb.tools("plain")
        assert nb.replay is not None
        assert (len(nb.replay.missed), nb.replay.unused) == (5, ("plain add",))
        assert "5 missed" in str(nb.replay.view())


@pytest.mark.parametrize(("then", "now", "said"), [(Yes, No, "approved"), (No, Yes, "rejected")])
async def test_an_approver_that_decides_differently_is_told_so(tmp_path: Path, then: Any, now: Any, said: str) -> None:
    """What would have come of another decision is not recorded, and must not be made up."""
    file = tmp_path / "run.jsonl"
    async with recording(tmp_path, file, "toy") as nb:
        proposal = await nb.propose("toy", "scale", name="web", replicas=6)
        await nb.execute(proposal, then())

    async with replaying(file) as nb:
        proposal = await nb.propose("toy", "scale", name="web", replicas=6)
        with pytest.raises(NotRecorded, match=rf"toy\.scale was {said} by test .* in the recording and is"):
            await nb.execute(proposal, now())


async def test_a_decision_that_was_left_open_is_no_rejection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody was there: the replay waits as well, and a person who decides meanwhile decides something else."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "run.jsonl"
    async with recording(tmp_path, file, "toy") as nb:
        outcomes = await nb.execute(await nb.propose("toy", "scale", name="web", replicas=6))

    assert outcomes.exit_code == 3
    async with replaying(file) as nb:
        proposal = await nb.propose("toy", "scale", name="web", replicas=6)
        assert (await nb.execute(proposal)).exit_code == 3
    async with replaying(file) as nb:
        proposal = await nb.propose("toy", "scale", name="web", replicas=6)
        with pytest.raises(NotRecorded, match="was left open by nobody"):
            await nb.execute(proposal, No())


async def test_the_question_of_a_change_is_asked_again(tmp_path: Path) -> None:
    """An elicitation is part of a call: its words and its answer are recorded, and another answer is a miss."""
    file, asked = tmp_path / "run.jsonl", []
    call = ToolCall(server="plain", tool="delete", arguments={"name": "x"})

    async def yes(ask: Any) -> bool:
        asked.append(ask)
        return True

    async def no(ask: Any) -> bool:
        return False

    async with recording(tmp_path, file, "plain") as nb:
        then = await nb.host.change(call, yes)
        with pytest.raises(NotApproved):
            await nb.host.change(call.model_copy(update={"arguments": {"name": "y"}}), no)

    async with replaying(file) as nb:
        assert await nb.host.change(call, yes) == then
        with pytest.raises(NotRecorded, match="answered with no in the recording and with yes now"):
            await nb.host.change(call.model_copy(update={"arguments": {"name": "y"}}), yes)
    async with replaying(file) as nb:
        with pytest.raises(NotRecorded, match="answered with yes in the recording and with no now"):
            await nb.host.change(call, no)
        with pytest.raises(NotApproved):
            await nb.host.change(call.model_copy(update={"arguments": {"name": "y"}}), no)
    assert asked[0] == asked[1]


async def test_a_change_that_did_not_take_is_waited_for_as_often_and_not_as_long(tmp_path: Path) -> None:
    """How often a state is read until its time is over is part of the recording; the time itself is not waited for."""
    file, again = tmp_path / "run.jsonl", tmp_path / "again.jsonl"
    TOY["Shop"](tmp_path).set(ready_lag=1_000)

    async def hopeless(nb: Session) -> Any:
        proposal = await nb.propose("toy", "scale", name="web", replicas=6)
        assert proposal.success
        soon = proposal.success.model_copy(update={"within_s": 1.0, "text": "it is there soon"})
        outcomes = await nb.execute(proposal.model_copy(update={"success": soon}), Yes())
        # The next read is an equal one: a replay that read once too often would have taken it.
        last = await nb.call("toy", "status", name="web")
        return [one.to_dict() for one in outcomes], last.data, len(nb.calls)

    async with recording(tmp_path, file, "toy") as nb:
        then = await hopeless(nb)
    async with replaying(file, record=again) as nb:
        now = await hopeless(nb)

    assert then[0][0]["status"] == "applied_not_verified"
    assert without_wall_times(now) == without_wall_times(then)
    assert again.read_bytes() == file.read_bytes()


async def test_who_did_not_answer_in_time_does_not_in_the_replay(tmp_path: Path) -> None:
    """A hole in the picture is part of the picture; and it is not waited for a second time."""
    file = tmp_path / "run.jsonl"
    slow = ServerSettings("plain", "builtin", gather=(GatherRule("wait", {"seconds": 50}),))
    async with recording(tmp_path, file, "plain", "toy", servers={"plain": slow}) as nb:
        then = await nb.gather("shop/web", timeout_s=1.5)

    async with replaying(file) as nb:
        now = await nb.gather("shop/web", timeout_s=600)

    assert [one.status for one in then.items] == [one.status for one in now.items]
    assert then.item("plain.wait").status == "timeout"  # type: ignore[union-attr]
    assert then.digest == now.digest


async def test_a_call_that_a_person_stopped_is_not_in_the_way(tmp_path: Path) -> None:
    """The cell was stopped and run again; played back, it runs once, and gets the answer."""
    file = tmp_path / "run.jsonl"
    async with recording(tmp_path, file, "plain") as nb:
        stopped = asyncio.create_task(nb.call("plain", "wait", seconds=0.01))
        await asyncio.sleep(0)
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped
        then = await nb.call("plain", "wait", seconds=0.01)

    async with replaying(file) as nb:
        assert await nb.call("plain", "wait", seconds=0.01) == then


async def test_permits_hold_in_the_replay(tmp_path: Path) -> None:
    """A denied call never reached a server; it is denied again, and not missed."""
    file = tmp_path / "run.jsonl"
    guest = Principal("guest", "token", Permits(tools=("plain/add",)))
    async with recording(tmp_path, file, "plain", principal=guest) as nb:
        await nb.call("plain", "add", a=1, b=2)
        with pytest.raises(PermissionMissing) as denied:
            await nb.call("plain", "rows", count=1)
        listed = await nb.tools()

    async with replaying(file) as nb:
        with pytest.raises(PermissionMissing) as again:
            await nb.call("plain", "rows", count=1)
        await nb.call("plain", "add", a=1, b=2)
        assert (await nb.tools()).to_dict() == listed.to_dict()
        assert nb.calls[0].principal == "guest"
    assert str(again.value) == str(denied.value)


async def test_what_was_given_cannot_change_what_is_given_next(tmp_path: Path) -> None:
    """Equal answers stand once in a recording; a cell that sorts its own must not sort everybody's."""
    file = tmp_path / "run.jsonl"
    async with recording(tmp_path, file, "plain") as nb:
        for _ in range(2):
            await nb.call("plain", "rows", count=2)

    async with replaying(file) as nb:
        first = await nb.call("plain", "rows", count=2)
        first.data.clear()  # type: ignore[union-attr]
        first.raw["structuredContent"]["result"].clear()
        assert (await nb.call("plain", "rows", count=2)).data == [{"at": 0}, {"at": 1}]


async def test_a_replay_that_is_closed_answers_no_more(tmp_path: Path) -> None:
    """As a session on servers does not."""
    file = tmp_path / "run.jsonl"
    async with recording(tmp_path, file, "plain") as nb:
        await nb.tools()
    async with replaying(file) as nb:
        pass
    with pytest.raises(CodenbError, match="closed"):
        await nb.tools("plain")


async def test_a_recording_is_of_what_was_asked_for(tmp_path: Path) -> None:
    """`connect("demo:crash")` on a recording of something else would tell another story without saying so."""
    file = tmp_path / "run.jsonl"
    async with recording(tmp_path, file, "plain"):
        pass
    with pytest.raises(CodenbError, match="recording of a project, not of the embedded world"):
        async with replaying(file, where="demo"):
            pass
    with pytest.raises(BadInput, match="give record another file"):
        async with replaying(file, record=file):
            pass


async def test_outcomes_can_be_asked_for_again(tmp_path: Path) -> None:
    """`nb.outcome(reference)` reads what a server keeps, polling; the replay must come to an end as well."""
    file = tmp_path / "run.jsonl"

    async def asked(nb: Session) -> Any:
        outcomes = await nb.execute(await nb.propose("toy", "scale", name="web", replicas=5), Yes())
        kept = await nb.outcome(outcomes[0].reference or "")
        proposal = await nb.propose("toy", "scale", name="web", replicas=7)
        assert proposal.preview
        return kept.to_dict(), await actions.settled(nb.host, proposal.preview.reference, within_s=0.3)

    async with recording(tmp_path, file, "toy") as nb:
        then = await asked(nb)
    async with replaying(file) as nb:
        now = await asked(nb)
    assert without_wall_times(now[0]) == without_wall_times(then[0])
    assert now[1] == then[1]
