"""The audit log: nothing in it can be changed, dropped, moved or cut off without being found."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.access import AuditEvent, AuditLog, Denials
from codenb.access._audit_event import BEGINNING, hash_of
from codenb.errors import ConfigError

APPEND = """
import sys
from pathlib import Path
from codenb.access import AuditEvent, AuditLog
log = AuditLog(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    log.append(AuditEvent(kind="asked", source="host", summary=f"{sys.argv[2]}/{number}"))
"""


def event(summary: str = "scale web from 3 to 6", **more: object) -> AuditEvent:
    return AuditEvent(kind="approved", source="server", summary=summary, **more)  # type: ignore[arg-type]


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """A log of five entries."""
    made = AuditLog(tmp_path / "audit")
    for number in range(1, 6):
        made.append(event(f"change {number}"))
    return made


@contextmanager
def unguarded(log: AuditLog) -> Iterator[sqlite3.Connection]:
    """The file as whoever owns it can write it."""
    with closing(sqlite3.connect(log.path, isolation_level=None)) as db:
        guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            db.execute(f"DROP TRIGGER {name}")
        yield db
        for _, sql in guards:
            db.execute(sql)


def test_an_entry_says_what_happened_and_follows_from_the_one_before(log: AuditLog):
    """What an auditor reads has to be what was written, in its order."""
    entries = list(log.entries())

    assert [one.event.summary for one in entries] == [f"change {number}" for number in range(1, 6)]
    assert [one.seq for one in entries] == [1, 2, 3, 4, 5]
    assert [one.prev for one in entries] == [BEGINNING, *(one.hash for one in entries[:-1])]
    assert log.head() == entries[-1].hash
    assert log.verify() is None
    assert log.verify(entries[2].hash) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = '{}' WHERE seq = 3",
        "DELETE FROM entries WHERE seq = 5",
        "INSERT INTO entries VALUES (9, '', '', '', '')",
        "INSERT INTO entries VALUES (6, '', 'another', '', '')",
        "REPLACE INTO entries SELECT seq, at, prev, '{}', hash FROM entries WHERE seq = 3",
    ],
)
def test_the_file_itself_refuses_to_change_or_drop_an_entry(log: AuditLog, statement: str):
    """A script that tidies databases must not tidy this one; REPLACE had got past the first version of the guard."""
    with closing(sqlite3.connect(log.path)) as db, pytest.raises(sqlite3.IntegrityError, match="audit log"):
        db.execute(statement)

    assert log.verify() is None


def altered(db: sqlite3.Connection) -> None:
    db.execute("UPDATE entries SET body = replace(body, 'change 3', 'change 7') WHERE seq = 3")


def dated_back(db: sqlite3.Connection) -> None:
    db.execute("UPDATE entries SET at = '2020-01-01T00:00:00.000000+00:00' WHERE seq = 3")


def altered_and_hashed(db: sqlite3.Connection) -> None:
    at, prev = db.execute("SELECT at, prev FROM entries WHERE seq = 3").fetchone()
    db.execute("UPDATE entries SET body = '{}', hash = ? WHERE seq = 3", (hash_of(3, at, prev, "{}"),))


def removed(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM entries WHERE seq = 3")


def removed_and_numbered(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM entries WHERE seq = 3")
    db.execute("UPDATE entries SET seq = seq - 1 WHERE seq > 3")


def first_removed(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM entries WHERE seq = 1")


def swapped(db: sqlite3.Connection) -> None:
    db.execute("UPDATE entries SET seq = 99 WHERE seq = 3")
    db.execute("UPDATE entries SET seq = 3 WHERE seq = 4")
    db.execute("UPDATE entries SET seq = 4 WHERE seq = 99")


def cut(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM entries WHERE seq > 3")


def emptied(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM entries")


def odd(db: sqlite3.Connection) -> None:
    db.execute("UPDATE entries SET body = CAST(x'ff00' AS TEXT) WHERE seq = 3")


@pytest.mark.parametrize(
    ("how", "seq", "kind", "said"),
    [
        (altered, 3, "altered", "entry 3 was altered"),
        (dated_back, 3, "altered", "entry 3 was altered"),
        (altered_and_hashed, 4, "altered", "entry 4 does not follow entry 3"),
        (removed, 3, "missing", "entry 3 is missing"),
        (removed_and_numbered, 3, "reordered", "entry 3 was moved: it was written as entry 4"),
        (first_removed, 1, "missing", "entry 1 is missing"),
        (swapped, 3, "reordered", "entry 3 was moved: it was written as entry 4"),
        (cut, 4, "cut", "after entry 3 there were entries up to 5"),
        (emptied, 1, "cut", "after entry 0 there were entries up to 5"),
        (odd, 3, "altered", "entry 3 was altered"),
    ],
)
def test_the_first_entry_that_is_wrong_is_named_with_why(
    log: AuditLog, how: Callable[[sqlite3.Connection], None], seq: int, kind: str, said: str
):
    """Whoever owns the file can lift its guard; the chain then tells what was done, and where it begins."""
    with unguarded(log) as db:
        how(db)

    fault = log.verify()
    assert fault
    assert (fault.seq, fault.kind) == (seq, kind)
    assert said in str(fault)


def test_a_log_that_was_written_anew_is_found_by_a_head_that_was_noted(log: AuditLog, tmp_path: Path):
    """A chain that is whole proves nothing against its owner; a hash in a ticket does."""
    noted = log.head()
    with unguarded(log) as db:
        db.execute("DELETE FROM entries")
        db.execute("DELETE FROM sqlite_sequence")
    log.append(event("another story"))

    assert log.verify() is None
    fault = log.verify(noted)
    assert fault
    assert fault.kind == "cut"

    log.path.unlink()
    gone = log.verify(noted)
    assert gone
    assert gone.kind == "cut"


def test_a_guard_that_was_taken_away_is_found(log: AuditLog):
    """An entry that still stands may not stand for long."""
    with closing(sqlite3.connect(log.path)) as db:
        db.execute("DROP TRIGGER entries_are_not_dropped")

    fault = log.verify()
    assert fault
    assert fault.kind == "unguarded"


@pytest.mark.parametrize("how", ["scrambled", "without its table"])
def test_a_file_that_is_no_log_any_more_is_a_fault_and_takes_no_entry(log: AuditLog, how: str):
    """It must neither pass as empty nor be begun anew in silence."""
    if how == "scrambled":
        for one in log.path.parent.iterdir():
            one.unlink()
        log.path.write_bytes(os.urandom(4096))
    else:
        with unguarded(log) as db:
            db.execute("DROP TABLE entries")
            db.execute("CREATE TABLE entries (seq)")

    fault = log.verify()
    assert fault
    assert fault.kind == "damaged"
    with pytest.raises(ConfigError, match=r"audit\.db"):
        log.append(event())


def test_eight_processes_write_one_chain(tmp_path: Path):
    """Several servers of one project, each a process, write at once, and from the first moment on."""
    folder = tmp_path / "audit"
    writers = [subprocess.Popen([sys.executable, "-c", APPEND, str(folder), str(one), "15"]) for one in range(8)]

    assert [one.wait() for one in writers] == [0] * 8
    log = AuditLog(folder)
    assert log.verify() is None
    assert {one.event.summary for one in log.entries()} == {f"{one}/{at}" for one in range(8) for at in range(15)}


def test_threads_write_one_chain(log: AuditLog):
    """Calls of one server run beside each other in one process."""
    threads = [threading.Thread(target=lambda: [log.append(event()) for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(log.entries()) == 45
    assert log.verify() is None


def test_a_full_disk_is_one_line_and_leaves_the_chain_whole(log: AuditLog):
    """What could not be written was not, and the next entry that fits goes where it belongs."""

    def fill() -> None:
        for _ in range(100):
            log.append(event("x" * 1900))

    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.path.stat().st_size, was[1]))
    try:
        with pytest.raises(ConfigError, match=r"the audit log .* cannot be used") as caught:
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)

    assert "\n" not in str(caught.value)
    assert log.verify() is None
    assert log.append(event("after")).seq == len(log.entries())
    assert log.verify() is None


def test_a_log_that_may_not_be_written_is_one_line(tmp_path: Path):
    """A file in the place of the folder stands for every way in which a disk says no."""
    (tmp_path / "audit").write_text("")

    with pytest.raises(ConfigError, match="cannot be used"):
        AuditLog(tmp_path / "audit").append(event())


def test_what_is_written_can_be_read_by_its_owner_only(log: AuditLog, tmp_path: Path):
    """It tells who may change what; the state folder may lie in a shared home."""
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o077 for one in (tmp_path / "audit").iterdir()} == {0}


def test_no_secret_reaches_the_log(tmp_path: Path):
    """A log is kept for years and read by many."""
    token = "ghp_" + "a1B2c3D4e5" * 4
    log = AuditLog(tmp_path / "audit")
    log.append(event(f"set TOKEN={token}", message=f"denied for {token}", call=f"f(token='{token}')"))

    assert token not in log.path.read_bytes().decode(errors="replace")
    assert token not in json.dumps(log.entries().to_dict())


@given(st.text(), st.text())
def test_any_text_is_written_and_read_back_in_one_line(one: str, other: str):
    """Names and reasons come from people, clusters and models: lone surrogates, line feeds, very long ones."""
    said = event(one, reason=other).cleaned(AuditLog(Path("/nonexistent"))._redactor)

    assert AuditEvent.model_validate_json(said.model_dump_json()) == said
    assert "\n" not in said.summary
    assert len(said.summary) < 25_000


def test_only_the_newest_or_what_is_not_older_is_read(log: AuditLog):
    """A log of years is looked at from its end."""
    newest = log.entries(last=2)

    assert [one.seq for one in newest] == [4, 5]
    assert newest.cut == 3
    assert [one.seq for one in log.entries(since=newest[0].at)] == [4, 5]
    assert len(log.entries(since=datetime.now(UTC) + timedelta(hours=1))) == 0


def test_reading_makes_nothing(tmp_path: Path):
    """Looking at a project must not leave a state folder in it."""
    log = AuditLog(tmp_path / "audit")

    assert len(log.entries()) == 0
    assert log.head() is None
    assert log.verify() is None
    assert list(tmp_path.iterdir()) == []


def test_a_denied_call_shows_which_tool_it_was(log: AuditLog):
    """Its row had nothing under `change`: there is no summary of what was never previewed."""
    log.append(
        AuditEvent(kind="denied", source="host", principal="eve", server="shop", tool="scale", message="may not")
    )

    (table,) = log.entries(last=1).view().blocks[:1]
    assert "shop.scale" in table.rows[0]


def test_what_a_newer_codenb_wrote_is_shown(log: AuditLog):
    """An event gets a field one day; who has not updated yet must still see that it happened."""
    last = log.entries()[-1]
    body = '{"kind":"approved","source":"server","summary":"later","weight":3}'
    at = "2026-01-01T00:00:00.000000+00:00"
    with closing(sqlite3.connect(log.path, isolation_level=None)) as db:
        db.execute("INSERT INTO entries VALUES (6, ?, ?, ?, ?)", (at, last.hash, body, hash_of(6, at, last.hash, body)))

    assert log.entries()[-1].event.summary == "later"
    assert log.verify() is None


def test_a_flood_of_denied_calls_does_not_fill_the_log(tmp_path: Path):
    """Whoever may do nothing could otherwise fill the disk, and nobody could change anything any more."""
    now = 0.0
    log = AuditLog(tmp_path / "audit")
    denials = Denials(lambda: log, lambda: now)
    for _ in range(1_000):
        denials.append(AuditEvent(kind="denied", source="server", principal="eve", message="may not"))
    denials.append(AuditEvent(kind="denied", source="server", principal="bob", message="may not"))
    assert len(log.entries()) == 31

    now = 61.0
    denials.append(AuditEvent(kind="denied", source="server", principal="eve", message="may not"))
    assert log.entries()[-1].event.message == "may not; 970 denied calls before it were not written one by one"
