"""SQLite files in which what was acknowledged stays: after `kill -9`, and with several processes writing at once.

Every file is in WAL mode with full sync, readable by its owner only, and opened for one transaction at a time, so that
there is nothing to close and no process ever holds it while it does something else.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from codenb.errors import ConfigError

_BUSY_S = 30.0
_PAUSE_S = 0.01
_MAKING = threading.Lock()
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_WAITS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)


class Damaged(ConfigError):
    """The file is there and is not, or no longer, what SQLite wrote."""


@dataclass(frozen=True, slots=True)
class Durable:
    """One SQLite file.

    Attributes:
        path: Its folder is made when it is first written.
        schema: The statements that make it.
        what: What it is, for messages, such as `the audit log`.
        version: Of the schema (`PRAGMA user_version`).
    """

    path: Path
    schema: Sequence[str]
    what: str
    version: int = 1

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction; when this is left without an error, what was written stays.

        Raises:
            Damaged: It is no SQLite file any more.
            ConfigError: It cannot be opened or written: permissions, a full disk, a lock that is never let go.
        """
        with self._reported(), self._connected() as db:
            _patiently(db, "BEGIN IMMEDIATE")
            self._prepare(db)
            yield db
            db.execute("COMMIT")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """One look at it as it is now; None where nothing was ever written. Nothing is made and nothing is changed.

        Raises:
            Damaged: It is no SQLite file any more.
            ConfigError: It cannot be read.
        """
        with self._reported():
            if not self.path.exists():
                yield None
                return
            with contextlib.closing(_connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as db:
                _patiently(db, "BEGIN")
                yield db if self._known(_patiently(db, "PRAGMA user_version").fetchone()[0]) else None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        _private_folder(self.path.parent)
        # Made by us and not by SQLite, so that nobody else can ever read it; its WAL inherits the mode. Once it is
        # there it is not opened by us: closing it would drop every lock that SQLite has on it in this process.
        with _MAKING, contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with contextlib.closing(_connect(str(self.path))) as db:
            _patiently(db, "PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            yield db

    def _prepare(self, db: sqlite3.Connection) -> None:
        if not self._known(db.execute("PRAGMA user_version").fetchone()[0]):
            for statement in self.schema:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {self.version}")

    def _known(self, version: int) -> bool:
        if version > self.version:
            raise ConfigError(f"{self.what} {self.path} was made by a newer codenb: update codenb to use it")
        return version == self.version

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            kind = Damaged if _code(error) in _DAMAGED else ConfigError
            raise kind(f"{self.what} {self.path} cannot be used: {error}") from error
        except OSError as error:
            raise ConfigError(f"{self.what} {self.path} cannot be used: {error.strerror or error}") from error


def stamp(moment: datetime) -> str:
    """A time as such a file keeps it: in UTC and of one length, so that times are in the order of their texts."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=_BUSY_S, isolation_level=None, uri=uri)


def _patiently(db: sqlite3.Connection, statement: str) -> sqlite3.Cursor:
    """Run what another process may stand in the way of at this moment.

    SQLite waits by itself, but not where two would wait for each other, as when both are the first to open a file, and
    not while a third one recovers what a killed one left.
    """
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            return db.execute(statement)
        except sqlite3.OperationalError as error:
            if _code(error) not in _WAITS or time.monotonic() > until:
                raise
        time.sleep(_PAUSE_S)


def _code(error: sqlite3.Error) -> int:
    """The primary code of an extended one."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are not there, for their owner only."""
    if not folder.parent.exists():
        _private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
