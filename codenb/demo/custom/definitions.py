"""What a CustomResourceDefinition may say: structural schemas, exactly one version that is stored.

What a real server evaluates and this one does not (rules in CEL, conversion by webhooks) is refused when the definition
is made, so that nothing is let through later that a real one would have held back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from codenb.demo.custom import resources
from codenb.demo.kinds import KINDS, Custom, Kind
from codenb.demo.objects import Obj, dig
from codenb.demo.status import Cause, not_embedded

_SCOPES = ("Cluster", "Namespaced")
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_ANY = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_NOT_DONE = {
    "x-kubernetes-validations": "validation rules in CEL",
    "x-kubernetes-embedded-resource": "resources embedded in custom resources",
}
_GROUPS = frozenset(kind.group for kind in KINDS)
_VERSION = re.compile(r"v(\d{1,6})(?:(alpha|beta)(\d{1,6}))?")


def fill(definition: Obj) -> None:
    """Set the defaults of a definition, in place."""
    spec = definition.setdefault("spec", {})
    names = spec.setdefault("names", {})
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    definition.setdefault("status", {})


def check(definition: Obj) -> Iterator[Cause]:
    """What is wrong with a definition.

    Args:
        definition: With its defaults, its fields of the right types.

    Raises:
        ApiError: 501 for what is not done here.
    """
    spec = definition["spec"]
    names = spec["names"]
    for name in ("plural", "kind"):
        if not names.get(name):
            yield Cause("FieldValueRequired", "Required value", f"spec.names.{name}")
    if not spec.get("group"):
        yield Cause("FieldValueRequired", "Required value", "spec.group")
    elif spec["group"] in _GROUPS:
        raise not_embedded(f"custom resources in the built-in group {spec['group']}")
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    if definition["metadata"].get("name") != wanted:
        why = 'must be spec.names.plural+"."+spec.group'
        yield _invalid("metadata.name", definition["metadata"].get("name"), why)
    if spec.get("scope") not in _SCOPES:
        shown = ", ".join(f'"{scope}"' for scope in _SCOPES)
        message = f"Unsupported value: {json.dumps(spec.get('scope', ''))}: supported values: {shown}"
        yield Cause("FieldValueNotSupported", message, "spec.scope")
    if spec["conversion"].get("strategy") != "None":
        raise not_embedded("conversion of custom resources by webhooks")
    yield from _version_causes(spec.get("versions") or [])


def check_change(definition: Obj, before: Obj) -> Iterator[Cause]:
    """What may not be changed in a definition once there may be objects of it."""
    spec, old = definition["spec"], before["spec"]
    for field, new, was in (
        ("spec.group", spec.get("group"), old["group"]),
        ("spec.names.plural", spec["names"].get("plural"), old["names"]["plural"]),
        ("spec.names.kind", spec["names"].get("kind"), old["names"]["kind"]),
        ("spec.scope", spec.get("scope"), old["scope"]),
    ):
        if new != was:
            yield _invalid(field, new, "field is immutable")


def _version_causes(versions: list[Obj]) -> Iterator[Cause]:
    if sum(bool(version.get("storage")) for version in versions) != 1:
        names = [version.get("name") for version in versions]
        yield _invalid("spec.versions", names, "must have exactly one version marked as storage version")
    seen: set[str] = set()
    for index, version in enumerate(versions):
        at = f"spec.versions[{index}]"
        name = version.get("name", "")
        if name in seen:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {json.dumps(name)}", f"{at}.name")
        seen.add(name)
        schema = dig(version, "schema", "openAPIV3Schema")
        path = f"{at}.schema.openAPIV3Schema"
        if not isinstance(schema, dict):
            yield Cause("FieldValueRequired", "Required value: schemas are required", path)
        elif schema.get("type") != "object":
            yield _invalid(f"{path}.type", schema.get("type", ""), "must be object at the root")
        else:
            yield from _structural(schema, path)


def _structural(schema: Obj, path: str) -> Iterator[Cause]:
    """What keeps a schema from being structural: fields of no type, or of two minds about the rest."""
    for keyword, what in _NOT_DONE.items():
        if schema.get(keyword):
            raise not_embedded(f"{what} ({keyword})")
    if "$ref" in schema:
        yield Cause("FieldValueForbidden", "Forbidden: $ref is not supported", f"{path}.$ref")
    if "properties" in schema and "additionalProperties" in schema:
        why = "Forbidden: additionalProperties and properties are mutual exclusive"
        yield Cause("FieldValueForbidden", why, f"{path}.additionalProperties")
    wrong = list(_type_causes(schema, path)) + list(_list_causes(schema, path))
    yield from wrong
    if "default" in schema and not wrong:
        yield from resources.causes(schema["default"], schema, f"{path}.default")
    for name, below in (schema.get("properties") or {}).items():
        if not (name == "metadata" and path.endswith(".openAPIV3Schema")):
            yield from _structural(below, f"{path}.properties[{name}]")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from _structural(schema[name], f"{path}.{name}")


def _type_causes(schema: Obj, path: str) -> Iterator[Cause]:
    kind = schema.get("type")
    if not kind and not schema.get(_ANY) and not schema.get(_INT_OR_STRING):
        why = "Required value: must not be empty for specified object fields"
        yield Cause("FieldValueRequired", why, f"{path}.type")
    elif kind and kind not in _TYPES:
        shown = ", ".join(f'"{name}"' for name in _TYPES)
        message = f"Unsupported value: {json.dumps(kind)}: supported values: {shown}"
        yield Cause("FieldValueNotSupported", message, f"{path}.type")


def _list_causes(schema: Obj, path: str) -> Iterator[Cause]:
    if schema.get("type") == "array" and "items" not in schema:
        yield Cause("FieldValueRequired", "Required value: must be specified", f"{path}.items")
    keys = schema.get("x-kubernetes-list-map-keys") or []
    if (schema.get("x-kubernetes-list-type") == "map") != bool(keys):
        why = "Required value: must not be empty if x-kubernetes-list-type is map, and only then"
        yield Cause("FieldValueRequired", why, f"{path}.x-kubernetes-list-map-keys")
    items = schema.get("items") or {}
    for index, key in enumerate(keys):
        if key not in (items.get("properties") or {}):
            why = "entries must all be names of item properties"
            yield _invalid(f"{path}.x-kubernetes-list-map-keys[{index}]", key, why)
        elif key not in (items.get("required") or []) and "default" not in items["properties"][key]:
            why = "Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a "
            yield Cause("FieldValueRequired", f"{why}required property", f"{path}.items.properties[{key}].default")


def _invalid(field: str, value: Any, why: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {json.dumps(value)}: {why}", field)


def kept_as(definition: Obj) -> Kind:
    """What the objects of a new definition are kept as."""
    spec = definition["spec"]
    names = spec["names"]
    namespaced = spec["scope"] == "Namespaced"
    version = next(version["name"] for version in spec["versions"] if version["storage"])
    custom = Custom({})
    return Kind(
        spec["group"], version, names["plural"], names["kind"], namespaced=namespaced, generation=True, custom=custom
    )


def served(definition: Obj, kept: Kind) -> list[Kind]:
    """The kinds that a definition serves, the preferred version first; what is kept learns the stored schema."""
    spec = definition["spec"]
    names = spec["names"]
    kinds = []
    for version in spec["versions"]:
        columns = tuple(
            (column["name"], column["type"], column["jsonPath"], int(column.get("priority", 0)))
            for column in version.get("additionalPrinterColumns") or []
        )
        custom = Custom(version["schema"]["openAPIV3Schema"], columns)
        if version["storage"] and kept.custom is not None:
            kept.custom.schema = custom.schema
        if version.get("served"):
            below = version.get("subresources") or {}
            kinds.append(
                replace(
                    kept,
                    version=version["name"],
                    short=tuple(names.get("shortNames") or ()),
                    in_all="all" in (names.get("categories") or ()),
                    status="status" in below,
                    custom=custom,
                    kept_as=kept,
                )
            )
    return sorted(kinds, key=lambda kind: _priority(kind.version))


def _priority(version: str) -> tuple[int, int, int, str]:
    """The order of versions: stable before beta before alpha, higher numbers first, anything else behind."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return (3, 0, 0, version)
    stage = {"": 0, "beta": 1, "alpha": 2}[found[2] or ""]
    return (stage, -int(found[1]), -int(found[3] or 0), version)
