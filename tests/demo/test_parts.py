"""The parts that can be wrong without a server: patches, quantities, selectors, ages, time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.demo import patch, quantity, selecting
from codenb.demo.api.tables import age
from codenb.demo.clock import Clock
from codenb.demo.objects import clone

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=3), values, max_size=4)


@given(target=objects, change=objects)
def test_a_merge_patch_applied_twice_is_applied_once(target, change):
    """RFC 7396: what a repeated request leaves is what the first one left; the stored object is untouched."""
    kept = clone(target)
    once = patch.apply(patch.MERGE_PATCH, target, change)
    assert patch.apply(patch.MERGE_PATCH, once, change) == once
    assert target == kept


@given(target=objects, change=objects)
def test_a_strategic_patch_never_changes_the_stored_object(target, change):
    """Watchers and history hold it."""
    kept = clone(target)
    patch.apply(patch.STRATEGIC_PATCH, target, change)
    assert target == kept


@given(target=objects)
def test_an_empty_patch_changes_nothing(target):
    """The neutral element of each kind."""
    assert patch.apply(patch.STRATEGIC_PATCH, target, {}) == target
    assert patch.apply(patch.JSON_PATCH, target, []) == target


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", "0.25"),
        ("1", "1"),
        ("1.5", "1.5"),
        ("128Mi", 128 * 2**20),
        ("150M", 150 * 10**6),
        ("1Gi", 2**30),
        ("1e3", 1000),
        ("100n", "1e-7"),
        (2, 2),
    ],
)
def test_quantities_are_read_as_the_api_reads_them(text, number):
    """128Mi is less than 150M: the whole of the oom scenario rests on it."""
    assert quantity.parse(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "lots", "1 Gi", "1mi", "Mi", "1KI", "1e1000000", True, None, "--1"])
def test_what_is_no_quantity_is_refused(text):
    """In the API server's words."""
    with pytest.raises(ValueError, match="quantities must match"):
        quantity.parse(text)


@given(st.dictionaries(st.sampled_from(["app", "tier", "team"]), st.sampled_from(["a", "b"])))
def test_a_selector_and_its_negation_share_the_objects_between_them(have):
    """Every object matches exactly one of the two."""
    obj = {"metadata": {"labels": have}}
    for yes, no in (("app=a", "app!=a"), ("app in (a,b)", "app notin (a,b)"), ("app", "!app")):
        assert selecting.labels(yes)(obj) != selecting.labels(no)(obj)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "5s"),
        (119, "119s"),
        (120, "2m"),
        (490, "8m10s"),
        (3600, "60m"),
        (4 * 3600 + 120, "4h2m"),
        (30 * 3600, "30h"),
        (5 * 86400 + 3 * 3600, "5d3h"),
        (26 * 86400, "26d"),
    ],
)
def test_ages_are_written_as_kubectl_writes_them(seconds, text):
    """`k8s.io/apimachinery/pkg/util/duration`."""
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert age((now - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ"), now) == text


def test_what_is_due_happens_in_order_and_sees_its_own_time():
    """Three days of history must happen as if they had been lived."""
    clock, seen = Clock(epoch=0), []
    clock.after(5, lambda: seen.append(("b", clock.now)))
    clock.after(1, lambda: clock.after(1, lambda: seen.append(("a", clock.now))))
    clock.after(9, lambda: seen.append(("too late", clock.now)))
    clock.run_until(6, lambda action: action())
    assert seen == [("a", 2), ("b", 5)]
    clock.run_until(3, lambda action: action())
    assert clock.now == 6
