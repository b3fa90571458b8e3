"""What a scan answers, and how a check's failure becomes a finding."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from codenb.models import ValidationFinding
from codenb.servers.security._table import Framework, table

CHECKER = "checkov"

_SKIP = re.compile(r"(?:checkov|bridgecrew|cortex):skip=([A-Za-z0-9_]+)")


@dataclass(slots=True)
class Scan:
    """What a scan found, and what it could not judge.

    Attributes:
        findings: In the order of the files.
        problems: One line for each check that broke on an object, or file that could not be read.
    """

    findings: list[ValidationFinding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Scan) -> None:
        """Take over what another scan found."""
        self.findings += other.findings
        self.problems += other.problems


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is.

    Attributes:
        file: As it was named.
        line: From 1.
        column: From 1.
        source: The line, with secrets replaced.
        object: What it is about.
        end_line: Last line of what is meant.
    """

    file: str
    line: int | None = None
    column: int | None = None
    source: str = ""
    object: str = ""
    end_line: int | None = None


def finding(framework: Framework, check: Any, place: Place) -> ValidationFinding:
    """A failed check at a place, with our severity and its reason.

    Args:
        framework: Whose table counts.
        check: Of checkov.
        place: Where.
    """
    known = table(framework)
    policy = known.of(check.id)
    name = str(check.name).rstrip(".")
    return ValidationFinding(
        rule=check.id,
        checker=CHECKER,
        severity=policy.severity,
        message=f"{name}: {policy.why}" if policy.why else f"{name} (not ranked by codenb, so medium).",
        file=place.file,
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        object=place.object,
        remedy=policy.remedy,
        link=known.link,
        source=place.source,
        style=policy.style,
    )


def broken(check: Any, place: Place) -> str:
    """The line that says that a check could not judge an object."""
    at = f"{place.file}:{place.line}" if place.line else place.file
    return f"{check.id} could not judge {place.object or 'the file'} at {at}: its values are not as they should be"


def skipped_in(lines: Iterable[str]) -> frozenset[str]:
    """Checks that comments of the form `checkov:skip=ID:reason` switch off."""
    return frozenset(check for line in lines for check in _SKIP.findall(line))
