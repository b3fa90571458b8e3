"""What a validation says: one report for Terraform, Kubernetes and Docker, whoever checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BeforeValidator

from codenb.errors import BadInput
from codenb.models._base import Answered, Model
from codenb.models.finding import SEVERITY_TONES, Severity, SeverityWord
from codenb.views import Badge, Block, Field, Link, Source, View

if TYPE_CHECKING:
    import pandas as pd

ConfigurationType = Literal["terraform", "kubernetes", "docker"]
ExportFormat = Literal["json", "sarif", "junit", "github", "csv"]

_Ordinal = Annotated[int | None, BeforeValidator(lambda value: None if isinstance(value, int) and value < 1 else value)]


class ValidationFinding(Model):
    """One thing that a checker found in a file.

    Attributes:
        rule: Name of the rule, as its checker writes it: `CKV_K8S_16`, `DL3006`, `kubernetes/schema`.
        checker: Name of the checker that found it, one of the report's.
        severity: How bad.
        message: One sentence.
        file: As it was named by the caller: relative to what was validated, or `<text>` for text without a file.
        line: From 1; None where the whole file is meant. Checkers that say 0 mean that too.
        column: From 1, in characters; None where it is not known.
        end_line: Last line of what is meant; None is `line`.
        object: What it is about, such as `Deployment shop/checkout` or `aws_instance.web`; empty where it is the file.
        remedy: What mends it.
        link: A page that says more.
        source: The line itself, with secrets replaced.
        style: A matter of style: `strict=False` makes it no worse than info.
    """

    rule: str
    checker: str
    severity: SeverityWord
    message: str
    file: str
    line: _Ordinal = None
    column: _Ordinal = None
    end_line: _Ordinal = None
    object: str = ""
    remedy: str = ""
    link: str = ""
    source: str = ""
    style: bool = False

    @property
    def place(self) -> str:
        """`file:line:column`, as far as it is known; editors and terminals follow it."""
        return ":".join([self.file, *(str(part) for part in (self.line, self.column if self.line else None) if part)])

    def view(self) -> View:
        subtitle = " · ".join(filter(None, [self.place, self.object, self.rule]))
        badges = [Badge(str(self.severity), SEVERITY_TONES[self.severity])]
        return View(title=self.message, badges=badges, subtitle=subtitle, blocks=self.details())

    def details(self) -> list[Block]:
        """What stands below the message: the source line, the remedy, the link."""
        blocks: list[Block] = []
        if self.source and self.line:
            blocks.append(Source(self.source, self.line, self.column))
        if self.remedy:
            blocks.append(Field("remedy", self.remedy))
        if self.link:
            blocks.append(Link(self.link))
        return blocks


class CheckerRun(Model):
    """One checker, and how far it came.

    Attributes:
        name: Such as `kubernetes schema`, `terraform validate`, `hadolint`, `checkov`.
        version: Of the program, the schemas or the rules; empty where it could not be told.
        status: `ok` it ran over everything; `failed` it could not, or not over everything; `skipped` there was nothing
            for it to check.
        duration_ms: Wall time, of the run that the answer comes from.
        problem: Why it could not run and what to do, one line.
        cached: Whether the answer was at hand from an earlier run on the same content.
    """

    name: str
    version: str = ""
    status: Literal["ok", "failed", "skipped"] = "ok"
    duration_ms: float = 0
    problem: str = ""
    cached: bool = False

    def view(self) -> View:
        return View(title=f"{self.name} {self.version}".rstrip(), subtitle=self.problem)


class ValidationReport(Answered):
    """All that was found, and by whom.

    Attributes:
        status: `invalid` where something at or above `fail_on` was found; else `incomplete` where a checker could not
            run; else `valid`. Never `valid` when a checker could not run.
        types: What was validated.
        findings: Worst first, then by file and line.
        checkers: All that ran or should have run.
        files: Every file that was looked at, as named by the caller.
        fail_on: Severity from which on a finding makes the configuration invalid.
        strict: Whether matters of style count with their own severity.
        kubernetes_version: Whose schemas were used, such as `1.37`; empty where none were.
        notes: What a reader should know of the run, such as files that were left out.
    """

    status: Literal["valid", "invalid", "incomplete"]
    types: tuple[ConfigurationType, ...]
    findings: tuple[ValidationFinding, ...] = ()
    checkers: tuple[CheckerRun, ...] = ()
    files: tuple[str, ...] = ()
    fail_on: SeverityWord = Severity.HIGH
    strict: bool = True
    kubernetes_version: str = ""
    notes: tuple[str, ...] = ()

    def count(self, severity: Severity) -> int:
        """How many findings have exactly this severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def at_least(self, severity: Severity) -> tuple[ValidationFinding, ...]:
        """The findings of this severity or worse."""
        return tuple(finding for finding in self.findings if finding.severity >= severity)

    def select(
        self, *, at_least: Severity = Severity.INFO, rule: str | None = None, file: str | None = None, text: str = ""
    ) -> tuple[ValidationFinding, ...]:
        """The findings that fit all of what is given.

        Args:
            at_least: This severity or worse.
            rule: Exactly this rule.
            file: Exactly this file.
            text: Words that all occur in the message, the rule, the place, the object, the remedy or the source line,
                whatever their case.
        """
        words = text.casefold().split()
        return tuple(
            one
            for one in self.findings
            if one.severity >= at_least
            and rule in (None, one.rule)
            and file in (None, one.file)
            and (not words or _mentions(one, words))
        )

    @property
    def failed_checkers(self) -> tuple[CheckerRun, ...]:
        """The checkers because of which nothing can be called valid."""
        return tuple(run for run in self.checkers if run.status == "failed")

    def cut(self, limit: int) -> ValidationReport:
        """The report with the worst findings only, and a note that says how many were left out; its status stays.

        Args:
            limit: Most findings, and most names of files.
        """
        notes = list(self.notes)
        for what, many in (("findings, the least bad ones,", self.findings), ("names of files", self.files)):
            if left := len(many[limit:]):
                notes.append(f"{left:,} further {what} are left out: validate fewer files at once")
        cut = {"findings": self.findings[:limit], "files": self.files[:limit], "notes": tuple(notes)}
        return self.model_copy(update=cut)

    def rows(self) -> list[dict[str, Any]]:
        """One dict a finding, severities as words."""
        return [finding.to_dict() for finding in self.findings]

    def frame(self) -> pd.DataFrame:
        """`rows()` as a pandas frame; severities are ordered, so `frame[frame.severity >= "high"]` selects."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        frame = pd.DataFrame(self.rows(), columns=list(ValidationFinding.model_fields))
        frame["severity"] = pd.Categorical(frame["severity"], [str(one) for one in Severity], ordered=True)
        for name in ("line", "column", "end_line"):
            frame[name] = frame[name].astype("Int64")  # unknown is unknown, and 12 is not 12.0
        return frame

    def to_sarif(self) -> dict[str, Any]:
        """As a SARIF 2.1.0 log, one run a checker: what GitHub code scanning and editors read."""
        from codenb.models import _sarif  # noqa: PLC0415  each format loads where it is asked for

        return _sarif.log(self)

    def to_junit(self) -> str:
        """As JUnit XML, one suite a checker: what CI systems list beside test results."""
        from codenb.models import _junit  # noqa: PLC0415

        return _junit.document(self)

    def to_github(self) -> str:
        """As workflow commands of GitHub Actions, one line a finding: annotations in a pull request."""
        from codenb.models import _github  # noqa: PLC0415

        return _github.commands(self)

    def to_text(self, *, color: bool = False) -> str:
        """Every finding as a compiler would print it, `file:line:column: severity: message [rule]`.

        Args:
            color: Whether to use ANSI colours; the caller knows its terminal.
        """
        from codenb.models import _terminal  # noqa: PLC0415

        return _terminal.text(self, color=color)

    def export(self, format: ExportFormat) -> str:  # noqa: A002  the word of the command line
        """The whole report as text in one of the formats.

        Raises:
            BadInput: There is no such format.
        """
        match format:
            case "json":
                return json.dumps(self.to_dict(), indent=2) + "\n"
            case "sarif":
                return json.dumps(self.to_sarif(), indent=2) + "\n"
            case "junit":
                return self.to_junit()
            case "github":
                return self.to_github()
            case "csv":
                from codenb.models import _csv  # noqa: PLC0415

                return _csv.table(self.rows(), list(ValidationFinding.model_fields))
        raise BadInput(f"there is no format {format!r}: use {', '.join(get_args(ExportFormat))}")

    def summary(self) -> View:
        """The counts, the verdict, what could not run and the notes: the view without its findings."""
        from codenb.models import _validated  # noqa: PLC0415

        return _validated.summary(self)

    def view(self) -> View:
        from codenb.models import _validated  # noqa: PLC0415

        return _validated.view(self)


def _mentions(finding: ValidationFinding, words: list[str]) -> bool:
    parts = (finding.message, finding.rule, finding.place, finding.object, finding.remedy, finding.source)
    text = "\n".join(parts).casefold()
    return all(word in text for word in words)
