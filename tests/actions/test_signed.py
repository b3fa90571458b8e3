"""Signed approvals, the whole way: a run leaves what waits, a person signs it, the next run carries it out."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.access import sign_grant
from codenb.access._keys import read_private, write_pair
from codenb.actions import decisions, execute, none, propose, waiting, write_decisions
from codenb.config import load
from codenb.errors import ConfigError
from codenb.host import Host
from codenb.models import ToolCall
from codenb.views import to_text
from tests.actions.test_approvers import request

TOY = Path(__file__).with_name("toy.py")
ALICE = "alice@example.org"
SCALE = ToolCall(server="toy", tool="scale", arguments={"name": "web", "replicas": 6})
TRUSTED = '[servers.toy]\nread_only = ["status", "preview_change", "gather_context"]\n'
KEYS = f'[approval.keys]\n"{ALICE}" = "keys/alice.pub"\n'

Opens = Callable[[], Any]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Alice's private key; the project names its public half."""
    return write_pair(tmp_path / "keys", "alice").private


@pytest.fixture
def opens(tmp_path: Path, shop: Any, key: Path) -> Opens:
    """Opens a host on a toy server that is a process of its own and takes signed approvals only."""
    entry = {"command": sys.executable, "args": [str(TOY), str(tmp_path)]}
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"toy": entry}}))
    (tmp_path / "codenb.toml").write_text(TRUSTED + KEYS)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Host]:
        async with Host(load(tmp_path, {}, builtin=())) as host:
            yield host

    return opened


def approve(folder: Path, *words: str, answer: str | None = "y") -> tuple[int, str]:
    """Run `codenb approve` at a terminal, with somebody who gives one answer to every question; None is Ctrl-C."""
    person, program = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "codenb", "approve", *words], stdin=program, stdout=program, stderr=program, cwd=folder
    )
    os.close(program)
    said = b""
    stopped = False
    while True:
        if not select.select([person], [], [], 0.3)[0]:
            if answer is None:
                if b"[y/N]" in said and not stopped:
                    process.send_signal(signal.SIGINT)
                    stopped = True
            elif (
                b"[y/N]" in said
            ):  # what is typed before the question is there is dropped, so it may take a second time
                with suppress(OSError):  # it ended just now
                    os.write(person, f"{answer}\n".encode())
            continue
        try:
            said += os.read(person, 65_536)
        except OSError:  # it has ended
            break
    os.close(person)
    return process.wait(), said.decode().replace("\r\n", "\n")


async def sign(folder: Path, host: Host, key: Path, *, by: str = ALICE) -> Path:
    """A file with a signed approval of the change as it is now."""
    decided = await none(folder / "pending.json").decide(await requested(host))
    preview = (await propose(host, SCALE)).preview
    assert preview
    grant = sign_grant(preview, read_private(key), by=by)
    yes = {"approve": True, "pending": False, "by": by, "grant": grant, "expires_at": decided.at + timedelta(minutes=9)}
    write_decisions(folder / "decisions.json", [decided.model_copy(update=yes)])
    return folder / "decisions.json"


async def requested(host: Host) -> Any:
    preview = (await propose(host, SCALE)).preview
    assert preview
    proposal = request().proposal.model_copy(update={"preview": preview, "call": preview.call})
    return request().model_copy(update={"proposal": proposal, "place": preview.place})


async def test_what_a_run_leaves_is_signed_and_carried_out_once(opens: Opens, tmp_path: Path, key: Path, shop: Any):
    """The run has no key and the signer no project; another process that replays the signature changes nothing."""
    pending, file = tmp_path / "pending.json", tmp_path / "decisions.json"
    async with opens() as host:
        first = await execute(host, [await propose(host, SCALE)], none(pending))
        code, said = await asyncio.to_thread(approve, tmp_path, "pending.json", "--key", str(key), "--by", ALICE)
        outcomes = await execute(host, [await propose(host, SCALE)], decisions(file, otherwise=none(pending)))

    assert first.exit_code == 3
    assert (code, "1 signed, 0 rejected, 0 not decided." in said) == (0, True), said
    for shown in ("scale web from 3 to 6", "replicas: 3", "replicas: 6", "cluster toy", "Run again before"):
        assert shown in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (outcome,) = outcomes
    assert outcome.status == "verified", outcome.message
    assert outcome.decision
    assert (outcome.decision.by, outcome.decision.proof, outcome.decision.grant) == (ALICE, "key", "")

    shop.set(web=3)
    async with opens() as host:
        (again,) = await execute(host, [await propose(host, SCALE)], decisions(file, otherwise=none(pending)))
    assert again.status == "refused"
    assert "used before" in again.message
    assert (shop.get()["web"], shop.get()["writes"]) == (3, 1)


async def test_who_is_stopped_at_the_question_has_signed_nothing(opens: Opens, tmp_path: Path, key: Path):
    """Ctrl-C ended with 1, which the help did not know; the change still waits, so it is 3, and no file is there."""
    async with opens() as host:
        await execute(host, [await propose(host, SCALE)], none(tmp_path / "pending.json"))
    words = ("pending.json", "--key", str(key))
    code, said = await asyncio.to_thread(approve, tmp_path, *words, answer=None)

    assert (code, "stopped with Ctrl-C: nothing was signed" in said) == (3, True), said
    assert "Traceback" not in said
    assert not (tmp_path / "decisions.json").exists()


async def test_a_no_at_the_terminal_is_a_no_for_the_next_run(opens: Opens, tmp_path: Path, key: Path, shop: Any):
    """It is written down as well, so that nobody is asked again."""
    pending, file = tmp_path / "pending.json", tmp_path / "decisions.json"
    async with opens() as host:
        await execute(host, [await propose(host, SCALE)], none(pending))
        words = ("pending.json", "--key", str(key))
        code, said = await asyncio.to_thread(approve, tmp_path, *words, answer="n")
        (outcome,) = await execute(host, [await propose(host, SCALE)], decisions(file, otherwise=none(pending)))

    assert (code, "0 signed, 1 rejected" in said) == (0, True), said
    assert "grant" not in file.read_text() or json.loads(file.read_text())["decisions"][0]["grant"] == ""
    assert re.search(r"rejected by key [0-9a-f]{16} \(name not proved\)", outcome.message)
    assert not outcome.pending
    assert shop.get()["writes"] == 0


async def test_a_bare_yes_is_refused_and_says_what_to_do(opens: Opens, says: Any, shop: Any):
    """Where keys are configured, a click proves nothing; the refusal names the command."""
    async with opens() as host:
        (outcome,) = await execute(host, [await propose(host, SCALE)], says("yes"))

    assert outcome.status == "refused"
    assert "toy.scale takes a signed approval only" in outcome.message
    assert "codenb approve pending.json" in outcome.message
    assert shop.get()["writes"] == 0


async def test_a_grant_dies_with_the_process_that_used_it(opens: Opens, tmp_path: Path, key: Path, shop: Any):
    """`kill -9` after the approval was consumed and before the write: signed once is used once all the same."""
    shop.set(fault="die before")
    async with opens() as host:
        file = await sign(tmp_path, host, key)
        (killed,) = await execute(host, [await propose(host, SCALE)], decisions(file))
    shop.set(fault="")
    async with opens() as host:
        (again,) = await execute(host, [await propose(host, SCALE)], decisions(file))

    assert killed.status in {"failed", "unknown"}, killed.message
    assert again.status == "refused"
    assert "used before" in again.message
    assert shop.get()["writes"] == 0


async def test_two_processes_with_one_grant_change_once(opens: Opens, tmp_path: Path, key: Path, shop: Any):
    """Two runs of one pipeline start at once, each with its own server and the same file of decisions."""
    async with opens() as one, opens() as two:
        file = await sign(tmp_path, one, key)
        runs = [execute(host, [await propose(host, SCALE)], decisions(file)) for host in (one, two)]
        outcomes = [outcome for run in await asyncio.gather(*runs) for outcome in run]

    assert shop.get()["writes"] == 1
    assert "verified" in [one.status for one in outcomes]


async def test_a_key_that_is_not_known_here_proves_no_name(host: Host, tmp_path: Path, key: Path):
    """Without the public half nobody can tell who signed, so the name in the file is only a name."""
    file = await sign(tmp_path, host, key)
    (outcome,) = await execute(host, [await propose(host, SCALE)], decisions(file))

    assert outcome.status == "verified", outcome.message
    assert outcome.decision
    assert outcome.decision.decider == f"{ALICE} (name not proved)"


async def pending(folder: Path, **more: Any) -> Path:
    """A pending.json as a run leaves it."""
    await none(folder / "pending.json").decide(request(**more))
    return folder / "pending.json"


def edited(file: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    data = json.loads(file.read_text())
    edit(data["requests"][0])
    file.write_text(json.dumps(data))
    return file


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda one: one["preview"]["change"]["after"].update(replicas=4), "was altered: what it shows has another"),
        (lambda one: one["preview"]["call"]["arguments"].update(replicas=4), "was altered"),
        (lambda one: one["call"]["arguments"].update(replicas=4), "was altered: its call"),
        (lambda one: one["preview"]["place"].update(identity="another"), "was altered: its place"),
        (lambda one: one.update(place=one["place"] | {"name": "harmless"}), "was altered: its place"),
        (lambda one: one.update(digest="0" * 64), "was altered: its digest"),
        (lambda one: one["preview"].update(digest="0" * 64), "was altered: its digest"),
        (lambda one: one.update(summary="nothing much"), "was altered: its summary"),
        (lambda one: one.update(destructive=True), "was altered: its destructive"),
        (lambda one: one.update(needs_person="no"), "was altered: its needs_person|is not a Proposal"),
        (lambda one: one.update(preview=[]), "the preview of .*, request 1 is not a Preview"),
        (lambda one: one.update(preview=None, call=None), "the call of .* is not a ToolCall"),
        (lambda one: one.update(notes=7), "is not a ApprovalRequest|notes"),
        (lambda one: one.update(proposed_by=7), "proposed_by"),
        (lambda one: one.clear(), "the call of .*, request 1"),
    ],
)
async def test_a_request_that_was_altered_is_not_shown(tmp_path: Path, edit: Any, words: str) -> None:
    """What is shown and what is signed must be one, whoever had the file in between."""
    with pytest.raises(ConfigError, match=words):
        waiting(edited(await pending(tmp_path), edit))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data())
def test_no_file_brings_another_error_than_one_line(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """Anything may stand anywhere in it: it is shown as what it is, or refused."""
    folder = tmp_path_factory.mktemp("waiting")
    file = asyncio.run(pending(folder))
    whole = json.loads(file.read_text())
    at: Any = whole["requests"][0]
    while True:
        key = data.draw(st.sampled_from(sorted(at)))
        if not (isinstance(at[key], dict) and at[key] and data.draw(st.booleans())):
            break
        at = at[key]
    at[key] = data.draw(JSON)
    file.write_text(json.dumps(whole))

    try:
        (one,) = waiting(file)
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017  either is right
    else:
        assert one.proposal.preview is None or one.digest == request().digest
        assert to_text(one.view())


async def test_a_hidden_value_is_said_because_the_digest_rests_on_it(tmp_path: Path) -> None:
    """Whoever swaps what is shown for something with a hidden value in it gets a signature that no server takes."""
    file = edited(
        await pending(tmp_path), lambda one: one["preview"]["change"]["after"].update(k="<redacted:token:01234567>")
    )

    (one,) = waiting(file)
    assert any("cannot be recomputed" in note for note in one.notes)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A file of decisions that never ends would hang the run that reads it."""
    os.mkfifo(tmp_path / "pending.json")

    with pytest.raises(ConfigError, match="are not a file"):
        waiting(tmp_path / "pending.json")


@pytest.mark.parametrize("text", ["[]", "{}", '{"requests": 3}', '{"requests": [3]}', "nonsense", '{"requests": [{}]}'])
def test_a_file_without_requests_is_one_line(tmp_path: Path, text: str) -> None:
    """The wrong file on the command line must not end in a traceback."""
    (tmp_path / "pending.json").write_text(text)

    with pytest.raises(ConfigError):
        waiting(tmp_path / "pending.json")


async def test_decisions_of_others_stay_and_a_link_is_not_followed(tmp_path: Path) -> None:
    """A file that several people sign into; whoever puts a link there does not get another file overwritten."""
    one, other = request(6), request(7)
    mine = (await none(tmp_path / "p.json").decide(one)).model_copy(update={"by": "me", "pending": False})
    theirs = mine.model_copy(update={"by": "they", "digest": other.digest})
    target, link = tmp_path / "target.json", tmp_path / "decisions.json"
    write_decisions(target, [theirs])
    before = target.read_text()
    link.symlink_to(target)

    write_decisions(link, [mine])
    write_decisions(link, [mine.model_copy(update={"reason": "again"})])

    kept = json.loads(link.read_text())["decisions"]
    assert [(entry["by"], entry["reason"]) for entry in kept] == [("they", theirs.reason), ("me", "again")]
    assert target.read_text() == before
    assert not link.is_symlink()


@pytest.mark.parametrize("held", ["nonsense", '{"decisions": [{"approve": "yes"}]}', None])
async def test_what_cannot_be_written_is_said_before_anybody_is_asked(
    tmp_path: Path, key: Path, held: str | None
) -> None:
    """A passphrase typed and five diffs read, and then the signatures are lost."""
    out = tmp_path / "nowhere" / "out.json"
    if held is not None:
        out.parent.mkdir()
        out.write_text(held)

    words = (str(await pending(tmp_path)), "--key", str(key), "--out", str(out))
    code, said = await asyncio.to_thread(approve, tmp_path, *words)

    assert code == 2
    assert str(out) in said
    assert "[y/N]" not in said


@pytest.mark.parametrize("words", [(), ("--ttl", "2h"), ("--ttl", "x"), ("--by", "a\x1b[2J")])
def test_nothing_is_signed_without_a_terminal(tmp_path: Path, key: Path, words: tuple[str, ...]) -> None:
    """In a pipeline nobody's consent is assumed, whatever stands on its input."""
    file = asyncio.run(pending(tmp_path))
    ran = subprocess.run(
        [sys.executable, "-m", "codenb", "approve", str(file), "--key", str(key), *words],
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == (2 if words else 3)
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert "\x1b" not in ran.stderr
    assert not (tmp_path / "decisions.json").exists()


def test_an_error_that_quotes_the_file_cannot_repaint_the_terminal(tmp_path: Path, key: Path) -> None:
    """The name of an unknown field is repeated, and it may be anything."""
    file = asyncio.run(pending(tmp_path))
    edited(file, lambda one: one["preview"].update({"\x1b]0;owned\x07\u202e": 1}))

    code, said = approve(tmp_path, str(file), "--key", str(key))

    assert code == 2
    assert "⟨U+001B⟩]0;owned⟨U+0007⟩⟨U+202E⟩: no such field" in said
    assert not any(code in said for code in ("\x1b", "\x07", "\u202e"))


def test_a_key_that_others_may_read_signs_nothing(tmp_path: Path, key: Path) -> None:
    """Whoever can copy it can approve in its owner's name."""
    file = asyncio.run(pending(tmp_path))
    key.chmod(0o644)

    code, said = approve(tmp_path, str(file), "--key", str(key))

    assert code == 2
    assert f"chmod 600 {key}" in said
    assert not (tmp_path / "decisions.json").exists()


async def test_what_is_shown_cannot_repaint_the_terminal(tmp_path: Path, key: Path) -> None:
    """A value with escape codes could hide the line that matters; a long one is shown to its end."""
    lines = {f"line{at}": f"value {at}" for at in range(900)}
    change = request().proposal.preview
    asked = request()
    evil = change.change.model_copy(update={"after": {"replicas": "6\x1b[2K\x1b]0;owned\x07\u202e", **lines}})
    preview = change.model_copy(update={"change": evil, "digest": evil.digest(change.place, change.call)})
    proposal = asked.proposal.model_copy(update={"preview": preview})
    await none(tmp_path / "pending.json").decide(asked.model_copy(update={"proposal": proposal}))

    code, said = await asyncio.to_thread(approve, tmp_path, "pending.json", "--key", str(key), answer="n")

    assert code == 0, said
    assert not any(code in said for code in ("\x1b]", "\x1b[2K", "\x07", "\u202e"))
    assert "⟨U+001B⟩" in said
    assert "line899: value 899" in said
