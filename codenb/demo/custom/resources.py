"""A custom resource as its schema has it: unknown fields pruned, defaults filled in, the rest held against the rules.

The keywords are those of structural schemas; messages are in the words of the real server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj, clone
from codenb.demo.status import Cause

_ANY = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_HEAD = ("apiVersion", "kind", "metadata")
_TYPES: dict[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: not isinstance(value, bool) and isinstance(value, int | float) and value == int(value),
    "number": lambda value: not isinstance(value, bool) and isinstance(value, int | float),
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}
_NAMES: dict[type, str] = {
    bool: "boolean",
    dict: "object",
    float: "number",
    int: "integer",
    list: "array",
    str: "string",
    type(None): "null",
}


def settle(kind: Kind, schema: Obj, sent: Obj) -> Obj:
    """An object as it is to be stored: in the version that is kept, pruned, with its defaults.

    Args:
        kind: Its kind, in the version that it was sent in.
        schema: Of that version.
        sent: The object; left as it is.
    """
    obj: Obj = clone(prune(sent, schema)[0])
    if "apiVersion" in obj:
        obj["apiVersion"] = kind.stored.api_version
    obj.setdefault("metadata", {})
    fill(obj, schema)
    return obj


def prune(obj: Obj, schema: Obj) -> tuple[Obj, list[str]]:
    """An object without the fields that its schema does not know.

    Returns:
        The object, and the paths of what was dropped.
    """
    dropped: list[str] = []
    body = {name: value for name, value in obj.items() if name not in _HEAD}
    kept = _prune(body, {**schema, "properties": schema.get("properties") or {}}, "", dropped)
    return {name: obj[name] for name in _HEAD if name in obj} | kept, dropped


def _prune(value: Any, schema: Obj, path: str, dropped: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items")
        if not isinstance(items, dict):
            return value
        return [_prune(item, items, f"{path}[{index}]", dropped) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties") or {}
    rest = schema.get("additionalProperties")
    result: Obj = {}
    for name, item in value.items():
        at = f"{path}.{name}".removeprefix(".")
        if name in properties:
            result[name] = _prune(item, properties[name], at, dropped)
        elif isinstance(rest, dict):
            result[name] = _prune(item, rest, at, dropped)
        elif rest or schema.get(_ANY):
            result[name] = item
        else:
            dropped.append(at)
    return result


def fill(value: Any, schema: Obj) -> None:
    """Set the defaults of a schema in a value, in place."""
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            fill(item, schema["items"])
    if not isinstance(value, dict):
        return
    for name, below in (schema.get("properties") or {}).items():
        if name not in value and "default" in below:
            value[name] = clone(below["default"])
        if name in value:
            fill(value[name], below)
    rest = schema.get("additionalProperties")
    if isinstance(rest, dict):
        for item in value.values():
            fill(item, rest)


def check(obj: Obj, schema: Obj) -> list[Cause]:
    """What of an object breaks its schema's rules."""
    body = {name: value for name, value in obj.items() if name not in _HEAD}
    required = [name for name in schema.get("required") or [] if name not in _HEAD]
    return list(causes(body, {**schema, "required": required}, ""))


def causes(value: Any, schema: Obj, path: str) -> Iterator[Cause]:
    """What of a value breaks the rules of the schema of its field.

    Args:
        value: Any of JSON.
        schema: A structural one.
        path: Of the field.
    """
    if value is None and schema.get("nullable"):
        return
    wanted = schema.get("type")
    if schema.get(_INT_OR_STRING):
        if not _TYPES["integer"](value) and not isinstance(value, str):
            yield _wrong_type(value, path, "integer,string")
            return
    elif wanted in _TYPES and not _TYPES[wanted](value):
        yield _wrong_type(value, path, wanted)
        return
    yield from _value_causes(value, schema, path)
    yield from _logic_causes(value, schema, path)
    if isinstance(value, str):
        yield from _text_causes(value, schema, path)
    elif isinstance(value, list):
        yield from _list_causes(value, schema, path)
    elif isinstance(value, dict):
        yield from _object_causes(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number_causes(value, schema, path)


def _value_causes(value: Any, schema: Obj, path: str) -> Iterator[Cause]:
    allowed = schema.get("enum")
    if allowed is not None and value not in allowed:
        shown = ", ".join(json.dumps(item) for item in allowed)
        yield Cause("FieldValueNotSupported", f"Unsupported value: {_json(value)}: supported values: {shown}", path)


def _logic_causes(value: Any, schema: Obj, path: str) -> Iterator[Cause]:
    def holds(below: Obj) -> bool:
        return next(causes(value, below, path), None) is None

    passed = {name: [holds(below) for below in schema.get(name) or []] for name in ("allOf", "anyOf", "oneOf")}
    where = json.dumps(path or "<nil>")
    if not all(passed["allOf"]):
        yield _invalid(value, path, f"{where} must validate all the schemas (allOf)")
    if passed["anyOf"] and not any(passed["anyOf"]):
        yield _invalid(value, path, f"{where} must validate at least one schema (anyOf)")
    if passed["oneOf"] and sum(passed["oneOf"]) != 1:
        yield _invalid(value, path, f"{where} must validate one and only one schema (oneOf)")
    if "not" in schema and holds(schema["not"]):
        yield _invalid(value, path, f"{where} must not validate the schema (not)")


def _text_causes(value: str, schema: Obj, path: str) -> Iterator[Cause]:
    if len(value) < schema.get("minLength", 0):
        yield _invalid(value, path, f"{path} in body should be at least {schema['minLength']} chars long")
    if len(value) > schema.get("maxLength", len(value)):
        why = f"Too long: may not be more than {schema['maxLength']} bytes"
        yield Cause("FieldValueTooLong", why, path)
    pattern = schema.get("pattern")
    if pattern and not re.search(pattern, value):
        yield _invalid(value, path, f"{path} in body should match '{pattern}'")
    if schema.get("format") == "date-time" and not _is_time(value):
        yield _invalid(value, path, f"{path} in body must be of type date-time: {_json(value)}")


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _number_causes(value: float, schema: Obj, path: str) -> Iterator[Cause]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        than = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield _invalid(value, path, f"{path} in body should be {than} {least}")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        than = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield _invalid(value, path, f"{path} in body should be {than} {most}")
    step = schema.get("multipleOf")
    if step and value % step:
        yield _invalid(value, path, f"{path} in body should be a multiple of {step}")


def _list_causes(value: list[Any], schema: Obj, path: str) -> Iterator[Cause]:
    if len(value) < schema.get("minItems", 0):
        yield _invalid(value, path, f"{path} in body should have at least {schema['minItems']} items")
    if len(value) > schema.get("maxItems", len(value)):
        why = f"Too many: {len(value)}: must have at most {schema['maxItems']} items"
        yield Cause("FieldValueTooMany", why, path)
    seen: list[Any] = []
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    apart = schema.get("x-kubernetes-list-type") in ("map", "set")
    for index, item in enumerate(value):
        known = {key: item.get(key) for key in keys} if keys and isinstance(item, dict) else item
        if apart and known in seen:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {_json(known)}", f"{path}[{index}]")
        seen.append(known)
        if isinstance(schema.get("items"), dict):
            yield from causes(item, schema["items"], f"{path}[{index}]")


def _object_causes(value: Obj, schema: Obj, path: str) -> Iterator[Cause]:
    if len(value) < schema.get("minProperties", 0):
        yield _invalid(value, path, f"{path} in body should have at least {schema['minProperties']} properties")
    if len(value) > schema.get("maxProperties", len(value)):
        why = f"Too many: {len(value)}: must have at most {schema['maxProperties']} items"
        yield Cause("FieldValueTooMany", why, path)
    for name in schema.get("required") or []:
        if name not in value:
            yield Cause("FieldValueRequired", "Required value", f"{path}.{name}".removeprefix("."))
    properties = schema.get("properties") or {}
    rest = schema.get("additionalProperties")
    for name, item in value.items():
        below = properties.get(name, rest)
        if isinstance(below, dict):
            yield from causes(item, below, f"{path}.{name}".removeprefix("."))


def _wrong_type(value: Any, path: str, wanted: str) -> Cause:
    name = _NAMES[type(value)]
    why = f'Invalid value: "{name}": {path} in body must be of type {wanted}: "{name}"'
    return Cause("FieldValueTypeInvalid", why, path)


def _invalid(value: Any, path: str, why: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {_json(value)}: {why}", path)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
