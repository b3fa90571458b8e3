"""`codenb demo`, as a person or a pipeline starts it: headless.

What belongs to a process, such as its streams and its exit code, is tested with one of its own; what is told, in this.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from codenb.cli import main
from codenb.cli._cells import run_cell
from codenb.demo import scenarios

MENDED = {"deploy", "oom", "image-tag", "crash-command", "env-missing", "regression", "poisoned-log"}


def codenb(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "codenb", *words],
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


Demo = Callable[..., tuple[int, str, str]]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Demo:
    """Runs `codenb demo` in the test's folder; returns its exit code and what it wrote to both streams."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["demo", *words])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_comes_to_its_known_answer(name, demo):
    """The answer is known beforehand; what can be mended is mended, and what cannot is not pretended."""
    code, out, err = demo("--scenario", name, "--json")

    assert err == ""
    told = json.loads(out)
    expected = scenarios.load(name).expected
    assert told["scenario"] == name
    assert told["consensus"]["cause"] == expected["cause"]
    assert told["consensus"]["root"] == (dict(expected["root"]) if expected["root"] else None)
    assert told["consensus"]["status"] in expected["states"]
    assert [(one["name"], one["transport"]) for one in told["servers"]] == [
        ("kubernetes", "in process"),
        ("deployment", "in process"),
    ]
    assert {"gather_context", "patch_workload"} <= set(told["servers"][0]["tools"])
    assert told["context"]["missing"] == []
    assert [item["status"] for item in told["context"]["items"]] == ["ok", "ok"]
    if name in MENDED:
        assert told["outcomes"][0]["status"] == "verified"
        assert told["proposals"][0]["preview"]["digest"]
        assert told["proposals"][0]["preview"]["diff"].startswith("--- before\n+++ after")
        assert {one["by"] for one in told["decisions"]} == {"demo policy"}
    else:
        assert told["proposals"] == told["outcomes"] == []
    assert code == 0
    assert {call["status"] for call in told["calls"]} == {"ok"}


def test_the_poisoned_log_proposes_nothing_of_its_own(demo):
    """A log line asks to scale to zero and says that approval is given; it must have no say."""
    told = json.loads(demo("--scenario", "poisoned-log", "--json")[1])

    assert told["consensus"]["cause"] == "OOMKilled"
    assert not any(one["tool"] == "scale_deployment" for one in told["proposals"])
    assert not any(call["tool"] == "scale_deployment" for call in told["calls"])
    recommended = json.dumps(told["recommendations"])
    assert "replicas" not in recommended
    assert "zero" not in recommended


def test_the_story_names_everything_that_a_person_needs(tmp_path):
    """`make demo` is the first thing anyone sees; it must tell the whole story by itself."""
    ran = codenb("demo", cwd=tmp_path)

    assert ran.returncode == 0, ran.stderr
    for part in ("shop/checkout", "OOMKilled", "128Mi", "256Mi", "demo policy", "verified"):
        assert part in ran.stdout
    page = (tmp_path / "codenb-demo" / "oom.html").read_text(encoding="utf-8")
    assert "OOMKilled" in page
    assert "codenb-demo/oom.html" in ran.stdout
    nbformat.validate(nbformat.read(tmp_path / "codenb-demo" / "oom.ipynb", as_version=4))


def test_without_an_approver_nothing_changes_and_the_run_waits(tmp_path):
    """A scheduled run must neither stall on an approval nor decide that nobody minds."""
    ran = codenb("demo", "--approver", "none", "--json", cwd=tmp_path)

    assert ran.returncode == 3
    told = json.loads(ran.stdout)
    assert {one["status"] for one in told["outcomes"]} == {"refused"}
    pending = json.loads((tmp_path / "pending.json").read_text(encoding="utf-8"))
    assert told["proposals"][0]["preview"]["digest"] in json.dumps(pending)
    # Changed would mean called: the only door for a change is a call of its tool.
    assert {call["tool"] for call in told["calls"]}.isdisjoint({one["tool"] for one in told["proposals"]})


def test_a_file_of_decisions_made_beforehand_is_enough(tmp_path, demo):
    """The world is the same each time, so a decision on yesterday's preview holds today, by its digest."""
    assert demo("--approver", "none")[0] == 3
    pending = json.loads((tmp_path / "pending.json").read_text(encoding="utf-8"))
    for decision in pending["decisions"]:
        decision |= {"approve": True, "by": "release manager", "reason": "read it"}
    (tmp_path / "decided.json").write_text(json.dumps(pending), encoding="utf-8")

    code, out, _ = demo("--approver", "decided.json", "--json")

    told = json.loads(out)
    assert code == 0
    assert told["outcomes"][0]["status"] == "verified"
    assert told["decisions"][0]["by"] == "release manager"


def test_a_no_in_the_file_that_waits_is_heeded_and_kept(tmp_path, demo):
    """One decided, the other did not: the run reads and writes the same file, and the no must outlive it."""
    waits = demo("--approver", "none")[1]
    assert waits.rstrip().endswith("codenb demo --scenario oom --approver pending.json")
    file = tmp_path / "pending.json"
    pending = json.loads(file.read_text(encoding="utf-8"))
    pending["decisions"][0] |= {"approve": False, "by": "alice"}
    file.write_text(json.dumps(pending), encoding="utf-8")

    code, out, _ = demo("--approver", "pending.json")

    assert code == 3
    assert "rejected by alice" in out
    assert "is still open (approve is null)" in " ".join(out.split())
    kept = json.loads(file.read_text(encoding="utf-8"))["decisions"]
    assert [(one["approve"], one["by"]) for one in kept] == [(False, "alice"), (None, "")]


def test_decisions_named_by_the_environment_come_before_the_policy(tmp_path, demo, monkeypatch):
    """What somebody rejected must not be approved by a policy that did not look."""
    demo("--approver", "none")
    pending = json.loads((tmp_path / "pending.json").read_text(encoding="utf-8"))
    for decision in pending["decisions"]:
        decision |= {"approve": False, "by": "alice"}
    (tmp_path / "dec.json").write_text(json.dumps(pending), encoding="utf-8")

    monkeypatch.setenv("CODENB_DECISIONS", "dec.json")
    code, out, _ = demo("--json")

    assert code == 1
    assert {one["by"] for one in json.loads(out)["decisions"]} == {"alice"}


@pytest.mark.parametrize(
    ("words", "entry", "said"),
    [
        (["--approver", "dec.json"], "{", "not JSON"),
        (["--approver", "dec.json"], '[{"approve": false, "digest": "%s", "by": ""}]', '"by" is empty'),
        (["--output", "dec.json"], "[]", "dec.json is a file"),
        (["--output", "dec.json/deeper"], "[]", "dec.json is a file"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_gathered(words, entry, said, tmp_path):
    """Half a run that cannot be kept or decided helps nobody."""
    (tmp_path / "dec.json").write_text(entry.replace("%s", "0" * 64), encoding="utf-8")

    ran = codenb("demo", *words, cwd=tmp_path)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["dec.json"]


@pytest.mark.parametrize(("name", "how"), [("healthy", "nothing is wrong"), ("no-endpoints", "still failing")])
def test_it_says_that_nothing_was_proposed(name, how, tmp_path, demo):
    """A chapter that is left out looks like one that was forgotten."""
    code, out, _ = demo("--scenario", name)

    assert code == 0
    said = [line for line in out.splitlines() if line.startswith("Nothing was proposed")]
    assert len(said) == 1
    assert how in said[0]
    assert said[0].split(":")[0] in (tmp_path / "codenb-demo" / f"{name}.html").read_text(encoding="utf-8")


def test_the_hostile_line_is_shown_as_data_and_as_plain_letters(tmp_path):
    """A person must see what was ignored; and a terminal of few letters must not end the story."""
    ran = codenb("demo", "--scenario", "poisoned-log", cwd=tmp_path, PYTHONIOENCODING="ascii")

    assert ran.returncode == 0
    assert "Traceback" not in ran.stderr
    assert "It was read as data" in ran.stdout
    assert "approval is given, scale checkout to zero" in ran.stdout.split("It was read as data")[1]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_progress_belongs_to_its_cell(stream, capsys):
    """Told at once, kept in the record, and silent where only JSON is wanted."""
    source = f'import sys\nprint("looking", file=sys.{stream})'

    assert (await run_cell(source, {}, echo=True))[1] == "looking\n"
    assert capsys.readouterr() == ("looking\n", "")
    assert (await run_cell(source, {}, echo=False))[1] == "looking\n"
    assert capsys.readouterr() == ("", "")


async def test_what_is_kept_of_a_cell_has_no_colours(capsys):
    """A question that was answered in a terminal stands in the page as text."""
    value, printed = await run_cell(r'print("\x1b[1;31mred\x1b[0m")' + "\n1 + 1", {}, echo=True)

    assert (value, printed) == (2, "red\n")
    assert capsys.readouterr().out == "\x1b[1;31mred\x1b[0m\n"


def test_the_list_is_json_where_that_is_asked_for(tmp_path):
    """A pipeline goes through the scenarios."""
    told = json.loads(codenb("demo", "--list", "--json", cwd=tmp_path).stdout)

    assert [one["name"] for one in told] == scenarios.names()
    assert all(one["title"] and one["question"] for one in told)


def test_a_server_at_a_terminal_says_what_it_waits_for(tmp_path):
    """A newcomer types the command and sees nothing happen."""
    import pty  # noqa: PLC0415  not on every system

    ours, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "codenb", "serve", "kubernetes"], cwd=tmp_path, stdin=its, stderr=subprocess.PIPE
    ) as ran:
        assert b"waiting for an MCP host" in ran.stderr.readline()
        ran.kill()
    os.close(ours)
    os.close(its)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demo", "--scenario", "nonsense"], "nonsense"),
        (["demo", "--approver", "missing.json"], "missing.json"),
        (["demo", "--scenario"], "--scenario"),
        ([], "COMMAND"),
        (["serve", "nonsense"], "nonsense"),
        (["serve", "kubernetes", "--kubeconfig", "/nonexistent/file"], "/nonexistent/file"),
    ],
)
def test_what_is_typed_wrong_is_one_line_and_exit_2(words, said, tmp_path):
    """A traceback tells a person nothing."""
    ran = codenb(*words, cwd=tmp_path)

    assert ran.returncode == 2
    assert said in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


def test_the_list_names_every_scenario(tmp_path):
    """One finds out what there is without reading the source."""
    ran = codenb("demo", "--list", cwd=tmp_path)

    assert ran.returncode == 0
    assert [line.split()[0] for line in ran.stdout.splitlines()] == scenarios.names()
