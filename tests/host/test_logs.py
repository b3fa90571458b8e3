"""What servers say on their standard error: kept for whoever runs them, and for nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from codenb.host import _logs
from codenb.host._logs import ServerLog
from codenb.redaction import Redactor


def test_what_a_server_says_is_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A traceback that was wrapped inside of a token stood in a file that everybody on the machine could read."""
    monkeypatch.setattr(_logs, "MOST_BYTES", 10)
    path = tmp_path / ".mcp" / "logs" / "other.log"

    for _ in range(2):
        ServerLog(path, Redactor()).note("Authorization: Bearer\n a-token-on-its-own-line")

    modes = {one.relative_to(tmp_path).as_posix(): one.stat().st_mode & 0o777 for one in tmp_path.rglob("*")}
    assert modes == {
        ".mcp": 0o700,
        ".mcp/logs": 0o700,
        ".mcp/logs/other.log": 0o600,
        ".mcp/logs/other.log.1": 0o600,
    }
