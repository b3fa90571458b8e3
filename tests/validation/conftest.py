"""Validation as a notebook and the command line call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from codenb.models import ValidationFinding, ValidationReport
from codenb.servers._base._paths import Roots
from codenb.servers.deployment.validation import validate

Checked = Callable[..., Awaitable[ValidationReport]]


@pytest.fixture
def check(tmp_path: Path) -> Checked:
    """Validate texts or paths below the test's own folder."""

    async def run(*items: str, **options: Any) -> ValidationReport:
        return await validate(items, Roots((tmp_path,)), **options)

    return run


def without_policies(report: ValidationReport) -> list[ValidationFinding]:
    """What was found by others than the policies, which have tests of their own."""
    return [finding for finding in report.findings if finding.checker != "checkov"]
