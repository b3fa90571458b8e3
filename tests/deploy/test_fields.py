"""Fields as the API server keeps them: what is ours of an object, and what applying makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.models._yaml import as_yaml
from codenb.servers.deployment.kubernetes import _fields
from codenb.servers.deployment.kubernetes._diffing import unified
from codenb.servers.deployment.kubernetes._models import sides

NAMES = st.text("abcdef", min_size=1, max_size=3)
SCALARS = st.one_of(st.integers(0, 9), NAMES, st.booleans())
VALUES = st.dictionaries(
    NAMES, st.one_of(SCALARS, st.dictionaries(NAMES, SCALARS, min_size=1, max_size=2)), min_size=1, max_size=3
)
CONTAINERS = st.lists(
    st.fixed_dictionaries({"name": NAMES}, optional={"image": NAMES, "args": st.lists(NAMES, max_size=2)}),
    min_size=1,
    max_size=3,
    unique_by=lambda one: str(one["name"]),
)
SPECS = st.fixed_dictionaries({"containers": CONTAINERS}, optional={"replicas": st.integers(0, 9), "extra": VALUES})
OBJECTS = st.fixed_dictionaries({"spec": SPECS})


@given(OBJECTS, OBJECTS)
def test_what_is_applied_is_there_afterwards_and_nothing_else_of_ours(
    live: dict[str, Any], mine: dict[str, Any]
) -> None:
    """Selected by the fields of a manifest, the merged object says what the manifest says."""
    fields = _fields.fields_of(mine)

    merged = _fields.merged(live, mine)

    assert _ordered(_fields.part(merged, fields)) == _ordered(_fields.part(mine, fields))
    assert _ordered(_fields.part(mine, fields)) == _ordered(mine)
    assert _fields.merged(merged, mine) == merged


@given(OBJECTS)
def test_what_is_taken_away_is_gone_and_fields_have_nothing_beyond_themselves(mine: dict[str, Any]) -> None:
    """The three sets that a local diff is made of: union, difference, removal."""
    fields = _fields.fields_of(mine)

    assert _fields.without(fields, fields) == {}
    assert _fields.union(fields, fields) == fields
    assert not list(_ends(_fields.removed(mine, fields)))


@given(OBJECTS, OBJECTS)
def test_both_sides_can_be_read_back_from_a_diff(before: dict[str, Any], after: dict[str, Any]) -> None:
    """A notebook colours the diff from its text alone."""
    if before != after:
        assert sides(unified(before, after)) == (as_yaml(before), as_yaml(after))


def test_an_item_is_found_by_the_keys_that_the_server_fills_in() -> None:
    """`protocol` is a key of a port and left out of most manifests."""
    fields = {"f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}}

    assert _fields.select({"ports": [{"containerPort": 80, "name": "web"}]}, fields) == {
        "ports": [{"containerPort": 80}]
    }


@pytest.mark.parametrize(
    ("live", "wanted", "after"),
    [
        ({"limits": {"cpu": "500m"}}, {"limits": {"cpu": 0.5}}, {"limits": {"cpu": "500m"}}),
        ({"limits": {"cpu": "500m"}}, {"limits": {"cpu": "1"}}, {"limits": {"cpu": "1"}}),
        ({"selector": {"a": "1", "b": "2"}}, {"selector": {"a": "1"}}, {"selector": {"a": "1"}}),
        ({"args": ["a", "b"]}, {"args": ["c"]}, {"args": ["c"]}),
    ],
)
def test_values_are_merged_as_the_server_would(live: Any, wanted: Any, after: Any) -> None:
    """Amounts are compared as amounts; what is one value is replaced whole."""
    assert _fields.merged(live, wanted) == after


def test_a_field_that_others_hold_too_is_not_taken_away() -> None:
    """Giving a field up leaves it to whoever else applied it."""
    told = [
        {"manager": "codenb", "operation": "Apply", "fieldsV1": {"f:data": {"f:a": {}, "f:b": {}}}},
        {"manager": "other", "operation": "Apply", "fieldsV1": {"f:data": {"f:b": {}}}},
        {"manager": "kubelet", "operation": "Update", "subresource": "status", "fieldsV1": {"f:data": {"f:a": {}}}},
    ]
    live = {"metadata": {"managedFields": told}, "data": {"a": "1", "b": "2"}}

    given_up = _fields.without(_fields.applied_by(live), _fields.of_others(live))

    assert _fields.removed(live, given_up)["data"] == {"b": "2"}


def _ends(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _ends(inner)
    else:
        yield value


def _ordered(value: Any) -> Any:
    """The same with keyed lists in the order of their keys: an item that is new stands last."""
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        items = [_ordered(one) for one in value]
        keyed = bool(items) and all(isinstance(one, dict) and "name" in one for one in items)
        return sorted(items, key=lambda one: str(one["name"])) if keyed else items
    return value
