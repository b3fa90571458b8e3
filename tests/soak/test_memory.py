"""The short version of the soak: the long one is `make soak`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_what_was_acknowledged_is_there_after_kill_9() -> None:
    """A note or an audit entry that is lost with its process was never worth acknowledging."""
    # A process of its own, since it forks, which one with threads should not.
    ran = subprocess.run(
        [sys.executable, "-m", "tests.soak.memory", "--kills", "30"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("30 processes killed")
