"""OpenTofu or Terraform as a program: found once, run without a shell, stopped so that it can tidy up.

Its output goes to files, never through a pipe. A program whose reader was killed dies at its next line, in the middle
of a change and with the state's lock in its hand; one that writes to a file ends as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Self

import anyio

from codenb.config import Settings
from codenb.errors import AnswerTooLarge, BadInput, DeadlineExceeded, PartMissing

OnLine = Callable[[str], Awaitable[None]]

OUTPUT_BYTES = 64 * 1024 * 1024
"""More than this from one run is taken for a program that has lost its way."""

LINE_BYTES = 1024 * 1024
STOP_S = 60.0
"""How long a program that was told to stop may take to leave; then it is killed with all that it started."""

_POLL_S = 0.1
_CHUNK_BYTES = 256 * 1024
_FIRST_LINE = re.compile(r"(OpenTofu|Terraform) v(\S+)")

_FIXED = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run left.

    Attributes:
        code: Exit code; negative is the signal that ended it.
        stdout: Standard output; empty where it went to a log or line by line to the caller.
        stderr: Standard error.
    """

    code: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Program:
    """One installed OpenTofu or Terraform.

    Attributes:
        path: Of the executable, absolute.
        name: `OpenTofu` or `Terraform`.
        version: Such as `1.10.0`.
    """

    path: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @classmethod
    async def find(cls, settings: Settings, server: str = "deployment") -> Self:
        """The program that `program` under `[servers.NAME]` names, else `tofu`, else `terraform` on the PATH.

        Args:
            settings: What is configured.
            server: Whose settings count.

        Raises:
            PartMissing: There is none, or it does not run.
        """
        declared = settings.servers.get(server)
        wanted = (declared.program if declared else None) or ""
        path = _located(wanted, settings.home)
        if path is None:
            told = f"{wanted!r}, the `program` of [servers.{server}]," if wanted else "neither tofu nor terraform"
            raise PartMissing(
                f"{told} {'is not' if wanted else 'is'} installed here: install OpenTofu (https://opentofu.org) or "
                f"Terraform, or name it with `program` under [servers.{server}] in codenb.toml"
            )
        name, version = await asyncio.to_thread(_about, path)
        return cls(path, name, version)

    async def run(
        self,
        args: Sequence[str],
        cwd: Path,
        *,
        env: Mapping[str, str] | None = None,
        on_line: OnLine | None = None,
        timeout_s: float | None = None,
        log: Path | None = None,
        output_bytes: int = OUTPUT_BYTES,
        stop_s: float = STOP_S,
    ) -> Ran:
        """Run it to its end.

        A caller who is cancelled waits until the program has let go of its locks and left.

        Args:
            args: Subcommand, flags, values; a caller's value that could be read as a flag is the caller's to refuse.
            cwd: Where.
            env: Added to the environment. What would print secrets or change the command line (`TF_LOG`,
                `TF_CLI_ARGS`) is left out of it.
            on_line: Given each line of the standard output while it runs, line end removed, cut at 1 MiB.
            timeout_s: Then it is stopped; None lets it take its time.
            log: A new file, readable by its owner only, that keeps the standard output; it outlives this process.
            output_bytes: How much it may write.
            stop_s: How long it may take to leave once it was told to; then it is killed.

        Returns:
            Exit code and output.

        Raises:
            DeadlineExceeded: It was not done in time, and was stopped.
            AnswerTooLarge: It wrote more than it may, and was stopped.
            PartMissing: It could not be started.
        """
        run = _Run(self, on_line, output_bytes, stop_s, stop=asyncio.Event())
        environment = {**environment_of(os.environ), **(env or {}), **_FIXED}
        task = asyncio.ensure_future(run.whole([self.path, *args], cwd, environment, timeout_s, log))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            run.stop.set()
            with anyio.CancelScope(shield=True):
                while not task.done():
                    with contextlib.suppress(asyncio.CancelledError):  # told again; the first is raised below
                        await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # looked at; being cancelled is what the caller hears of
            raise


def environment_of(outside: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would write secrets to a log, add flags of its own, or hand on secrets of ours.

    A workspace runs programs of other people (providers, `local-exec`); tokens and keys of codenb are no business of
    theirs.
    """
    return {key: value for key, value in outside.items() if not key.startswith(("TF_LOG", "TF_CLI_ARGS", "CODENB_"))}


@dataclass(slots=True)
class _Run:
    program: Program
    on_line: OnLine | None
    output_bytes: int
    stop_s: float
    stop: asyncio.Event
    _read: int = 0
    _part: bytes = b""

    async def whole(
        self, command: list[str], cwd: Path, env: dict[str, str], timeout_s: float | None, log: Path | None
    ) -> Ran:
        with _output(log) as out, tempfile.TemporaryFile() as err:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command, cwd=cwd, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=err,
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise PartMissing(f"{command[0]} does not start: {error.strerror or error}") from error
            except ValueError as error:
                raise BadInput(f"{self.program.name} cannot be given these arguments: {error}") from error
            try:
                async with asyncio.timeout(timeout_s):
                    await self._follow(process, out, err)
            except TimeoutError as error:
                await _stopped(process, self.stop_s)
                raise DeadlineExceeded(
                    f"{self.program.name} {command[1]} was not done within {timeout_s:g} s and was stopped"
                ) from error
            except BaseException:
                await _stopped(process, self.stop_s)
                raise
            code = process.returncode
            assert code is not None
            stdout = "" if log or self.on_line else await asyncio.to_thread(_text, out)
            return Ran(code, stdout, await asyncio.to_thread(_text, err))

    async def _follow(self, process: asyncio.subprocess.Process, out: IO[bytes], err: IO[bytes]) -> None:
        ended, told = asyncio.ensure_future(process.wait()), asyncio.ensure_future(self.stop.wait())
        try:
            while not ended.done():
                await asyncio.wait((ended, told), timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED)
                if told.done() and not ended.done():
                    raise asyncio.CancelledError
                self._bound(out, err)
                await self._lines(out)
            self._bound(out, err)
            await self._lines(out, last=True)
        finally:
            ended.cancel()
            told.cancel()

    def _bound(self, *files: IO[bytes]) -> None:
        if sum(os.fstat(file.fileno()).st_size for file in files) > self.output_bytes:
            raise AnswerTooLarge(
                f"{self.program.name} wrote more than {self.output_bytes:,} bytes and was stopped: "
                f"plan less at once (a resource_address), or see what a provisioner prints"
            )

    async def _lines(self, out: IO[bytes], *, last: bool = False) -> None:
        if self.on_line is None:
            return
        while chunk := os.pread(out.fileno(), _CHUNK_BYTES, self._read):
            self._read += len(chunk)
            *lines, self._part = (self._part + chunk).split(b"\n")
            self._part = self._part[:LINE_BYTES]
            for line in lines:
                await self.on_line(_decoded(line[:LINE_BYTES]))
            await asyncio.sleep(0)
        if last and self._part:
            await self.on_line(_decoded(self._part))


async def _stopped(process: asyncio.subprocess.Process, stop_s: float) -> None:
    """Interrupt it as a terminal would, with all that it started, so that it gives its lock back; at last kill it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    leaving = asyncio.ensure_future(process.wait())
    with anyio.CancelScope(shield=True):
        deadline = asyncio.get_running_loop().time() + stop_s
        while not leaving.done() and (left := deadline - asyncio.get_running_loop().time()) > 0:
            with contextlib.suppress(asyncio.CancelledError):  # cut short, it would leave a lock behind
                await asyncio.wait([leaving], timeout=left)
        # What it started and did not end itself, such as a provisioner's command, is in its process group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        while not leaving.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([leaving])


@contextlib.contextmanager
def _output(log: Path | None) -> Iterator[IO[bytes]]:
    if log is None:
        with tempfile.TemporaryFile() as file:
            yield file
        return
    with os.fdopen(os.open(log, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # inherited by the program, and so held for as long as it runs
        yield file


def _located(wanted: str, home: Path) -> str | None:
    if not wanted:
        return shutil.which("tofu") or shutil.which("terraform")
    if os.sep not in wanted:
        return shutil.which(wanted)
    return shutil.which(str(home / Path(wanted).expanduser()))


def _about(path: str) -> tuple[str, str]:
    try:
        changed = Path(path).stat().st_mtime_ns
    except OSError as error:
        raise PartMissing(f"{path} cannot be used: {error.strerror or error}") from error
    return _asked(path, changed)


@lru_cache(maxsize=8)
def _asked(path: str, changed: int) -> tuple[str, str]:  # noqa: ARG001  an updated program is another one
    import subprocess  # noqa: PLC0415  only here, in a thread

    env = environment_of(os.environ) | _FIXED
    try:
        ran = subprocess.run(  # noqa: S603  the configured program, or the one on the PATH
            [path, "version"], capture_output=True, check=False, timeout=60, env=env, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PartMissing(f"{path} does not run: {error}") from error
    found = _FIRST_LINE.search(_decoded(ran.stdout))
    if found is None:
        raise PartMissing(f"{path} does not say that it is OpenTofu or Terraform: check `program` in codenb.toml")
    return found[1], found[2]


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return _decoded(file.read())


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace").rstrip("\r")
