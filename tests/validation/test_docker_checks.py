"""Dockerfiles: hadolint and policies, each finding at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from codenb.models import Severity, ValidationReport
from codenb.servers._base._paths import Roots
from codenb.servers.deployment.validation import validate

CAREFUL = """\
# syntax=docker/dockerfile:1
FROM python:3.13.1-slim AS build
WORKDIR /src
COPY requirements.txt .
RUN <<EOF
pip install --no-cache-dir --prefix /out -r requirements.txt
EOF
FROM python:3.13.1-slim
COPY --from=build /out /usr/local
COPY app /app
USER 10001
CMD ["python", "-m", "app"]
"""


async def _report(folder: Path, text: str, name: str = "Dockerfile") -> ValidationReport:
    (folder / name).write_bytes(text.encode())
    return await validate(["."], Roots((folder,)), type="docker")


async def test_a_careful_dockerfile_is_valid(tmp_path):
    """A heredoc, stages and a user are how a Dockerfile is written today, and hadolint stumbled over the heredoc."""
    report = await _report(tmp_path, CAREFUL)

    assert (report.status, [run.status for run in report.checkers]) == ("valid", ["ok"] * 3)
    assert report.at_least(Severity.MEDIUM) == ()


@pytest.mark.parametrize("name", ["Dockerfile", "web.Dockerfile", "Containerfile"])
async def test_what_is_wrong_behind_a_heredoc_is_at_its_own_line(tmp_path, name):
    """The copy that hadolint reads has a line more; what it says is about the file."""
    text = "\ufeffFROM debian:12\r\nRUN <<EOF\r\nset -e\r\nEOF\r\nRUN cd /srv && make\r\n"
    text += "ENV API_KEY=abcd1234efgh\r\nUSER 1\r\n"

    report = await _report(tmp_path, text, name)

    found = {(one.rule, one.line, one.file) for one in report.findings}
    assert ("DL3003", 5, name) in found
    assert ("secrets/named", 6, name) in found
    assert "abcd1234efgh" not in str(report.to_dict())


async def test_a_file_that_does_not_parse_is_high_at_its_line(tmp_path):
    """There will be no image of it."""
    report = await _report(tmp_path, "FROM debian:12\nCOPY\n")

    found = next(one for one in report.findings if one.rule == "DL1000")
    assert (found.line, found.severity, report.status) == (2, Severity.HIGH, "invalid")


async def test_a_configuration_beside_the_file_hides_nothing(tmp_path):
    """A .hadolint.yaml that ignores everything is a file of those who wrote the Dockerfile."""
    (tmp_path / ".hadolint.yaml").write_text("ignored: [DL3007]\n")

    report = await _report(tmp_path, "FROM debian:latest\nUSER 1\n")

    assert [one.line for one in report.findings if one.rule == "DL3007"] == [1]
