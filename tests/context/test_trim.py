"""A bundle must fit the experts' budget without hiding what is wrong, and must say what it left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from codenb.context import trim
from codenb.models import ContextItem, estimate_tokens
from codenb.models._yaml import as_yaml
from codenb.servers.kubernetes.snapshot import Event, Log, Pod, ReplicaSet, Snapshot, Workload

NOW = datetime(2026, 3, 1, tzinfo=UTC)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("ab \n", max_size=3_000)
LEAVES = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXTS
RECORDS = st.fixed_dictionaries(
    {"type": st.sampled_from(["Normal", "Warning"]), "message": TEXTS},
    optional={"last_at": st.datetimes().map(lambda at: at.isoformat()), "ready": st.booleans()},
)
VALUES = st.recursive(
    LEAVES | RECORDS,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text("abcxyz", max_size=5), inner, max_size=6),
    max_leaves=40,
)


def item(data: Any, name: str = "kubernetes") -> ContextItem:
    """One answer, untrimmed."""
    return ContextItem(
        id=f"{name}.gather_context", server=name, tool="gather_context", status="ok", data=data, gathered_at=NOW
    )


def items_of(values: list[Any]) -> list[ContextItem]:
    """One answer a server."""
    return [item(value, f"server{at}") for at, value in enumerate(values)]


def total(items: tuple[ContextItem, ...]) -> int:
    """Tokens of all together."""
    return sum(one.tokens_kept for one in items)


def shape(value: Any) -> Any:
    """Keys and types, list lengths aside."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return "list" if isinstance(value, list) else type(value).__name__


def snapshot(*, pods: int = 60, events: int = 80, lines: int = 400) -> Snapshot:
    """A namespace where one pod of many fails; its warning is the oldest event."""
    failing = Pod(name="checkout-bad", phase="Running", ready=False, restarts=7, reason="CrashLoopBackOff")
    healthy = [Pod(name=f"web-{at}", phase="Running", ready=True) for at in range(pods)]
    seen = [
        Event(
            type="Warning" if at == 0 else "Normal",
            reason="BackOff" if at == 0 else "Pulled",
            message=f"event number {at} of this namespace",
            last_at=NOW + timedelta(minutes=at),
        )
        for at in range(events)
    ]
    log = "\n".join(f"line {at} of the program" for at in range(lines))
    return Snapshot(
        namespace="shop",
        workloads=(Workload(kind="Deployment", name="checkout", desired=3, ready=2),),
        pods=(*healthy, failing),
        events=tuple(seen),
        logs=(Log(pod="checkout-bad", container="app", text=log),),
        replica_sets=tuple(ReplicaSet(name=f"checkout-{at}", revision=at) for at in range(20, 0, -1)),
    )


@settings(max_examples=60)
@given(values=st.lists(VALUES, max_size=5), budget=st.integers(1, 3_000))
def test_items_fit_the_budget_or_are_as_short_as_they_can_be(values: list[Any], budget: int) -> None:
    """Experts have windows; a bundle over budget is one of which nothing more can go."""
    trimmed = trim(items_of(values), budget)

    floor = trim(items_of(values), 1)
    assert total(trimmed) <= budget or [one.data for one in trimmed] == [one.data for one in floor]


@settings(max_examples=60)
@given(values=st.lists(VALUES, max_size=5), budget=st.integers(1, 3_000))
def test_trimming_is_the_same_each_time_and_once_is_enough(values: list[Any], budget: int) -> None:
    """Recorded runs are played back, and a bundle may pass here twice."""
    once = trim(items_of(values), budget)

    assert trim(items_of(values), budget) == once
    assert trim(once, budget) == once


@settings(max_examples=60)
@given(values=st.lists(VALUES, max_size=5), budget=st.integers(1, 3_000))
def test_records_keep_their_fields_and_tokens_are_counted_truly(values: list[Any], budget: int) -> None:
    """A trimmed answer still fits its schema, and the count shown is that of the text which experts read."""
    for before, after in zip(items_of(values), trim(items_of(values), budget), strict=True):
        assert after.tokens_kept == estimate_tokens(after.text)
        assert isinstance(after.data, type(before.data))
        if isinstance(before.data, dict):
            assert shape(after.data) == shape(before.data)


@settings(max_examples=60)
@given(values=st.lists(VALUES, max_size=5), budget=st.integers(1, 3_000))
def test_whatever_is_left_out_is_written_down(values: list[Any], budget: int) -> None:
    """A reader must be able to tell that an absent thing was cut and not absent."""
    for before, after in zip(items_of(values), trim(items_of(values), budget), strict=True):
        changed = after.data != before.data
        assert bool(after.trims) == changed
        if changed:
            assert after.trims[-1].method
            assert after.trims[-1].tokens_after == after.tokens_kept


@settings(max_examples=60)
@given(pods=st.integers(0, 80), events=st.integers(1, 80), lines=st.integers(1, 600), budget=st.integers(150, 4_000))
def test_a_trimmed_snapshot_is_a_snapshot(pods: int, events: int, lines: int, budget: int) -> None:
    """Experts of the kubernetes server parse the item again."""
    data = snapshot(pods=pods, events=events, lines=lines).to_dict()

    trimmed = trim([item(data)], budget)[0]

    assert Snapshot.from_dict(trimmed.data).namespace == "shop"


def test_what_is_wrong_outlives_what_is_well() -> None:
    """The one failing pod stands last in the list and its one warning is the oldest event; both are the diagnosis."""
    trimmed = Snapshot.from_dict(trim([item(snapshot().to_dict())], 600)[0].data)

    assert "checkout-bad" in [pod.name for pod in trimmed.pods]
    assert len(trimmed.pods) < 20
    assert "BackOff" in [event.reason for event in trimmed.events]
    assert len(trimmed.events) < 20


def test_logs_keep_their_tail_and_revisions_their_newest() -> None:
    """A program's last words matter, and so does the newest template change."""
    trimmed = Snapshot.from_dict(trim([item(snapshot().to_dict())], 500)[0].data)

    lines = trimmed.logs[0].text.splitlines()
    assert lines[-1] == "line 399 of the program"
    assert len(lines) < 100
    assert trimmed.replica_sets[0].revision == 20


def test_short_lists_are_left_alone_while_long_ones_can_give() -> None:
    """Names of the few config maps decide whether one is missing; eighty events do not need to push them out."""
    data = snapshot().to_dict() | {"config_maps": [{"name": f"config-{at}"} for at in range(6)]}

    trimmed = Snapshot.from_dict(trim([item(data)], 900)[0].data)

    assert len(trimmed.config_maps) == 6
    assert len(trimmed.events) < 80


def test_a_small_answer_is_not_shortened_for_a_large_one() -> None:
    """Fair is: who needs less than an equal part keeps all."""
    small, large = trim([item("few words", "small"), item({"rows": list(range(4_000))}, "large")], 1_000)

    assert (small.data, small.trims) == ("few words", ())
    assert 900 < small.tokens_kept + large.tokens_kept <= 1_000


def test_a_cut_is_told_in_words() -> None:
    """The ledger is read by people and stands in prompts."""
    trimmed = trim([item({"events": [{"type": "Normal", "last_at": f"2026-01-{at:02}"} for at in range(1, 29)]})], 60)[
        0
    ]

    kept = len(trimmed.data["events"])
    assert trimmed.trims[0].method == f"events: {28 - kept} of 28 left out, oldest first"
    assert trimmed.cuts == (trimmed.trims[0].method,)
    assert trimmed.data["events"][-1]["last_at"] == "2026-01-28"


def test_megabytes_are_trimmed_to_the_budget() -> None:
    """A server may answer with what its limit allows; deep nesting must not cost more than its size."""
    deep: Any = "x" * 500
    for _ in range(39):
        deep = [deep, deep] if isinstance(deep, str) else [deep]
    data = {"rows": [{"name": f"row {at}", "text": "word " * 20} for at in range(4_000)], "deep": deep}

    assert trim([item(data)], 2_000)[0].tokens_kept <= 2_000


def test_evidence_is_looked_up_in_what_was_kept() -> None:
    """The text of a trimmed item is not the text of the whole one, read before."""
    whole = item({"log": "\n".join(f"line {at}" for at in range(2_000))})
    assert "line 3\n" in whole.text

    assert "line 3\n" not in trim([whole], 300)[0].text


@given(value=VALUES)
@settings(deadline=None)
def test_a_text_is_that_of_its_data_whoever_wrote_it_before(value: Any) -> None:
    """Texts that were written lately are used again: each must be the one that its data has, also when that changed."""
    once = item(value)
    assert once.text == item(value).text == ("" if value is None else as_yaml(value))
    assert item([value, 1]).text == as_yaml([value, 1])
    assert item([value, True]).text == as_yaml([value, True])


def test_nothing_to_trim_is_nothing() -> None:
    """A target without servers gives an empty bundle."""
    assert trim([], 100) == ()
