"""Starting a server as a process of its own, and ending it with everything that it started.

Each server is the leader of a process group: a kernel interrupt does not reach it, and ending the group ends what the
server started as well. A keeper ends the groups of a kernel that was killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_GRACE_S = 2.0
_POLL_S = 0.01
_REAPED_S = 30.0
_KEEPER = Path(__file__).with_name("_keeper.py")


async def spawn(
    command: str, args: Sequence[str], *, env: Mapping[str, str], cwd: Path | None, limit: int
) -> asyncio.subprocess.Process:
    """Start a program in a process group of its own, no shell between.

    Args:
        command: A path, or a name on PATH.
        args: Passed as they are.
        env: The whole environment.
        cwd: Working directory; None is ours.
        limit: Bytes of one line of its output that are buffered at most.

    Raises:
        OSError: It cannot be started.
        ValueError: The command or an argument holds a NUL.
    """
    process = await asyncio.create_subprocess_exec(
        command,
        *args,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        cwd=cwd,
        limit=limit,
        start_new_session=True,
    )
    try:
        _keeper.add(process.pid)
    except OSError:
        process.kill()
        raise
    return process


async def end(process: asyncio.subprocess.Process, *, grace_s: float | None = None) -> None:
    """End a process and its group: close its input, then SIGTERM, then SIGKILL.

    Args:
        process: The leader of the group.
        grace_s: Seconds from the end of its input to SIGTERM, two by default; from there to SIGKILL it is two.

    Once this has returned or was cancelled, nothing of the group runs, whatever the program does about signals.
    """
    group = process.pid  # the leader's pid names the group, also after the leader is gone
    try:
        assert process.stdin is not None
        process.stdin.close()
        await _until(lambda: process.returncode is not None, grace_s)
        if _signal(group, signal.SIGTERM):
            await _until(lambda: not _signal(group, 0))
    finally:
        _signal(group, signal.SIGKILL)
        _keeper.discard(group)
    # Nothing survives SIGKILL; what takes time on a busy machine is hearing of it.
    await _until(lambda: process.returncode is not None, _REAPED_S)
    # Pipes that were not read to their end would stay open for as long as the loop; asyncio has no public way.
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
    await asyncio.sleep(0)


async def _until(true: Callable[[], bool], at_most_s: float | None = None) -> None:
    """Wait until something is true, or for so long, two seconds by default.

    `Process.wait` would not do: it also waits for pipes that a child of the server may hold.
    """
    for _ in range(round((at_most_s or _GRACE_S) / _POLL_S)):
        if true():
            return
        await asyncio.sleep(_POLL_S)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a group; whether there is such a group. 0 only asks."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


class _Keeper:
    """The program beside the servers that outlives this process; there while there are servers."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, group: int) -> None:
        self._groups.add(group)
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603  our own file, no shell
                [sys.executable, "-I", "-S", str(_KEEPER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._tell(f"+{group}\n")

    def discard(self, group: int) -> None:
        if group not in self._groups:
            return
        self._groups.discard(group)
        self._tell(f"-{group}\n")
        if not self._groups and self._process and self._process.stdin:
            self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_S)  # it has nothing left to do, and takes some milliseconds to leave
            self._process = None

    def _tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # somebody killed it; the servers still end with `end`
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


_keeper = _Keeper()
