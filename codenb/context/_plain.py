"""Whatever a server answered, as JSON data that has a digest and can be read.

Servers of other people send what they like: numbers that JSON does not have, broken Unicode, nesting without end,
pictures. An answer is never thrown away for that; what cannot be kept is named in its place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from codenb.models import Content, ToolResult

_DEEPEST = 40
_AS_THEY_ARE = frozenset({int, bool, type(None)})
_TOO_DEEP = "(nested too deeply: left out)"
_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}


def plain(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911  a table
    """The value as JSON data: numbers finite, text well-formed, keys text, at most 40 levels."""
    kind = type(value)  # told first: what an abstract class is costs more than all the rest, a thousand times an answer
    if kind is str:
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if kind is dict and depth < _DEEPEST:
        return {
            key if type(key) is str and key.isascii() else plain(str(key)): item
            if (item.isascii() if type(item) is str else type(item) in _AS_THEY_ARE)
            else plain(item, depth + 1)
            for key, item in value.items()
        }
    if kind is list and depth < _DEEPEST:
        return [plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _NAMES.get(value, "NaN")
    nested = isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str | bytes))
    if nested and depth >= _DEEPEST:
        return _TOO_DEEP
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item, depth + 1) for key, item in value.items()}
    if nested:
        return [plain(item, depth + 1) for item in value]
    return str(value).encode("utf-8", "replace").decode()


def answered(result: ToolResult) -> Any:
    """What a tool answered, as JSON data: its structure, its text read as JSON, or its text; pictures in words."""
    data = result.data
    if isinstance(data, str):
        data = _read(data)
    beside = [words for part in result.content if (words := _described(part))]
    if not beside:
        return plain(data)
    if data in (None, ""):
        return plain("\n".join(beside))
    return plain({"answer": data, "beside": beside})


def _read(text: str) -> Any:
    """An object or a list that was sent as text; any other text stays as it is, a number or a word too."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _described(part: Content) -> str:
    if part.kind == "text" or (part.kind == "resource" and part.text is not None):
        return ""
    if part.kind == "link":
        return f"(link {part.name or ''} {part.uri or ''})".replace("  ", " ")
    size = f"{len(part.data or ''):,} characters of base64, not shown here"
    return f"({part.kind} {part.mime_type or 'of unknown type'}, {size})"
