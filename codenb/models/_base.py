"""What every model has: frozen, checked at the door, plain JSON on the way out."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from codenb.errors import BadInput
from codenb.views import Shown


class Model(Shown, BaseModel):
    """Frozen data. Two models with equal fields are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise BadInput(f"{what or 'this'} is not a {cls.__name__}: {place}: {first['msg']}") from error

    def __repr__(self) -> str:
        return self.view().title
