"""The file of a recording: a header, then a line for each call, written as the calls end.

Whoever is killed while recording leaves a file that opens: what was answered before stands in it, whole line by whole
line. Lines are JSON; requests are canonical, answers stand as they came, because the order and the form of what a
server said is what people and experts read.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from codenb.errors import CassetteError

FORMAT = 1
MARK = "codenb_cassette"
"""First key of a file's first line; its value is the format's version."""

_HEADER_KEYS = {"codenb": str, "recorded_at": str, "connected": dict, "about": list, "servers": list, "limits": dict}
_TRACK_KEYS = {"n": int, "kind": str, "server": str, "name": str, "request": dict, "occurrence": int, "at": float}
_SHOWN = 60
_LONGEST_S = 1e9


@dataclass(frozen=True, slots=True)
class Track:
    """One line: what was asked, and what came of it.

    Attributes:
        n: Its number; other lines may name it.
        kind: `tool`, `change`, `resource`, `prompt`, `model`, `decision`, or what is kept only when it is another than
            before: `tools`, `resources`, `prompts`, `status`.
        server: Who was asked; a model's provider.
        name: Tool, address, prompt or model.
        request: The rest of what was asked, canonical and without secrets.
        occurrence: The how manieth of equal requests, in the order in which they were made, from 1.
        at: Seconds from the begin of the recording to the answer.
        call: What the call's record says beside: duration, size, cache, tokens, money.
        asked: The questions of a change, and how they were answered.
        result: The answer; None with an error.
        error: The error; None with an answer.
        same_as: The number of an earlier line that has the same answer, where the line does not hold it again.
        line: As it stands in the file, with its end.
    """

    n: int
    kind: str
    server: str
    name: str
    request: Mapping[str, Any]
    occurrence: int
    at: float
    call: Mapping[str, Any] = field(default_factory=dict)
    asked: tuple[Mapping[str, Any], ...] = ()
    result: Any = None
    error: Mapping[str, Any] | None = None
    same_as: int | None = None
    line: bytes = field(default=b"", repr=False)

    @property
    def what(self) -> str:
        """Who was asked for what, for people."""
        what = " ".join(part for part in (self.server, self.name) if part) or self.kind
        return {"decision": f"the decision about {what}", "change": f"the change {what}"}.get(self.kind, what)


@dataclass(frozen=True, slots=True)
class Tape:
    """A recording that was read.

    Attributes:
        path: The file.
        header: What all of it rests on.
        tracks: Its lines, in their order.
        cut: Whether its last line is not whole, because whoever wrote it was stopped.
        first: The header as it stands in the file, with its end.
    """

    path: Path
    header: Mapping[str, Any]
    tracks: tuple[Track, ...]
    cut: bool
    first: bytes = field(repr=False)


def encoded(value: Any) -> bytes:
    """A line of a file. Text that UTF-8 cannot carry is escaped, as JSON allows; the rest is readable as it is."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise CassetteError(f"this is no JSON data, so it cannot be recorded: {error}") from error


def read(path: Path) -> Tape:
    """Read a recording.

    Raises:
        CassetteError: It cannot be read, is none, is of a newer format, or a line of it is not as it was written; the
            message names the line. A last line that was cut off is left out.
    """
    try:
        if not path.is_file():
            missing = "is no file" if path.exists() else "does not exist"
            raise CassetteError(f"the recording {path} {missing}: record one with codenb.connect(record=...)")
        raw = path.read_bytes()
    except OSError as error:
        raise CassetteError(f"the recording {path} cannot be read: {error.strerror or error}") from error
    lines = _split(raw)
    header = _header(path, lines[0] if lines else b"")
    tracks: list[Track] = []
    results: dict[int, Track] = {}
    cut = False
    for number, line in enumerate(lines[1:], start=2):
        data = _parsed(line)
        if data is None and number == len(lines) and not line.endswith(b"\n"):
            cut = True
            break
        track = _track(data, results, line if line.endswith(b"\n") else line + b"\n", f"{path}, line {number}")
        results[track.n] = track
        tracks.append(track)
    return Tape(path, header, tuple(tracks), cut, lines[0])


def is_recording(path: Path) -> bool:
    """Whether a file is empty, or begins as a recording does; anything else must not be written over."""
    with path.open("rb") as file:
        first = file.readline(1_000_000)
    return not first or first.startswith(f'{{"{MARK}":'.encode())


class Writer:
    """Writes a recording, a line at a time."""

    def __init__(self, path: Path, first: bytes) -> None:
        """Begin a file; one that is there is replaced where it is a recording itself.

        Args:
            path: The file; only its owner may read it.
            first: The header's line.

        Raises:
            CassetteError: It cannot be written, is somebody else's file, or another session is writing to it.
        """
        self.path = path.resolve()
        self.lines = 0
        self.problem = ""
        self._first = first
        self._lock = Lock()
        self._descriptor = self._begun()
        self._size = len(first)

    def append(self, line: bytes) -> bool:
        """Add a line; it is in the file, whatever becomes of this process, when this returns.

        Returns:
            Whether it could be written. After one that could not, nothing more is, the file holds what it held, and
            `problem` says why: the call that it is about was made, and must not be lost with its line.
        """
        with self._lock:
            if self.problem:
                return False
            try:
                _write(self._descriptor, line)
            except OSError as error:
                with suppress(OSError):  # a line that was begun is left out by whoever reads
                    os.ftruncate(self._descriptor, self._size)
                self.problem = f"the recording {self.path} ends here: {error.strerror or error}"
                return False
            self._size += len(line)
            self.lines += 1
            return True

    def check(self) -> None:
        """Complain where nothing can be recorded any more.

        Raises:
            CassetteError: A line could not be written.
        """
        if self.problem:
            raise CassetteError(f"{self.problem}: make room and connect again, or connect without record=")

    def close(self, lines: Iterable[bytes] | None = None) -> None:
        """End the file; a second time does nothing.

        Args:
            lines: What it shall hold instead of what was added, whole at once; None leaves it as it is.

        Raises:
            CassetteError: They could not be written; the file holds what was added.
        """
        with self._lock:
            if self._descriptor < 0:
                return
            try:
                if lines is not None:
                    _replaced(self.path, b"".join((self._first, *lines)))
            except OSError as error:
                raise CassetteError(f"{self.path} cannot be written: {error.strerror or error}") from error
            finally:
                os.close(self._descriptor)
                self._descriptor = -1
                self.problem = self.problem or f"the recording {self.path} is closed"

    def _begun(self) -> int:
        path = self.path
        try:
            if path.exists():
                if not path.is_file() or not is_recording(path):
                    raise CassetteError(f"{path} is there and is no recording, so it is not written over: name another")
                _require_free(path)
            return _replaced(path, self._first, keep=True)
        except OSError as error:
            why = error.strerror or error
            raise CassetteError(f"{path} cannot be recorded to: {why}: name another file") from error


def _require_free(path: Path) -> None:
    """Complain where a session writes to this file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CassetteError(f"another session is recording to {path}: close it, or name another file") from error
    finally:
        os.close(descriptor)


def _replaced(path: Path, data: bytes, *, keep: bool = False) -> int:
    """Put data in a file's place, whole at once, readable by its owner only.

    Args:
        path: The file.
        data: What it shall hold.
        keep: Whether it stays open, and its own, for more.
    """
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        if keep:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _write(descriptor, data)
        os.fsync(descriptor)
        Path(beside).replace(path)
    except BaseException:
        os.close(descriptor)
        with suppress(FileNotFoundError):
            Path(beside).unlink()
        raise
    if keep:
        return descriptor
    os.close(descriptor)
    return -1


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _split(raw: bytes) -> list[bytes]:
    """Lines that end with a line feed only: a carriage return inside of one is no end."""
    *whole, rest = raw.split(b"\n")
    return [one + b"\n" for one in whole] + ([rest] if rest else [])


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _header(path: Path, first: bytes) -> Mapping[str, Any]:
    data = _parsed(first)
    if not first or (data is None and f'{{"{MARK}":'.encode().startswith(first[: len(MARK) + 4])):
        raise CassetteError(f"the recording {path} holds nothing: whoever recorded it was stopped before it began")
    version = data.get(MARK) if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise CassetteError(f"{path} is no recording of codenb: record one with codenb.connect(record=...)")
    if version > FORMAT:
        made = str(data.get("codenb", "a newer one"))[:_SHOWN]
        raise CassetteError(f"{path} was recorded by codenb {made} in a newer format ({version}): upgrade codenb")
    for key, kind in _HEADER_KEYS.items():
        if not isinstance(data.get(key), kind):
            wrong = f"{key!r} is missing or no {kind.__name__}"
            raise CassetteError(f"{path}, line 1 is not as it was recorded: {wrong}: record again")
    return data


def _track(data: Any, results: Mapping[int, Track], line: bytes, where: str) -> Track:
    """A line, checked.

    Raises:
        CassetteError: It is not as it was written.
    """
    wrong = f"{where} is not as it was recorded: %s: take it out, or record again"
    if not isinstance(data, dict):
        raise CassetteError(wrong % "it is no JSON object")
    for key, kind in _TRACK_KEYS.items():
        value = data.get(key)
        number = kind is float and isinstance(value, int | float) and not isinstance(value, bool)
        if not (number or (isinstance(value, kind) and not isinstance(value, bool))):
            raise CassetteError(wrong % f"{key!r} is missing or no {kind.__name__}")
    if not 0 <= data["at"] < _LONGEST_S:
        raise CassetteError(wrong % "'at' is no time since it began")
    if data["n"] in results:
        raise CassetteError(wrong % f"number {data['n']} was there before")
    result, error, call = data.get("result"), data.get("error"), data.get("call") or {}
    if "same_as" in data:
        told = results.get(data["same_as"]) if isinstance(data["same_as"], int) else None
        if told is None:
            raise CassetteError(wrong % f"it names line {str(data['same_as'])[:_SHOWN]}, which is not before it")
        result = told.result
    elif "result" not in data and not isinstance(error, dict):
        raise CassetteError(wrong % "it has neither a result nor an error")
    asked = data.get("asked") or []
    if not isinstance(call, dict) or not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise CassetteError(wrong % "'call' or 'asked' has another form")
    return Track(
        **{key: data[key] for key in _TRACK_KEYS},
        call=call,
        asked=tuple(asked),
        result=result,
        error=error,
        same_as=data.get("same_as"),
        line=line,
    )
