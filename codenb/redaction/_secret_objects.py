"""The data of Kubernetes Secrets in text: every value is secret, whatever its name.

YAML is read line by line and JSON key by key, so that a cut-off manifest, several documents, and JSON in an annotation
are read as well as a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from codenb.redaction._values import Span, behind, is_block, quoted

_JSON_KIND = re.compile(r"[\"']kind\\{0,3}[\"']\s{0,8}:\s{0,8}\\{0,3}[\"']Secret(?:List)?\\{0,3}[\"']")
_JSON_DATA = re.compile(r"[\"'](?P<field>data|stringData|string_data)\\{0,3}[\"']\s{0,64}:\s{0,64}\{")
_JSON_KEY = re.compile(
    r"\s*+,?\s*+(?:\\{0,3}[\"'][^\"'\\\n]{1,300}\\{0,3}[\"']\s{0,64}:\s{0,64}null\s*+,\s*+){0,1000}+"
    r"\\{0,3}[\"'][^\"'\\\n]{1,300}\\{0,3}[\"']\s{0,64}:\s{0,64}"
)
_YAML_KIND = re.compile(r"(?m)^[ \t-]*[\"']?kind[\"']?:[ \t]*[\"']?Secret(?:List)?\b")
_YAML_LINE = re.compile(
    r"(?P<indent>[ ]*(?:-[ ]+)*)(?P<key>[\"']?[A-Za-z0-9_.-]+[\"']?):(?:[ \t]+(?P<value>[^\s#].*?))?[ \t\r]*(?:#.*)?$"
)


class _Field(NamedTuple):
    """A `data:` whose lines follow."""

    indent: int
    owner: int
    encoded: bool


class _Owners:
    """Tells the lines of one mapping from those of another by their indentation."""

    def __init__(self) -> None:
        self._open: list[tuple[int, int]] = []
        self._count = 0

    def of(self, indent: int, *, opens_item: bool) -> int:
        """The number of the mapping to which a key at this indentation belongs."""
        while self._open and (self._open[-1][0] > indent or (opens_item and self._open[-1][0] == indent)):
            self._open.pop()
        if not self._open or self._open[-1][0] < indent:
            self._count += 1
            self._open.append((indent, self._count))
        return self._open[-1][1]

    def close(self) -> None:
        """End the document."""
        self._open.clear()


def json_data(text: str) -> Iterator[Span]:
    """Values of `data` and `stringData` objects in a text with a Secret; a config map there loses its values too."""
    if not _JSON_KIND.search(text):
        return
    at = 0
    while match := _JSON_DATA.search(text, at):
        at = match.end()
        while key := _JSON_KEY.match(text, at):
            at = key.end()
            span = quoted(text, at)
            if span is None:
                break
            yield span._replace(encoded=match["field"] == "data")
            at = behind(text, at, span)


def yaml_data(text: str) -> Iterator[Span]:
    """Values under `data:` and `stringData:` of the mappings that say `kind: Secret`, before or after."""
    if not _YAML_KIND.search(text):
        return
    owners, secret = _Owners(), set[int]()
    held: list[tuple[int, Span]] = []
    field: _Field | None = None
    for start, line in _lines(text):
        if field and len(line) - len(line.lstrip(" ")) > field.indent:
            held.append((field.owner, _value(line, start, encoded=field.encoded)))
            continue
        field = None
        if line.startswith("---"):
            owners.close()
        match = _YAML_LINE.match(line)
        if not match:
            continue
        key, value = match["key"].strip("\"'"), match["value"] or ""
        owner = owners.of(len(match["indent"]), opens_item="-" in match["indent"])
        if key == "kind" and value.strip("\"'") in {"Secret", "SecretList"}:
            secret.add(owner)
        elif key in {"data", "stringData"}:
            field = _Field(len(match["indent"]), owner, key == "data")
            if value and value != "{}":
                held.append((owner, Span(start + match.start("value"), start + match.end("value"))))
    yield from (span for owner, span in held if owner in secret)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    at = 0
    for line in text.split("\n"):
        if line.strip():
            yield at, line
        at += len(line) + 1


def _value(line: str, start: int, *, encoded: bool) -> Span:
    """The value on a line of data; the whole line where it goes on with a value of the line above."""
    match = _YAML_LINE.match(line)
    if not match:
        begin = len(line) - len(line.lstrip())
        return Span(start + begin, start + len(line.rstrip()))
    if not match["value"] or is_block(match["value"]):
        return Span(start, start)
    value = quoted(line, match.start("value")) or Span(*match.span("value"))
    return Span(start + value.start, start + value.end, encoded)
