"""Binder's files: repo2docker reads them without a word when they are wrong, so they are held here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BINDER = Path(__file__).resolve().parents[2] / "binder"


def test_start_hands_over_to_what_binder_runs_on_the_embedded_world():
    """`start` must be a program that ends in what it is given; without a cluster the notebook needs the world."""
    environment = {name: value for name, value in os.environ.items() if name != "CODENB_CONNECT"}

    ran = subprocess.run(
        [BINDER / "start", sys.executable, "-c", "import os; print(os.environ['CODENB_CONNECT'])"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )

    assert ran.stdout.strip() == "demo:oom"


def test_what_binder_installs_is_this_project_with_its_pins():
    """A binder/ folder makes repo2docker ignore pyproject.toml: the requirements have to name the project."""
    lines = (BINDER / "requirements.txt").read_text().split("\n")

    assert "-e .[lab,deploy,security]" in lines
    (constraints,) = [line.removeprefix("-c ") for line in lines if line.startswith("-c ")]
    assert (BINDER / constraints).is_file()
    assert (BINDER / "runtime.txt").read_text().strip() == "python-3.12"
