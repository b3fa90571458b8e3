"""What a validation says: one report for Terraform, Kubernetes and Docker, whoever checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from codenb.models._base import Answered, Model
from codenb.models.finding import SEVERITY_TONES, Severity
from codenb.views import Badge, Block, Code, Field, Fold, Link, Table, Tone, View

if TYPE_CHECKING:
    import pandas as pd

ConfigurationType = Literal["terraform", "kubernetes", "docker"]

_STATUS_TONES = {"valid": Tone.GOOD, "invalid": Tone.BAD, "incomplete": Tone.WARN}


class ValidationFinding(Model):
    """One thing that a checker found in a file.

    Attributes:
        rule: Name of the rule, as its checker writes it: `CKV_K8S_16`, `DL3006`, `kubernetes/schema`.
        checker: Name of the checker that found it, one of the report's.
        severity: How bad.
        message: One sentence.
        file: As it was named by the caller: relative to what was validated, or `<text>` for text without a file.
        line: From 1; None where the whole file is meant.
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
    severity: Severity
    message: str
    file: str
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    object: str = ""
    remedy: str = ""
    link: str = ""
    source: str = ""
    style: bool = False

    @property
    def place(self) -> str:
        """`file:line:column`, as far as it is known; editors and terminals follow it."""
        return ":".join([self.file, *(str(part) for part in (self.line, self.column) if part is not None)])

    def view(self) -> View:
        blocks: list[Block] = [Field("at", self.place)]
        if self.object:
            blocks.append(Field("object", self.object))
        if self.source:
            blocks.append(Code(self.source, caption=self.place))
        if self.remedy:
            blocks.append(Field("remedy", self.remedy))
        if self.link:
            blocks.append(Link(self.link))
        badges = [Badge(str(self.severity), SEVERITY_TONES[self.severity])]
        return View(title=self.message, badges=badges, subtitle=self.rule, blocks=blocks)


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
    fail_on: Severity = Severity.HIGH
    strict: bool = True
    kubernetes_version: str = ""
    notes: tuple[str, ...] = ()

    def count(self, severity: Severity) -> int:
        """How many findings have exactly this severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def at_least(self, severity: Severity) -> tuple[ValidationFinding, ...]:
        """The findings of this severity or worse."""
        return tuple(finding for finding in self.findings if finding.severity >= severity)

    def rows(self) -> list[dict[str, Any]]:
        """One dict a finding, severities as words."""
        return [finding.to_dict() | {"severity": str(finding.severity)} for finding in self.findings]

    def frame(self) -> pd.DataFrame:
        """`rows()` as a pandas frame."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        return pd.DataFrame(self.rows(), columns=list(ValidationFinding.model_fields))

    def view(self) -> View:
        worst = [severity for severity in reversed(Severity) if self.count(severity)]
        badges = [Badge(self.status, _STATUS_TONES[self.status])]
        badges += [Badge(f"{self.count(severity)} {severity}", SEVERITY_TONES[severity]) for severity in worst]
        blocks: list[Block] = [Fold(finding.message, finding.view()) for finding in self.findings]
        rows = [[run.name, run.version, run.status, f"{run.duration_ms:.0f} ms", run.problem] for run in self.checkers]
        blocks.append(Table(["checker", "version", "status", "took", "problem"], rows, caption="who checked"))
        return View(title=f"Validation of {len(self.files)} files", badges=badges, blocks=blocks)
