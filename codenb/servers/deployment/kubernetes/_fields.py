"""Which fields of an object somebody manages, and the part of an object that these fields are.

The API server keeps, for every manager, the set of fields that it applied (FieldsV1: `f:` a field, `k:` an item of a
list by its keys, `v:` an item by its value, `i:` by its place, `.` the thing itself). What `codenb` manages of an
object is what its diffs show, what its undo sets again, and what is missed when a manifest no longer has it.

Format: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from codenb.errors import BadInput
from codenb.servers._clients.applying import FIELD_MANAGER
from codenb.servers.kubernetes.units import quantity

Fields = dict[str, Any]

_IDENTITY = ("apiVersion", "kind")
_AMOUNTS = frozenset({"requests", "limits", "hard", "capacity", "min", "max", "default", "defaultRequest"})
_DEFAULTED = {"protocol": "TCP"}
_LASTING = ("labels", "annotations", "finalizers", "ownerReferences")
_WHOLE = frozenset({"selector", "nodeSelector", "podSelector", "namespaceSelector"})
"""Mappings that are one value: a label that a manifest no longer has is gone."""

# The lists that the built-in kinds merge by key; a list that is not here is one value. Two lists are called `ports`:
# a container's and a service's.
_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "ephemeralContainers": (("name",),),
    "env": (("name",),),
    "hostAliases": (("ip",),),
    "imagePullSecrets": (("name",),),
    "ownerReferences": (("uid",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "secrets": (("name",),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "volumeDevices": (("devicePath",),),
    "volumeMounts": (("mountPath",),),
    "volumes": (("name",),),
}


def applied_by(resource: Mapping[str, Any] | None, manager: str = FIELD_MANAGER) -> Fields:
    """The fields that a manager applied; empty where it never applied the object."""
    entries = _entries(resource)
    return next((fields for who, how, fields in entries if (who, how) == (manager, "Apply")), {})


def of_others(resource: Mapping[str, Any] | None, manager: str = FIELD_MANAGER) -> Fields:
    """The fields that anybody else manages, in whatever way."""
    held: Fields = {}
    for who, how, fields in _entries(resource):
        if (who, how) != (manager, "Apply"):
            held = union(held, fields)
    return held


def _entries(resource: Mapping[str, Any] | None) -> Iterable[tuple[str, str, Fields]]:
    told = (resource or {}).get("metadata") or {}
    for one in told.get("managedFields") or []:
        if not one.get("subresource"):
            yield str(one.get("manager")), str(one.get("operation")), one.get("fieldsV1") or {}


def union(one: Fields, other: Fields) -> Fields:
    """Fields that are in either."""
    joined = dict(one)
    for key, inner in other.items():
        joined[key] = union(joined[key], inner) if key in joined else inner
    return joined


def without(one: Fields, other: Fields) -> Fields:
    """The ends of the first set that are not in the second, with the way to them."""
    left: Fields = {}
    for key, inner in one.items():
        if key not in other:
            left[key] = inner
        elif deeper := without(inner, other[key]):
            left[key] = deeper
    return left


def fields_of(manifest: Mapping[str, Any]) -> Fields:
    """The fields that applying a manifest would manage, as far as can be told without the server's schema."""
    metadata = {key: value for key, value in (manifest.get("metadata") or {}).items() if key in _LASTING}
    rest = {key: value for key, value in manifest.items() if key not in (*_IDENTITY, "metadata", "status")}
    return _fields_of({**({"metadata": metadata} if metadata else {}), **rest}, "")


def _fields_of(value: Any, name: str) -> Fields:
    if isinstance(value, Mapping) and name not in _WHOLE:
        return {f"f:{key}": _fields_of(inner, key) for key, inner in value.items()}
    if keys := _keys_of(name, value):
        return {_item_key(one, keys): {".": {}} | _fields_of(one, "") for one in value}
    return {}


def part(resource: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """The part of an object that these fields are; nothing where there are none."""
    return dict(select(resource, fields)) if fields else {}


def select(value: Any, fields: Fields) -> Any:
    """The part of a value that these fields are; an end of the way stands for all that is there.

    Args:
        value: An object, or anything inside of one.
        fields: In the form of the API server's `fieldsV1`.
    """
    inner = {key: deeper for key, deeper in fields.items() if key != "."}
    if isinstance(value, Mapping):
        if not fields:
            return value
        chosen = ((key, deeper) for key, deeper in ((key[2:], deeper) for key, deeper in inner.items()) if key in value)
        return {key: select(value[key], deeper) for key, deeper in chosen}
    if isinstance(value, list) and inner:
        return [part for at, one in enumerate(value) for part in _selected(one, at, inner)]
    return value


def _selected(item: Any, at: int, fields: Fields) -> list[Any]:
    for key, deeper in fields.items():
        kind, _, told = key.partition(":")
        if kind == "k" and isinstance(item, Mapping):
            keys = json.loads(told)
            if all(item.get(name, _DEFAULTED.get(name)) == value for name, value in keys.items()):
                named = {name: item[name] for name in keys if name in item}
                return [{**named, **select(item, deeper)}]
        elif (kind == "v" and json.loads(told) == item) or (kind == "i" and int(told) == at):
            return [item]
    return []


def merged(live: Any, wanted: Any, name: str = "") -> Any:
    """What applying would make of a value, without the server: objects and keyed lists are merged, the rest is set.

    Args:
        live: As it is; None where it is not there.
        wanted: As a manifest has it.
        name: Of the field that holds it.
    """
    if isinstance(wanted, Mapping) and name not in _WHOLE:
        there = live if isinstance(live, Mapping) else {}
        same = {key: value for key, value in there.items() if key not in wanted}
        amounts = name in _AMOUNTS
        return same | {key: merged(there.get(key), one, "=" if amounts else key) for key, one in wanted.items()}
    if keys := _keys_of(name, wanted):
        there = {_item_key(one, keys): one for one in (live if _keys_of(name, live) == keys else [])}
        mine = {_item_key(one, keys): one for one in wanted}
        return [
            merged(there.get(key), mine[key]) if key in mine else there[key] for key in dict.fromkeys([*there, *mine])
        ]
    return live if name == "=" and _same_amount(live, wanted) else wanted


def removed(value: Any, fields: Fields) -> Any:
    """A value without the ends of these fields.

    Args:
        value: An object, or anything inside of one.
        fields: What to take away.
    """
    if isinstance(value, Mapping):
        kept = {}
        for key, inner in value.items():
            deeper = fields.get(f"f:{key}")
            if deeper is None:
                kept[key] = inner
            elif {name for name in deeper if name != "."}:
                kept[key] = removed(inner, deeper)
        return kept
    if isinstance(value, list):
        return [one for at, one in enumerate(value) for one in _left(one, at, fields)]
    return value


def _left(item: Any, at: int, fields: Fields) -> list[Any]:
    for key, deeper in fields.items():
        if key != "." and _selected(item, at, {key: {}}):
            return [] if "." in deeper or not deeper else [removed(item, deeper)]
    return [item]


def _keys_of(name: str, value: Any) -> tuple[str, ...]:
    """The keys by which a list is merged; none where it is one value."""
    if not isinstance(value, list) or not value or not all(isinstance(one, Mapping) for one in value):
        return ()
    for keys in _KEYS.get(name, ()):
        if all(key in one or key in _DEFAULTED for key in keys for one in value):
            return keys
    return ()


def _item_key(item: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    told = {key: item.get(key, _DEFAULTED.get(key)) for key in keys}
    return "k:" + json.dumps(told, separators=(",", ":"), sort_keys=True)


def _same_amount(one: Any, other: Any) -> bool:
    try:
        return quantity(str(one)) == quantity(str(other))
    except BadInput:
        return False
