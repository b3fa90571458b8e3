"""What every model has: frozen, checked at the door, plain JSON on the way out."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema

from codenb.errors import BadInput
from codenb.views import Shown


class Model(Shown, BaseModel):
    """Frozen data. Two models with equal fields are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    if not TYPE_CHECKING:  # type checkers know the fields

        def __init__(self, /, **data: Any) -> None:
            """Make one of its fields.

            Raises:
                BadInput: They are not in this shape; the message names the first wrong field.
            """
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise _not_in_shape(error, type(self)) from error

        # Only who calls the class comes by here; what pydantic reads inside of another model stays pydantic's.
        __init__.__pydantic_base_init__ = True

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data: text, numbers, booleans, None, lists and dicts; times as RFC 3339."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, data: object, *, what: str = "") -> Self:
        """Read what `to_dict` wrote, or what a server or a file sent in its place.

        Args:
            data: JSON data.
            what: Where it came from, for the message.

        Raises:
            BadInput: It is not in this shape; the message names the first wrong field.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise _not_in_shape(error, cls, what) from error

    def __repr__(self) -> str:
        return self.view().title


def _not_in_shape(error: ValidationError, model: type[Model], what: str = "this") -> BadInput:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    reason = " ".join(first["msg"].split())
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        near = get_close_matches(place, model.model_fields, n=1)
        reason = "no such field" + (f", did you mean {near[0]}?" if near else "")
    return BadInput(f"{what or 'this'} is not a {model.__name__}: {place}: {reason}")


class Answered(Model):
    """A model that tools answer with.

    Its schema names fields and their plain types and stops there: a host pays for a tool's output schema in every
    conversation that lists the tools, and one that spelt out a whole preview would be larger than all the rest.

    Attributes:
        told: The fields that the schema names; None names all that have a plain type.
    """

    told: ClassVar[tuple[str, ...] | None] = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        whole = handler.resolve_ref_schema(handler(core))
        told = whole.get("properties", {}) if cls.told is None else cls.told
        types = {name: _plain_type(whole["properties"][name]) for name in told}
        required = [name for name in whole.get("required", ()) if name in (cls.told or ())]
        return {"type": "object", "properties": {name: one for name, one in types.items() if one}, "required": required}


def _plain_type(field: dict[str, Any]) -> dict[str, Any]:
    """What kind of JSON a field is, as far as one word says it."""
    if "enum" in field:
        return {"enum": field["enum"]}
    kinds = [field] if "type" in field else field.get("anyOf", [])
    words = [one.get("type") for one in kinds]
    if not words or not all(isinstance(word, str) for word in words):
        return {}
    return {"type": words[0] if len(words) == 1 else words}
