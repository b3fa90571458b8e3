"""`codenb demo`, as a person or a pipeline starts it: as a program, headless."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from codenb.demo import scenarios

MENDED = {"oom", "image-tag", "crash-command", "env-missing", "regression", "poisoned-log"}


def codenb(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "codenb", *words],
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_comes_to_its_known_answer(name, tmp_path):
    """The answer is known beforehand; what can be mended is mended, and what cannot is not pretended."""
    ran = codenb("demo", "--scenario", name, "--json", cwd=tmp_path)

    assert ran.stderr == ""
    told = json.loads(ran.stdout)
    expected = scenarios.load(name).expected
    assert told["scenario"] == name
    assert told["consensus"]["cause"] == expected["cause"]
    assert told["consensus"]["root"] == dict(expected["root"])
    assert told["consensus"]["status"] in expected["states"]
    assert [(one["name"], one["transport"]) for one in told["servers"]] == [("kubernetes", "in process")]
    assert {"gather_context", "patch_workload"} <= set(told["servers"][0]["tools"])
    assert told["context"]["missing"] == []
    assert [item["status"] for item in told["context"]["items"]] == ["ok"]
    if name in MENDED:
        assert told["outcomes"][0]["status"] == "verified"
        assert told["proposals"][0]["preview"]["digest"]
        assert told["proposals"][0]["preview"]["diff"].startswith("--- before\n+++ after")
        assert {one["by"] for one in told["decisions"]} == {"demo policy"}
    else:
        assert told["proposals"] == told["outcomes"] == []
    assert ran.returncode == 0
    assert {call["status"] for call in told["calls"]} == {"ok"}


def test_the_poisoned_log_proposes_nothing_of_its_own(tmp_path):
    """A log line asks to scale to zero and says that approval is given; it must have no say."""
    told = json.loads(codenb("demo", "--scenario", "poisoned-log", "--json", cwd=tmp_path).stdout)

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


def test_a_file_of_decisions_made_beforehand_is_enough(tmp_path):
    """The world is the same each time, so a decision on yesterday's preview holds today, by its digest."""
    assert codenb("demo", "--approver", "none", cwd=tmp_path).returncode == 3
    pending = json.loads((tmp_path / "pending.json").read_text(encoding="utf-8"))
    for decision in pending["decisions"]:
        decision |= {"approve": True, "by": "release manager", "reason": "read it"}
    (tmp_path / "decided.json").write_text(json.dumps(pending), encoding="utf-8")

    ran = codenb("demo", "--approver", "decided.json", "--json", cwd=tmp_path)

    told = json.loads(ran.stdout)
    assert ran.returncode == 0
    assert told["outcomes"][0]["status"] == "verified"
    assert told["decisions"][0]["by"] == "release manager"


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
