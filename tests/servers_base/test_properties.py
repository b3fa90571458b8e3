"""What must hold for any arguments: equal calls are equal whatever they look like, different ones differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.errors import PreviewStale, PreviewUsed
from codenb.models import Change, Entity, Outcome, Place, Preview, ToolCall
from codenb.servers import Server
from codenb.servers._base._approval import QUESTION_BYTES, question
from codenb.servers._base._docs import described
from codenb.servers._base._moved import what_moved
from codenb.servers._base._plans import Planner
from codenb.servers._base._store import PreviewStore
from tests.servers_base.toy import Toy, serve, settings

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
    max_leaves=12,
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@cache
def toy_server() -> Server:
    folder = Path(mkdtemp())
    return serve(Toy(folder), settings(folder))


def planner() -> Planner:
    server = toy_server()
    return Planner("toy", server.place, lambda: server.settings)


def canonical(arguments: dict[str, Any]) -> ToolCall:
    return planner().call("set_count", toy_server().mcp.validated("set_count", arguments))


def preview_of(before: Any = 1, after: Any = 2, **changed: Any) -> Preview:
    change = Change(summary="s", entity=Entity(kind="Counter", name="x"), before=before, after=after)
    place = Place(name="toy", address="http://127.0.0.1:1", identity="uid")
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "id": "0" * 32,
        "digest": change.digest(place, ToolCall(server="toy", tool="t")),
        "call": ToolCall(server="toy", tool="t"),
        "place": place,
        "change": change,
        "created_at": now,
        "expires_at": now + timedelta(minutes=30),
    }
    return Preview(**(fields | changed))


@given(name=texts, value=st.integers(0, 100), note=texts, data=st.data())
def test_order_and_defaults_do_not_make_another_call(name: str, value: int, note: str, data: st.DataObject):
    """A decision made beforehand, written by hand, must fit the call that a model makes."""
    whole = {"name": name, "value": value, "namespace": "shop", "note": note}
    written = {key: item for key, item in whole.items() if key != "namespace" or data.draw(st.booleans())}
    if not note and data.draw(st.booleans()):
        del written["note"]
    shuffled = dict(data.draw(st.permutations(list(written.items()))))

    one, two = canonical(whole), canonical(shuffled)

    assert one == two
    assert planner().slot("local", one.tool, one.arguments) == planner().slot("local", two.tool, two.arguments)


@given(one=st.tuples(texts, texts, texts), two=st.tuples(texts, texts, texts))
def test_different_calls_and_callers_have_different_slots(one: tuple[str, str, str], two: tuple[str, str, str]):
    """An approval of one caller's call must never be found by another's."""
    slots = [planner().slot(who, tool, {"a": value}) for who, tool, value in (one, two)]

    assert (slots[0] == slots[1]) is (one == two)


@given(before=json_values, after=json_values)
def test_a_question_is_pure_bounded_and_names_its_preview(before: Any, after: Any):
    """A question that reads differently the second time is asked for ever."""
    preview = preview_of(before, after)
    stored = Preview.model_validate_json(preview.model_dump_json())

    assert question(preview) == question(stored)
    assert len(question(preview).encode()) < QUESTION_BYTES + 1000
    assert f"preview://{preview.reference}" in question(preview)


@given(before=json_values, now=json_values)
def test_what_moved_is_named_whenever_something_moved(before: Any, now: Any):
    """A refusal that cannot say why is a refusal nobody believes; and it stays one line."""
    moved = what_moved(preview_of(before), preview_of(now))

    assert "\n" not in moved
    assert (moved == "a value that is not shown") is (before == now)


@given(documentation=st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_any_docstring_can_be_read(documentation: str):
    """A user's docstring has no form that could keep a server from starting."""

    def tool() -> None: ...

    tool.__doc__ = documentation

    description, arguments = described(tool)

    assert isinstance(description, str)
    assert all(arguments)


async def test_a_preview_is_claimed_by_its_own_call_once(tmp_path: Path):
    """The store is the guard behind all others, so it is held against every wrong key by itself."""
    store = PreviewStore(lambda: tmp_path)
    preview = preview_of()
    await store.save(preview, "mine")

    for slot, reference in (("another", preview.reference), ("mine", "x"), ("mine", f"{'1' * 64}.{preview.id}")):
        with pytest.raises(PreviewStale):
            await store.claim(reference, slot)
    claim = await store.claim(preview.reference, "mine")
    with pytest.raises(PreviewUsed):
        await store.claim(preview.reference, "mine")
    during = await store.find(preview.reference)
    await store.settle(claim, Outcome(status="applied", call=preview.call))
    with pytest.raises(PreviewUsed):
        await store.claim(preview.reference, "mine")
    after = await store.find(preview.reference)

    assert during
    assert after
    assert (during.state, after.state) == ("applying", "done")
    assert list((tmp_path / "run").iterdir()) == []


async def test_the_store_does_not_grow_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A model that previews in a loop must not fill the disk."""
    monkeypatch.setattr("codenb.servers._base._store.WAITING_ROWS", 20)
    store = PreviewStore(lambda: tmp_path)
    now = datetime.now(UTC)
    await store.save(preview_of(id="f" * 32, expires_at=now - timedelta(seconds=1)), "slot")
    for number in range(25):
        store._save(preview_of(id=f"{number:032x}"), "slot")

    waiting = [store._find(preview_of(id=f"{number:032x}").reference) for number in range(25)]
    assert store._find(preview_of(id="f" * 32).reference) is None
    assert [kept is not None for kept in waiting] == [False] * 5 + [True] * 20
