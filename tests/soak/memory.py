"""What was acknowledged stays: processes that remember and write the audit log are killed at random moments.

Each of them says what it is about to do and, once it is told that this is on the disk, that it was done. Whatever was
said to be done has to be there afterwards. They are forks of this process, so that a kill costs milliseconds and not
the start of an interpreter.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from codenb.access import AuditEvent, AuditLog
from codenb.redaction import redactor
from codenb.servers._base._hiding import Hiding
from codenb.servers._base._memory import Memory

_AT_ONCE = 3
_LIVES_S = 0.1
_ROUNDS_A_FILE = 40
_FORGETS = 4
_LONGEST_VALUE = 1_500


@dataclass
class Soak:
    """What was done and found.

    Attributes:
        kills: Processes that were killed.
        kept: Notes that were acknowledged, and found.
        forgotten: Notes that were acknowledged as forgotten, and not found.
        audited: Entries of the audit log that were acknowledged, and found.
        faults: What was not as it was acknowledged, a line each.
    """

    kills: int = 0
    kept: int = 0
    forgotten: int = 0
    audited: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass
class _Files:
    """One memory and one log, and what has to be in them."""

    folder: Path
    memory: Memory
    log: AuditLog
    notes: dict[str, str | None] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)

    def heard(self, said: str) -> None:
        """Take in what one process said until it was killed; a last line without its end was not said."""
        for line in said.split("\n")[:-1]:
            what, name, value = json.loads(line)
            match what:
                case "remembered":
                    self.notes[name] = value
                case "forgetting":
                    self.doubtful.add(name)
                case "forgotten":
                    self.doubtful.discard(name)
                    self.notes[name] = None
                case "audited":
                    self.events.add(name)

    def check(self, soak: Soak) -> None:
        """Hold what is there against what was acknowledged."""
        exported = self.memory.export()["notes"] if self.memory.path.exists() and self.notes else []
        assert isinstance(exported, list)
        there = {one["key"]: one["value"] for one in exported}  # type: ignore[index, call-overload]
        for name, value in self.notes.items():
            if name not in self.doubtful and there.get(name) != value:
                soak.faults.append(f"{name} was acknowledged as {value!r:.40} and is {there.get(name)!r:.40}")
        if fault := self.log.verify():
            soak.faults.append(f"the audit log is broken: {fault}")
        missing = self.events - {entry.event.summary for entry in self.log.entries()}
        soak.faults += [f"{one} was acknowledged and is not in the audit log" for one in sorted(missing)]

    def count(self, soak: Soak) -> None:
        """Add up, once nothing more is written here."""
        certain = [value for name, value in self.notes.items() if name not in self.doubtful]
        soak.kept += sum(value is not None for value in certain)
        soak.forgotten += sum(value is None for value in certain)
        soak.audited += len(self.events)


def soaked(folder: Path, kills: int, seed: int) -> Soak:
    """Kill so many processes, and check after every few.

    Args:
        folder: For the files.
        kills: How many.
        seed: Of the moments.
    """
    chance, soak = random.Random(seed), Soak()
    for number in itertools.count():
        here = folder / str(number)
        files = _Files(here, Memory("soak", lambda here=here: here), AuditLog(here / "audit"))
        for turn in range(_ROUNDS_A_FILE):
            processes = [_started(files, f"{turn}.{one}", chance.random()) for one in range(_AT_ONCE)]
            for process, wire in chance.sample(processes, len(processes)):
                time.sleep(chance.uniform(0, _LIVES_S))
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                with os.fdopen(wire, encoding="utf-8", errors="replace") as said:
                    files.heard(said.read())
                soak.kills += 1
            files.check(soak)
            if soak.kills >= kills or soak.faults:
                break
        files.count(soak)
        if soak.kills >= kills or soak.faults:
            return soak
    raise AssertionError("it is counted without an end")


def _started(files: _Files, name: str, seed: float) -> tuple[int, int]:
    """Fork a process that writes until it is killed; returns its id and where it speaks."""
    wire, voice = os.pipe()
    process = os.fork()
    if process:
        os.close(voice)
        return process, wire
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_write(files, name, voice, random.Random(seed)))
    os._exit(1)


async def _write(files: _Files, name: str, voice: int, chance: random.Random) -> None:
    def say(what: str, key: str, value: str | None = None) -> None:
        os.write(voice, (json.dumps([what, key, value]) + "\n").encode())

    hides = Hiding(redactor())
    for number in itertools.count():
        key = f"{name}/{number}"
        value = f"note {number} " + "long " * chance.randrange(_LONGEST_VALUE // 5)
        await files.memory.remember(key, value, by="soak", hides=hides)
        say("remembered", key, value)
        if number % _FORGETS == _FORGETS - 1:
            say("forgetting", key)
            await files.memory.forget(key)
            say("forgotten", key)
        files.log.append(AuditEvent(kind="asked", source="host", summary=key))
        say("audited", key)


def main() -> int:
    """Kill so many processes; exit code 1 where anything that was acknowledged is gone."""
    parser = argparse.ArgumentParser(description="Kill processes that remember, at random moments.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = soaked(Path(folder), arguments.kills, arguments.seed)
    sys.stdout.write(
        f"{soak.kills:,} processes killed (seed {arguments.seed}): {soak.kept:,} notes kept, "
        f"{soak.forgotten:,} forgotten, {soak.audited:,} audit entries in unbroken chains\n"
    )
    for fault in soak.faults:
        sys.stdout.write(f"FAULT {fault}\n")
    return 1 if soak.faults else 0


if __name__ == "__main__":
    sys.exit(main())
