"""What a recording must not do: pass for the real thing, or act on whoever plays it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import codenb
from codenb.actions import Outcomes, execute
from codenb.errors import CassetteError, CodenbError, ToolError
from codenb.host import Answered, Ask
from codenb.models import ToolCall
from codenb.session import Session
from codenb.views import to_html, to_text
from tests.session.conftest import Yes
from tests.session.taping import recording, replaying

SCALE = ToolCall(server="toy", tool="scale", arguments={"name": "web", "replicas": 5})
Edit = Callable[[list[dict[str, Any]]], None]


async def run(nb: Session) -> tuple[Outcomes, list[str], tuple[str, ...]]:
    said: list[str] = []
    approver = Yes()
    proposal = await nb.propose(SCALE.server, SCALE.tool, **SCALE.arguments)
    outcomes = await execute(nb.host, [proposal], approver, on_progress=said.append)
    return outcomes, said, approver.asked[0].notes


async def test_a_replayed_change_says_that_nothing_was_changed(tmp_path: Path) -> None:
    """A pipeline had CODENB_REPLAY left over from a test, and its log said `verified`, as of a real change."""
    async with recording(tmp_path, tmp_path / "run.jsonl", "toy") as nb:
        real, real_lines, real_notes = await run(nb)
    async with replaying(tmp_path / "run.jsonl") as nb:
        played, lines, notes = await run(nb)

    said = "This is a replay of a recording: nothing is changed, whatever is decided."
    assert [one.to_dict()["status"] for one in played] == [one.to_dict()["status"] for one in real] == ["verified"]
    assert (lines[0], said in real_lines) == (said, False)
    assert (notes, real_notes) == ((said,), ())
    assert (played.to_dict()["replayed"], real.to_dict()["replayed"]) == (True, False)
    for shown in (to_text, to_html):
        assert "replay: nothing was changed" in shown(played.view())
        assert "replay" not in shown(real.view())
    assert (repr(played), repr(real)) == ("<Outcomes of a replay: verified>", "<Outcomes: verified>")


async def test_a_project_that_is_named_is_not_played_from_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`connect("production")` answered from a recording of the embedded world that the environment named."""
    file = tmp_path / "demo.jsonl"
    await recorded_and_edited(tmp_path, file, lambda lines: lines[0].update(connected=DEMO))
    monkeypatch.setenv("CODENB_REPLAY", str(file))

    with pytest.raises(CassetteError, match=r"of the embedded world, not of .*: unset CODENB_REPLAY to reach"):
        await codenb.connect(tmp_path)
    async with codenb.connect("demo") as nb:
        assert nb.replay is not None


DEMO = {"kind": "demo", "scenario": "oom", "where": "scenario oom"}


async def recorded_and_edited(folder: Path, file: Path, edit: Edit) -> None:
    """Record a call, a failed call and a change; then change the file as somebody else might."""
    async with recording(folder, file, "toy") as nb:
        await nb.call("toy", "status", name="web")
        with pytest.raises(CodenbError):
            await nb.call("toy", "status", name="nothing")
        await nb.host.change(SCALE, yes)
    edited(file, edit)


def edited(file: Path, edit: Edit) -> None:
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    edit(lines)
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


async def yes(ask: Ask) -> Answered:
    assert ask.reference is None or ask.reference.partition(".")[2]
    return Answered(approve=True)


def failed(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return next(line["error"] for line in lines if "error" in line)


@pytest.mark.parametrize("name", ["add_note", "with_traceback", "args"])
async def test_a_recorded_error_brings_no_parts_of_an_exception(tmp_path: Path, name: str) -> None:
    """What a file said an error told was put over the error's own methods and message."""
    file = tmp_path / "run.jsonl"
    await recorded_and_edited(
        tmp_path, file, lambda lines: failed(lines).update(type="ToolError", message="real", told={name: ["made up"]})
    )

    async with replaying(file) as nb:
        with pytest.raises(ToolError, match=r"^real$") as error:
            await nb.call("toy", "status", name="nothing")

    error.value.add_note("a note")
    assert error.value.__notes__ == ["a note"]


async def test_an_answer_that_is_too_deep_is_refused_in_words(tmp_path: Path) -> None:
    """It ended in a RecursionError of the interpreter, out of the middle of a copy."""
    deep = json.loads("[" * 900 + "]" * 900)

    def edit(lines: list[dict[str, Any]]) -> None:
        next(line for line in lines if line.get("name") == "status")["result"] = {"raw": {"structuredContent": deep}}

    file = tmp_path / "run.jsonl"
    await recorded_and_edited(tmp_path, file, edit)

    async with replaying(file) as nb:
        with pytest.raises(CassetteError, match=r"cannot be read: .*: record again"):
            await nb.call("toy", "status", name="web")


async def test_a_recorded_question_refers_to_a_preview_or_to_none(tmp_path: Path) -> None:
    """A reference that was an object reached the approver, who took it apart as text."""
    file = tmp_path / "run.jsonl"

    def edit(lines: list[dict[str, Any]]) -> None:
        next(line for line in lines if line.get("kind") == "change")["asked"][0]["reference"] = {"digest": "x"}

    await recorded_and_edited(tmp_path, file, edit)

    async with replaying(file) as nb:
        answer = await nb.host.change(SCALE, yes)

    assert answer.data["status"] == "applied"  # type: ignore[index, call-overload]
