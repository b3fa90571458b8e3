"""The audit log: who asked for a change, who approved it, what ran and what came of it, and what was denied.

Its entries are a chain, each with the hash of the one before it, in an SQLite file that refuses to change or drop a
row. That refusal is for accidents. Whoever may write the file can lift it, and can write all of the chain anew; so the
hash of the newest entry, noted elsewhere from time to time, proves all that came before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from codenb.access._audit_event import BEGINNING, AuditEntries, AuditEntry, AuditEvent, Fault, hash_of
from codenb.access._durable import Damaged, Durable, stamp
from codenb.canonical import canonical_json
from codenb.errors import BadInput, CodenbError, ConfigError
from codenb.redaction import Redactor
from codenb.redaction import redactor as default_redactor

if TYPE_CHECKING:
    from codenb.config import Settings
    from codenb.models.outcome import Outcome

_TRIGGERS = {
    "entries_are_not_changed": "CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "entries_are_not_dropped": "CREATE TRIGGER entries_are_not_dropped BEFORE DELETE ON entries "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    # Also against INSERT OR REPLACE, which drops a row without asking the trigger above.
    "entries_are_added_at_the_end": "CREATE TRIGGER entries_are_added_at_the_end BEFORE INSERT ON entries "
    "WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entries) "
    "OR NEW.prev IS NOT coalesce((SELECT hash FROM entries ORDER BY seq DESC LIMIT 1), printf('%064d', 0)) "
    "BEGIN SELECT RAISE(ABORT, 'an entry of the audit log is added after the last one'); END",
}
# AUTOINCREMENT keeps the highest number ever given, so that dropping the newest entries leaves a trace.
_TABLE = (
    "CREATE TABLE entries (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, prev TEXT NOT NULL, "
    "body TEXT NOT NULL, hash TEXT NOT NULL UNIQUE) STRICT"
)


class AuditLog:
    """The log of one project; several processes may append to it at once.

    Attributes:
        path: The file; it is made with the first entry.
    """

    def __init__(self, folder: Path, redactor: Redactor | None = None) -> None:
        """Prepare; nothing is made yet.

        Args:
            folder: Where it is kept, such as `.mcp/audit`.
            redactor: For what the events say; by default the process's.
        """
        self.path = folder / "audit.db"
        self._redactor = redactor or default_redactor()
        self._file = Durable(self.path, (_TABLE, *_TRIGGERS.values()), "the audit log")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The log of a project."""
        return cls(settings.state_dir / "audit", settings.redactor())

    def append(self, event: AuditEvent) -> AuditEntry:
        """Add an event; when this returns, it is on the disk.

        Raises:
            ConfigError: It could not be written; whatever it was to tell of must not happen.
        """
        cleaned = event.cleaned(self._redactor)
        body = canonical_json(cleaned.model_dump(mode="json", exclude_defaults=True)).decode()
        try:
            with self._file.writing() as db:
                last = db.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
                seq, prev = (last[0] + 1, last[1]) if last else (1, BEGINNING)
                at = datetime.now(UTC)
                own = hash_of(seq, stamp(at), prev, body)
                row = (seq, stamp(at), prev, body, own)
                db.execute("INSERT INTO entries (seq, at, prev, body, hash) VALUES (?, ?, ?, ?, ?)", row)
        except Damaged as error:
            raise Damaged(f"{error}: look at it with `codenb audit verify`, and move it away to go on") from error
        return AuditEntry(seq=seq, at=at, prev=prev, hash=own, event=cleaned)

    def entries(self, *, since: datetime | None = None, last: int | None = None) -> AuditEntries:
        """What was written, oldest first.

        Args:
            since: Only what is not older.
            last: Only so many of the newest.

        Raises:
            ConfigError: The log cannot be read, or an entry is not as it was written: `verify` tells which.
        """
        begin = "" if since is None else stamp(since)
        with self._file.reading() as db:
            if db is None:
                return AuditEntries()
            count = db.execute("SELECT count(*) FROM entries WHERE at >= ?", (begin,)).fetchone()[0]
            rows = db.execute(
                "SELECT seq, at, prev, body, hash FROM entries WHERE at >= ? ORDER BY seq DESC LIMIT ?",
                (begin, -1 if last is None else last),
            ).fetchall()
        return AuditEntries([self._read(row) for row in reversed(rows)], cut=count - len(rows))

    def head(self) -> str | None:
        """The hash of the newest entry; None while there is none.

        Raises:
            ConfigError: The log cannot be read.
        """
        with self._file.reading() as db:
            row = db and db.execute("SELECT hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        return str(row[0]) if row else None

    def verify(self, head: str | None = None) -> Fault | None:
        """Check every entry against the chain.

        Args:
            head: The hash of an entry, noted when it was the newest: it must still be there.

        Returns:
            The first thing that is wrong; None where every entry stands as it was written.

        Raises:
            ConfigError: The log cannot be read.
        """
        try:
            with self._file.reading() as db:
                if db is None:
                    return (
                        None if head is None else Fault(None, "cut", f"there is no entry {head[:16]}: the log is gone")
                    )
                db.row_factory = sqlite3.Row
                db.text_factory = _as_it_is
                rows = db.execute("SELECT seq, at, prev, body, hash FROM entries ORDER BY seq")
                return _broken(rows, db) or _cut(db, head)
        except Damaged as error:
            return Fault(None, "damaged", str(error))
        except ConfigError as error:
            if isinstance(error.__cause__, sqlite3.OperationalError) and "no such" in str(error.__cause__):
                return Fault(None, "damaged", f"{error}: this is no audit log any more")
            raise

    def _read(self, row: tuple[Any, ...]) -> AuditEntry:
        seq, at, prev, body, own = row
        try:
            event = AuditEvent.model_validate_json(body)
            return AuditEntry(seq=seq, at=at, prev=prev, hash=own, event=event)
        except (CodenbError, ValueError) as error:
            raise ConfigError(
                f"entry {seq} of the audit log {self.path} cannot be read: `codenb audit verify` tells what is wrong"
            ) from error


def without_entry(outcome: Outcome, problem: str) -> Outcome:
    """An outcome that could not be written, with a note that the log does not have it, and why."""
    note = f"this could not be written to the audit log: {problem}"
    return outcome.model_copy(update={"message": "; ".join(filter(None, [outcome.message, note]))})


def _broken(rows: Iterable[sqlite3.Row], db: sqlite3.Connection) -> Fault | None:
    """The first entry that does not follow from the one before it, or is not what its hash says."""
    expected, before = 1, BEGINNING
    for row in rows:
        seq = row["seq"]
        whole = _own_hash(row, seq) == row["hash"]
        if not whole and (was := _stood_at(row, db)):
            return Fault(seq, "reordered", f"entry {seq} was moved: it was written as entry {was}")
        if seq != expected:
            gone = f"entry {expected} is" if seq == expected + 1 else f"entries {expected} to {seq - 1} are"
            return Fault(expected, "missing", f"{gone} missing: after entry {expected - 1} comes entry {seq}")
        if not whole:
            return Fault(seq, "altered", f"entry {seq} was altered: it is not what its hash says")
        if row["prev"] != before:
            text = f"entry {seq} does not follow entry {expected - 1}: what stood before it was altered or replaced"
            return Fault(seq, "altered", text)
        expected, before = seq + 1, row["hash"]
    return None


def _cut(db: sqlite3.Connection, head: str | None) -> Fault | None:
    """What a whole chain does not show: that its end is missing, that all of it was rewritten, that it lies open."""
    last = db.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0]
    highest = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'entries'").fetchone()[0]
    if highest > last:
        return Fault(last + 1, "cut", f"the end is cut off: after entry {last} there were entries up to {highest}")
    if head is not None and not db.execute("SELECT 1 FROM entries WHERE hash = ?", (head,)).fetchone():
        text = (
            f"no entry has the hash {head[:16]}: the end was cut off, or the log was written anew, since that was noted"
        )
        return Fault(None, "cut", text)
    triggers = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall())
    if triggers != _TRIGGERS:
        return Fault(None, "unguarded", "every entry stands, but what keeps the log append-only was taken away")
    return None


def _as_it_is(text: bytes) -> str:
    """Also text that is none; it then has no canonical form, and so no hash."""
    return text.decode("utf-8", "surrogateescape")


def _own_hash(row: sqlite3.Row, seq: int) -> str:
    try:
        return hash_of(seq, row["at"], row["prev"], row["body"])
    except BadInput:  # a value of a kind that was never written
        return ""


def _stood_at(row: sqlite3.Row, db: sqlite3.Connection) -> int | None:
    """Where an entry stood that is whole but for its number: right after the one that it names."""
    if row["prev"] == BEGINNING:
        return 1 if _own_hash(row, 1) == row["hash"] else None
    for (seq,) in db.execute("SELECT seq FROM entries UNION SELECT seq + 1 FROM entries"):
        if _own_hash(row, seq) == row["hash"]:
            return int(seq)
    return None
