"""What a server remembers: through its tools and resources, by several processes, within its bounds."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st
from mcp import Client, MCPError

from codenb.errors import BadInput, ConfigError
from codenb.redaction import redactor
from codenb.servers import Server
from codenb.servers._base import _memory
from codenb.servers._base._hiding import Hiding
from codenb.servers._base._memory import KEY_BYTES, VALUE_BYTES, Memory, Note
from tests.servers_base.people import Person, error_type, read_json, text
from tests.servers_base.toy import SECRET, Toy, serve, settings

ODD = [
    "a/b",
    "..",
    "../../etc/hosts",
    "%",
    "_",
    "a%2Fb",
    "it's",
    '"; DROP TABLE notes',
    "caf\u00e9",
    "\u2603",
    "?x=1",
    "#",
]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))

REMEMBER = """
import asyncio, sys
from pathlib import Path
from codenb.redaction import redactor
from codenb.servers._base._hiding import Hiding
from codenb.servers._base._memory import Memory

async def main():
    memory = Memory("toy", lambda: Path(sys.argv[1]))
    for number in range(int(sys.argv[3])):
        await memory.remember(f"{sys.argv[2]}/{number}", number, by="it", hides=Hiding(redactor()))

asyncio.run(main())
"""


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """An empty one."""
    return Memory("toy", lambda: tmp_path)


async def remember(memory: Memory, key: str, value: Any = 1) -> Note:
    return await memory.remember(key, value, by="me", hides=Hiding(redactor()))


async def test_a_note_is_remembered_recalled_listed_and_forgotten(server: Server, mode: str):
    """The whole way as any MCP client has it, in both eras."""
    async with Client(server.mcp, mode=mode) as client:
        kept = await client.call_tool("remember", {"key": "owner", "value": {"team": "shop", "page": [1, None]}})
        again = await client.call_tool("recall", {"key": "owner"})
        listed = await read_json(client, "memory://toy")
        read = await read_json(client, "memory://toy/owner")
        gone = await client.call_tool("forget", {"key": "owner"})
        twice = await client.call_tool("forget", {"key": "owner"})
        missing = await client.call_tool("recall", {"key": "owner"})

    assert kept.structured_content == again.structured_content == read
    assert read["value"] == {"team": "shop", "page": [1, None]}
    assert read["by"] == "local"
    assert [one["key"] for one in listed["keys"]] == ["owner"]
    assert gone.structured_content == {"key": "owner", "forgotten": True}
    assert twice.structured_content == {"key": "owner", "forgotten": False}
    assert error_type(missing) == "BadInput"
    assert text(missing) == "toy remembers nothing under 'owner': it remembers 0 notes"


@pytest.mark.parametrize("key", ODD)
async def test_a_key_is_a_name_and_nothing_else(server: Server, tmp_path: Path, key: str):
    """It is no path, no pattern, no statement and no part of an address, whatever it looks like."""
    async with Client(server.mcp) as client:
        for one in (key, "other"):
            await client.call_tool("remember", {"key": one, "value": one})
        recalled = await client.call_tool("recall", {"key": key})
        read = await read_json(client, f"memory://toy/{quote(key, safe='')}")
        await client.call_tool("forget", {"key": key})
        listed = await read_json(client, "memory://toy")

    assert recalled.structured_content["value"] == read["value"] == key
    assert [one["key"] for one in listed["keys"]] == ["other"]
    assert {one.name for one in (tmp_path / ".mcp" / "memory" / "toy").iterdir()} <= {
        "memory.db",
        "memory.db-wal",
        "memory.db-shm",
    }


async def test_keys_that_look_the_same_are_the_same(memory: Memory):
    """One person types an accent as one character, another as two."""
    await remember(memory, "cafe\u0301", "then")

    assert (await memory.recall("caf\u00e9")).value == "then"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("", 1, "a key has 1 to 256 bytes, and this one has 0"),
        ("x" * (KEY_BYTES + 1), 1, "this one has 257"),
        ("\u2603" * 86, 1, "this one has 258"),
        ("two\nlines", 1, "one line of text"),
        (" space", 1, "without space around it"),
        ("nul\0", 1, "without control characters"),
        ("half \ud83d", 1, "a key is one line of text"),
        (SECRET, 1, "the key looks like a secret"),
        ("outcome/mine", 1, "keys that begin with outcome/ are for what came of changes"),
        ("big", "x" * VALUE_BYTES, "a value has up to 65,536 bytes, and this one has 65,538"),
        ("nan", float("nan"), "nan has no canonical JSON form"),
        ("half", "\ud83d", "lone surrogate"),
    ],
)
async def test_what_cannot_be_kept_is_refused_with_its_limit(memory: Memory, key: str, value: Any, said: str):
    """A model must be able to mend its call from the line alone."""
    with pytest.raises(BadInput, match=said) as caught:
        await remember(memory, key, value)

    assert SECRET not in str(caught.value)
    assert not memory.path.exists()


async def test_notes_are_bounded_in_number_and_bytes(memory: Memory, monkeypatch: pytest.MonkeyPatch):
    """A model in a loop must not fill the disk; replacing a note at the limit is no note more."""
    monkeypatch.setattr(_memory, "NOTES", 3)
    monkeypatch.setattr(_memory, "NOTES_BYTES", 60)
    for number in range(3):
        await remember(memory, str(number), "short")

    with pytest.raises(BadInput, match="remembers 3 notes, and no more: forget one first"):
        await remember(memory, "one more")
    await remember(memory, "2", "other")
    with pytest.raises(BadInput, match="remembers 60 bytes of notes, and no more"):
        await remember(memory, "2", "x" * 60)
    await memory.forget("0")
    await remember(memory, "one more")

    assert (await memory.recall("2")).value == "other"


@tried(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
        max_leaves=8,
    )
)
async def test_what_is_recalled_is_what_remember_answered(memory: Memory, value: Any):
    """The answer says what is kept, so it has to be that, secrets replaced."""
    kept = await remember(memory, "key", value)

    assert await memory.recall("key") == kept
    assert kept.value == redactor().value(value)


async def test_no_secret_is_kept(server: Server, tmp_path: Path):
    """A memory is read by every caller and copied with the project."""
    async with Client(server.mcp) as client:
        kept = await client.call_tool("remember", {"key": "how", "value": {"password": "correct horse", "say": SECRET}})
        await client.call_tool("remember", {"key": "db-password", "value": "battery staple"})

    stored = b"".join(one.read_bytes() for one in (tmp_path / ".mcp" / "memory" / "toy").iterdir())
    assert SECRET.encode() not in stored
    assert b"correct horse" not in stored
    assert b"battery staple" not in stored, "the key says what its value is; found by a test of odd keys"
    assert "<redacted:" in text(kept)


async def test_what_is_kept_can_be_read_by_its_owner_only(memory: Memory):
    """The state folder may lie in a shared home."""
    await remember(memory, "key")

    assert memory.path.parent.stat().st_mode & 0o777 == memory.path.parent.parent.stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o077 for one in memory.path.parent.iterdir()} == {0}


async def test_every_outcome_is_remembered_under_its_reference(server: Server, toy: Toy):
    """Whoever meets the same failure next month wants to know what was done about it and whether it helped."""
    person = Person()
    async with Client(server.mcp, elicitation_callback=person) as client:
        await client.call_tool("set_count", {"name": "checkout", "value": 6})
        await client.call_tool("fail", {"name": "checkout", "how": "forbidden"})
        done, failed = [
            (await client.call_tool("recall", {"key": f"outcome/{one}"})).structured_content
            for one in person.references
        ]
        read = await read_json(client, f"memory://toy/outcome/{person.references[0]}")
        forged = await client.call_tool("remember", {"key": f"outcome/{person.references[0]}", "value": {}})
        dropped = await client.call_tool("forget", {"key": f"outcome/{person.references[0]}"})
        still = await client.call_tool("recall", {"key": f"outcome/{person.references[0]}"})

    assert done["value"] | {"at": None} == done["value"] | {"at": None} | {
        "status": "applied",
        "summary": "set Counter shop/checkout from 3 to 6",
        "entity": {"kind": "Counter", "name": "checkout", "namespace": "shop"},
        "before": {"note": "", "value": 3},
        "after": {"note": "", "value": 6},
    }
    assert done["by"] == "the server"
    assert failed["value"]["status"] == "failed"
    assert "you may not write checkout" in failed["value"]["message"]
    assert read == done
    assert error_type(forged) == error_type(dropped) == "BadInput"  # with `forget` anybody could drop what came of it
    assert still.structured_content == done


async def test_outcomes_are_bounded_and_take_no_room_from_notes(
    server: Server, toy: Toy, monkeypatch: pytest.MonkeyPatch
):
    """A server that is used for years keeps the newest; notes that people left are never dropped for them."""
    monkeypatch.setattr(_memory, "OUTCOMES", 2)
    monkeypatch.setattr(_memory, "NOTES", 1)
    person = Person()
    async with Client(server.mcp, elicitation_callback=person) as client:
        await client.call_tool("remember", {"key": "note", "value": 1})
        for value in (4, 5, 6):
            await client.call_tool("set_count", {"name": "checkout", "value": value})
        keys = [one["key"] for one in (await read_json(client, "memory://toy"))["keys"]]

    assert keys == [f"outcome/{person.references[2]}", f"outcome/{person.references[1]}", "note"]


async def test_a_change_whose_outcome_cannot_be_remembered_is_reported_all_the_same(
    server: Server, toy: Toy, tmp_path: Path
):
    """The memory is a convenience; what was done was done, and its caller must hear of it."""
    (tmp_path / ".mcp").mkdir(mode=0o700)
    (tmp_path / ".mcp" / "memory").write_text("in the way")
    async with Client(server.mcp, elicitation_callback=Person()) as client:
        result = await client.call_tool("set_count", {"name": "checkout", "value": 6})

    assert not result.is_error
    assert toy.backend.writes() == [(6, "")]


async def test_a_damaged_memory_is_set_aside_whole_and_said_once(memory: Memory):
    """Found notes may be in it: it is neither dropped, nor does it stop the server for good."""
    await remember(memory, "key", "value")
    for ending in ("-wal", "-shm"):
        memory.path.with_name(f"{memory.path.name}{ending}").unlink(missing_ok=True)
    damage = os.urandom(5000)
    memory.path.write_bytes(damage)

    with pytest.raises(ConfigError, match=r"cannot be used: file is not a database$"):
        memory.export()  # who only looks moves nothing
    assert memory.path.read_bytes() == damage
    with pytest.raises(ConfigError, match="cannot be used: file is not a database; it was set aside as") as caught:
        await memory.recall("key")
    await remember(memory, "key", "anew")

    (aside,) = memory.path.parent.glob("memory.db.damaged-*Z")
    assert aside.read_bytes() == damage
    assert str(aside) in str(caught.value)
    assert (await memory.recall("key")).value == "anew"


async def test_a_memory_that_is_only_locked_is_not_taken_for_damaged(memory: Memory, monkeypatch: pytest.MonkeyPatch):
    """Another process that writes for long must not cost anybody his notes."""
    monkeypatch.setattr("codenb.access._durable._BUSY_S", 0.05)
    await remember(memory, "key", "value")
    with closing(sqlite3.connect(memory.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConfigError, match="database is locked"):
            await remember(memory, "key", "other")
        assert (await memory.recall("key")).value == "value"

    assert not list(memory.path.parent.glob("*.damaged*"))


async def test_a_memory_of_a_newer_codenb_is_left_alone(memory: Memory):
    """Two projects on one machine may run two versions."""
    await remember(memory, "key")
    with closing(sqlite3.connect(memory.path)) as db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(ConfigError, match="made by a newer codenb"):
        await remember(memory, "key")
    with pytest.raises(ConfigError, match="made by a newer codenb"):
        await memory.recall("key")


async def test_several_processes_remember_at_once(tmp_path: Path, memory: Memory):
    """Every session and every agent has a server process of its own, and all share the project's memory."""
    writers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", REMEMBER, str(tmp_path), str(one), "10")
        for one in range(4)
    ]

    assert [await one.wait() for one in writers] == [0] * 4
    notes: Any = memory.export()["notes"]
    assert {one["key"]: one["value"] for one in notes} == {f"{one}/{at}": at for one in range(4) for at in range(10)}


async def test_looking_into_an_empty_memory_makes_nothing(server: Server, tmp_path: Path):
    """Reading must leave no trace in a project."""
    async with Client(server.mcp) as client:
        await client.call_tool("recall", {"key": "x"})
        await client.call_tool("forget", {"key": "x"})
        assert (await read_json(client, "memory://toy")) == {"server": "toy", "keys": [], "cut": 0}
        with pytest.raises(MCPError, match="remembers nothing under 'x'"):
            await client.read_resource("memory://toy/x")

    assert not (tmp_path / ".mcp").exists()


async def test_an_export_holds_everything_in_the_order_in_which_it_was_said(memory: Memory):
    """It is what one takes along to another project, or reads in a review."""
    for key in ("b", "a", "c"):
        await remember(memory, key, {"of": key})

    exported = json.loads(json.dumps(memory.export()))
    assert exported["server"] == "toy"
    assert [(one["key"], one["value"], one["by"]) for one in exported["notes"]] == [
        (key, {"of": key}, "me") for key in ("b", "a", "c")
    ]


def test_an_export_of_nothing_is_an_error(memory: Memory):
    """An empty file would look like a memory that was lost."""
    with pytest.raises(BadInput, match="toy has no memory in"):
        memory.export()


async def test_a_read_only_environment_still_remembers(tmp_path: Path, toy: Toy):
    """CODENB_READ_ONLY is about the world; notes are the server's own."""
    server = serve(toy, settings(tmp_path, read_only_env=True))
    async with Client(server.mcp) as client:
        kept = await client.call_tool("remember", {"key": "x", "value": 1})

    assert not kept.is_error


def test_remembering_runs_from_a_shell_too(tmp_path: Path):
    """`codenb memory export` works beside a running server, and names the memories that there are."""
    subprocess.run([sys.executable, "-c", REMEMBER, str(tmp_path / ".mcp"), "a", "2"], check=True)
    (tmp_path / "codenb.toml").touch()
    environment = os.environ | {"CODENB_HOME": str(tmp_path)}

    def ran(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "codenb", "memory", "export", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    good, bad = ran("toy"), ran("../toy")
    assert good.returncode == 0
    assert [one["key"] for one in json.loads(good.stdout)["notes"]] == ["a/0", "a/1"]
    assert bad.returncode == 2
    assert bad.stderr == f"codenb: ../toy has no memory in {tmp_path}/.mcp: those that have one are toy\n"
