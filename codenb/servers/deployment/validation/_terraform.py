"""The checkers of Terraform modules: format, validity, policies, and secrets in variables.

Nothing is written into anybody's folder, and nothing is fetched: `fmt` and `validate` run on a copy, with the
providers and remote modules that an earlier `init` left in the module's `.terraform`. A provider is a program that the
files name; one that nobody has installed for them yet is not installed, and so not run, by a look at them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from codenb.config import Settings
from codenb.models import CheckerRun, Severity, ValidationFinding
from codenb.servers.deployment.terraform._program import Program
from codenb.servers.deployment.validation._job import Checker, Job
from codenb.servers.deployment.validation._terraform_copy import Module, modules_of
from codenb.servers.security.secrets import find_terraform_secrets, masked, sensitive_variables, terraform_secrets_in

_TIMEOUT_S = 600.0
_LANGUAGE = "https://developer.hashicorp.com/terraform/language"
_STYLE = f"{_LANGUAGE}/style"
_SYNTAX = f"{_LANGUAGE}/syntax/configuration"
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_UNPARSED = re.compile(r"(?m)^\W*on (\d+\.tf(?:vars)?) line \d")
_FORMATTED = (".tf", ".tfvars", ".tofu")

# Said of what is missing around the files, not of what is in them.
_NOT_INSTALLED = (
    "Missing required provider",
    "Module not installed",
    "Module source has changed",
    "Module version requirements have changed",
    "Could not load plugin",
    "Failed to load plugin schemas",
    "Failed to obtain provider schema",
    "Inconsistent dependency lock file",
    "Required plugins are not installed",
)
_PROVIDER = re.compile(r"provider (?:registry\.[a-z.]+/)?([\w.-]+/[\w.-]+)")


class Format:
    """`fmt`: whether the files are written as everybody's are."""

    name = "terraform fmt"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Compare every file with what `fmt` would make of it.

        Raises:
            PartMissing: Neither OpenTofu nor Terraform is installed.
        """
        program = await _found(job)
        findings: list[ValidationFinding] = []
        with tempfile.TemporaryDirectory(prefix="codenb-") as folder:
            names = await asyncio.to_thread(_copies, Path(folder), job)
            diff = await _formatted(program, names, Path(folder))
        for copy, first, last in _changed(diff):
            findings.append(_unformatted(first, last, names[copy], job))
        return CheckerRun(name=self.name, version=program.version), findings


class Validate:
    """`validate`: syntax, references, types, and what each provider asks for."""

    name = "terraform validate"
    keeps = False  # what is installed beside the files is part of the answer

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Validate every module that no other one calls, and with it those that it calls.

        Raises:
            PartMissing: Neither OpenTofu nor Terraform is installed.
        """
        program = await _found(job)
        findings: list[ValidationFinding] = []
        problems: list[str] = []
        with tempfile.TemporaryDirectory(prefix="codenb-") as folder:
            modules = await asyncio.to_thread(modules_of, job, Path(folder))
            for module in modules:
                found, problem = await _validated(program, module, job)
                findings += found
                problems += [problem] if problem else []
        run = CheckerRun(
            name=self.name,
            version=program.version,
            status="failed" if problems else "ok" if modules else "skipped",
            problem=problems[0] + (f" (and {len(problems) - 1} more modules)" if len(problems) > 1 else "")
            if problems
            else "",
        )
        return run, list(dict.fromkeys(findings))


class Policies:
    """What must not be deployed."""

    name = "checkov"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Check every file.

        Raises:
            PartMissing: checkov is not installed.
        """
        return await asyncio.to_thread(self._look, job)

    def _look(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        from codenb.servers.security import policies  # noqa: PLC0415  loads the engine

        scan = policies.scan_terraform(
            {name if name.endswith(_ALL) else f"{name}.tf": job.files[name] for name in job.files}
        )
        findings = [_renamed(finding, job) for finding in scan.findings]
        more = f" (and {len(scan.problems) - 1} more)" if len(scan.problems) > 1 else ""
        run = CheckerRun(
            name=self.name,
            version=policies.version(),
            status="failed" if scan.problems else "ok",
            problem=scan.problems[0] + more if scan.problems else "",
        )
        return run, findings


class Secrets:
    """What is written down in variables and arguments is in the repository for good."""

    name = "secrets"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Look through every file."""
        return CheckerRun(name=self.name), await asyncio.to_thread(self._look, job)

    def _look(self, job: Job) -> list[ValidationFinding]:
        sensitive = _sensitive(job)
        return [
            finding for name, text in job.files.items() for finding in find_terraform_secrets(text, name, sensitive)
        ]


CHECKERS: tuple[Checker, ...] = (Format(), Validate(), Policies(), Secrets())

_ALL = (".tf", ".tofu", ".tf.json", ".tfvars", ".tfvars.json", ".hcl")


def _renamed(finding: ValidationFinding, job: Job) -> ValidationFinding:
    """A finding in text that came without a file name."""
    name = finding.file.removesuffix(".tf")
    return finding if finding.file in job.files else finding.model_copy(update={"file": name})


async def _found(job: Job) -> Program:
    settings = job.settings or Settings(home=job.roots.folders[0])
    return await Program.find(settings)


def _copies(folder: Path, job: Job) -> dict[str, str]:
    names: dict[str, str] = {}
    for number, (name, text) in enumerate(job.files.items()):
        suffix = ".tfvars" if name.endswith(".tfvars") else ".tf"
        if name.endswith(_FORMATTED) or name not in job.paths:
            copy = folder / f"{number}{suffix}"
            copy.write_text(text, encoding="utf-8", newline="")
            names[copy.name] = name
    return names


async def _formatted(program: Program, names: Mapping[str, str], folder: Path) -> str:
    """What `fmt` would change, as a diff.

    It says nothing of any file where one does not parse: that one is left out, since `validate` names it.
    """
    words = ["fmt", "-check", "-diff", "-no-color"]
    ran = await program.run([*words, *names], folder, timeout_s=_TIMEOUT_S)
    unparsed = set(_UNPARSED.findall(ran.stderr))
    if rest := [name for name in names if name not in unparsed] if unparsed else []:
        ran = await program.run([*words, *rest], folder, timeout_s=_TIMEOUT_S)
    return ran.stdout


def _changed(diff: str) -> Iterator[tuple[str, int, int]]:
    """What a unified diff changes: the file, and the first and last line of it in each hunk."""
    copy, number, changed = "", 0, list[int]()
    for line in [*diff.splitlines(), "@@ -0 +0 @@"]:
        if line.startswith(("@@ ", "--- old/")) and changed:
            yield copy, min(changed), max(changed)
            changed = []
        if line.startswith("--- old/"):
            copy = line.removeprefix("--- old/")
        elif hunk := _HUNK.match(line):
            number = int(hunk[1])
        elif line.startswith("-"):
            changed.append(number)
            number += 1
        elif line.startswith("+") and not line.startswith("+++ ") and not changed:
            changed.append(max(1, number))  # lines that are only added
        elif line.startswith(" "):
            number += 1


def _unformatted(start: int, end: int, name: str, job: Job) -> ValidationFinding:
    lines = masked(job.files[name], terraform=True, sensitive=_sensitive(job)).split("\n")
    return ValidationFinding(
        rule="terraform/fmt",
        checker=Format.name,
        severity=Severity.LOW,
        message="This is not formatted as fmt would.",
        file=name,
        line=start,
        column=1,
        end_line=end if end != start else None,
        remedy="Run `terraform fmt`, or `tofu fmt`.",
        link=_STYLE,
        source=lines[start - 1].rstrip("\r") if 0 < start <= len(lines) else "",
        style=True,
    )


async def _validated(program: Program, module: Module, job: Job) -> tuple[list[ValidationFinding], str]:
    """What is wrong with a module, and what kept it from being looked at whole."""
    environment = {"TF_DATA_DIR": str(module.data), "TF_CLI_CONFIG_FILE": os.devnull}
    diagnostics = await _diagnostics(program, module, environment)
    if any(_about_surroundings(one) for one in diagnostics):
        args = ["init", "-backend=false", "-input=false", "-no-color", f"-plugin-dir={module.providers}"]
        args += ["-get=false"] if module.has_remote else []
        await program.run(args, module.folder, env=environment, timeout_s=_TIMEOUT_S)
        diagnostics = await _diagnostics(program, module, environment)
    missing = [one for one in diagnostics if _about_surroundings(one)]
    findings = [_finding(one, module, job) for one in diagnostics if not _about_surroundings(one)]
    return findings, _problem(missing[0], module) if missing else ""


async def _diagnostics(program: Program, module: Module, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    ran = await program.run(
        ["validate", "-json", "-no-color"], module.folder, env=dict(environment), timeout_s=_TIMEOUT_S
    )
    try:
        answer = json.loads(ran.stdout)
    except ValueError:
        first = " ".join(ran.stderr.split())[:300] or f"exit code {ran.code}"
        return [{"severity": "error", "summary": "Could not load plugin", "detail": first}]
    diagnostics: list[dict[str, Any]] = answer.get("diagnostics", [])
    return diagnostics


def _about_surroundings(diagnostic: Mapping[str, Any]) -> bool:
    return str(diagnostic.get("summary", "")).startswith(_NOT_INSTALLED)


def _problem(diagnostic: Mapping[str, Any], module: Module) -> str:
    detail = " ".join(str(diagnostic.get("detail", "")).split())
    if provider := _PROVIDER.search(detail):
        return (
            f"{module.shown}: the provider {provider[1]} is not installed here, and looking at files installs nothing: "
            f"run `terraform init -backend=false` there first"
        )
    if module.has_remote:
        return (
            f"{module.shown}: it uses modules from elsewhere that are not installed here, and looking at files fetches "
            f"nothing: run `terraform init -backend=false` there first"
        )
    return f"{module.shown}: {diagnostic.get('summary')}: {detail}"[:400]


def _finding(diagnostic: Mapping[str, Any], module: Module, job: Job) -> ValidationFinding:
    span = diagnostic.get("range") or {}
    start, end = span.get("start") or {}, span.get("end") or {}
    name = module.named(str(span.get("filename", "")))
    line = start.get("line")
    text = job.files.get(name, "")
    lines = masked(text, terraform=True, sensitive=_sensitive(job)).split("\n")
    said = f"{diagnostic.get('summary')}: {' '.join(str(diagnostic.get('detail', '')).split())}"
    return ValidationFinding(
        rule="terraform/syntax" if _is_syntax(diagnostic) else "terraform/validate",
        checker=Validate.name,
        severity=Severity.HIGH if diagnostic.get("severity") == "error" else Severity.LOW,
        message=_without_secrets(said, text, _sensitive(job)),
        file=name,
        line=line,
        column=start.get("column"),
        end_line=end.get("line") if end.get("line") != line else None,
        object=_object(diagnostic),
        link=_SYNTAX if _is_syntax(diagnostic) else _LANGUAGE,
        source=lines[line - 1].rstrip("\r") if line and 0 < line <= len(lines) else "",
    )


def _is_syntax(diagnostic: Mapping[str, Any]) -> bool:
    summary = str(diagnostic.get("summary", ""))
    return summary.startswith(
        ("Invalid expression", "Argument or block", "Unclosed", "Missing newline", "Invalid character",
         "Unterminated", "Invalid multi-line", "Invalid block definition", "Missing key/value", "Missing item",
         "Missing attribute", "Extra characters", "Invalid argument name", "Unbalanced", "Missing close")
    )  # fmt: skip


def _sensitive(job: Job) -> frozenset[str]:
    """Variables that a file of the job declares sensitive, whose values may stand in any other."""
    return _declared(tuple(job.files.values()))


@lru_cache(maxsize=4)
def _declared(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset[str]().union(*map(sensitive_variables, texts))


def _without_secrets(message: str, text: str, sensitive: frozenset[str]) -> str:
    for secret in terraform_secrets_in(text, sensitive):
        message = message.replace(text[secret.start : secret.end], "<redacted>")
    return message


def _object(diagnostic: Mapping[str, Any]) -> str:
    context = str((diagnostic.get("snippet") or {}).get("context") or "")
    kind, *labels = re.findall(r'[\w-]+|"[^"]*"', context) or [""]
    address = ".".join(label.strip('"') for label in labels)
    return address if kind == "resource" else f"{kind}.{address}" if address else kind
