"""One object of a manifest, its plain data, and where in the file each part of it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from codenb.models import Entity, Severity
from codenb.servers._manifests._scalars import Scalar

Path = tuple[str | int, ...]

BREAKS = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # what YAML 1.1 calls the end of a line


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; both count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a file that kept it, or a part of it, from being read as it was meant.

    Attributes:
        rule: Such as `yaml/syntax`. `read/...` says that something was not looked at, rather than that it is bad.
        message: One sentence.
        file: As it was named.
        line: From 1; None where the whole file is meant.
        column: From 1; None where it is not known.
        severity: How bad.
        source: The line; of a file with a Secret in it its key only.
    """

    rule: str
    message: str
    file: str
    line: int | None = None
    column: int | None = None
    severity: Severity = Severity.HIGH
    source: str = ""

    @property
    def unread(self) -> bool:
        """Whether something was not looked at, so that nothing can be said of it."""
        return self.rule.startswith("read/")


class Node:
    """A value of YAML with its place. Scalars that were written without quotes keep their words."""

    __slots__ = ("column", "height", "keys", "line", "value", "weight", "written")

    def __init__(self, line: int, column: int, value: Scalar | list[Node] | dict[str, Node]) -> None:
        self.line = line
        self.column = column
        self.value = value
        self.written: str | None = None
        self.keys: dict[str, tuple[int, int]] = {}
        self.weight = 1
        self.height = 1

    def data(self) -> Any:
        """A copy as plain data; what an alias names is a copy too, so that no consumer changes two places at once."""
        value = self.value
        if isinstance(value, dict):
            return {key: item.data() for key, item in value.items()}
        if isinstance(value, list):
            return [item.data() for item in value]
        return value


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Document:
    """One Kubernetes object as it stands in a file.

    Attributes:
        file: As it was named.
        index: Its number in the file, from 0; the members of a `List` count each.
        node: Its values with their places.
        lines: The file's lines.
        data: Plain data, with the types that Kubernetes reads.
    """

    file: str
    index: int
    node: Node
    lines: Sequence[str] = field(repr=False)
    data: dict[str, Any] = field(repr=False)

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.node.line

    @property
    def api_version(self) -> str:
        """As written; empty where there is none."""
        return _text(self.data.get("apiVersion"))

    @property
    def kind(self) -> str:
        """As written; empty where there is none."""
        return _text(self.data.get("kind"))

    @property
    def name(self) -> str:
        """As written; empty where there is none."""
        return _text(self._metadata.get("name"))

    @property
    def namespace(self) -> str:
        """As written; empty where there is none."""
        return _text(self._metadata.get("namespace"))

    @property
    def entity(self) -> Entity:
        """Which object it is."""
        return Entity(kind=self.kind, name=self.name, namespace=self.namespace or None)

    @property
    def _metadata(self) -> dict[str, Any]:
        metadata = self.data.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    def at(self, path: Path, *, key: bool = False) -> Position:
        """Where a value stands.

        Args:
            path: Keys and indexes from the object's root.
            key: Whether the key is meant rather than its value.

        Returns:
            Its position; where there is no such value, that of the key of the nearest ancestor that exists.
        """
        node, place = self.node, (self.node.line, self.node.column)
        for part in path:
            found, at = _step(node, part)
            if found is None:
                return Position(*place)
            node, place = found, at
        return Position(*place) if key else Position(node.line, node.column)

    def written(self, path: Path) -> str | None:
        """The words of a value that was written without quotes, such as `no` or `0777`; None for any other."""
        node: Node | None = self.node
        for part in path:
            node, _ = _step(node, part) if node else (None, (0, 0))
        return node.written if node else None

    def source(self, line: int) -> str:
        """A line of the file, as it stands there; empty where there is none of that number."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Manifests:
    """What was read.

    Attributes:
        documents: The objects, in order.
        problems: What could not be read as it was meant.
        files: Every file that was looked at, as named.
        notes: What a reader should know, such as files that were left out.
        digest: SHA-256 over what was read, names included, in hexadecimal.
    """

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    digest: str = ""


def _step(node: Node, part: str | int) -> tuple[Node | None, tuple[int, int]]:
    """A member of a value, and where its key (in a list: itself) stands."""
    value = node.value
    if isinstance(value, dict) and isinstance(part, str) and part in value:
        return value[part], node.keys[part]
    if isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
        item = value[part]
        return item, (item.line, item.column)
    return None, (node.line, node.column)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
