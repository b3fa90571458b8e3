"""`codenb validate`, as a person before a commit and a pipeline on each one start it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from codenb.cli import main

GOOD = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: shop
data:
  COLOUR: green
"""
BAD = """\
apiVersion: v1
kind: Service
metadata:
  name: checkout
  namespace: shop
spec:
  selector:
    app: checkout
  ports:
    - name: http
      port: "80"
"""


TERRAFORM = """\
variable "db_password" {
  default = "correct-horse-battery"
}
resource "terraform_data" "web" {
    input = var.db_password
}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that is no project of codenb's: no settings, no repository."""
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "settings.yaml").write_text(GOOD)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "service.yaml").write_text(BAD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_good_folder_passes(project, capsys):
    """Nothing at or above the threshold is exit code 0, and the last line says so."""
    assert main(["validate", "good"]) == 0

    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.rstrip().split("\n")[-1].startswith("✓ Valid: nothing at or above high")
    assert list(project.rglob(".mcp")) == []


def test_a_fault_is_named_at_its_place(project, capsys):
    """Editors and CI logs follow `file:line:column:`, and the caret stands below the value that is wrong."""
    assert main(["validate", "bad"]) == 1

    lines = capsys.readouterr().out.split("\n")
    at = next(number for number, line in enumerate(lines) if line.startswith("bad/service.yaml:11:13: high: "))
    assert lines[at + 1 : at + 3] == ['  11 │       port: "80"', "     │             ^~~~"]


@pytest.mark.parts
def test_files_of_every_type_are_checked_together(project, capsys, monkeypatch, terraform):
    """A repository holds all three; each fault is named at its own file and line, and a secret is not repeated."""
    monkeypatch.setenv("PATH", f"{Path(terraform).parent}{os.pathsep}{os.environ['PATH']}")
    (project / "main.tf").write_text(TERRAFORM)
    (project / "Dockerfile").write_text("FROM python:latest\n")

    assert main(["validate", "."]) == 1

    told = capsys.readouterr().out
    for place, rule in [
        ("main.tf:2:14: high: ", "[secrets/named]"),
        ("bad/service.yaml:11:13: high: ", "[kubernetes/wrong-type]"),
        ("Dockerfile:1:1: medium: ", "[DL3007]"),
        ("main.tf:5:1: low: ", "[terraform/fmt]"),
    ]:
        assert any(line.startswith(place) and line.endswith(rule) for line in told.split("\n")), place
    assert "correct-horse-battery" not in told
    assert "could not run" not in told


def test_the_same_files_give_the_same_words(project, capsys):
    """Output is compared between two runs of a pipeline: its order may not depend on which checker was quickest."""
    texts = []
    for _ in range(2):
        main(["validate", "bad", "good"])
        texts.append(capsys.readouterr().out)

    assert texts[0] == texts[1]


def test_the_threshold_is_ones_own(project, capsys):
    """A team that fixes the worst first must be able to let the rest pass, and see it all the same."""
    assert main(["validate", "bad", "--fail-on", "critical"]) == 0

    told = capsys.readouterr().out
    assert "bad/service.yaml:11:13: high: " in told
    assert "✓ Valid: nothing at or above critical" in told


def test_every_format_is_the_whole_output(project, capsys):
    """A pipeline hands standard output to another program: one stray line and it cannot be read."""

    def told(form: str) -> str:
        assert main(["validate", "bad", "--format", form]) == 1
        out, err = capsys.readouterr()
        assert err == ""
        return out

    assert json.loads(told("json"))["status"] == "invalid"
    results = [one for run in json.loads(told("sarif"))["runs"] for one in run["results"]]
    assert {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in results} == {
        "bad/service.yaml"
    }
    assert int(ET.fromstring(told("junit").encode()).get("failures", "0")) >= 1
    assert "::error file=bad/service.yaml,line=11,col=13," in told("github")


def test_what_could_not_be_checked_is_not_passed(project, capsys):
    """A file that nobody could read is no valid file; who accepts that says so."""
    (project / "Dockerfile").write_bytes(b"FROM \xff\xfe")

    assert main(["validate", "good", "Dockerfile"]) == 2
    assert "Dockerfile: it is no UTF-8 text" in capsys.readouterr().out
    assert main(["validate", "good", "Dockerfile", "--allow-incomplete"]) == 0
    assert main(["validate", "bad", "Dockerfile", "--allow-incomplete"]) == 1


def test_manifests_are_read_from_standard_input(project, capsys, monkeypatch):
    """`helm template . | codenb validate -` is how charts are checked."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))

    assert main(["validate", "-"]) == 1
    assert "<text>:11:13: high: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "is empty"), (b" \n", "is empty"), (b"a: \xff\n", "is not UTF-8 (byte 3)")]
)
def test_nothing_on_standard_input_is_said(project, capsys, monkeypatch, data, words):
    """A pipe whose first program failed brings nothing: that is no valid configuration."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    assert main(["validate", "-"]) == 2
    assert capsys.readouterr().err.startswith(f"codenb: standard input {words}")


def test_a_path_that_was_typed_may_be_anywhere(project, capsys, monkeypatch):
    """Whoever types a path may read it; no setting has to declare it first."""
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert main(["validate", str(project / "good"), "../bad/service.yaml"]) == 1
    assert "../bad/service.yaml:11:13: high: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing"], "missing: there is no such file or folder"),
        (["empty"], "empty holds nothing to validate"),
        (["good", "--kubernetes-version", "0.9"], "0.9"),
        (["good", "--type", "helm"], "invalid choice: 'helm'"),
        (["good", "--fail-on", "bad"], "invalid choice: 'bad'"),
        ([], "the following arguments are required: PATH"),
    ],
)
def test_what_is_typed_wrong_is_one_line(project, words, said):
    """A typo in a pipeline is found by its one line, not under a traceback; standard output stays empty."""
    (project / "empty").mkdir()
    ran = subprocess.run(
        [sys.executable, "-m", "codenb", "validate", *words],
        cwd=project,
        env=os.environ | {"CODENB_HOME": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("codenb: ")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1
