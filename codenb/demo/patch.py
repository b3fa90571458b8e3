"""Three of the four kinds of patch that clients send: JSON patch, JSON merge patch, strategic merge patch.

RFC 6902, RFC 7396, and the merge keys of the Kubernetes API reference for lists whose entries are merged by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codenb.demo.objects import Obj, clone
from codenb.demo.status import bad_request, rejected, unsupported_media_type

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

# Which entry of a list is meant, by the list's name (patchMergeKey in the API's types). Lists not here are replaced.
_MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "addresses": ("type",),
    "conditions": ("type",),
    "containers": ("name",),
    "containerStatuses": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "initContainerStatuses": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port"),
    "resourceClaims": ("name",),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_COPIES = 10
_MERGED_SETS = frozenset({"finalizers"})


def check_type(content_type: str) -> None:
    """Refuse a patch of a kind that is not read here.

    Raises:
        ApiError: 415.
    """
    if content_type not in (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH):
        raise unsupported_media_type()


def apply(content_type: str, target: Obj, patch: Any) -> Obj:
    """The object as a patch would make it; the target is left as it is.

    Args:
        content_type: One of the three media types.
        target: The object as it is stored.
        patch: The decoded body.

    Raises:
        ApiError: 400, 415 or 422.
    """
    check_type(content_type)
    if content_type == JSON_PATCH:
        return _json_patch(clone(target), patch)
    if not isinstance(patch, dict):
        raise bad_request("json: cannot unmarshal the patch into a map of fields")
    try:
        merged = _merge(target, patch) if content_type == MERGE_PATCH else _strategic(target, patch)
    except (AttributeError, TypeError) as error:  # a list where the object has none, or the other way round
        raise bad_request(f"unable to merge the patch into the object: {error}") from error
    return clone(merged)  # type: ignore[no-any-return]


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result


def _strategic(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    result = dict(target) if isinstance(target, dict) and directive != "replace" else {}
    if directive == "delete":
        return {}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [item for item in result.get(name, []) if item not in value]
        elif key.startswith("$setElementOrder/") or key == "$patch":
            continue  # the order is the server's list first, then what is new: what every caller here sends
        elif key == "$retainKeys":
            result = {name: item for name, item in result.items() if name in value}
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, list):
            result[key] = _strategic_list(key, result.get(key) or [], value)
        else:
            result[key] = _strategic(result.get(key), value)
    return result


def _strategic_list(name: str, target: list[Any], patch: list[Any]) -> list[Any]:
    if name in _MERGED_SETS:
        return [*target, *(item for item in patch if item not in target)]
    if {"$patch": "replace"} in patch:
        return [item for item in patch if item != {"$patch": "replace"}]
    if not all(isinstance(item, dict) for item in patch):
        return patch
    key = next((key for key in _MERGE_KEYS.get(name, ()) if all(key in item for item in patch)), None)
    if key is None:
        if name in _MERGE_KEYS and patch:
            raise bad_request(f"map: does not contain declared merge key: {_MERGE_KEYS[name][0]}")
        return patch
    result = list(target)
    for item in patch:
        at = next((index for index, have in enumerate(result) if have.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            result = [have for have in result if have.get(key) != item[key]]
        elif at is None:
            result.append(_strategic({}, item))
        else:
            result[at] = _strategic(result[at], item)
    return result


def _json_patch(document: Obj, operations: Any) -> Obj:
    if not isinstance(operations, list):
        raise bad_request("json: a JSON patch is a list of operations")
    copies = 0
    for operation in operations:
        act = _OPERATIONS.get(str(operation.get("op"))) if isinstance(operation, dict) else None
        if act is None:
            raise bad_request(f"Unexpected kind of operation in the patch: {operation!r:.80}")
        if act is _copy:
            copies += 1
        if copies > _COPIES:  # each may double the document
            raise bad_request(f"The patch has more than {_COPIES} copy operations")
        try:
            document = act(document, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise rejected() from error
    return document


def _steps(pointer: Any) -> list[str]:
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise ValueError(pointer)
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _read(document: Any, pointer: Any) -> Any:
    for step in _steps(pointer):
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def _parent(document: Any, pointer: Any) -> tuple[Any, str]:
    *way, last = _steps(pointer)
    for step in way:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document, last


def _add(document: Obj, operation: Obj) -> Obj:
    value = clone(operation["value"])
    if not operation["path"]:
        return value  # type: ignore[no-any-return]
    parent, last = _parent(document, operation["path"])
    if isinstance(parent, list):
        at = len(parent) if last == "-" else int(last)
        if not 0 <= at <= len(parent):
            raise IndexError(last)
        parent.insert(at, value)
    else:
        parent[last] = value
    return document


def _remove(document: Obj, operation: Obj) -> Obj:
    parent, last = _parent(document, operation["path"])
    del parent[int(last) if isinstance(parent, list) else last]
    return document


def _replace(document: Obj, operation: Obj) -> Obj:
    if not operation["path"]:
        return clone(operation["value"])  # type: ignore[no-any-return]
    parent, last = _parent(document, operation["path"])
    at = int(last) if isinstance(parent, list) else last
    parent[at]
    parent[at] = clone(operation["value"])
    return document


def _test(document: Obj, operation: Obj) -> Obj:
    if _read(document, operation["path"]) != operation["value"]:
        raise ValueError(operation["path"])
    return document


def _copy(document: Obj, operation: Obj) -> Obj:
    return _add(document, {**operation, "value": _read(document, operation["from"])})


def _move(document: Obj, operation: Obj) -> Obj:
    value = _read(document, operation["from"])
    return _add(_remove(document, {"path": operation["from"]}), {**operation, "value": value})


_OPERATIONS: dict[str, Callable[[Obj, Obj], Obj]] = {
    "add": _add,
    "copy": _copy,
    "move": _move,
    "remove": _remove,
    "replace": _replace,
    "test": _test,
}
