"""Who may say yes, and to what: recorded decisions, the demo policy, and nobody."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.actions import choose, decision, decisions, demo_policy, none, objection
from codenb.errors import BadInput, ConfigError
from codenb.models import (
    ApprovalRequest,
    Change,
    Decision,
    Entity,
    Place,
    Preview,
    Proposal,
    ToolCall,
)
from codenb.models.embedded import EMBEDDED_UID

NOW = datetime.now(UTC)
EMBEDDED = Place(name="demo", address="http://127.0.0.1:1", identity=EMBEDDED_UID)
REAL = Place(name="prod", address="https://10.0.0.1", identity="7d9e2a6c-0000-4000-8000-000000000001")


def request(replicas: int = 6, *, place: Place = EMBEDDED, destructive: bool = False, offered: bool = True) -> Any:
    """A request for scaling web."""
    call = ToolCall(server="toy", tool="scale", arguments={"name": "web", "replicas": replicas})
    change = Change(
        summary=f"scale web to {replicas}",
        entity=Entity(kind="Deployment", name="web", namespace="shop"),
        before={"replicas": 3},
        after={"replicas": replicas},
        destructive=destructive,
    )
    preview = Preview(
        id="one",
        digest=change.digest(place, call),
        call=call,
        place=place,
        change=change,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    proposal = Proposal(call=call, preview=preview, why="more load", offered=offered)
    return ApprovalRequest(proposal=proposal, place=place, asked_at=NOW)


def entry(asked: ApprovalRequest, **changes: Any) -> dict[str, Any]:
    """A decision as a person writes it."""
    return {
        "approve": True,
        "digest": asked.digest,
        "by": "whoever is on call",
        "at": NOW.isoformat(),
        "expires_at": (NOW + timedelta(hours=1)).isoformat(),
    } | changes


def write(folder: Path, *entries: Any) -> Path:
    """A file of decisions."""
    file = folder / "decisions.json"
    file.write_text(json.dumps(list(entries)))
    return file


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return [one.name for one in folder.iterdir()]


async def test_a_recorded_decision_counts_for_its_digest(tmp_path: Path) -> None:
    """CI carries out what was approved beforehand, and says whose word that is and that it is only a name."""
    asked = request()

    decided = await decisions(write(tmp_path, entry(asked)), otherwise=none(tmp_path / "p.json")).decide(asked)

    assert objection(asked, decided) == ""
    assert decided.decider == "whoever is on call (name not proved)"
    assert not (tmp_path / "p.json").exists()


async def test_what_has_no_decision_is_written_down(tmp_path: Path) -> None:
    """The next run finds what this one lacked."""
    file = write(tmp_path, entry(request(7)))

    decided = await decisions(file, otherwise=none(tmp_path / "pending.json")).decide(request(6))

    assert decided.pending
    assert request(6).digest in (tmp_path / "pending.json").read_text()


async def test_a_reject_wins_wherever_it_stands(tmp_path: Path) -> None:
    """Two people wrote into one file."""
    asked = request()
    file = write(tmp_path, entry(asked), entry(asked, approve=False, by="the second"), entry(asked))

    decided = await decisions(file).decide(asked)

    assert (decided.approve, decided.by) == (False, "the second")


async def test_an_expired_approval_is_none(tmp_path: Path) -> None:
    """Consent of last week is not consent."""
    asked = request()
    file = write(tmp_path, entry(asked, expires_at=(NOW - timedelta(seconds=1)).isoformat()))

    assert (await decisions(file, otherwise=none(tmp_path / "pending.json")).decide(asked)).pending


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"expires_at": "2026-01-02T03:04:05Z"},
            "the decision of whoever is on call .* expired at 2026-01-02 03:04 UTC",
        ),
        ({"digest": "0" * 64}, r"the one decision in .* is not for digest [0-9a-f]{16}…"),
        ({"approve": None}, r"is still open \(approve is null\)"),
    ],
)
async def test_a_file_that_does_not_decide_says_why(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """Whoever wrote a decision and sees it not counted must learn what is wrong with it."""
    asked = request()
    file = write(tmp_path, entry(asked, **change))

    decided = await decisions(file, otherwise=none(tmp_path / "pending.json")).decide(asked)

    assert re.search(words, decided.reason)
    assert decided.reason.endswith(f"what waits is written in {tmp_path / 'pending.json'}")
    assert "nobody could be asked" not in decided.reason


async def test_what_a_person_writes_is_enough(tmp_path: Path) -> None:
    """Nobody types the time of day into a file that has one."""
    asked = request()
    written = entry(asked, approve=False)
    del written["at"], written["expires_at"]

    decided = await decisions(write(tmp_path, written)).decide(asked)

    assert (decided.approve, decided.by) == (False, "whoever is on call")
    assert abs(decided.at - NOW) < timedelta(hours=1)


async def test_a_file_cannot_prove_who_decided(tmp_path: Path) -> None:
    """Whoever can write it can name anybody and claim any proof."""
    asked = request()
    file = write(tmp_path, entry(asked, proof="token", approver="ask_me"))

    decided = await decisions(file).decide(asked)

    assert (decided.proof, decided.approver) == ("name", "decisions")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"approve": "yes"}, '"approve" is true, false, or null'),
        ({"digest": "abc"}, "64 hexadecimal digits"),
        ({"by": " "}, '"by" is empty'),
        ({"expires_at": None}, 'an approval needs "expires_at"'),
        ({"expires_at": "2026-03-02T12:00:00"}, "times need a zone"),
        ({"at": "yesterday"}, "decision 1 is not a Decision: at"),
        ({"aprove": True}, "'aprove': did you mean 'approve'"),
        ({"colour": 1}, "'colour': there are approve, digest, by"),
    ],
)
def test_a_wrong_entry_is_named_before_the_run(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """A typing error in the file must not come out as a missing approval in the middle of a run."""
    with pytest.raises(ConfigError, match=words):
        decisions(write(tmp_path, entry(request()) | change))


@pytest.mark.parametrize("text", ["", "{", "3", '{"requests": []}', "[3]", "[" * 100_000])
def test_a_file_that_is_no_list_of_decisions_is_refused(tmp_path: Path, text: str) -> None:
    """So is one that is not there."""
    (tmp_path / "decisions.json").write_text(text)

    with pytest.raises(ConfigError):
        decisions(tmp_path / "decisions.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        decisions(tmp_path / "nothing.json")


async def test_pending_requests_filled_in_are_the_next_runs_decisions(tmp_path: Path) -> None:
    """The person edits the file that the run left, and hands it to the next one."""
    first, second, path = request(6), request(7), tmp_path / "pending.json"
    nobody = none(path)
    assert objection(first, await nobody.decide(first)).startswith("waiting for an approval")
    await nobody.decide(second)

    document = json.loads(path.read_text())
    assert [one["diff"][-1] for one in document["requests"]] == ["+replicas: 6", "+replicas: 7"]
    assert document["requests"][0]["place"]["identity"] == EMBEDDED_UID
    document["decisions"][0] |= {"approve": True, "by": "whoever is on call"}
    path.write_text(json.dumps(document))

    recorded = decisions(path, otherwise=none(tmp_path / "again.json"))
    assert (await recorded.decide(first)).approve
    assert (await recorded.decide(second)).pending


async def test_what_was_decided_is_not_erased_by_what_waits(tmp_path: Path) -> None:
    """The run reads and writes one file: a no in it must still be there afterwards, and the next run must heed it."""
    first, second, path = request(6), request(7), tmp_path / "pending.json"
    no = entry(first, approve=False, by="alice", reason="not on a Friday")
    old = entry(request(8), expires_at=(NOW - timedelta(hours=1)).isoformat())
    path.write_text(json.dumps({"decisions": [no, old, entry(second, approve=None)]}))

    assert (await decisions(path, otherwise=none(path)).decide(second)).pending

    kept = json.loads(path.read_text())["decisions"]
    assert kept[0] == no
    assert [(one["approve"], one["digest"]) for one in kept[1:]] == [(None, second.digest)]
    decided = await decisions(path).decide(first)
    assert (decided.approve, decided.by, decided.pending) == (False, "alice", False)


async def test_a_pending_file_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    """A comma too many must not cost somebody's decision."""
    path = tmp_path / "pending.json"
    path.write_text('{"decisions": [{"approve": false,}]}')

    with pytest.raises(ConfigError, match="not JSON"):
        await none(path).decide(request())
    assert "false" in path.read_text()


async def test_a_reader_never_sees_half_of_the_pending_requests(tmp_path: Path) -> None:
    """The file is replaced, not rewritten: who has it open goes on reading the old whole."""
    path, nobody = tmp_path / "pending.json", none(tmp_path / "pending.json")
    await nobody.decide(request(6))
    with path.open() as reader:
        await nobody.decide(request(7))

        assert len(json.load(reader)["requests"]) == 1
    assert len(json.loads(path.read_text())["requests"]) == 2
    assert names(tmp_path) == ["pending.json"]


async def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A request that nobody will ever see must not look like one that waits."""
    with pytest.raises(ConfigError, match="cannot be written"):
        await none(tmp_path / "no" / "pending.json").decide(request())


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (request(), True),
        (request(place=REAL), False),
        (request(destructive=True), False),
        (request(offered=False), False),
    ],
)
async def test_the_demo_policy_knows_the_embedded_world(asked: ApprovalRequest, allowed: bool) -> None:  # noqa: FBT001
    """It decides where nothing real can be harmed, and nowhere else."""
    decided = await demo_policy().decide(asked)

    assert (objection(asked, decided) == "") is allowed
    assert (decided.by, decided.proof) == ("demo policy", "policy")


@given(other=st.text("0123456789abcdef", min_size=64, max_size=64) | st.text(max_size=80))
def test_no_other_digest_approves(other: str) -> None:
    """A decision is bound to what was seen."""
    asked = request()
    decided = decision(asked, approve=True, by="me", approver="test").model_copy(update={"digest": other})

    assert (objection(asked, decided) == "") is (other == asked.digest)


def test_a_waiting_decision_cannot_approve() -> None:
    """The two would contradict each other, and somebody might read only one of them."""
    with pytest.raises((BadInput, ValueError), match="pending"):
        Decision(approve=True, pending=True, digest="0" * 64, by="x", approver="x", at=NOW)


def test_the_approver_fits_where_it_runs(tmp_path: Path) -> None:
    """A person where there is one; else what was decided before; the demo policy in the demo; else nobody."""
    file, person = write(tmp_path, entry(request())), none("x.json")

    assert choose(lambda: person, decisions_file=file, embedded=True) is person
    assert repr(choose(None, decisions_file=file, embedded=True)).startswith("decisions(")
    assert repr(choose(None, embedded=True)) == "demo_policy()"
    assert repr(choose(None)) == "none('pending.json')"
