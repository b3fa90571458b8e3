"""Which manager set which field: `metadata.managedFields`.

A change of one manager takes the fields it changed away from all others, as the real server does for updates. Fields
are written in the form FieldsV1 of structured-merge-diff: `f:name` for a field, `k:{...}` for an entry of a list that
has a key; other lists and plain values end a path.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from codenb.demo.objects import Obj

# Keys of the lists that are maps by key (x-kubernetes-list-map-keys in the API description).
_LIST_KEYS: dict[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_PORT_KEYS = ("containerPort", "port")
_MISSING = object()

# What the server itself sets belongs to no manager.
_OWNERLESS = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "uid",
    }
)


class Write(NamedTuple):
    """Who wrote, when and where.

    Attributes:
        manager: The field manager.
        api_version: Of the object.
        time: RFC 3339.
        subresource: `status` or `scale`, where the write went there.
    """

    manager: str
    api_version: str
    time: str
    subresource: str = ""


def record(before: Obj | None, after: Obj, write: Write) -> list[Obj]:
    """The managed fields of an object that one manager has just written.

    Args:
        before: The object as it was; None for a new one.
        after: The object as it is about to be stored, without new managed fields.
        write: The write.

    Returns:
        The new `managedFields` list.
    """
    before = before or {}
    old, new = _fields(before), _fields(after)
    changed, lost = _difference("", new, old), _difference("", old, new)
    entries = [dict(entry) for entry in before.get("metadata", {}).get("managedFields", [])]
    if not changed and not lost:
        return entries
    own = None
    for entry in entries:
        entry["fieldsV1"] = _subtract(entry["fieldsV1"], lost)
        if (entry["manager"], entry["operation"], entry.get("subresource", "")) == (
            write.manager,
            "Update",
            write.subresource,
        ):
            own = entry
        else:
            entry["fieldsV1"] = _subtract(entry["fieldsV1"], changed)
    if changed and own is None:
        own = {"manager": write.manager, "operation": "Update", "apiVersion": write.api_version}
        own |= {"fieldsType": "FieldsV1", "fieldsV1": {}}
        if write.subresource:
            own["subresource"] = write.subresource
        entries.append(own)
    if own is not None and changed:
        own["time"] = write.time
        own["fieldsV1"] = _union(own["fieldsV1"], _shape(changed))
    return [entry for entry in entries if entry["fieldsV1"]]


def _fields(obj: Obj) -> Obj:
    """The part of an object that managers own."""
    own = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion", "metadata")}
    metadata = {key: value for key, value in obj.get("metadata", {}).items() if key not in _OWNERLESS}
    return own | ({"metadata": metadata} if metadata else {})


def _difference(name: str, left: Any, right: Any) -> Obj:
    """The paths of what is in the left value of a field and not, or with another value, in the right one."""
    result: Obj = {}
    there = _parts(name, right)
    for key, value in _parts(name, left).items():
        other = there.get(key, _MISSING)
        if value == other:
            continue
        part = key.partition(":")[2]
        below = _difference(part, value, other)
        if below or not _parts(part, value):
            result[key] = below
    return result


def _parts(name: str, value: Any) -> Obj:
    """What a value consists of, by path element; empty for what a path ends with."""
    if isinstance(value, dict):
        return {f"f:{key}": item for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        keys = _list_keys(name, value)
        return {_entry_key(item, keys): item for item in value} if keys else {}
    return {}


def _list_keys(name: str, items: list[Obj]) -> tuple[str, ...]:
    if name == "ports":
        first = next((key for key in _PORT_KEYS if all(key in item for item in items)), None)
        return (first, "protocol") if first else ()
    keys = _LIST_KEYS.get(name, ())
    return keys if all(key in item for item in items for key in keys) else ()


def _entry_key(item: Obj, keys: tuple[str, ...]) -> str:
    return "k:" + json.dumps({key: item[key] for key in keys if key in item}, separators=(",", ":"))


def _shape(tree: Obj) -> Obj:
    """A tree of paths as FieldsV1 writes it."""
    result: Obj = {}
    for key, value in tree.items():
        entry = key.startswith("k:") or any(below.startswith("k:") for below in value)
        result[key] = ({".": {}} if entry else {}) | _shape(value)
    return result


def _union(left: Obj, right: Obj) -> Obj:
    merged = dict(left)
    for key, value in right.items():
        merged[key] = _union(merged.get(key, {}), value)
    return dict(sorted(merged.items()))


def _subtract(fields: Obj, gone: Obj) -> Obj:
    left = dict(fields)
    for key, value in gone.items():
        if key not in left:
            continue
        below = _subtract(left[key], value) if value and left[key] else {}
        if below and list(below) != ["."]:
            left[key] = below
        else:
            del left[key]
    return left
