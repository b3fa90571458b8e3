"""Which values of a manifest nobody may quote: told from their place among the others, however badly it is written.

A redactor reads a line, and in a line such as `{name: DB_PASSWORD, valu: ...}` or a bare `valu: ...` nothing says that
a password follows. A finding quotes exactly the lines that are written badly. So here a value is secret by what stands
around it: the kind of its object, the name of its key, and the name beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

from codenb.redaction import is_secret_name, redactor
from codenb.servers._manifests._document import Document, Node, Path

HIDDEN = "<redacted>"

_IDENTITY = frozenset({"apiVersion", "kind", "metadata", "type"})
_NAMES = ("name", "key")
_ENTRIES = frozenset({"env", "environment", "variables", "parameters", "headers", "httpHeaders"})
"""Lists whose entries are a name and what it stands for."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NEAR = 0.6


def secret_paths(manifest: Mapping[str, Any]) -> Iterator[Path]:
    """Where the secret values of an object stand: all that a Secret holds, and what has a secret's name in any other.

    Args:
        manifest: Plain data.
    """
    said = str(manifest.get("kind") or "")
    for key, value in manifest.items():
        if said == "Secret":
            yield from _below((key,), value, secret=key not in _IDENTITY)
        elif "stringData" in manifest or said.lower().startswith("secret"):  # a misspelt one
            yield from _below((key,), value, secret=_is_near(key, "data") or _is_near(key, "stringData"))
        else:
            yield from _member((key,), value)


def is_secret(document: Document, path: Path) -> bool:
    """Whether a value may not be quoted.

    Args:
        document: The object.
        path: Keys and indexes from its root.
    """
    return path in _found(document).paths


def quotable(document: Document, line: int) -> str:
    """A line of an object's file, from its first secret on hidden.

    Args:
        document: The object.
        line: From 1.
    """
    text = document.source(line)
    column = _found(document).column(document, line)
    return text if column is None or not text.strip() else f"{text[: column - 1]}{HIDDEN}"


@dataclass(frozen=True, slots=True)
class _Secrets:
    """Where the secret values of one object are.

    Attributes:
        paths: Of the values.
        columns: From which on a line holds one.
        open: The line of a value that nothing of the object follows: it may go on to the end of the document.
    """

    paths: frozenset[Path] = frozenset()
    columns: Mapping[int, int] = field(default_factory=dict)
    open: int | None = None

    def column(self, document: Document, line: int) -> int | None:
        """The column from which on a line may not be shown; None where all of it may."""
        if self.open is not None and self.open < line and not _ends(document.lines, self.open, line):
            return 1
        return self.columns.get(line)


_FOUND: WeakKeyDictionary[Document, _Secrets] = WeakKeyDictionary()
"""Schema, references and policies each ask for the same objects, with thousands of others in between."""


def _found(document: Document) -> _Secrets:
    known = _FOUND.get(document)
    if known is None:
        known = _FOUND[document] = _find(document)
    return known


def _find(document: Document) -> _Secrets:
    paths = frozenset(secret_paths(document.data))
    if not paths:
        return _Secrets()
    behind = dict(pairwise(sorted(_starts(document.node))))
    columns: dict[int, int] = {}
    last: int | None = None
    for at in map(document.at, paths):
        columns[at.line] = min(at.column, columns.get(at.line, at.column))
        if following := behind.get((at.line, at.column)):
            columns |= dict.fromkeys(range(at.line + 1, following[0]), 1)
        else:
            last = min(at.line, last or at.line)
    return _Secrets(paths, columns, last)


def _below(path: Path, value: Any, *, secret: bool) -> Iterator[Path]:
    if isinstance(value, Mapping):
        named = "operator" not in value and any(
            isinstance(name := value.get(key), str) and is_secret_name(name) for key in _NAMES
        )
        for key, inner in value.items():
            if secret:
                yield from _below((*path, key), inner, secret=True)
            else:
                yield from _member((*path, key), inner, named=named)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _below((*path, at), inner, secret=secret)
    elif secret and redactor().value({"password": value}) != {"password": value}:  # no switch, and no reference
        yield path


def _member(path: Path, value: Any, *, named: bool = False) -> Iterator[Path]:
    """The secret values of one field; `named` says that a secret's name stands beside it."""
    key = str(path[-1])
    plain = not isinstance(value, Mapping | list)
    objects = isinstance(value, list) and any(isinstance(one, Mapping) for one in value)
    secret = key == _LAST_APPLIED or (is_secret_name(key) and not isinstance(value, Mapping) and not objects)
    if named and not secret and key not in _NAMES:
        refers = key == "valueFrom" and not plain
        entry = len(path) > 2 and path[-3] in _ENTRIES  # noqa: PLR2004  list, index, field
        secret = not refers and (_is_near(key, "value") or (plain and entry))
    yield from _below(path, value, secret=secret)


@lru_cache(maxsize=4096)
def _is_near(key: str, word: str) -> bool:
    return SequenceMatcher(None, key.lower()[:32], word.lower()).ratio() >= _NEAR


def _starts(node: Node) -> Iterator[tuple[int, int]]:
    """Where every key and every value stands."""
    yield node.line, node.column
    if isinstance(node.value, dict):
        for key, inner in node.value.items():
            yield node.keys[key]
            yield from _starts(inner)
    elif isinstance(node.value, list):
        for inner in node.value:
            yield from _starts(inner)


def _ends(lines: Sequence[str], line: int, other: int) -> bool:
    """Whether the document that a line belongs to ends before another line, further down."""
    return any(lines[number].startswith(("---", "...")) for number in range(line, min(other, len(lines))))
