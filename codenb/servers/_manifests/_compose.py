"""YAML as a tree of values with positions, whatever the text holds.

PyYAML's own composer recurses in C and keeps neither duplicate keys nor the words of a scalar. Here the parser's events
are put together in a loop: nesting, nodes and what aliases copy are counted before they cost anything, and after a
fault reading goes on at the next `---`, so that one bad document of a bundle does not hide the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from codenb.models import Severity
from codenb.servers._manifests._document import BREAKS, Node, Problem
from codenb.servers._manifests._scalars import resolved, tagged

DEEPEST = 200
MOST_NODES = 500_000
MOST_COPIED = 200_000
MOST_FAULTS = 50
_HELM = re.compile(r"\{\{-?[^{}]*(?:\.(?:Values|Release|Chart|Capabilities)\b|\binclude\s+\")")
_TEMPLATE = re.compile(
    r"\{\{-?\s*(?:/\*|[.$][A-Za-z_]|(?:if|range|with|end|else|define|include|template|toYaml|tpl)\b)"
)
_CHARS_A_NODE = 64  # a long text that is copied weighs like several values
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Composed:
    """The documents of one text, and what is wrong with it."""

    roots: list[Node] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    template: tuple[int, int] | None = None


class _Broken(Exception):
    """A document that cannot be composed; the rest of the text may be."""

    def __init__(self, rule: str, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.rule, self.message, self.line, self.column = rule, message, line, column


def composed(text: str, file: str) -> Composed:
    """Compose every document of a text that can be.

    Args:
        text: YAML or JSON.
        file: Its name, for the problems.
    """
    result = Composed()
    start, skipped = 0, 0
    starts: list[int] | None = None
    for _ in range(MOST_FAULTS):
        try:
            _Composer(file, skipped, result).run(text[start:])
        except _Broken as broken:
            line = max(broken.line, 1)
            result.problems.append(Problem(broken.rule, broken.message, file, line + skipped, broken.column))
        else:
            return result
        if starts is None:
            starts = [0, *(found.end() for found in BREAKS.finditer(text))]
        following = _next_document(text, starts, skipped + max(line - 1, 1))
        if following is None:
            return result
        start, skipped = starts[following], following
    result.problems.append(
        Problem("yaml/syntax", f"more than {MOST_FAULTS} documents are broken: the rest was not read", file)
    )
    return result


def template_place(text: str) -> tuple[int, int] | None:
    """Where a text that is no YAML shows itself to be a template, line and column; None where it does not."""
    found = _TEMPLATE.search(text)
    if not found:
        return None
    before = BREAKS.split(text[: found.start()])
    return len(before), len(before[-1]) + 1


def _next_document(text: str, starts: list[int], line: int) -> int | None:
    """The first line at or after this one, from 0, that begins a document."""
    return next(
        (
            number
            for number in range(line, len(starts))
            if text.startswith("---", starts[number]) and text[starts[number] + 3 : starts[number] + 4].strip() == ""
        ),
        None,
    )


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come."""

    node: Node
    anchor: str | None
    key: tuple[str, int, int] | None = None
    merges: list[tuple[Node, int, int]] = field(default_factory=list)
    merging: tuple[int, int] | None = None


class _Composer:
    """Puts the events of one stretch of text together."""

    def __init__(self, file: str, skipped: int, result: Composed) -> None:
        self._file = file
        self._skipped = skipped  # lines before this stretch
        self._result = result
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}  # None while the value is not complete
        self._nodes = 0
        self._copied = 0
        self._root: Node | None = None

    def run(self, text: str) -> None:
        """Compose every document.

        Raises:
            _Broken: One of them cannot be; those before it are kept.
        """
        for event in _events(text):
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent:
                self._open(event, {})
            elif kind is yaml.SequenceStartEvent:
                self._open(event, [])
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._close()
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._anchors, self._copied, self._root = {}, 0, None
            elif kind is yaml.DocumentEndEvent and self._root is not None:
                self._result.roots.append(self._root)

    def _scalar(self, event: Any) -> None:
        text, mark = event.value, event.start_mark
        line, column = mark.line + 1, mark.column + 1
        plain, style = event.implicit[0] and not event.style, event.style
        if "{{" in text and style not in ("|", ">") and not self._result.template and _HELM.search(text):
            self._result.template = (line + self._skipped, column)
        node = Node(line + self._skipped, column, text)
        if plain:
            node.value = resolved(text)
            node.written = text
        elif event.tag and not event.implicit[1]:
            try:
                node.value = tagged(text, event.tag)
            except ValueError as error:
                self._note("yaml/tag", str(error), line, column)
            self._foreign_tag(event.tag, line, column)
        if isinstance(node.value, float) and node.value - node.value != 0:
            self._note(
                "yaml/number", f"{text} is no number that Kubernetes can hold: JSON has no word for it", line, column
            )
            node.value = text
        node.weight += len(text) // _CHARS_A_NODE
        if event.anchor:
            self._anchors[event.anchor] = node
        self._put(node, line, column, plain=plain)

    def _open(self, event: Any, value: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if len(self._stack) >= DEEPEST:
            raise _Broken("yaml/too-deep", f"values are nested deeper than {DEEPEST} levels", line, column)
        if event.tag:
            self._foreign_tag(event.tag, line, column)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(Node(line + self._skipped, column, value), event.anchor))

    def _close(self) -> None:
        opened = self._stack.pop()
        node = opened.node
        for merged, line, column in opened.merges:
            self._merge(node, merged, line, column)
        if opened.anchor:
            self._anchors[opened.anchor] = node
        self._put(node, node.line - self._skipped, node.column, plain=False)

    def _alias(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if event.anchor not in self._anchors:
            raise _Broken("yaml/syntax", f"*{event.anchor} names an anchor that stands nowhere before it", line, column)
        node = self._anchors[event.anchor]
        if node is None:
            raise _Broken("yaml/alias-loop", f"*{event.anchor} stands inside of what it names", line, column)
        self._copied += node.weight
        if self._copied > MOST_COPIED:
            raise _Broken(
                "yaml/alias-bomb",
                f"aliases copy more than {MOST_COPIED:,} values: this grows without end",
                line,
                column,
            )
        self._put(node, line, column, plain=False)

    def _put(self, node: Node, line: int, column: int, *, plain: bool) -> None:
        """Put a complete value where it belongs: into the list or mapping that is open, or as the document."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _Broken("yaml/too-large", f"there are more than {MOST_NODES:,} values in one file", line, column)
        if not self._stack:
            self._root = node
            return
        opened = self._stack[-1]
        parent = opened.node
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif opened.merging:
            opened.merges.append((node, *opened.merging))
            opened.merging = None
            return
        elif opened.key is None:
            if plain and node.written == "<<":
                opened.merging = (line, column)
            else:
                opened.key = (self._key(node, line, column), line + self._skipped, column)
            return
        else:
            self._set(parent, opened, node)
            opened.key = None
        self._grow(parent, node, line, column)

    def _set(self, parent: Node, opened: _Open, node: Node) -> None:
        assert opened.key is not None
        assert isinstance(parent.value, dict)
        name, line, column = opened.key
        if name in parent.value:
            first = parent.keys[name][0]
            self._note(
                "yaml/duplicate-key",
                f"{_short(name)} stands here a second time: line {first} has it already",
                line - self._skipped,
                column,
            )
        parent.value[name] = node
        parent.keys[name] = (line, column)

    def _grow(self, parent: Node, node: Node, line: int, column: int) -> None:
        parent.weight += node.weight
        parent.height = max(parent.height, node.height + 1)
        if len(self._stack) + node.height > DEEPEST + 1:
            raise _Broken("yaml/too-deep", f"values are nested deeper than {DEEPEST} levels", line, column)

    def _key(self, node: Node, line: int, column: int) -> str:
        """A key as Kubernetes reads it: JSON has texts only."""
        value = node.value
        match value:
            case bool():
                word = str(value).lower()
                if node.written not in ("true", "false"):
                    said = f"the key {node.written} is read as {word}: write it in quotes where the word is meant"
                    self._note("yaml/boolean-key", said, line, column, Severity.MEDIUM)
                return word
            case str():
                return value
            case int() | float():
                return str(value)
            case None:
                said = "a key is empty or null, which JSON, and so Kubernetes, cannot hold"
            case _:
                said = (
                    "a key is a list or mapping, which JSON, and so Kubernetes, cannot hold: is a {{ }} without quotes?"
                )
        raise _Broken("yaml/key", said, line, column)

    def _merge(self, node: Node, merged: Node, line: int, column: int) -> None:
        """Fill in what a `<<` names; what stands in the mapping itself wins, and of several the first."""
        assert isinstance(node.value, dict)
        sources = merged.value if isinstance(merged.value, list) else [merged]
        for source in sources:
            if not isinstance(source.value, dict):
                raise _Broken("yaml/merge", "<< takes a mapping or a list of mappings", line, column)
            for key, item in source.value.items():
                if key not in node.value:
                    node.value[key] = item
                    node.keys[key] = source.keys[key]
                    node.weight += item.weight
                    node.height = max(node.height, item.height + 1)
        if len(self._stack) + node.height > DEEPEST + 1:
            raise _Broken("yaml/too-deep", f"values are nested deeper than {DEEPEST} levels", line, column)

    def _foreign_tag(self, tag: str, line: int, column: int) -> None:
        if tag != "!" and not tag.startswith("tag:yaml.org,2002:"):
            said = f"the tag {_short(tag)} means nothing to Kubernetes: the value is taken without it"
            self._note("yaml/tag", said, line, column, Severity.MEDIUM)

    def _note(self, rule: str, message: str, line: int, column: int, severity: Severity = Severity.HIGH) -> None:
        self._result.problems.append(Problem(rule, message, self._file, line + self._skipped, column, severity))


def _events(text: str) -> Iterator[Any]:
    """The parser's events.

    Raises:
        _Broken: The text is no YAML from here on.
    """
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = " ".join((error.problem or "it is no YAML").split())
        if "'\\t'" in problem or (mark and "\t" in _indent(text, mark.line)):
            raise _Broken("yaml/tab", "a tab stands where YAML takes spaces only", line, column) from error
        context = f" {error.context}" if error.context else ""
        since = error.context_mark
        if context and since and since.line + 1 != line:
            context += f" that begins in line {since.line + 1} of the document" if since.line else ""
        raise _Broken("yaml/syntax", f"{problem}{context}", line, column) from error
    except yaml.reader.ReaderError as error:
        before = BREAKS.split(text[: error.position] if isinstance(error.position, int) else "")
        raise _Broken("yaml/syntax", f"{_reader(error)}", len(before), len(before[-1]) + 1) from error
    except UnicodeEncodeError as error:
        before = BREAKS.split(text[: error.start])
        raise _Broken(
            "yaml/encoding",
            "half of a surrogate pair stands here, which is no character",
            len(before),
            len(before[-1]) + 1,
        ) from error


def _reader(error: yaml.reader.ReaderError) -> str:
    character = error.character
    shown = f"U+{character:04X}" if isinstance(character, int) else repr(character)
    return f"the control character {shown} is not allowed in YAML"


def _indent(text: str, line: int) -> str:
    lines = BREAKS.split(text, maxsplit=line + 1)
    wanted = lines[line] if line < len(lines) else ""
    return wanted[: len(wanted) - len(wanted.lstrip())]


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")  # noqa: PLR2004  a line for a person
