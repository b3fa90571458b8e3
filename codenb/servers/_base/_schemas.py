"""JSON Schemas of tools, said in as few words as say the same.

Every conversation that lists a tool pays for its schemas, and generated ones say much twice: titles that are names in
capitals, defaults that are nothing, `anyOf` of a type and null. What is left accepts what the whole one accepts; for
what a caller may leave out it does not offer null besides.
"""

from __future__ import annotations

from typing import Any

_NAMED = ("properties", "$defs", "patternProperties")
"""Keywords of JSON Schema under which names stand, and schemas under these."""
_VALUES = ("default", "const", "enum", "examples")
"""Those that hold data and no schema."""
_NULL = {"type": "null"}


def shorten(schema: dict[str, Any]) -> None:
    """Say the schema of arguments in fewer words.

    Args:
        schema: Changed in place; names of properties stay as they are, `title` among them.
    """
    _shorten(schema, _free(schema), answers=False)


def shorten_answer(schema: dict[str, Any]) -> None:
    """Say the schema of an answer in fewer words; an answer has its fields, so defaults say nothing.

    Args:
        schema: Changed in place.
    """
    _shorten(schema, _free(schema), answers=True)
    for keyword in ("required", "properties"):
        if not schema.get(keyword, True):
            del schema[keyword]


def _free(schema: dict[str, Any]) -> set[str]:
    """References to definitions that allow anything, which are taken out."""
    definitions = schema.get("$defs", {})
    names = [name for name, one in definitions.items() if one == {}]
    for name in names:
        del definitions[name]
    if names and not definitions:
        del schema["$defs"]
    return {f"#/$defs/{name}" for name in names}


def _shorten(schema: Any, free: set[str], *, answers: bool) -> None:
    if isinstance(schema, list):
        for one in schema:
            _shorten(one, free, answers=answers)
    elif isinstance(schema, dict):
        for keyword, inner in schema.items():
            for one in inner.values() if keyword in _NAMED and isinstance(inner, dict) else [inner]:
                if keyword not in _VALUES:
                    _shorten(one, free, answers=answers)
        _without_words(schema, free, answers=answers)
        _nullable(schema, answers=answers)


def _without_words(schema: dict[str, Any], free: set[str], *, answers: bool) -> None:
    """Take out what says nothing."""
    if isinstance(schema.get("title"), str):
        del schema["title"]
    if schema.get("$ref") in free:
        del schema["$ref"]
    if schema.get("additionalProperties") in ({}, True):
        del schema["additionalProperties"]
    if answers:
        for keyword in ("default", "description", "format"):
            schema.pop(keyword, None)
        if "enum" in schema:
            schema.pop("type", None)
    elif schema.get("default", 0) == "":
        del schema["default"]


def _nullable(schema: dict[str, Any], *, answers: bool) -> None:
    kinds = schema.get("anyOf")
    if not isinstance(kinds, list):
        return
    if not answers and _NULL in kinds and schema.get("default", 0) is None:  # to leave it out says null
        kinds.remove(_NULL)
        del schema["default"]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update({**kinds[0], **schema})
    elif all(one.keys() == {"type"} and isinstance(one["type"], str) for one in kinds):
        del schema["anyOf"]
        schema["type"] = [one["type"] for one in kinds]
