"""Variables of a plan: names checked, values given by file, never on a command line that every process can read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from codenb.errors import BadInput

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_RESERVED = {"source", "version", "providers", "count", "for_each", "lifecycle", "depends_on", "locals"}
_ADDRESS = re.compile(r"[A-Za-z_][^\0\r\n]{0,1000}")
_MOST_BYTES = 1_000_000


def checked(variables: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
    """The variables, if they can be given.

    Raises:
        BadInput: A name is none, or they are too large.
    """
    given = dict(variables or {})
    for name in given:
        if not _NAME.fullmatch(name) or name in _RESERVED:
            begins = ", and begins with -, as an option does" if name.startswith("-") else ""
            raise BadInput(f"{name[:100]!r} is no name of a variable{begins}: use letters, digits, _ and -")
    try:
        size = len(json.dumps(given, allow_nan=False).encode())
    except ValueError as error:
        raise BadInput(f"a variable holds what JSON cannot carry: {error}") from error
    if size > _MOST_BYTES:
        raise BadInput(f"the variables have {size:,} bytes, over the limit of {_MOST_BYTES:,}: use a .tfvars file")
    return given


def address(value: str | None) -> str:
    """A resource address as the program may be given it; empty is all resources.

    Raises:
        BadInput: It is none, or could be read as an option.
    """
    if value is None or not value.strip():
        return ""
    if value.startswith("-"):
        raise BadInput(f"resource address {value[:100]!r} begins with -, as an option does: write such as type.name")
    if not _ADDRESS.fullmatch(value) or "." not in value:
        raise BadInput(f"{value[:100]!r} is no resource address: write it as in the plan, such as aws_instance.web[0]")
    return value


def write(path: Path, variables: Mapping[str, JsonValue]) -> None:
    """Write a variable file that only its owner can read."""
    private(path, json.dumps(variables))


def private(path: Path, text: str) -> None:
    """Write a file, whole or not at all, that only its owner can read."""
    made = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    made.replace(path)
