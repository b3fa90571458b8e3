"""Recordings that were cut off, edited, or made elsewhere: played as far as they go, and refused in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codenb
from codenb.errors import CodenbError
from codenb.session import Session
from tests.host.helpers import SERVERS, children, started_since
from tests.session.conftest import Project, Yes
from tests.session.taping import recording, replaying, without_wall_times
from tests.session.test_replay import runbook


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of a whole way."""
    folder = tmp_path_factory.mktemp("whole")

    async def record() -> None:
        async with recording(folder, folder / "run.jsonl", "toy") as nb:
            await runbook(nb)

    asyncio.run(record())
    return folder / "run.jsonl"


async def played(file: Path, again: Path) -> str:
    """What playing it comes to: nothing where it plays to its end, else the error in one line."""
    try:
        async with replaying(file, record=again) as nb:
            str(nb.view())
            await runbook(nb)
            return " | ".join(nb.replay.missed) if nb.replay else "no replay"
    except CodenbError as error:
        return str(error)


async def test_a_recording_that_was_cut_off_plays_as_far_as_it_goes(whole: Path, tmp_path: Path) -> None:
    """The kernel was killed in the middle of the run: what was asked before is answered, the rest is missed."""
    data = await asyncio.to_thread(whole.read_bytes)
    cut, again = tmp_path / "cut.jsonl", tmp_path / "again.jsonl"
    ends = [at + 1 for at, byte in enumerate(data) if byte == ord("\n")]
    for end in ends[:-1]:
        for size in (end, end + 25):
            cut.write_bytes(data[:size])
            said = await played(cut, again)
            assert "was cut off while it was recorded" in said or size == end or not said, said
            assert "\n" not in said
            assert set(again.read_bytes().splitlines()) <= set(data.splitlines())
    assert "is not in the recording" in said or not said
    assert await played(whole, again) == ""


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path and "input_schema" not in path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _leaves(inner, (*path, key))


@settings(max_examples=20)
@given(data=st.data())
def test_whatever_was_edited_is_played_or_refused_in_words(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    """A person, or a merge, has changed a value: no error of an interpreter, no hanging, nothing changed."""
    lines = [json.loads(line) for line in whole.read_bytes().splitlines()]
    number = data.draw(st.integers(0, len(lines) - 1))
    path = data.draw(st.sampled_from(sorted(_leaves(lines[number]), key=str)))
    value = data.draw(st.sampled_from([None, 1, -1.5, 1e308, "x", "", [], {}, True, [[]], {"raw": {}}]))
    at = lines[number]
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    folder = tmp_path_factory.mktemp("edited")
    (folder / "run.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    assert "\n" not in asyncio.run(played(folder / "run.jsonl", folder / "again.jsonl"))


async def foreign(nb: Session, folder: Path) -> dict[str, Any]:
    """A way over somebody else's server, with files of one's own."""
    context = await nb.gather("shop/web")
    outcomes = await nb.execute(await nb.propose("plain", "unmarked", name="x"), Yes())
    estimate = await nb.estimate(folder / "a.yaml")
    return {
        "tools": (await nb.tools()).to_dict(),
        "context": context.to_dict(),
        "digest": context.digest,
        "outcomes": outcomes.to_dict() | {"replayed": None},
        "estimate": estimate.to_dict(),
        "nb": nb.to_dict(),
        "calls": sorted((one.server, one.tool, one.status) for one in nb.calls if one.tool != "resources/read"),
    }


async def test_a_project_is_replayed_without_its_files(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers of other people, one that does not start, gather rules, a change without preview, files of one's own."""
    (project.folder / "journal").touch()
    project.add("plain", str(SERVERS / "plain.py"), "stdio", str(project.folder / "journal"))
    project.servers["broken"] = {"command": "/nonexistent/program", "env": {"KEY": "swordfish-in-env"}}
    project.add("other", "-c", "raise SystemExit('no')")
    project.say('[servers.plain]\nread_only = ["add", "rows"]\ngather = [{tool = "rows", arguments = {count = 2}}]')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in (project.folder, elsewhere):
        (folder / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")

    monkeypatch.chdir(project.folder)
    async with codenb.connect(project.folder, record="run.jsonl") as nb:
        then = await foreign(nb, project.folder)
        recorded_to = str(nb.recording)
    data = (project.folder / "run.jsonl").read_bytes()
    monkeypatch.chdir(elsewhere)
    before = children()
    async with codenb.connect(replay=project.folder / "run.jsonl", record="again.jsonl") as nb:
        now = await foreign(nb, elsewhere)
        assert started_since(before) == []

    assert without_wall_times(now) == without_wall_times(then)
    assert (elsewhere / "again.jsonl").read_bytes() == data
    assert b"swordfish" not in data
    assert recorded_to == str(project.folder / "run.jsonl")
    assert then["outcomes"]["outcomes"][0]["status"] == "applied"
    assert (project.folder / "journal").read_text().count("unmarked x") == 1
