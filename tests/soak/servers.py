"""Stdio servers are killed at random while they are read from and changed through: `python -m tests.soak.servers`.

Every read has to be answered, every change made at most once and exactly once where the host says that it was made,
and afterwards neither a process nor an open file may be left. What a change did is counted on the server's side.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil

from codenb.config import Limits, Retries, ServerSettings, Settings
from codenb.errors import CodenbError
from codenb.host import TRACE_ID, Ask, Host
from codenb.models import ToolCall
from tests.soak.tally import DONE

NAMES = ("east", "west")
_ANY = 0.6
_AIM_S = 3.0


@dataclass
class Soak:
    """One run, and what it counted."""

    folder: Path
    kills: int = 0
    reads: int = 0
    asked_again: int = 0
    unanswered: list[str] = field(default_factory=list)
    made: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    in_doubt: set[str] = field(default_factory=set)
    processes_left: int = 0
    files_left: int = 0

    def faults(self) -> list[str]:
        """What went wrong, a line each; the server's own file has the last word on what was done."""
        done = Counter(token for token, _ in _done(self.folder))
        twice = [token for token, times in done.items() if times > 1]
        lost = self.made - done.keys()
        denied = self.refused & done.keys()
        faults = [f"a read was not answered: {error}" for error in self.unanswered]
        faults += [f"made more than once: {token}" for token in twice]
        faults += [f"said to be made, and was not: {token}" for token in lost]
        faults += [f"said not to be made, and was: {token}" for token in denied]
        faults += [f"{self.processes_left} processes are left"] if self.processes_left else []
        faults += [f"{self.files_left} more files are open than before"] if self.files_left else []
        return faults

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.reads:,} reads ({self.asked_again:,} asked again, {len(self.unanswered)} not "
            f"answered), changes: {len(self.made)} made, {len(self.in_doubt)} in doubt, {len(self.refused)} not made; "
            f"{self.processes_left} processes and {self.files_left} open files left"
        )


async def soaked(
    folder: Path,
    *,
    done: Callable[[Soak], bool],
    servers: int,
    retry: Retries,
    pace_s: float,
    most_kills: float = math.inf,
) -> Soak:
    """Read and change through servers while their processes are killed.

    Args:
        folder: Empty; for the servers' state.
        done: When to stop killing.
        servers: How many, each with 12 readers and 2 who change something.
        retry: The host's.
        pace_s: Seconds from one kill to the next, on average.
        most_kills: How many processes are killed at most.
    """
    soak, choose = Soak(folder), random.Random(0)  # the order of things is the machine's anyway
    names = NAMES[:servers]
    async with _host(folder, names, retry) as host:
        await host.call(names[0], "look", {"at": 0})  # what opens files once and for all has done so afterwards
    files = _open_files()
    ends = asyncio.Event()
    async with _host(folder, names, retry) as host:
        readers = [asyncio.create_task(_read(soak, host, name, ends)) for name in names for _ in range(12)]
        changers = [
            asyncio.create_task(_change(soak, host, name, tool, ends)) for name in names for tool in ("add", "scribble")
        ]
        while not done(soak):
            await asyncio.sleep(choose.uniform(0, 2 * pace_s))
            if soak.kills < most_kills and (victim := await _victim(folder, choose)):
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    soak.kills += 1
        ends.set()
        await asyncio.gather(*readers, *changers)
        soak.asked_again = sum(record.attempts > 1 for record in host.calls)
    soak.processes_left = len(_servers())
    soak.files_left = max(0, _open_files() - files)
    return soak


@asynccontextmanager
async def _host(folder: Path, names: Iterable[str], retry: Retries) -> AsyncIterator[Host]:
    program = Path(__file__).with_name("tally.py")
    servers = {
        name: ServerSettings(
            name,
            "stdio",
            command=sys.executable,
            args=(str(program), str(folder)),
            read_only=("look",),
            max_connections=2,
        )
        for name in names
    }
    settings = Settings(home=folder, servers=servers, limits=Limits(timeout_s=120.0), retry=retry)
    async with Host(settings) as host:
        yield host


async def _read(soak: Soak, host: Host, server: str, ends: asyncio.Event) -> None:
    for at in count():
        if ends.is_set():
            return
        try:
            answer = await host.call(server, "look", {"at": at}, fresh=True)
        except CodenbError as error:
            soak.unanswered.append(str(error))
        else:
            soak.reads += 1
            if answer.data != at:
                soak.unanswered.append(f"{at} was answered with {answer.data}")
        await asyncio.sleep(0.01)


async def _change(soak: Soak, host: Host, server: str, tool: str, ends: asyncio.Event) -> None:
    async def yes(ask: Ask) -> bool:
        return True

    for at in count():
        if ends.is_set():
            return
        token = f"{server}-{tool}-{id(ends):x}-{id(asyncio.current_task()):x}-{at}"
        TRACE_ID.set(token)
        try:
            await host.change(ToolCall(server=server, tool=tool, arguments={"token": token}), yes)
            soak.made.add(token)
        except CodenbError:
            record = next(one for one in host.calls if one.trace_id == token)
            (soak.in_doubt if record.status == "unknown" else soak.refused).add(token)
        await asyncio.sleep(0.05)


async def _victim(folder: Path, choose: random.Random) -> int | None:
    """Any server, or the one that makes the next change, in the moment between doing it and saying so."""
    before = len(_done(folder))
    with suppress(TimeoutError):
        async with asyncio.timeout(0 if choose.random() < _ANY else _AIM_S):
            while len(_done(folder)) == before:  # noqa: ASYNC110  other processes set no events
                await asyncio.sleep(0.02)
    done, running = _done(folder), _servers()
    if len(done) > before:
        return done[-1][1]
    return choose.choice(running) if running else None


def _done(folder: Path) -> list[tuple[str, int]]:
    """What was done, and by which process."""
    file = folder / DONE
    lines = file.read_text().splitlines() if file.exists() else []
    return [(token, int(pid)) for token, pid in (line.split() for line in lines)]


def _servers() -> list[int]:
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and any(part.endswith("tally.py") for part in child.cmdline()):
                found.append(child.pid)
    return found


def _open_files() -> int:
    return psutil.Process().num_fds()


def main() -> int:
    """Run for so long; exit code 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description="Kill stdio servers at random under load.")
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        # Servers that are killed while they start, several times in a row, are what this is about, not pausing.
        retry = Retries(attempts=10, pause_after_s=120)
        soak = asyncio.run(
            soaked(Path(folder), done=lambda _: time.monotonic() >= until, servers=2, retry=retry, pace_s=1)
        )
        faults = soak.faults()
    sys.stdout.write("\n".join([str(soak), *(f"FAULT: {fault}" for fault in faults)]) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
