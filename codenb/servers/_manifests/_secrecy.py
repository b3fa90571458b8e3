"""Which values of a manifest nobody may quote: told from their place among the others, however badly it is written.

A redactor reads a line, and in a line such as `{name: DB_PASSWORD, valu: ...}` or a bare `valu: ...` nothing says that
a password follows. A finding quotes exactly the lines that are written badly. So here a value is secret by what stands
around it: the kind of its object, the name of its key, and the name beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from codenb.redaction import is_secret_name
from codenb.servers._manifests._document import Document, Node, Path

HIDDEN = "<redacted>"

_IDENTITY = frozenset({"apiVersion", "kind", "metadata", "type"})
_NAMES = ("name", "key")
_BESIDES = frozenset({*_NAMES, "kind", "apiVersion", "namespace", "path", "mode", "optional"})
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_HARMLESS = frozenset({"", "true", "false", "null", "~"})
_NEAR = 0.6
_PAIR = 2


def is_secret(document: Document, path: Path) -> bool:
    """Whether a value may not be quoted.

    Args:
        document: The object.
        path: Keys and indexes from its root.
    """
    node: Node | None = document.node
    for part in path:
        value = node.value if node else None
        if isinstance(value, dict):
            node = value.get(str(part))
        else:
            node = value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None
    return node is not None and id(node) in _found(document)[0]


def quotable(document: Document, line: int) -> str:
    """A line of an object's file, from its first secret on hidden.

    Args:
        document: The object.
        line: From 1.
    """
    text = document.source(line)
    column = _found(document)[1].get(line)
    return text if column is None or not text.strip() else f"{text[: column - 1]}{HIDDEN}"


@lru_cache(maxsize=32)
def _found(document: Document) -> tuple[frozenset[int], dict[int, int]]:
    """Identities of the secret values, and the columns from which on lines hold one."""
    nodes = list(_of_object(document.node))
    starts = sorted(_starts(document.node)) if nodes else []
    behind = dict(pairwise(starts))
    columns: dict[int, int] = {}
    for node in nodes:
        columns[node.line] = min(node.column, columns.get(node.line, node.column))
        following = behind.get((node.line, node.column))
        last = following[0] - 1 if following else _end(document, node.line)
        columns |= dict.fromkeys(range(node.line + 1, last + 1), 1)
    return frozenset(map(id, nodes)), columns


def _of_object(root: Node) -> Iterator[Node]:
    """The secret values of an object: all that a Secret holds, and what has the name of a secret in any other."""
    fields = root.value if isinstance(root.value, dict) else {}
    kind = fields.get("kind")
    said = kind.value if kind and isinstance(kind.value, str) else ""
    for key, node in fields.items():
        if said == "Secret":
            yield from _below(node, secret=key not in _IDENTITY)
        elif "stringData" in fields or said.lower().startswith("secret"):  # a misspelt one
            yield from _below(node, secret=_is_near(key, "data") or _is_near(key, "stringData"))
        else:
            yield from _member(key, node, named=False, pair=False)


def _below(node: Node, *, secret: bool) -> Iterator[Node]:
    value = node.value
    if isinstance(value, dict):
        named = any(
            isinstance(name := value[key].value, str) and is_secret_name(name) for key in _NAMES if key in value
        )
        for key, inner in value.items():
            if secret:
                yield from _below(inner, secret=True)
            else:
                yield from _member(key, inner, named=named, pair=len(value) <= _PAIR)
    elif isinstance(value, list):
        for inner in value:
            yield from _below(inner, secret=secret)
    elif secret and str(value).lower() not in _HARMLESS:
        yield node


def _member(key: str, node: Node, *, named: bool, pair: bool) -> Iterator[Node]:
    """The secret values of one field.

    Args:
        key: Its name.
        node: Its value.
        named: Whether the name that stands beside it is a secret's.
        pair: Whether nothing else stands beside it.
    """
    value = node.value
    plain = not isinstance(value, dict | list)
    holds_objects = isinstance(value, list) and any(isinstance(one.value, dict) for one in value)
    secret = key == _LAST_APPLIED or (is_secret_name(key) and not isinstance(value, dict) and not holds_objects)
    if named and not secret:
        refers = key == "valueFrom" and not plain
        secret = (_is_near(key, "value") and not refers) or (plain and pair and key not in _BESIDES)
    yield from _below(node, secret=secret)


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


def _end(document: Document, line: int) -> int:
    """The last line of the document that a line belongs to."""
    for number in range(line + 1, len(document.lines) + 1):
        if document.lines[number - 1].startswith(("---", "...")):
            return number - 1
    return len(document.lines)
