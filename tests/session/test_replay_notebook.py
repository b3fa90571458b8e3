"""The first notebook is run once on the embedded world, which is then stopped, and after that from its recording."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import codenb
from codenb.cli._cells import run_cell
from codenb.errors import BadInput, CassetteError
from tests.host.helpers import children, connections, nothing_since, started_since

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "01_first_look.ipynb"


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of the first notebook."""
    folder = tmp_path_factory.mktemp("recording")
    env = {name: value for name, value in os.environ.items() if not name.startswith("CODENB_")}
    env |= {"CODENB_RECORD": str(folder / "first.jsonl"), "PYTHONPATH": str(ROOT), "PLOTLY_RENDERER": "json"}
    command = [sys.executable, "-m", "tests.session.test_replay_notebook", str(folder)]
    subprocess.run(command, env=env, cwd=folder, check=True, timeout=300, stdout=subprocess.DEVNULL)
    return folder / "first.jsonl"


async def _run(folder: Path) -> None:
    """Run the notebook's cells, and keep what the session said."""
    namespace: dict[str, Any] = {}
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] == "code":
            await run_cell("".join(cell["source"]), namespace, echo=False)
    told = {
        "answer": namespace["answer"].to_dict(),
        "digest": namespace["context"].digest,
        "outcomes": [one.status for one in namespace["outcomes"]],
    }
    (folder / "told.json").write_text(json.dumps(told))


def test_the_notebook_passes_from_its_recording(tape: Path, tmp_path: Path) -> None:
    """What a reviewer runs without a cluster: pytest --nbmake, the notebook as it is, and the file."""
    shutil.copyfile(NOTEBOOK, tmp_path / NOTEBOOK.name)
    env = os.environ | {"CODENB_REPLAY": str(tape), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-q", "--nbmake", "--nbmake-timeout=300", NOTEBOOK.name]
    run = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout


async def test_the_replay_answers_alike_and_connects_to_nothing(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cause, the same votes, the same digests; no process, no connection, no client of a cluster."""
    then = json.loads((tape.parent / "told.json").read_text())
    processes, sockets = children(), connections()
    monkeypatch.setattr(socket.socket, "connect", _no_connection)
    monkeypatch.setenv("CODENB_REPLAY", str(tape))
    async with codenb.connect("demo:oom") as nb:
        shown = str(nb.view())
        context = await nb.gather(namespace="shop", workload="checkout")
        answer = await nb.consult("Why is checkout failing, and what mends it?", context)
        assert started_since(processes) == []
        assert connections() <= sockets
        assert nb.world is None

    assert context.digest == then["digest"]
    assert _without_times(answer.to_dict()) == _without_times(then["answer"])
    assert then["outcomes"] == ["verified", "refused"]
    assert f"replayed from {tape}" in shown
    assert "scenario oom" in shown
    assert "embedded world" in shown


def _no_connection(*_: Any) -> None:
    raise AssertionError("a replay opened a connection")


def _without_times(answer: dict[str, Any]) -> Any:
    for one in (answer, *answer["opinions"]):
        one.pop("wall_ms")
    return answer


async def test_a_recording_of_another_scenario_is_not_played(tape: Path) -> None:
    """It would tell of another failure, without saying so."""
    with pytest.raises(CassetteError, match="recording of demo:oom, not of demo:crash"):
        await codenb.connect("demo:crash", replay=tape)


async def test_a_path_that_is_none_is_said(tmp_path: Path, running_before: list[int]) -> None:
    """Before a world is started, as far as it can be told."""
    with pytest.raises(BadInput, match="named by its path"):
        await codenb.connect("demo", record=7)  # type: ignore[arg-type]
    with pytest.raises(CassetteError, match="does not exist"):
        await codenb.connect("demo", replay=tmp_path / "nothing")
    with pytest.raises(CassetteError, match="cannot be recorded to: No such file"):
        await codenb.connect("demo", record=tmp_path / "nowhere" / "run.jsonl")
    await nothing_since(running_before)


if __name__ == "__main__":
    import asyncio

    asyncio.run(_run(Path(sys.argv[1])))
