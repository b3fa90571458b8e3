"""Sets of fields, in the form `FieldsV1` in which `managedFields` keeps them.

A set is a tree: `f:name` is a field, `k:{...}` an entry of a list by its keys, `v:...` a value of a list that is a set.
A node without anything below it is in the set itself; one with something below it is in the set only where it also
holds `.`. The terms and rules are those of structured-merge-diff, by which the real server merges.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from codenb.demo.forms import Entry, Form
from codenb.demo.objects import Obj

Fields = dict[str, Any]

_MISSING = object()


class KeyMissing(ValueError):
    """An entry of a list lacks a key by which it is told from others."""


def entry_key(item: Any, form: Form) -> str:
    """How an entry of a list that is a map, or a set, is named in a path.

    Raises:
        KeyMissing: The entry lacks a key that has no default.
    """
    if form.is_set:
        return "v:" + json.dumps(item, separators=(",", ":"))
    found = {}
    for key in form.keys:
        found[key] = item.get(key, form.default(key)) if isinstance(item, dict) else None
        if found[key] is None:
            raise KeyMissing(f'associative list with keys has an element that omits key field "{key}"')
    return "k:" + json.dumps(found, separators=(",", ":"))


def parts(value: Any, form: Form) -> dict[str, tuple[Any, Form]]:
    """What a value consists of, by path element; empty for what a path ends with."""
    if isinstance(value, dict):
        if form.atomic:
            return {}
        return {f"f:{name}": (item, form.below(name)) for name, item in value.items()}
    if isinstance(value, list) and (form.keys or form.is_set):
        try:
            return {entry_key(item, form): (item, Entry(form)) for item in value}
        except KeyMissing:
            return {}
    return {}


def of(value: Any, form: Form) -> Fields:
    """The fields that a configuration names: its leaves, and the entries of its lists.

    Args:
        value: A configuration or a part of one.
        form: How it is merged.
    """
    result: Fields = {}
    for key, (item, below) in parts(value, form).items():
        fields = of(item, below)
        result[key] = node(not key.startswith("f:"), fields)
    return dict(sorted(result.items()))


def difference_of(left: Any, right: Any, form: Form, *, new: bool = False) -> Fields:
    """The fields that are in one value and not, or with another value, in a second.

    Args:
        left: A value.
        right: Another one of the same field.
        form: How it is merged.
        new: Whether what both stand in is itself only on the left.
    """
    result: Fields = {}
    for key, item, other, below in _unequal(left, right, form):
        absent = other is _MISSING
        missing = absent and (new or not below.always)
        fields = difference_of(item, None if absent else other, below, new=missing)
        if fields or ((missing or not absent or item) and not parts(item, below)):
            result[key] = node(missing, fields)
    return dict(sorted(result.items()))


def _unequal(left: Any, right: Any, form: Form) -> Iterator[tuple[str, Any, Any, Form]]:
    """The parts of the left value that are other than those of the right one, which most are not."""
    if isinstance(left, dict):
        there = right if isinstance(right, dict) else {}
        for name, item in left.items() if not form.atomic else ():
            if item != (other := there.get(name, _MISSING)):
                yield f"f:{name}", item, other, form.below(name)
        return
    named = parts(right, form)
    for key, (item, below) in parts(left, form).items():
        if item != (other := named[key][0] if key in named else _MISSING):
            yield key, item, other, below


def node(member: bool, below: Fields) -> Fields:  # noqa: FBT001 - a node is in the set or is not
    """A node of a tree: in the set itself or not, and what is below it."""
    return {".": {}} | below if member and below else below


def split(fields: Fields) -> tuple[bool, Fields]:
    """Whether a node is in the set itself, and what is below it."""
    if "." in fields:
        return True, {key: value for key, value in fields.items() if key != "."}
    return not fields, fields


def union(left: Fields, right: Fields) -> Fields:
    """What is in one set or the other."""
    result = dict(left)
    for key, theirs in right.items():
        if key not in result:
            result[key] = theirs
            continue
        (mine_in, mine), (theirs_in, below) = split(result[key]), split(theirs)
        result[key] = node(mine_in or theirs_in, union(mine, below))
    return dict(sorted(result.items()))


def minus(left: Fields, right: Fields) -> Fields:
    """What is in the first set and not in the second."""
    result = dict(left)
    for key in left.keys() & right.keys():
        (mine_in, mine), (theirs_in, theirs) = split(left[key]), split(right[key])
        member, below = mine_in and not theirs_in, minus(mine, theirs)
        if member or below:
            result[key] = node(member, below)
        else:
            del result[key]
    return result


def common(left: Fields, right: Fields) -> Fields:
    """What is in both sets."""
    result: Fields = {}
    for key in left.keys() & right.keys():
        (mine_in, mine), (theirs_in, theirs) = split(left[key]), split(right[key])
        member, below = mine_in and theirs_in, common(mine, theirs)
        if member or below:
            result[key] = node(member, below)
    return dict(sorted(result.items()))


def with_parents(fields: Fields, form: Form) -> Fields:
    """A set together with the declared fields that something of it stands in."""
    result: Fields = {}
    for key, below in fields.items():
        member, inner = split(below)
        named = key.startswith("f:")
        deeper = form.below(key[2:]) if named else Entry(form)
        result[key] = node(member or (named and form.declared), with_parents(inner, deeper))
    return result


def without(value: Any, gone: Fields, form: Form) -> Any:
    """A value without the fields of a set, each with all that is below it; None where nothing is left of it."""
    have = parts(value, form)
    left = {}
    for key, (item, below) in have.items():
        member, inner = split(gone[key]) if key in gone else (False, {})
        rest = None if member else without(item, inner, below) if inner else item
        if rest is not None:
            left[key] = rest
    if not have:
        return value
    if not left:
        return None
    return list(left.values()) if isinstance(value, list) else {key[2:]: item for key, item in left.items()}


def paths(fields: Fields, way: str = "") -> Iterator[str]:
    """The members of a set as messages name them: `.spec.containers[name="app"].image`."""
    for key, below in fields.items():
        if split(below)[0]:
            yield way + _shown(key)
    for key, below in fields.items():
        yield from paths(split(below)[1], way + _shown(key))


def _shown(key: str) -> str:
    if key.startswith("f:"):
        return f".{key[2:]}"
    if key.startswith("v:"):
        return f"[={key[2:]}]"
    values: Obj = json.loads(key[2:])
    return "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in values.items()) + "]"
