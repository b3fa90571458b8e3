"""A world in a process of its own, as notebooks and the command line use it.

On the kernel's own loop a blocking client in a cell would wait for a server that waits for the cell. The process ends
when its standard input does, so that none is left behind by a kernel that dies. It is held by plain pipes and threads
rather than by a loop's subprocess support, so that one cell may start it and another, on another task, stop it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from codenb.demo import scenarios
from codenb.demo.scenarios import Scenario
from codenb.errors import WorldError

_STOP_S = 5.0


class World:
    """An embedded world that answers until it is stopped; made by `World.start`.

    Attributes:
        kubeconfig: Path of a kubeconfig for it; the file goes when the world does.
        server: URL of its API server.
        uid: The uid of its kube-system namespace, by which it is recognised as embedded.
        context: The kubeconfig's current context, the admin's; `context + "-viewer"` may only read.
        embedded: False for a foreign one.
    """

    def __init__(self, process: subprocess.Popen[bytes], facts: dict[str, Any]) -> None:
        self._process = process
        self._name = str(facts["scenario"])
        self.kubeconfig = Path(facts["kubeconfig"])
        self.server = str(facts["server"])
        self.uid = str(facts["uid"])
        self.context = str(facts["context"])
        self.embedded = bool(facts["embedded"])

    @classmethod
    async def start(
        cls, scenario: str = "oom", *, seed: int = 1, foreign: bool = False, deadline_s: float = 20.0
    ) -> World:
        """Start a world and wait until it answers.

        Args:
            scenario: One of `codenb.demo.scenarios.names()`.
            seed: Equal seeds give equal names and uids.
            foreign: Count as a cluster that is not embedded.
            deadline_s: Seconds to wait at most.

        Raises:
            BadInput: There is no such scenario.
            WorldError: It did not start; the message is the last line that it wrote.
        """
        scenarios.check_name(scenario)
        command = [sys.executable, "-m", "codenb.demo", "--until-eof", "--scenario", scenario, "--seed", str(seed)]
        with tempfile.TemporaryFile() as errors:
            process = _spawn([*command, *(["--foreign"] if foreign else [])], errors)
            try:
                async with asyncio.timeout(deadline_s):
                    line = await asyncio.to_thread(_first_line, process)
                return cls(process, json.loads(line))
            except TimeoutError as error:
                _end(process)
                raise WorldError(
                    f"the embedded world was not ready after {deadline_s:g} s: is the machine busy?"
                ) from error
            except ValueError as error:
                _end(process)
                raise WorldError(f"the embedded world did not start: {_last_line(errors)}") from error
            except asyncio.CancelledError:
                _end(process)
                raise

    @cached_property
    def scenario(self) -> Scenario:
        """What the world shows: title, question, target, the known answer."""
        return scenarios.load(self._name)

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""
        return self._process.poll() is None

    async def stop(self) -> None:
        """End the process and wait for it; a second time does nothing."""
        await asyncio.to_thread(_end, self._process)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __repr__(self) -> str:
        state = "running" if self.alive else "stopped"
        return f"<World {self._name} {state} {self.server} context={self.context}>"


def _spawn(command: list[str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        # A session of its own: interrupting a cell must not end the world.
        return subprocess.Popen(  # noqa: S603 - this interpreter, our own module, a checked scenario name
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
    except OSError as error:
        raise WorldError(f"the embedded world could not be started: {error}") from error


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close its standard input, which ends it; insist where that is not enough."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
