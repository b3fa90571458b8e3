"""What every room's tests share: where the programs of other people are, and that nothing is skipped in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina
from hypothesis import HealthCheck, settings

# A slow machine is no failure. In CI the same tree gives the same examples; at a desk each run looks elsewhere.
settings.register_profile(
    "house", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent
PARTS = ROOT / ".parts"


def part(*path: str) -> str:
    """The path of a program that `make test` fetched; without it the test is skipped, in CI it fails."""
    program = PARTS.joinpath(*path)
    if not program.exists():
        missing = f"{program.relative_to(ROOT)} is missing: run `make test`, which fetches it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return str(program)


@pytest.fixture(scope="session")
def kubectl() -> str:
    """kubectl, as people have it."""
    return part("bin", "kubectl")


@pytest.fixture(scope="session")
def terraform() -> str:
    """OpenTofu or Terraform."""
    return part("bin", "terraform")


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Retries follow each other at once; how often is the host's own matter."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own cluster and settings must not reach a test."""
    for name in [name for name in os.environ if name.startswith("CODENB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KUBECONFIG", "/nonexistent/kubeconfig")
