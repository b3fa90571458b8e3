"""Terraform: format, validity, policies and secrets, on a copy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from codenb.config import Settings
from codenb.models import CheckerRun, Severity, ValidationReport
from codenb.servers._base._paths import Roots
from codenb.servers.deployment.validation import validate

CAREFUL = """\
variable "release" {
  type        = string
  description = "What is deployed."
}

resource "terraform_data" "release" {
  input = { release = var.release, notes = file("${path.module}/notes.txt") }
}

module "part" {
  source  = "../part"
  release = terraform_data.release.output.release
}
"""
PART = """\
variable "release" {
  type = string
}

output "release" {
  value = var.release
}
"""


@pytest.fixture
def _on_path(terraform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(terraform).parent), prepend=":")


@pytest.fixture
def folder(tmp_path: Path, _on_path: None) -> Path:
    for name, text in {"app/main.tf": CAREFUL, "app/notes.txt": "x", "part/main.tf": PART}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


async def _report(folder: Path, item: str = "app") -> ValidationReport:
    return await validate([item], Roots((folder,)))


def _run(report: ValidationReport, name: str) -> CheckerRun:
    return next(run for run in report.checkers if run.name == name)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_careful_module_is_valid_and_left_as_it_was(folder):
    """A module beside it and a file that it reads are found; nothing is written where they lie."""
    before = _files(folder)

    report = await _report(folder)

    assert report.status == "valid", [run.problem for run in report.checkers] + [one.message for one in report.findings]
    assert [run.name for run in report.checkers] == ["terraform fmt", "terraform validate", "checkov", "secrets"]
    assert _run(report, "terraform validate").version
    assert _files(folder) == before


async def test_errors_are_at_their_file_line_and_column(folder):
    """An unknown name in one file, and a module's in its own."""
    (folder / "app" / "main.tf").write_text(CAREFUL.replace("= var.release,", "= var.relaese,"))
    (folder / "app" / "more.tf").write_text('resource "terraform_data" "x" {\n  inptu = 1\n}\n')

    report = await _report(folder)

    found = {
        (one.file.rpartition("/")[2], one.line, one.column)
        for one in report.findings
        if one.rule == "terraform/validate"
    }
    assert found == {("main.tf", 7, 23), ("more.tf", 2, 3)}
    assert report.status == "invalid"


async def test_a_syntax_error_is_high_where_it_stands(folder):
    """The program stops there; the policies of the file are not checked, and the report says so."""
    (folder / "app" / "main.tf").write_text('resource "terraform_data" "x" {\n  input =\n}\n')

    report = await _report(folder)

    found = next(one for one in report.findings if one.rule == "terraform/syntax")
    assert (found.line, found.severity) == (2, Severity.HIGH)
    assert _run(report, "checkov").status == "failed"


async def test_what_fmt_would_change_is_style_at_its_line(folder):
    """Where the spaces stand stops no deployment."""
    (folder / "part" / "main.tf").write_text(PART.replace("  type = string", "  type      = string"))

    report = await _report(folder, "part")

    found = next(one for one in report.findings if one.rule == "terraform/fmt")
    assert (found.line, found.style, found.severity) == (2, True, Severity.LOW)
    assert report.status == "valid"


async def test_a_file_that_does_not_parse_keeps_fmt_from_no_other(folder):
    """Of several files fmt says nothing where one has a syntax error, and the report said that fmt had run."""
    (folder / "app" / "main.tf").write_text('resource "terraform_data" "x" {\n  input =\n}\n')
    (folder / "part" / "main.tf").write_text(PART.replace("  type = string", "  type      = string"))

    report = await _report(folder, ".")

    assert [(one.file, one.line) for one in report.findings if one.rule == "terraform/fmt"] == [("part/main.tf", 2)]
    assert _run(report, "terraform fmt").status == "ok"


async def test_links_in_a_circle_beside_a_module_keep_nothing_from_being_checked(folder):
    """The copy resolves every link beside the files; a circle ended the checker with a fault of its own."""
    (folder / "app" / "circle").symlink_to("circle")

    report = await _report(folder)

    assert report.status == "valid", [run.problem for run in report.checkers]
    assert not report.notes


async def test_a_missing_provider_makes_the_report_incomplete_and_says_what_to_do(folder):
    """A provider is a program that the scanned files name: it is not installed by looking at them."""
    (folder / "part" / "main.tf").write_text(
        PART + '\nresource "aws_sqs_queue" "jobs" {\n  sqs_managed_sse_enabled = true\n}\n'
    )

    report = await _report(folder, "part")

    run = _run(report, "terraform validate")
    assert (report.status, run.status) == ("incomplete", "failed")
    assert "hashicorp/aws is not installed" in run.problem
    assert "terraform init" in run.problem
    assert not (folder / "part" / ".terraform").exists()


async def test_a_module_from_elsewhere_is_not_fetched(folder):
    """`git::` in a scanned file would start git against an address of its author's choosing."""
    (folder / "part" / "main.tf").write_text(
        'module "x" {\n  source = "git::https://localhost:9/x.git?ref=v1.0.0"\n}\n'
    )

    report = await _report(folder, "part")

    run = _run(report, "terraform validate")
    assert (run.status, "fetches nothing" in run.problem) == ("failed", True)


async def test_a_module_outside_of_the_roots_is_not_there(folder, tmp_path_factory):
    """A path that leads out of the declared folders leads nowhere in the copy."""
    report = await validate(["."], Roots((folder / "app",)))

    assert report.status != "valid"
    assert all("part/main.tf" not in name for name in report.files)


async def test_a_secret_default_appears_in_no_part_of_the_report(folder):
    """fmt, validate and policies each show the line that it stands on."""
    (folder / "app" / "secret.tf").write_text(
        'variable "db_password" {\n  type =   number\n  default = "hunter22x"\n}\n'
    )
    (folder / "app" / "terraform.tfvars").write_text('db_password =  "swordfish77"\nrelease = "1"\n')

    report = await _report(folder)

    found = {(one.file.rpartition("/")[2], one.line) for one in report.findings if one.rule == "secrets/named"}
    assert found == {("secret.tf", 3), ("terraform.tfvars", 1)}
    assert {"terraform/fmt", "terraform/validate"} <= {one.rule for one in report.findings}
    said = str(report.to_dict())
    assert "hunter22x" not in said
    assert "swordfish77" not in said


async def test_without_the_program_the_report_is_incomplete(folder, monkeypatch):
    """Policies and secrets are still looked for."""
    monkeypatch.setenv("PATH", "/nonexistent")

    report = await validate(["app"], Roots((folder,)), settings=replace(Settings(home=folder)))

    assert report.status == "incomplete"
    assert {run.name: run.status for run in report.checkers} == {
        "terraform fmt": "failed", "terraform validate": "failed", "checkov": "ok", "secrets": "ok",
    }  # fmt: skip
