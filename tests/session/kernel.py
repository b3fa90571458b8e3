"""A notebook without a page: a real ipykernel, its cells run one by one over the Jupyter protocol."""

from __future__ import annotations

import os
import queue
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.host.helpers import PATIENCE_S, alive

_HOMES = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")


@dataclass
class Cell:
    """One cell that runs, and what it has put out so far."""

    notebook: Notebook
    id: str
    outputs: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    @property
    def error(self) -> str:
        """The error's class and message; empty where there is none."""
        raised = [one["content"] for one in self.outputs if one["msg_type"] == "error"]
        return f"{raised[0]['ename']}: {raised[0]['evalue']}" if raised else ""

    @property
    def displays(self) -> list[dict[str, Any]]:
        """The contents of everything displayed, updates and the cell's own value included."""
        kinds = ("display_data", "update_display_data", "execute_result")
        return [one["content"] for one in self.outputs if one["msg_type"] in kinds]

    @property
    def value(self) -> dict[str, str]:
        """What the cell ended with, by MIME type."""
        results = [one["content"]["data"] for one in self.outputs if one["msg_type"] == "execute_result"]
        assert results, self.outputs
        return dict(results[0])

    def stream(self, name: str) -> str:
        """Standard output or standard error."""
        parts = [one["content"] for one in self.outputs if one["msg_type"] == "stream"]
        return "".join(part["text"] for part in parts if part["name"] == name)

    def shows(self, text: str) -> bool:
        """Whether a text stands anywhere in the outputs; the cell's own code does not count."""
        return any(text in str(one["content"]) for one in self.outputs if one["msg_type"] != "execute_input")

    def until(self, text: str) -> Self:
        """Wait until a text is shown."""
        return self._wait(lambda: self.shows(text), f"{text!r} in the outputs")

    def wait(self) -> Self:
        """Wait until the cell is done."""
        return self._wait(lambda: self.done, "the end of the cell")

    def _wait(self, true: Any, what: str) -> Self:
        until = time.monotonic() + PATIENCE_S
        while not true():
            if self.done or time.monotonic() > until:
                shown = [one["data"].get("text/plain") for one in self.displays][-1:]
                pytest.fail(f"waited in vain for {what}; so far: {self.stream('stdout')} {shown} {self.error}")
            self.notebook.listen(self)
        return self


class Notebook:
    """A kernel in a folder of its own; a context manager.

    Args:
        folder: Where it works.
        home: For what belongs to Jupyter.
        env: What else it finds in its environment.
    """

    def __init__(self, folder: Path, home: Path, env: dict[str, str] | None = None) -> None:
        self._folder = folder
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("CODENB_")}
        self._env |= {name: str(home / name.lower()) for name in _HOMES} | (env or {})
        home.mkdir(exist_ok=True)
        self._manager = KernelManager(kernel_name="python3")
        self._client: BlockingKernelClient

    def __enter__(self) -> Self:
        self._manager.start_kernel(cwd=str(self._folder), env=self._env)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        if self._manager.has_kernel:
            self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()

    def start(self, code: str, *, person: bool = False) -> Cell:
        """Run a cell, and do not wait; `person` says whether somebody sits at a front end."""
        return Cell(self, self._client.execute(code, allow_stdin=person))

    def run(self, code: str) -> Cell:
        """Run a cell that must end well."""
        cell = self.start(code).wait()
        assert not cell.error, f"{cell.error}\n{code}"
        return cell

    def fail(self, code: str) -> str:
        """Run a cell that must end with an error; returns it."""
        cell = self.start(code).wait()
        assert cell.error, code
        return cell.error

    def listen(self, cell: Cell) -> None:
        """Take in the next message, if there is one."""
        try:
            message = self._client.get_iopub_msg(timeout=0.2)
        except queue.Empty:
            return
        if message["parent_header"].get("msg_id") != cell.id:
            return
        cell.outputs.append(message)
        cell.done = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"

    def click(self, cell: Cell, button: str) -> None:
        """Click a button that a cell shows, as a front end does."""
        opened = [one["content"] for one in cell.outputs if one["msg_type"] == "comm_open"]
        models = {one["comm_id"]: one["data"].get("state", {}) for one in opened}
        comm = next(comm for comm, state in models.items() if state.get("description") == button)
        data = {"method": "custom", "content": {"event": "click"}}
        self._client.shell_channel.send(self._client.session.msg("comm_msg", {"comm_id": comm, "data": data}))

    def interrupt(self) -> None:
        """Press the stop button."""
        self._manager.interrupt_kernel()

    def shut_down(self) -> None:
        """End the kernel as a front end does, so that it may clean up."""
        self._manager.shutdown_kernel()

    def kill(self) -> None:
        """End the kernel as the out-of-memory killer does."""
        os.kill(self.pid, signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The kernel's process."""
        return int(self._manager.provisioner.pid)

    def started(self) -> list[int]:
        """The processes that the kernel started, and those that they started."""
        return _below(self.pid)


def _below(pid: int) -> list[int]:
    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [one.pid for one in below if alive(one.pid)]
