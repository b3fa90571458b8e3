"""A project with the real program, and no settings of the machine's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codenb.config import Settings
from codenb.servers.deployment.terraform import Workspaces
from tests.conftest import part
from tests.terraform import infra


@pytest.fixture(autouse=True)
def _no_terraform_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TF_WORKSPACE", "TF_DATA_DIR", "TF_CLI_CONFIG_FILE", "TF_PLUGIN_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def program() -> str:
    """OpenTofu or Terraform: the machine's own, else the one that was fetched."""
    return shutil.which("tofu") or shutil.which("terraform") or part("bin", "terraform")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def configured(home: Path, program: str) -> Settings:
    """Its settings."""
    return infra.settings(home, program)


@pytest.fixture
def workspaces(configured: Settings) -> Workspaces:
    """What the tools are made of."""
    return infra.workspaces(configured)
