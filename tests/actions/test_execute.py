"""Nothing is carried out that was not approved as it is, and nothing follows a step that did not succeed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp.server import MCPServer

from codenb.actions import Outcomes, demo_policy, execute, none, propose, settled
from codenb.config import load
from codenb.context import gather
from codenb.errors import BadInput, Interrupted, UnknownServer, UnknownTool
from codenb.host import Host
from codenb.models import Decision, Expectation, Proposal, SuccessCondition, Target, ToolCall


def scale(name: str, replicas: int) -> ToolCall:
    """A change of the toy."""
    return ToolCall(server="toy", tool="scale", arguments={"name": name, "replicas": replicas})


def statuses(outcomes: Outcomes) -> list[str]:
    """What became of each."""
    return [one.status for one in outcomes]


async def test_a_proposal_shows_what_would_change_and_changes_nothing(host: Host, shop: Any) -> None:
    """A person decides on the diff, so it must be there before anybody is asked."""
    proposal = await propose(host, scale("web", 6), why="more load")

    assert proposal.preview is not None
    assert proposal.preview.diff.splitlines()[-2:] == ["-replicas: 3", "+replicas: 6"]
    assert proposal.success is not None
    assert proposal.undo == scale("web", 3)
    assert shop.get()["writes"] == 0


async def test_a_preview_that_fails_is_told_on_the_proposal(host: Host) -> None:
    """An expert may propose what cannot be done; its other proposals must still be seen."""
    proposal = await propose(host, scale("nothing", 6))

    assert proposal.preview is None
    assert "nothing" in (proposal.problem or "")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (ToolCall(server="toy", tool="scael"), UnknownTool),
        (ToolCall(server="tyo", tool="scale"), UnknownServer),
        (ToolCall(server="toy", tool="status", arguments={"name": "web"}), BadInput),
        (ToolCall(server="toy", tool="scale", arguments={"name": "<redacted:secret:00112233>"}), BadInput),
    ],
)
async def test_what_cannot_be_proposed_is_an_error(host: Host, call: ToolCall, error: type[Exception]) -> None:
    """A typing error must not look like a proposal with a problem."""
    with pytest.raises(error):
        await propose(host, call)


async def test_an_approved_change_is_made_once_and_verified(host: Host, shop: Any) -> None:
    """The whole way: asked, applied, read back past the cache, told who decided."""
    proposal = await propose(host, scale("web", 6))

    outcomes = await execute(host, [proposal], demo_policy())

    assert statuses(outcomes) == ["verified"]
    assert outcomes[0].decision is not None
    assert outcomes[0].decision.by == "demo policy"
    assert (outcomes[0].before["ready"], outcomes[0].after["ready"]) == (3, 6)
    assert (shop.get()["web"], shop.get()["writes"]) == (6, 1)
    assert outcomes.exit_code == 0


async def test_a_rejected_change_is_not_sent(host: Host, shop: Any, says: Any) -> None:
    """A no is a no, and what was planned after it is not tried."""
    proposals = [await propose(host, scale("web", 6)), await propose(host, scale("api", 4))]

    outcomes = await execute(host, proposals, says("no"))

    assert statuses(outcomes) == ["refused", "refused"]
    assert "rejected by the test" in outcomes[0].message
    assert outcomes[1].message.startswith("not tried: scale web from 3 to 6")
    assert shop.get()["writes"] == 0
    assert not [call for call in host.calls if call.tool == "scale"]
    assert outcomes.exit_code == 1


async def test_without_an_approver_everything_waits_and_is_written_down(host: Host, shop: Any, tmp_path: Any) -> None:
    """A scheduled run ends with 3 and leaves one file with all that a person has to decide."""
    proposals = [await propose(host, scale("web", 6)), await propose(host, scale("api", 4))]

    outcomes = await execute(host, proposals, none(tmp_path / "pending.json"))

    assert [one.pending for one in outcomes] == [True, True]
    assert outcomes.exit_code == 3
    text = (tmp_path / "pending.json").read_text()
    assert all(proposal.preview.digest in text for proposal in proposals if proposal.preview)
    assert shop.get()["writes"] == 0


async def test_what_waits_is_written_down_without_configured_secrets(toy: Any, shop: Any, tmp_path: Any) -> None:
    """Only the project knows what is secret beyond passwords; the file is made to be sent to somebody."""
    (tmp_path / "codenb.toml").write_text('[redaction]\npatterns = ["project-[a-z]+"]\n')
    shop.set(**{"project-x": 1})
    async with Host(load(tmp_path, {}, builtin=()), servers={"toy": lambda: toy.make(tmp_path).mcp}) as host:
        await execute(host, [await propose(host, scale("project-x", 6))], none(tmp_path / "pending.json"))

    text = (tmp_path / "pending.json").read_text()
    assert "<redacted:configured:" in text
    assert "project-x" not in text


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(other=st.text("0123456789abcdef", min_size=64, max_size=64))
async def test_an_approval_of_any_other_digest_is_refused(host: Host, shop: Any, says: Any, other: str) -> None:
    """Consent to one change is no consent to another."""

    class Other(says):  # type: ignore[misc]
        async def decide(self, request: Any) -> Decision:
            return (await super().decide(request)).model_copy(update={"digest": other})

    outcomes = await execute(host, [Proposal(call=scale("web", 6))], Other())

    assert statuses(outcomes) == ["refused"]
    assert shop.get()["writes"] == 0


async def test_the_request_says_when_the_state_has_moved(host: Host, shop: Any, says: Any) -> None:
    """A person who looked at the proposal an hour ago must not approve another diff unawares."""
    proposal = await propose(host, scale("web", 6))
    shop.set(web=4)
    person = says("yes")

    outcomes = await execute(host, [proposal], person)

    request = person.asked[0]
    assert "moved" in request.notes[0]
    assert request.proposal.preview.change.before == {"replicas": 4}
    assert request.proposal.undo == scale("web", 4)
    assert statuses(outcomes) == ["verified"]


async def test_what_moves_while_a_person_thinks_is_not_changed(host: Host, shop: Any, says: Any) -> None:
    """The server asks about what it finds when it is called; that is no longer what was approved."""
    person = says("yes")
    person.meanwhile = lambda: shop.set(web=5)

    outcomes = await execute(host, [await propose(host, scale("web", 6))], person)

    assert statuses(outcomes) == ["refused"]
    assert "moved while you decided" in outcomes[0].message
    assert (shop.get()["web"], shop.get()["writes"]) == (5, 0)


async def test_of_alternatives_one_is_carried_out(host: Host, shop: Any, says: Any) -> None:
    """Two ways to mend one fault are not both taken, and the one left out is no failure."""
    proposals = [await propose(host, scale("web", count), group="mend") for count in (6, 7)]

    outcomes = await execute(host, proposals, says())

    assert statuses(outcomes) == ["verified", "refused"]
    assert "scale web from 3 to 6" in outcomes[1].message
    assert [badge.text for badge in outcomes.view().badges] == ["1 verified", "1 not needed"]
    assert "1 refused" not in str(outcomes)
    assert shop.get()["web"] == 6
    assert outcomes.exit_code == 0


async def test_a_rejected_alternative_gives_way_to_the_next(host: Host, shop: Any, says: Any) -> None:
    """A person who wants the other one says no to the first."""
    proposals = [await propose(host, scale("web", count), group="mend") for count in (6, 7)]

    outcomes = await execute(host, proposals, says("no", "yes"))

    assert statuses(outcomes) == ["refused", "verified"]
    assert shop.get()["web"] == 7
    assert outcomes.exit_code == 0


async def test_a_failed_write_stops_the_rest(host: Host, shop: Any, says: Any) -> None:
    """Later steps stand on earlier ones."""
    proposals = [await propose(host, scale("web", 6)), await propose(host, scale("api", 4))]
    shop.set(fault="fail")

    outcomes = await execute(host, proposals, says())

    assert outcomes[0].status == "failed"
    assert "disk is full" in outcomes[0].message
    assert outcomes[1].message.startswith("not tried: scale web from 3 to 6 came before it")
    assert shop.get()["api"] == 2
    assert outcomes.exit_code == 1


async def test_how_a_write_failed_is_taken_from_the_server_s_answer(host: Host, shop: Any, says: Any) -> None:
    """A right that is missing reads like a refusal; that it was tried is known without asking a second time."""
    proposal = await propose(host, scale("web", 6))
    shop.set(fault="forbidden")

    outcomes = await execute(host, [proposal], says())

    assert outcomes[0].status == "failed"
    assert not [call for call in host.calls if call.tool == "resources/read"]


async def test_a_condition_that_comes_true_later_is_waited_for(host: Host, shop: Any, says: Any) -> None:
    """A rollout takes its time; the lines say what is still missing."""
    proposal = await propose(host, scale("web", 6))
    shop.set(ready_lag=3)
    lines: list[str] = []

    outcomes = await execute(host, [proposal], says(), on_progress=lines.append)

    assert statuses(outcomes) == ["verified"]
    assert any("ready >= 6: it is 0" in line for line in lines)


async def test_what_does_not_come_true_is_applied_and_not_verified(host: Host, shop: Any, says: Any) -> None:
    """Done is not the same as mended, and nothing follows what did not mend."""
    never = SuccessCondition(
        text="there are 99",
        check=ToolCall(server="toy", tool="status", arguments={"name": "web"}),
        expect=(Expectation(field="ready", value=99),),
        within_s=0.3,
    )
    proposals = [await propose(host, scale("web", 6), success=never), await propose(host, scale("api", 4))]

    outcomes = await execute(host, proposals, says())

    assert statuses(outcomes) == ["applied_not_verified", "refused"]
    assert "ready == 99: it is 6" in outcomes[0].message
    assert shop.get()["writes"] == 1
    assert outcomes.exit_code == 1


async def test_a_policy_approves_neither_what_destroys_nor_what_is_in_dispute(host: Host, shop: Any, says: Any) -> None:
    """Where experts disagree, or something may be lost, a person decides, whatever the policy answers."""
    drop = await propose(host, ToolCall(server="toy", tool="drop", arguments={"name": "web"}))
    disputed = await propose(host, scale("web", 6), offered=False)

    for proposal in (drop, disputed):
        outcomes = await execute(host, [proposal], says("yes", proof="policy"))
        assert statuses(outcomes) == ["refused"]
        assert "a person has to" in outcomes[0].message

    assert shop.get()["writes"] == 0
    assert statuses(await execute(host, [disputed], says("yes"))) == ["verified"]


async def test_a_tool_without_preview_needs_a_person_who_sees_that(tmp_path: Any, says: Any) -> None:
    """Nobody knows what somebody else's tool does: a policy may not approve it, and the request says so."""
    others = MCPServer("others")

    @others.tool()
    async def touch(name: str, token: str) -> str:
        assert token == secret
        (tmp_path / name).touch()
        return f"touched {name}"

    secret = f"ghp_{'a1B2' * 9}"
    call = ToolCall(server="others", tool="touch", arguments={"name": "file", "token": secret})
    async with Host(load(tmp_path, {}, builtin=()), servers={"others": lambda: others}) as host:
        proposal = await propose(host, call)
        policy = await execute(host, [proposal], says("yes", proof="policy"))
        assert not (tmp_path / "file").exists()
        person = says("yes")
        outcomes = await execute(host, [proposal], person)
        await none(tmp_path / "pending.json").decide(person.asked[0])

    assert secret not in json.dumps(outcomes.to_dict()) + (tmp_path / "pending.json").read_text()
    assert statuses(policy) == ["refused"]
    assert "no preview available" in str(person.asked[0])
    assert statuses(outcomes) == ["applied"]
    assert outcomes[0].answer == "touched file"
    assert "touched file" in str(outcomes)
    assert (tmp_path / "file").exists()


async def test_a_long_answer_of_a_third_party_is_cut(tmp_path: Any, says: Any) -> None:
    """The record keeps what it did, not a megabyte of it."""
    others = MCPServer("others")

    @others.tool(structured_output=False)
    async def chatter() -> str:
        return "did it. " * 10_000

    async with Host(load(tmp_path, {}, builtin=()), servers={"others": lambda: others}) as host:
        outcomes = await execute(host, [await propose(host, ToolCall(server="others", tool="chatter"))], says())

    answer = outcomes[0].answer
    assert isinstance(answer, str)
    assert answer.startswith("did it. did it.")
    assert answer.endswith("further characters)")
    assert len(answer) < 10_000


@pytest.mark.parametrize("approver", [True, lambda _request: True, demo_policy, type(demo_policy())])
async def test_what_is_no_approver_is_said_before_anything_is_looked_at(host: Host, shop: Any, approver: Any) -> None:
    """`approver=True` must neither approve nor end in the words of an interpreter."""
    proposal = await propose(host, scale("web", 6))
    calls = len(host.calls)

    with pytest.raises(BadInput, match=r"codenb\.ask_me\(\)"):
        await execute(host, [proposal], approver)
    assert len(host.calls) == calls
    assert shop.get()["writes"] == 0


@pytest.mark.parametrize("given", [[("question", "why")], ["scale"], [scale("web", 6)]])
async def test_what_is_no_proposal_is_said_before_anything_is_looked_at(host: Host, given: Any, says: Any) -> None:
    """An answer is not its proposals, and a call is not previewed."""
    person = says()

    with pytest.raises(BadInput, match=r"answer\.proposals"):
        await execute(host, given, person)
    assert not person.asked


async def test_a_change_that_is_made_already_is_not_sent_again(host: Host, shop: Any, says: Any) -> None:
    """A cell that is run a second time asks nobody about nothing, and tells that the state is as wanted."""
    proposal, person = await propose(host, scale("web", 6)), says()
    await execute(host, [proposal], person)

    outcomes = await execute(host, [proposal], person)

    assert statuses(outcomes) == ["verified"]
    assert outcomes[0].message == "already so: nothing was sent"
    assert len(person.asked) == shop.get()["writes"] == 1


async def test_a_change_that_is_made_already_and_did_not_help_is_refused(host: Host, shop: Any, says: Any) -> None:
    """What cannot change anything cannot mend anything either."""
    shop.set(web=6, ready_lag=1_000)

    outcomes = await execute(host, [await propose(host, scale("web", 6))], says())

    assert statuses(outcomes) == ["refused"]
    assert outcomes[0].message.startswith("nothing would change")
    assert "ready >= 6: it is 0" in outcomes[0].message
    assert shop.get()["writes"] == 0


async def test_ctrl_c_at_the_question_keeps_what_was_done_before(host: Host, shop: Any, says: Any) -> None:
    """The outcome of the first change is not lost with the answer to the second question."""

    class Leaves(says):  # type: ignore[misc]
        async def decide(self, request: Any) -> Decision:
            if self.asked:
                raise Interrupted("stopped with Ctrl-C")
            return await super().decide(request)

    proposals = [await propose(host, scale("web", 6)), await propose(host, scale("api", 4))]

    outcomes = await execute(host, proposals, Leaves())

    assert statuses(outcomes) == ["verified", "refused"]
    assert shop.get()["api"] == 2


async def test_a_cancelled_execution_leaves_the_change_to_its_server(host: Host, shop: Any, tmp_path: Any) -> None:
    """A cell is interrupted while the write is under way: it completes, and its outcome can be asked for."""
    proposal = await propose(host, scale("web", 6))
    shop.set(fault="slow")
    known = Outcomes()
    run = asyncio.create_task(execute(host, [proposal], demo_policy(), into=known))
    while not (tmp_path / "writing").exists():  # noqa: ASYNC110  written by the server's side
        await asyncio.sleep(0.01)

    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert statuses(known) == ["unknown"]
    outcome = await settled(host, known[0].reference or "")
    assert outcome.status == "applied"
    assert (shop.get()["web"], shop.get()["writes"]) == (6, 1)


async def test_stopped_while_verifying_it_is_known_to_be_applied(host: Host, shop: Any) -> None:
    """A person who has seen enough interrupts the waiting; what was done is not made unknown by that."""
    proposal = await propose(host, scale("web", 6))
    shop.set(ready_lag=1_000)
    known, verifying = Outcomes(), asyncio.Event()

    def heard(line: str) -> None:
        if "waiting until" in line:
            verifying.set()

    run = asyncio.create_task(execute(host, [proposal], demo_policy(), into=known, on_progress=heard))
    await verifying.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert statuses(known) == ["applied"]
    assert known[0].message == "stopped before it was verified"


async def test_the_difference_is_told_from_what_is_gathered_again(host: Host, says: Any) -> None:
    """The notebook is the record: before, after, and what is not the same."""
    target = Target(namespace="shop")
    before = await gather(host, target)

    outcomes = await execute(
        host,
        [await propose(host, scale("web", 6))],
        says(),
        gather=lambda: gather(host, target, fresh=True),
        before=before,
    )

    assert outcomes.difference == ("toy.web: 3 replicas -> 6 replicas",)


async def test_outcomes_can_be_shown_and_tabled(host: Host, says: Any) -> None:
    """A cell ends with them."""
    outcomes = await execute(host, [await propose(host, scale("web", 6))], says())

    assert outcomes.frame().loc[0, "decided_by"] == "the test (name not proved)"
    assert "verified" in str(outcomes)
    assert outcomes.to_dict()["exit_code"] == 0
