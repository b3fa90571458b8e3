"""Files as people name them in a notebook, made into what a server can find.

A relative path is meant from where the notebook is, which the server does not know; and a server on another machine has
none of these files, so what they say is sent in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from codenb.config import ServerSettings
from codenb.errors import BadInput

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_MOST_FILES = 500
_MOST_BYTES = 4 * 1024 * 1024

Given = str | Path
"""A path, or text with a newline in it."""


def items(given: Given | Iterable[Given], server: ServerSettings) -> list[str]:
    """Paths and texts for a server.

    Args:
        given: One or several; text has a newline in it, anything else is a path to a file or folder.
        server: Who gets them.

    Returns:
        Texts as they are; paths absolute for a server on this machine, and as the texts of their files for another.

    Raises:
        BadInput: It is none of these, or a file of it cannot be read.
    """
    listed = [given] if isinstance(given, str | Path) else list(given) if isinstance(given, Iterable) else [given]
    if not listed:
        raise BadInput("nothing was named: give a path, or text with a newline in it")
    if wrong := [type(one).__name__ for one in listed if not isinstance(one, str | Path)]:
        raise BadInput(f"files are named by paths or given as text, not by a value of type {wrong[0]}")
    found: list[str] = []
    for one in listed:
        if isinstance(one, str) and "\n" in one:
            found.append(one)
        elif server.transport == "http":
            found += _texts(one)
        else:
            found.append(str(path(one)))
    return found


def path(given: Given) -> Path:
    """A path as it is meant from the working directory, absolute; links in it are left for the server to judge.

    Raises:
        BadInput: It is none, is empty, or begins with `-`.
    """
    if not isinstance(given, str | Path):
        raise BadInput(f"a path is text, not a value of type {type(given).__name__}")
    if not str(given).strip() or str(given).startswith("-"):
        raise BadInput(f"{str(given)!r} is no path: name a file or folder")
    try:
        return Path(given).expanduser().absolute()
    except (RuntimeError, ValueError) as error:
        raise BadInput(f"{str(given)!r} is no path: {error}") from error


def infrastructure(given: Any, server: ServerSettings) -> Any:
    """What is to be priced: a plan or items as data, as they are; paths and texts as `items` makes them."""
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, str | Path):
        return items(given, server)
    listed = list(given) if isinstance(given, Iterable) else [given]
    if all(isinstance(one, Mapping) for one in listed):
        return [dict(one) for one in listed]
    return items(listed, server)


def _texts(named: Given) -> list[str]:
    whole = path(named)
    inside = (one for one in whole.rglob("*") if one.suffix in _SUFFIXES and not one.is_dir())
    files = sorted(inside) if whole.is_dir() else [whole]
    if len(files) > _MOST_FILES:
        raise BadInput(
            f"{named} holds {len(files):,} files, more than the {_MOST_FILES} that are sent: name a part of it"
        )
    try:
        if (size := sum(file.stat().st_size for file in files)) > _MOST_BYTES:
            raise BadInput(
                f"{named} has {size:,} bytes, more than the {_MOST_BYTES:,} that are sent: name a part of it"
            )
        if strange := next((file for file in files if not file.is_file()), None):
            raise BadInput(f"{strange} is no file that can be read: name files and folders")
        return [f"# {file.name}\n{file.read_text(encoding='utf-8')}\n" for file in files]
    except (OSError, UnicodeError) as error:
        raise BadInput(f"{named} cannot be read: {getattr(error, 'strerror', None) or error}") from error
