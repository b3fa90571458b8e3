"""What a server remembers: notes that its callers leave, and every outcome of its changes.

The memory is the server's own, in a file of its project, and all who may call it share it: over HTTP the permit on
`remember`, `recall` and `memory://` decides who that is. What was acknowledged is there after `kill -9`. It is bounded
on all sides, because a model may call `remember` as often as it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

from pydantic import JsonValue

from codenb.access import Damaged, Durable, stamp
from codenb.canonical import canonical_json
from codenb.errors import BadInput, ConfigError
from codenb.models._base import Answered
from codenb.models.outcome import Outcome
from codenb.models.preview import Preview
from codenb.servers._base._hiding import Hiding
from codenb.views import Code, Field, View

KEY_BYTES = 256
VALUE_BYTES = 64 * 1024
NOTES = 10_000
NOTES_BYTES = 64 * 1024 * 1024
OUTCOMES = 1_000
"""Of more outcomes than these the oldest are dropped; the audit log keeps them all."""

OUTCOME_PREFIX = "outcome/"

_SHOWN_BYTES = 4_096
_LISTED = 1_000
_NEAR = 3

_TABLE = (
    "CREATE TABLE notes (key TEXT PRIMARY KEY, at TEXT NOT NULL, principal TEXT NOT NULL, bytes INTEGER NOT NULL, "
    "own INTEGER NOT NULL, value TEXT NOT NULL) STRICT"
)
# Counting and listing read this and no value.
_INDEX = "CREATE INDEX notes_by_time ON notes (own, at, key, bytes)"


class Note(Answered):
    """What is remembered under one key.

    Attributes:
        key: Its name.
        value: What was said, without secrets.
        at: UTC; when it was said last.
        by: Who said it.
    """

    told: ClassVar[tuple[str, ...] | None] = ()

    key: str
    value: JsonValue
    at: datetime
    by: str

    def view(self) -> View:
        said = f"{self.at:%Y-%m-%d %H:%M} UTC, by {self.by}"
        text = self.value if isinstance(self.value, str) else json.dumps(self.value, ensure_ascii=False, indent=2)
        return View(title=self.key, blocks=[Field("remembered", said), Code(text)])


class Forgotten(Answered):
    """Whether there was something to forget."""

    told: ClassVar[tuple[str, ...] | None] = ()

    key: str
    forgotten: bool

    def view(self) -> View:
        return View(title=f"{self.key} {'is forgotten' if self.forgotten else 'was not remembered'}")


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one server; several processes may use it at once.

    Attributes:
        server: Its name.
        folder: Says which is the state folder, asked when it is needed.
    """

    server: str
    folder: Callable[[], Path]

    @property
    def path(self) -> Path:
        """The file; made when something is first remembered."""
        return self.folder() / "memory" / self.server / "memory.db"

    async def remember(self, key: str, value: JsonValue, *, by: str, hides: Hiding) -> Note:
        """Keep a value, in place of what stood under its key.

        Args:
            key: Text of up to 256 bytes; not `outcome/...`, which is the server's own.
            value: JSON data.
            by: Who says it.
            hides: What may not be kept of the value; a key that holds a secret is refused.

        Returns:
            What is kept, once it is on the disk.

        Raises:
            BadInput: The key, the value or one value more is over a limit; the message says which.
            ConfigError: It cannot be written.
        """
        name = _key(key)
        if hides.text(name) != name:
            raise BadInput("the key looks like a secret: name it otherwise")
        if name.startswith(OUTCOME_PREFIX):
            raise BadInput(f"keys that begin with {OUTCOME_PREFIX} are for what came of changes: name it otherwise")
        text = _value(hides.value({"key": name, "value": value})["value"])  # a key may say that its value is a secret
        note = Note(key=name, value=json.loads(text), at=datetime.now(UTC), by=by)
        await asyncio.to_thread(self._remember, note, text)
        return note

    async def recall(self, key: str, *, may_know: Callable[[str], bool] = lambda _key: True) -> Note:
        """What is kept under a key.

        Args:
            key: Its name.
            may_know: Whether the caller may hear of another key.

        Raises:
            BadInput: Nothing is; the message names the nearest keys.
            ConfigError: It cannot be read.
        """
        return await asyncio.to_thread(self._recall, _key(key), may_know)

    async def forget(self, key: str) -> Forgotten:
        """Drop what is kept under a key; dropping it again does nothing.

        Raises:
            BadInput: What came of changes is not forgotten on demand; the oldest of it gives way by itself.
            ConfigError: It cannot be written.
        """
        name = _key(key)
        if name.startswith(OUTCOME_PREFIX):
            raise BadInput(f"keys that begin with {OUTCOME_PREFIX} are for what came of changes, and stay")
        return await asyncio.to_thread(self._forget, name)

    async def keep(self, preview: Preview, outcome: Outcome) -> None:
        """Remember what came of a change, under `outcome/DIGEST.ID`.

        Raises:
            ConfigError: It cannot be written.
        """
        note = _of_outcome(preview, outcome)
        await asyncio.to_thread(self._keep, note, _value(note.value))

    async def keys(self) -> dict[str, JsonValue]:
        """Every key with its time and size, newest first, and how many were left out."""
        return await asyncio.to_thread(self._keys)

    def export(self) -> dict[str, JsonValue]:
        """All that is remembered, oldest first, as JSON data; a damaged file stays where it is.

        Raises:
            BadInput: Nothing was ever remembered here.
            ConfigError: It cannot be read.
        """
        with self._file().reading() as db:
            if db is None:
                raise BadInput(f"{self.server} has no memory in {self.folder()}: nothing was remembered here yet")
            rows = db.execute("SELECT key, value, at, principal FROM notes ORDER BY at, key").fetchall()
        notes: list[JsonValue] = [
            {"key": key, "value": json.loads(value), "at": at, "by": by} for key, value, at, by in rows
        ]
        return {"server": self.server, "exported_at": stamp(datetime.now(UTC)), "notes": notes}

    def _remember(self, note: Note, text: str) -> None:
        with self._writing() as db:
            count, size = db.execute(
                "SELECT count(*), coalesce(sum(bytes), 0) FROM notes WHERE own = 0 AND key <> ?", (note.key,)
            ).fetchone()
            if count >= NOTES:
                raise BadInput(f"{self.server} remembers {NOTES:,} notes, and no more: forget one first")
            if size + len(text.encode()) > NOTES_BYTES:
                raise BadInput(f"{self.server} remembers {NOTES_BYTES:,} bytes of notes, and no more: forget one first")
            _put(db, note, text, own=False)

    def _keep(self, note: Note, text: str) -> None:
        with self._writing() as db:
            _put(db, note, text, own=True)
            db.execute(
                "DELETE FROM notes WHERE own = 1 AND key NOT IN "
                "(SELECT key FROM notes WHERE own = 1 ORDER BY at DESC, key LIMIT ?)",
                (OUTCOMES,),
            )

    def _recall(self, key: str, may_know: Callable[[str], bool]) -> Note:
        with self._reading() as db:
            row = db and db.execute("SELECT value, at, principal FROM notes WHERE key = ?", (key,)).fetchone()
            if row:
                return Note(key=key, value=json.loads(row[0]), at=row[1], by=row[2])
            others = [one for (one,) in db.execute("SELECT key FROM notes WHERE own = 0")] if db else []
        others = [one for one in others if may_know(one)]
        near = get_close_matches(key, others[:_LISTED], n=_NEAR, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it remembers {len(others):,} notes"
        raise BadInput(f"{self.server} remembers nothing under {key!r}: {hint}")

    def _forget(self, key: str) -> Forgotten:
        if not self.path.exists():
            return Forgotten(key=key, forgotten=False)
        with self._writing() as db:
            dropped = db.execute("DELETE FROM notes WHERE key = ?", (key,)).rowcount
        return Forgotten(key=key, forgotten=bool(dropped))

    def _keys(self) -> dict[str, JsonValue]:
        with self._reading() as db:
            rows: list[Any] = (
                db.execute("SELECT key, at, bytes FROM notes ORDER BY at DESC, key").fetchall() if db else []
            )
        keys: list[JsonValue] = [{"key": key, "at": at, "bytes": size} for key, at, size in rows[:_LISTED]]
        return {"server": self.server, "keys": keys, "cut": max(0, len(rows) - _LISTED)}

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._undamaged(), self._file().writing() as db:
            yield db

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with self._undamaged(), self._file().reading() as db:
            yield db

    def _file(self) -> Durable:
        return Durable(self.path, (_TABLE, _INDEX), "the memory")

    @contextlib.contextmanager
    def _undamaged(self) -> Iterator[None]:
        """Move a damaged file out of the way, whole, and say so: nothing of it is dropped, and the next call works."""
        inode = _inode(self.path)
        try:
            yield
        except Damaged as error:
            aside = _set_aside(self.path, inode)
            where = f"it was set aside as {aside}" if aside else "another process set it aside"
            raise ConfigError(f"{error}; {where}, and {self.server} remembers anew from now on") from error


def _put(db: sqlite3.Connection, note: Note, text: str, *, own: bool) -> None:
    db.execute(
        "INSERT INTO notes (key, value, at, principal, bytes, own) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO "
        "UPDATE SET value = excluded.value, at = excluded.at, principal = excluded.principal, bytes = excluded.bytes",
        (note.key, text, stamp(note.at), note.by, len(text.encode()), int(own)),
    )


def _key(key: str) -> str:
    """A key as it is kept: what looks the same is the same.

    Raises:
        BadInput: It is empty, too long, or holds what cannot be seen.
    """
    name = unicodedata.normalize("NFC", key)
    size = len(name.encode("utf-8", "surrogatepass"))
    if not 0 < size <= KEY_BYTES:
        raise BadInput(f"a key has 1 to {KEY_BYTES} bytes, and this one has {size:,}")
    if not name.isprintable() or name != name.strip():
        raise BadInput("a key is one line of text, without control characters and without space around it")
    return name


def _value(value: Any) -> str:
    """A value as it is kept.

    Raises:
        BadInput: It is over the limit, or cannot be carried exactly.
    """
    text = canonical_json(value)
    if len(text) > VALUE_BYTES:
        raise BadInput(f"a value has up to {VALUE_BYTES:,} bytes, and this one has {len(text):,}: remember less of it")
    return text.decode()


def _of_outcome(preview: Preview, outcome: Outcome) -> Note:
    """What came of a change, as an expert may want to know it when something like it happens again."""
    change = preview.change
    told: dict[str, Any] = {
        "status": outcome.status,
        "summary": outcome.summary,
        "message": outcome.message,
        "at": outcome.to_dict()["started_at"],
        "place": {"name": str(preview.place), "identity": preview.place.identity},
        "entity": change.entity.to_dict(),
        "call": preview.call.to_dict(),
        "before": change.before,
        "after": change.after,
        "answer": outcome.answer,
        "undo": outcome.undo.to_dict() if outcome.undo else None,
    }
    for name in ("call", "before", "after", "answer", "undo"):  # a whole manifest is in the preview
        size = len(canonical_json(told[name]))
        if size > _SHOWN_BYTES:
            told[name] = f"{size:,} bytes, not kept"
    return Note(key=f"{OUTCOME_PREFIX}{preview.reference}", value=told, at=datetime.now(UTC), by="the server")


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _set_aside(path: Path, inode: int | None) -> Path | None:
    """Rename a file and its logs; None where it is no longer the one that was found damaged.

    The logs go first: one that stayed would be read as the log of the next file of that name.
    """
    if inode is None or _inode(path) != inode:
        return None
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
    for ending in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(f"{path.name}{ending}").rename(f"{aside}{ending}")
    return aside
