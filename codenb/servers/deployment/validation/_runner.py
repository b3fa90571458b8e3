"""Runs every checker that fits over what is to be validated, at the same time, and makes one report of it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

from codenb.errors import CodenbError
from codenb.models import CheckerRun, ConfigurationType, Severity, ValidationFinding, ValidationReport
from codenb.redaction import redactor
from codenb.servers._base._paths import Roots
from codenb.servers.deployment.validation import _sources
from codenb.servers.deployment.validation._job import Checker, Job
from codenb.servers.deployment.validation._versions import chosen

if TYPE_CHECKING:
    from codenb.config import Settings
    from codenb.servers._clients.cluster import Cluster

_MODULES: dict[ConfigurationType, str] = {"kubernetes": "_kubernetes", "terraform": "_terraform", "docker": "_docker"}
_MOST_KEPT = 256
_SMALL = 16 * 1024  # characters that are parsed in a millisecond or two
_MANY = 200  # findings that take some milliseconds to redact
_MOST_FINDINGS_KEPT = 50_000
_ORDER = {"terraform": 0, "kubernetes": 1, "docker": 2}

_Answer = tuple[CheckerRun, list[ValidationFinding]]


class _Kept:
    """Answers of checkers by what they looked at; bounded, the least used go first."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, ...], _Answer] = OrderedDict()
        self._findings = 0

    def get(self, key: tuple[str, ...]) -> _Answer | None:
        if (answer := self._answers.get(key)) is not None:
            self._answers.move_to_end(key)
        return answer

    def put(self, key: tuple[str, ...], answer: _Answer) -> None:
        if key in self._answers or len(answer[1]) > _MOST_FINDINGS_KEPT:
            return
        self._answers[key] = answer
        self._findings += len(answer[1])
        while len(self._answers) > _MOST_KEPT or self._findings > _MOST_FINDINGS_KEPT:
            _, (_, gone) = self._answers.popitem(last=False)
            self._findings -= len(gone)


_KEPT = _Kept()


async def validate(
    items: Sequence[str],
    roots: Roots,
    *,
    type: ConfigurationType | None = None,  # noqa: A002  the name that its callers know
    strict: bool = True,
    fail_on: Severity = Severity.HIGH,
    kubernetes_version: str | None = None,
    cluster: Cluster | None = None,
    settings: Settings | None = None,
) -> ValidationReport:
    """Check configuration with every checker that fits.

    Args:
        items: Each with a newline in it is text; any other is the path of a file or folder.
        roots: Where paths must lie.
        type: What it is; None tells by names and contents, and takes all of them.
        strict: Whether matters of style count with their own severity; otherwise they are info.
        fail_on: Severity from which on a finding makes the configuration invalid.
        kubernetes_version: Whose schemas, such as `1.37`; None is the cluster's, else the newest known.
        cluster: Its kinds, custom ones included, and its objects are taken into account.
        settings: What is configured, such as the `program` of Terraform.

    Returns:
        All findings, worst first. `valid` only where every checker ran over everything.

    Raises:
        BadInput: A path cannot be used, nothing is there to validate, or the version is not known.
    """
    small = all("\n" in item for item in items) and sum(map(len, items)) <= _SMALL
    find = partial(_sources.find, items, roots, type)
    found = find() if small else await asyncio.to_thread(find)
    version = await chosen(kubernetes_version, cluster) if "kubernetes" in found.types else ""
    shared = Job("kubernetes", roots, kubernetes_version=version, cluster=cluster, settings=settings)
    jobs = [_job(kind, found, shared) for kind in found.types]
    pairs = [(checker, job) for job in jobs for checker in _checkers(job.type)]
    answers = await asyncio.gather(*(_run(checker, job) for checker, job in pairs))
    unread = [_unread(job) for job in jobs] + [_closed(found)]
    several = [finding for _, found_by_one in answers for finding in found_by_one]
    merge = partial(_merged, several, strict=strict)
    findings = await asyncio.to_thread(merge) if len(several) > _MANY else merge()
    runs = [run for run, _ in answers] + [run for run in unread if run]
    invalid = any(finding.severity >= fail_on for finding in findings)
    incomplete = any(run.status == "failed" for run in runs)
    return ValidationReport(
        status="invalid" if invalid else "incomplete" if incomplete else "valid",
        types=found.types,
        findings=findings,
        checkers=tuple(runs),
        files=(*found.terraform.files, *found.manifests.files, *found.docker.files),
        fail_on=fail_on,
        strict=strict,
        kubernetes_version=version,
        notes=found.manifests.notes if "kubernetes" in found.types else (),  # that there are none is not worth a word
    )


def _job(kind: ConfigurationType, found: _sources.Found, shared: Job) -> Job:
    """What the checkers of one type look at; only those of Kubernetes look at a cluster too."""
    if kind == "kubernetes":
        manifests = found.manifests
        digest = hashlib.sha256(f"{shared.kubernetes_version}\n{manifests.digest}".encode()).hexdigest()
        return replace(shared, digest=digest, manifests=manifests)
    sources = found.terraform if kind == "terraform" else found.docker
    return Job(
        kind, shared.roots, sources.files, sources.paths, sources.unread, sources.digest, settings=shared.settings
    )


def _checkers(kind: ConfigurationType) -> tuple[Checker, ...]:
    """The checkers of a type; loaded when it is first validated."""
    module = import_module(f"codenb.servers.deployment.validation.{_MODULES[kind]}")
    checkers: tuple[Checker, ...] = module.CHECKERS
    return checkers


async def _run(checker: Checker, job: Job) -> _Answer:
    """One checker's answer, from an earlier run on the same content where there is one."""
    key = (checker.name, job.type, job.digest)
    keeps = checker.keeps and job.cluster is None
    if keeps and (kept := _KEPT.get(key)):
        run, findings = kept
        return run.model_copy(update={"cached": True}), findings
    started = time.perf_counter()
    try:
        run, findings = await checker.run(job)
    except CodenbError as error:
        run, findings = CheckerRun(name=checker.name, status="failed", problem=str(error)), []
    except Exception as error:  # noqa: BLE001  one checker's fault must not cost what the others found
        said = " ".join(f"{error.__class__.__name__}: {error}".split())[:200]
        problem = f"the checker itself has a fault, please report it: {redactor().text(said)}"
        run, findings = CheckerRun(name=checker.name, status="failed", problem=problem), []
    run = run.model_copy(update={"duration_ms": (time.perf_counter() - started) * 1000})
    if keeps and run.status != "failed":
        _KEPT.put(key, (run, findings))
    return run, findings


def _unread(job: Job) -> CheckerRun | None:
    """What keeps a report from being valid where files of a type could not be read."""
    if not job.unread:
        return None
    name, reason = next(iter(job.unread.items()))
    more = f", and {len(job.unread) - 1} more files" if len(job.unread) > 1 else ""
    return CheckerRun(name=f"{job.type} files", status="failed", problem=f"{name}: {reason}{more}")


def _closed(found: _sources.Found) -> CheckerRun | None:
    if not found.closed:
        return None
    name, reason = next(iter(found.closed.items()))
    return CheckerRun(name="files", status="failed", problem=f"{name} cannot be looked into: {reason}")


def _merged(findings: list[ValidationFinding], *, strict: bool) -> tuple[ValidationFinding, ...]:
    """All findings as they leave the room, worst first, each once."""
    prepared = dict.fromkeys(_prepared(finding, strict=strict) for finding in findings)
    return tuple(sorted(prepared, key=_place))


@lru_cache(maxsize=2048)
def _hidden(message: str) -> str:
    """A message without secrets; policies say the same of every object."""
    return redactor().text(message)


def _place(one: ValidationFinding) -> tuple[int, str, int, int, str, str]:
    return -one.severity, one.file, one.line or 0, one.column or 0, one.rule, one.message


def _prepared(finding: ValidationFinding, *, strict: bool) -> ValidationFinding:
    """A finding as it leaves the room: without secrets, and demoted where it is of style."""
    changes: dict[str, object] = {}
    if (source := redactor().text(finding.source)) != finding.source:
        changes["source"] = source
    if (message := _hidden(finding.message)) != finding.message:
        changes["message"] = message
    if finding.style and not strict and finding.severity > Severity.INFO:
        changes["severity"] = Severity.INFO
    return finding.model_copy(update=changes) if changes else finding
