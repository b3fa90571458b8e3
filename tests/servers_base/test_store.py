"""The store itself: what makes an approval count once, whatever else stands in the way of a second one."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from codenb.errors import PreviewStale, PreviewUsed
from codenb.models import Change, Entity, Outcome, Place, Preview, ToolCall
from codenb.servers._base import _store
from codenb.servers._base._store import PreviewStore

SLOT = "of one caller and call"

OPEN_AND_CLOSE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA journal_mode = WAL")
db.execute("SELECT count(*) FROM previews").fetchone()
db.close()
"""


def preview() -> Preview:
    now = datetime.now(UTC)
    return Preview(
        id=secrets.token_hex(16),
        digest="0" * 64,
        call=ToolCall(server="toy", tool="set_count"),
        place=Place(name="toy", address="", identity="toy"),
        change=Change(summary="set a counter", entity=Entity(kind="Counter", name="a"), before=1, after=2),
        created_at=now,
        expires_at=now + timedelta(minutes=5),
    )


def applied(one: Preview) -> Outcome:
    return Outcome(status="applied", call=one.call, reference=one.reference)


@pytest.fixture
def store(tmp_path: Path) -> PreviewStore:
    """An empty one."""
    return PreviewStore(lambda: tmp_path)


@pytest.mark.parametrize("ended", ["kept its outcome", "was killed"])
async def test_a_preview_is_claimed_once_also_after_its_claim_was_let_go(store: PreviewStore, ended: str):
    """Found by leaving `used IS NULL` out: the lock of the first claim had hidden that from every other test."""
    one = preview()
    await store.save(one, SLOT)
    claim = await store.claim(one.reference, SLOT)
    if ended == "was killed":
        claim.lock.close()  # as the system does it; the file stays
    else:
        await store.settle(claim, applied(one))

    with pytest.raises(PreviewUsed):
        await store.claim(one.reference, SLOT)


@pytest.mark.parametrize("wrong", ["call", "digest"])
async def test_an_approval_of_another_call_or_digest_claims_nothing(store: PreviewStore, wrong: str):
    """Whoever can guess or read an id must have been asked about this very change; the preview itself stays good."""
    one = preview()
    await store.save(one, SLOT)

    with pytest.raises(PreviewStale):
        await (
            store.claim(one.reference, "of another caller")
            if wrong == "call"
            else store.claim(f"{'1' * 64}.{one.id}", SLOT)
        )

    assert (await store.claim(one.reference, SLOT)).preview == one


async def test_twenty_claims_at_once_are_one_claim(store: PreviewStore):
    """Threads of one process share their locks on a file, so that these alone would not keep them apart."""
    one = preview()
    await store.save(one, SLOT)
    claims = await asyncio.gather(*(store.claim(one.reference, SLOT) for _ in range(20)), return_exceptions=True)

    assert sorted(type(claim).__name__ for claim in claims) == ["Claim"] + 19 * ["PreviewUsed"]


async def test_nobody_else_reaches_for_a_lock_that_is_being_taken(
    store: PreviewStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A person pressed Approve twice, both were told "already used", and nothing was carried out.

    Each had taken half of the lock before the transaction that decides, and neither could have the rest. So the lock
    is taken, and asked for, only by whoever may write to the store.
    """
    one = preview()
    await store.save(one, SLOT)
    really_hold = _store._hold
    others: list[str] = []

    def hold(path: Path) -> sqlite3.Connection | None:
        with closing(sqlite3.connect(tmp_path / "previews.db", timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                others.append("came in")
            except sqlite3.OperationalError:
                others.append("waits")
        return really_hold(path)

    monkeypatch.setattr(_store, "_hold", hold)
    await store.claim(one.reference, SLOT)
    await store.find(one.reference)

    assert others == ["waits", "waits"]


async def test_using_the_store_drops_no_lock_that_this_process_holds_on_it(store: PreviewStore, tmp_path: Path):
    """Found by opening the file beside SQLite: closing it freed our locks, and another process removed a log in use."""
    one = preview()
    await store.save(one, SLOT)
    file = tmp_path / "previews.db"
    with closing(sqlite3.connect(file)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM previews").fetchone()
        await store.find(one.reference)
        subprocess.run([sys.executable, "-c", OPEN_AND_CLOSE, str(file)], check=True)  # noqa: ASYNC221
        assert (tmp_path / "previews.db-wal").exists()


async def test_a_change_that_ends_while_it_is_looked_up_is_not_taken_for_killed(
    store: PreviewStore, monkeypatch: pytest.MonkeyPatch
):
    """The outcome is kept and its lock let go between two looks; the second one alone would say `killed`."""
    one = preview()
    await store.save(one, SLOT)
    claim = await store.claim(one.reference, SLOT)
    ending = threading.Thread(target=lambda: asyncio.run(store.settle(claim, applied(one))))
    really_held = _store._is_held

    def ends_meanwhile(path: Path) -> bool:
        ending.start()
        ending.join(0.3)
        return really_held(path)

    monkeypatch.setattr(_store, "_is_held", ends_meanwhile)
    during = await store.find(one.reference)
    ending.join()
    after = await store.find(one.reference)

    assert during
    assert during.state == "applying"
    assert after
    assert after.state == "done"


async def test_the_store_of_an_earlier_codenb_is_used_on(store: PreviewStore, tmp_path: Path):
    """The first ones carried no version and knew no grants: what waits in such a file must not be lost to an update."""
    earlier, now = preview(), preview()
    with closing(sqlite3.connect(tmp_path / "previews.db")) as db:
        db.execute(
            "CREATE TABLE previews (id TEXT PRIMARY KEY, digest TEXT NOT NULL, slot TEXT NOT NULL, preview TEXT NOT "
            "NULL, created REAL NOT NULL, expires REAL NOT NULL, used REAL, outcome TEXT) STRICT"
        )
        row = (earlier.id, earlier.digest, SLOT, earlier.model_dump_json(), 1.0, earlier.expires_at.timestamp())
        db.execute("INSERT INTO previews VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)", row)
        db.commit()

    await store.save(now, SLOT)

    assert (await store.claim(earlier.reference, SLOT, "a grant")).preview == earlier
    assert (await store.claim(now.reference, SLOT, "another grant")).preview == now
