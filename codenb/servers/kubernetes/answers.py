"""Answers of single tools, with a schema that names and types their fields and says no more.

A tool's output schema is paid for in every conversation that lists the tools; what a field means is in its name.
"""

from __future__ import annotations

from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from codenb.models._base import Model


class Answer(Model):
    """What a tool answers, or a row of it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The fields and their types, without titles, descriptions and defaults."""
        schema = handler.resolve_ref_schema(handler(core))
        schema.pop("description", None)
        for one in schema.get("properties", {}).values():
            for key in ("title", "default"):
                one.pop(key, None)
            kinds = [each.get("type") for each in one.get("anyOf") or () if each.keys() == {"type"}]
            if kinds and len(kinds) == len(one["anyOf"]):
                del one["anyOf"]
                one["type"] = kinds
        return schema
