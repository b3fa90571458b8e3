"""A real JupyterLab, and a real Chromium that opens it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.parts import chromium
from tests.ports import free_port

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
_TOKEN = "test"
_PATIENCE_S = 120
"""How long anything may take on a machine that has other things to do; what is waited for comes, or nothing does."""

_CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab on a folder of its own."""

    address: str
    folder: Path

    def url(self, notebook: str) -> str:
        """Where one notebook opens alone."""
        return f"{self.address}/doc/tree/{notebook}?token={_TOKEN}&reset"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """JupyterLab on copies of the notebooks, with nothing of the developer's own settings."""
    folder = tmp_path / "project"
    shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    config = tmp_path / "config"
    (config / "labconfig").mkdir(parents=True)
    news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(news))
    homes = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | {name: str(tmp_path / name.lower()) for name in homes}
    environment |= {"JUPYTER_CONFIG_DIR": str(config), "CODENB_CONNECT": "demo:oom"}
    port = free_port()
    log = (tmp_path / "lab.log").open("w")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={_TOKEN}"),
            *(f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"),
            *("--LabApp.extension_manager=readonly", f"--LabApp.workspaces_dir={tmp_path / 'workspaces'}"),
            "--LanguageServerManager.autodetect=False",
        ],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        _wait_until_up(port, process, tmp_path / "lab.log")
        yield Lab(f"http://127.0.0.1:{port}", folder)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    program = chromium()
    assert program, "chromium is missing: run `make test`, which installs it"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=_CHROMIUM, timeout=_PATIENCE_S * 1000)
        expect.set_options(timeout=_PATIENCE_S * 1000)
        yield running
        running.close()


def open_and_run(page: Page, lab: Lab, notebook: str) -> None:
    """Open a notebook and start all its cells, without waiting for the last."""
    page.set_default_timeout(_PATIENCE_S * 1000)
    page.goto(lab.url(notebook))
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.sessionContext?.isReady")
    # The command's promise is not returned: it resolves only after the cell that waits for a click.
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")


def _wait_until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token={_TOKEN}", timeout=10):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not come up:\n{log.read_text()[-2000:]}")
