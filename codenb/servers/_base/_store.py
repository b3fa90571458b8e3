"""Where previews wait to be approved, and where what came of them is kept.

An approval may be sent twice, by two connections, to two processes; what makes it count once is one SQL statement on a
file that they all share. A row that was used and has no outcome is either being applied at this moment or was being
applied when its process was killed. The two are told apart by a lock that lives exactly as long as the process that
applies: another SQLite file, held exclusively, because the system frees that lock however the process ends.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from codenb.access import Damaged, Durable
from codenb.errors import ConfigError, GrantRejected, PreviewStale, PreviewUsed
from codenb.models.outcome import Outcome
from codenb.models.preview import Preview

KEPT_S = 30 * 24 * 3600
WAITING_ROWS = 1000

_REFERENCE = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{32})")
_TABLE = (
    "CREATE TABLE IF NOT EXISTS previews (id TEXT PRIMARY KEY, digest TEXT NOT NULL, slot TEXT NOT NULL, "
    "preview TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, used REAL, outcome TEXT) STRICT"
)
_SCHEMA = (
    _TABLE,
    "CREATE TABLE IF NOT EXISTS grants (id TEXT PRIMARY KEY, preview TEXT NOT NULL, used REAL NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS previews_by_slot ON previews (slot, created)",
)
"""What an earlier codenb has made of it is kept."""

NOT_KNOWN = "the preview expired or is not known here: nothing was changed; preview again"
"""What is said of an approval that fits no preview of its caller and call."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One row: the preview, and how far it has come."""

    preview: Preview
    slot: str
    state: Literal["waiting", "applying", "done", "killed"]


@dataclass(slots=True)
class Claim:
    """A preview that was consumed by this process; while it is held, others see it as being applied."""

    preview: Preview
    lock: sqlite3.Connection
    path: Path

    def release(self) -> None:
        """Let go, after the outcome was kept."""
        self.lock.close()
        self.path.unlink(missing_ok=True)


@dataclass(slots=True)
class PreviewStore:
    """Previews in one SQLite file.

    Attributes:
        folder: Says which is the state folder, asked when it is needed.
    """

    folder: Callable[[], Path]

    async def save(self, preview: Preview, slot: str) -> None:
        """Keep a preview until it is approved or expires."""
        await asyncio.to_thread(self._save, preview, slot)

    async def newest_waiting(self, slot: str) -> Preview | None:
        """The newest preview of this call by this caller that was not used yet."""
        return await asyncio.to_thread(self._newest_waiting, slot)

    async def find(self, reference: str) -> Kept | None:
        """The row that `DIGEST.ID` names."""
        return await asyncio.to_thread(self._find, reference)

    async def claim(self, reference: str, slot: str, grant: str = "") -> Claim:
        """Consume a preview, and the grant that approves it, before the first write.

        Args:
            reference: `DIGEST.ID`.
            slot: Of the call.
            grant: Id of the signed approval, where there is one: it counts once, whichever preview it comes with.

        Raises:
            PreviewUsed: It was used before, or is being used.
            PreviewStale: It expired, or is not one of this caller and call.
            GrantRejected: The grant was used before; the preview is not consumed.
        """
        return await asyncio.to_thread(self._claim, reference, slot, grant)

    async def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Keep what came of it, and let go of the claim."""
        await asyncio.to_thread(self._settle, claim, outcome)

    async def settle_killed(self, preview: Preview, outcome: Outcome) -> bool:
        """Keep what came of one whose process was killed, unless somebody else has said so meanwhile.

        Returns:
            Whether it is kept now and was not before.
        """
        return await asyncio.to_thread(self._settle_killed, preview, outcome)

    def _save(self, preview: Preview, slot: str) -> None:
        now = time.time()
        row = (preview.id, preview.digest, slot, preview.model_dump_json(), now, preview.expires_at.timestamp())
        with self._open() as db:
            db.execute("DELETE FROM previews WHERE used IS NULL AND expires < ?", (now,))
            db.execute("DELETE FROM previews WHERE used < ?", (now - KEPT_S,))
            db.execute("DELETE FROM grants WHERE used < ?", (now - KEPT_S,))
            db.execute(
                "DELETE FROM previews WHERE id IN "
                "(SELECT id FROM previews WHERE used IS NULL ORDER BY created DESC LIMIT -1 OFFSET ?)",
                (WAITING_ROWS - 1,),
            )
            db.execute(
                "INSERT INTO previews (id, digest, slot, preview, created, expires) VALUES (?, ?, ?, ?, ?, ?)", row
            )

    def _newest_waiting(self, slot: str) -> Preview | None:
        with self._open() as db:
            row = db.execute(
                "SELECT preview FROM previews WHERE slot = ? AND used IS NULL AND expires > ? "
                "ORDER BY created DESC LIMIT 1",
                (slot, time.time()),
            ).fetchone()
        return _preview(row[0]) if row else None

    def _find(self, reference: str) -> Kept | None:
        digest, preview_id = _parts(reference)
        with self._open() as db:
            row = db.execute(
                "SELECT preview, slot, used, outcome FROM previews WHERE id = ? AND digest = ?", (preview_id, digest)
            ).fetchone()
            # Asked while nobody can write: an outcome is kept before its lock is let go, and must not come in between.
            begun = row is not None and row[2] is not None and row[3] is None
            held = begun and _is_held(self._lock_path(preview_id))
        if row is None:
            return None
        preview, slot, used, outcome = _preview(row[0]), row[1], row[2], row[3]
        if used is None:
            return Kept(preview, slot, "waiting")
        if outcome is None:
            return Kept(preview.model_copy(update={"begun": True}), slot, "applying" if held else "killed")
        settled = Outcome.model_validate_json(outcome)
        return Kept(preview.model_copy(update={"begun": True, "outcome": settled}), slot, "done")

    def _claim(self, reference: str, slot: str, grant: str) -> Claim:
        digest, preview_id = _parts(reference)
        path = self._lock_path(preview_id)
        lock: sqlite3.Connection | None = None
        try:
            # The lock is taken, and asked for by `_find`, while nobody else can write: two who reach for one at the
            # same moment may both be told that it is taken, and then nobody would carry out what was approved.
            with self._open() as db:
                now = time.time()
                row = db.execute(
                    "UPDATE previews SET used = ? WHERE id = ? AND digest = ? AND slot = ? AND used IS NULL "
                    "AND expires > ? RETURNING preview",
                    (now, preview_id, digest, slot, now),
                ).fetchone()
                if row is None:
                    _refuse(db, reference, preview_id)
                if grant:
                    _use(db, grant, preview_id, now)
                if (lock := _hold(path)) is None:
                    _refuse(db, reference, preview_id)
            return Claim(_preview(row[0]), lock, path)
        except BaseException:
            if lock is not None:
                lock.close()
                path.unlink(missing_ok=True)
            raise

    def _settle(self, claim: Claim, outcome: Outcome) -> None:
        try:
            with self._open() as db:
                row = (outcome.model_dump_json(), claim.preview.id)
                db.execute("UPDATE previews SET outcome = ? WHERE id = ?", row)
        finally:
            claim.release()

    def _settle_killed(self, preview: Preview, outcome: Outcome) -> bool:
        with self._open() as db:
            done = db.execute(
                "UPDATE previews SET outcome = ? WHERE id = ? AND used IS NOT NULL AND outcome IS NULL",
                (outcome.model_dump_json(), preview.id),
            )
            first = done.rowcount == 1
        self._lock_path(preview.id).unlink(missing_ok=True)
        return first

    def _lock_path(self, preview_id: str) -> Path:
        return self.folder() / "run" / f"applying-{preview_id}"

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One transaction, also where only something is read: nobody else writes in it."""
        try:
            with Durable(self.folder() / "previews.db", _SCHEMA, "the preview store").writing() as db:
                yield db
        except Damaged as error:
            raise ConfigError(f"{error}: move it away, and preview anew what waited in it") from error


def _hold(path: Path) -> sqlite3.Connection | None:
    """Take the lock that this file is; None when somebody has it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN EXCLUSIVE")
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            return None
        raise ConfigError(f"the preview store cannot lock {path}: {error}") from error
    return lock


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    lock = _hold(path)
    if lock is None:
        return True
    lock.close()
    return False


def _use(db: sqlite3.Connection, grant: str, preview_id: str, now: float) -> None:
    """Note that a grant was used, in the transaction that consumes its preview: both happen, or neither does."""
    try:
        db.execute("INSERT INTO grants (id, preview, used) VALUES (?, ?, ?)", (grant, preview_id, now))
    except sqlite3.IntegrityError as error:
        raise GrantRejected("the signed approval was used before, and it counts once: approve again") from error


def _refuse(db: sqlite3.Connection, reference: str, preview_id: str) -> NoReturn:
    row = db.execute("SELECT used FROM previews WHERE id = ?", (preview_id,)).fetchone()
    if row and row[0] is not None:
        raise PreviewUsed(already_used(reference))
    raise PreviewStale(NOT_KNOWN)


def _parts(reference: str) -> tuple[str, str]:
    """Digest and id; what is not in that form names no row, and above all no file."""
    match = _REFERENCE.fullmatch(reference)
    return (match[1], match[2]) if match else ("", "")


def _preview(text: str) -> Preview:
    return Preview.model_validate_json(text)


def already_used(reference: str) -> str:
    """What is said to a second approval."""
    return (
        f"this approval was already used, and a preview is carried out once: "
        f"what came of it is in preview://{reference}"
    )
