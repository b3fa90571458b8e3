"""Compiled schemas of kinds: those of a Kubernetes version, of a cluster, and of CRDs that come with the manifests.

A published version comes strict already, with `additionalProperties: false` wherever fields are known. What a cluster
serves and what a CRD holds are structural schemas, which say it in Kubernetes' own words: they are translated.

Formats: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any

from codenb.errors import PartMissing
from codenb.servers._manifests import Document
from codenb.servers.deployment.validation._versions import folders

Kind = tuple[str, str, str]
"""Group, version and kind."""

_URI = "https://codenb.invalid/schemas"
_MASK = "the value"  # stands for it in the validator's own sentences, since it may be a secret, or an object with one
_NULLABLE = ("string", "integer", "number", "boolean", "object", "array")
_MOST_COMPILED = 400
_OF_EVERY = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}


@dataclass(slots=True)
class Schema:
    """A kind's schema, ready to validate with.

    Attributes:
        validator: Of jsonschema-rs.
        whole: The document that the schema's places are in.
        patterns: False where its regular expressions could not be used.
        rules: Whether it has rules in CEL, which only an API server can check.
    """

    validator: Any
    whole: dict[str, Any]
    patterns: bool = True
    rules: bool = False

    def known(self, pointer: str) -> list[str]:
        """Names of the fields beside the keyword that a validator's error points to."""
        node: Any = self.whole
        for part in pointer.partition("#")[2].strip("/").split("/")[:-1]:
            name = part.replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, dict) else None
        properties = node.get("properties") if isinstance(node, dict) else None
        return list(properties) if isinstance(properties, dict) else []


@dataclass(slots=True)
class Schemas:
    """The schemas of one set of kinds, compiled when they are first asked for."""

    whole: dict[str, Any]
    kinds: dict[Kind, str]
    _registry: Any = None
    _compiled: dict[Kind, Schema | None] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, kind: Kind) -> Schema | None:
        """The schema of a kind; None where this set has none that can be used."""
        name = self.kinds.get(kind)
        if name is None:
            return None
        with self._lock:
            if kind not in self._compiled:
                self._compiled[kind] = self._compile(name)
            return self._compiled[kind]

    def _compile(self, name: str) -> Schema | None:
        rust = _rust()
        if self._registry is None:
            self._registry = rust.Registry([(_URI, self.whole)])
        pointer = name.replace("~", "~0").replace("/", "~1")
        reference = {"$ref": f"{_URI}#/$defs/{pointer}"}
        try:
            return Schema(rust.Draft202012Validator(reference, registry=self._registry, mask=_MASK), self.whole)
        except (ValueError, rust.ReferencingError):  # a server may describe a kind by another that it does not describe
            return None


@lru_cache(maxsize=4)
def of_version(version: str) -> Schemas:
    """The schemas of a Kubernetes version, which is one of `folders()`."""
    path = folders()[version] / "_definitions.json"
    whole = json.loads(path.read_bytes())
    definitions = whole["$defs"]
    kinds = {
        (told["group"], told["version"], told["kind"]): name
        for name, schema in definitions.items()
        for told in schema.get("x-kubernetes-group-version-kind", ())
    }
    whole["$id"] = _URI
    return Schemas(whole, kinds)


@lru_cache(maxsize=64)
def kinds_of(version: str) -> frozenset[Kind]:
    """The kinds that a Kubernetes version has; small enough to be kept for all versions."""
    return frozenset(of_version(version).kinds)


def of_openapi(answers: list[dict[str, Any]]) -> Schemas:
    """The schemas of a cluster.

    Args:
        answers: What it serves below `/openapi/v3`, one a group and version.
    """
    definitions: dict[str, Any] = {}
    kinds: dict[Kind, str] = {}
    for answer in answers:
        for name, schema in ((answer.get("components") or {}).get("schemas") or {}).items():
            definitions.setdefault(name, strict(schema))
            for told in schema.get("x-kubernetes-group-version-kind") or ():
                kinds[told.get("group", ""), told.get("version", ""), told.get("kind", "")] = name
    return Schemas({"$id": _URI, "$defs": definitions}, kinds)


def of_definitions(documents: list[Document]) -> dict[Kind, Schema]:
    """The schemas of the custom resources that some objects define, as far as they can be used."""
    found: dict[Kind, Schema] = {}
    for document in documents:
        for kind, schema in _versions(document.data):
            if (compiled := _custom(json.dumps(schema, sort_keys=True))) is not None:
                found[kind] = compiled
    return found


def is_definition(document: Document) -> bool:
    """Whether an object defines a custom resource."""
    return document.kind == "CustomResourceDefinition" and document.api_version.startswith("apiextensions.k8s.io/")


def _versions(definition: dict[str, Any]) -> Iterator[tuple[Kind, dict[str, Any]]]:
    spec = _mapping(definition.get("spec"))
    group, kind = spec.get("group"), _mapping(spec.get("names")).get("kind")
    versions = spec.get("versions")
    for one in versions if isinstance(versions, list) else ():
        told = _mapping(one)
        schema = _mapping(told.get("schema")).get("openAPIV3Schema")
        if isinstance(group, str) and isinstance(kind, str) and isinstance(told.get("name"), str) and _mapping(schema):
            yield (group, told["name"], kind), _mapping(schema)


@lru_cache(maxsize=_MOST_COMPILED)
def _custom(text: str) -> Schema | None:
    """Compile a CRD's schema; None where it is no JSON schema at all."""
    rust = _rust()
    translated = strict(json.loads(text), root=True)
    whole = {"$id": _URI, **translated}
    rules = '"x-kubernetes-validations"' in text
    try:
        return Schema(
            rust.Draft202012Validator(whole, pattern_options=rust.RegexOptions(), mask=_MASK), whole, rules=rules
        )
    except ValueError:  # most often a regular expression that only Go reads
        whole = {"$id": _URI, **_without_patterns(translated)}
    try:
        return Schema(rust.Draft202012Validator(whole, mask=_MASK), whole, patterns=False, rules=rules)
    except ValueError:
        return None


def strict(schema: Any, *, root: bool = False) -> Any:
    """A structural schema as a JSON schema that refuses what the API server would refuse or drop.

    Args:
        schema: In Kubernetes' dialect.
        root: Whether it describes a whole object, whose `apiVersion`, `kind` and `metadata` go without saying.
    """
    if not isinstance(schema, dict):
        return schema
    made = {key: value for key, value in schema.items() if key not in ("default", "description", "example", "nullable")}
    if isinstance(schema.get("properties"), dict):
        whole = root or schema.get("x-kubernetes-embedded-resource") is True
        _fields(schema, made, _OF_EVERY if whole else {})
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = strict(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        made["items"] = strict(schema["items"])
    if schema.get("x-kubernetes-int-or-string") is True or schema.get("format") == "int-or-string":
        for key in ("type", "oneOf"):
            made.pop(key, None)
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    _bounds(made)
    if isinstance(made.get("$ref"), str):
        made["$ref"] = f"{_URI}#/$defs/{made['$ref'].rpartition('/')[2]}"
    if isinstance(made.get("allOf"), list):
        made["allOf"] = [strict(part) if isinstance(part, dict) and "$ref" in part else part for part in made["allOf"]]
    return made


def _fields(schema: dict[str, Any], made: dict[str, Any], given: dict[str, Any]) -> None:
    made["properties"] = given | {name: _nullable(strict(item)) for name, item in schema["properties"].items()}
    if "additionalProperties" not in schema and schema.get("x-kubernetes-preserve-unknown-fields") is not True:
        made["additionalProperties"] = False


def _bounds(made: dict[str, Any]) -> None:
    """Write exclusive bounds as JSON Schema does; OpenAPI 3.0 has a switch beside the bound."""
    for key in ("minimum", "maximum"):
        switch = f"exclusive{key.capitalize()}"
        if made.get(switch) is True and key in made:
            made[switch] = made.pop(key)
        elif isinstance(made.get(switch), bool):
            del made[switch]


def _nullable(schema: Any) -> Any:
    """A field that may be null: the API server takes that for a field that is not there."""
    if isinstance(schema, dict) and schema.get("type") in _NULLABLE and "enum" not in schema:
        return schema | {"type": [schema["type"], "null"]}
    return schema


def _without_patterns(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = {key: _without_patterns(item) for key, item in schema.items()}
        if isinstance(kept.get("pattern"), str):
            del kept["pattern"]
        return kept
    return [_without_patterns(item) for item in schema] if isinstance(schema, list) else schema


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _rust() -> Any:
    try:
        import jsonschema_rs  # noqa: PLC0415  an extra
    except ImportError as error:
        raise PartMissing("the schema validator is not installed: pip install 'codenb[deploy]'") from error
    return jsonschema_rs
