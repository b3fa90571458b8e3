"""Text of a manifest, or what somebody called one, as documents and problems."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace

from codenb.models import Severity
from codenb.servers._manifests._compose import composed, template_place
from codenb.servers._manifests._document import BREAKS, Document, Manifests, Node, Problem

MOST_BYTES = 16 * 1024 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARK = "\ufeff"
_SECRET = re.compile(r"kind[\"']?\s*:\s*[\"']?Secret\b")
_LONGEST_LINE = 500
_PAIR = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


def parse(text: str | bytes, file: str = "<text>") -> Manifests:
    """Read the objects of a text.

    Args:
        text: YAML, of one document or several, or JSON.
        file: Its name, for positions and problems.

    Returns:
        The objects, with members of lists each by itself, and what is wrong. Nothing is raised for what a text holds.
    """
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(file.encode("utf-8", "surrogatepass") + b"\0" + raw).hexdigest()
    if len(raw) > MOST_BYTES:
        said = f"it is larger than {MOST_BYTES // 1024**2} MiB and was not read: split it"
        return Manifests(
            problems=(_problem("read/too-large", said, file, Severity.MEDIUM),), files=(file,), digest=digest
        )
    decoded = text if isinstance(text, str) else _decoded(raw)
    if isinstance(decoded, tuple):
        rule, said = decoded
        return Manifests(problems=(_problem(rule, said, file),), files=(file,), digest=digest)
    documents, problems, notes = _read(decoded.removeprefix(_MARK), file)
    lines = BREAKS.split(decoded.removeprefix(_MARK)) if problems else []
    shown = tuple(replace(one, source=_source(lines, one.line, decoded)) for one in problems)
    return Manifests(tuple(documents), shown, (file,), tuple(notes), digest)


def _read(text: str, file: str) -> tuple[list[Document], list[Problem], list[str]]:
    problems: list[Problem] = []
    if _MARK in text:
        before = BREAKS.split(text[: text.index(_MARK)])
        said = "a byte order mark stands inside of the file, as when files are joined: Kubernetes reads it as a letter"
        problems.append(Problem("yaml/byte-order-mark", said, file, len(before), len(before[-1]) + 1))
        text = text.replace(_MARK, "")
    if text.lstrip()[:1] in ("{", "["):  # JSON writes letters outside of the basic plane as pairs, which YAML refuses
        text = _PAIR.sub(lambda pair: _letter(pair[1], pair[2]), text)
    found = composed(text, file)
    broken = any(problem.rule in ("yaml/syntax", "yaml/key", "yaml/tab") for problem in found.problems)
    if place := found.template or (template_place(text) if broken else None):
        said = "this is a Helm template that was not rendered: validate what `helm template` writes"
        return [], [Problem("helm/not-rendered", said, file, *place)], []
    problems += found.problems
    lines = BREAKS.split(text)
    documents: list[Document] = []
    for node in (member for root in found.roots for member in _members(root)):
        value = node.value
        if isinstance(value, dict):
            documents.append(Document(file, len(documents), node, lines, node.data()))
        elif value is not None:  # a document of comments only, or nothing between two lines of dashes
            said = f"this is {_called(value)}, not a Kubernetes object"
            problems.append(Problem("kubernetes/no-object", said, file, node.line, node.column))
    empty = not problems and all(root.value is None for root in found.roots)
    return documents, problems, [f"{file} is empty"] if empty else []


def _members(node: Node) -> Iterator[Node]:
    """The node, or the members of the list that it is."""
    value = node.value
    kind, items = (value.get("kind"), value.get("items")) if isinstance(value, dict) else (None, None)
    if kind and isinstance(kind.value, str) and kind.value.endswith("List") and items and isinstance(items.value, list):
        for item in items.value:
            yield from _members(item)
    else:
        yield node


def _source(lines: list[str], line: int | None, text: str) -> str:
    """A line to show; where the file has a Secret in it, nothing behind the key, since what is data cannot be told."""
    if line is None or line > len(lines):
        return ""
    shown = lines[line - 1][:_LONGEST_LINE].encode("utf-8", "replace").decode()
    if not _SECRET.search(text):
        return shown
    key, colon, _ = shown.partition(":")
    return f"{key}{colon} <redacted>" if colon else "<redacted>"


def _decoded(raw: bytes) -> str | tuple[str, str]:
    """Bytes as text, or the rule and the sentence that say why not."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            try:
                return raw[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                return "yaml/encoding", f"it is no {encoding.upper()}, as its byte order mark says: {error.reason}"
    if b"\0" in raw:
        return "yaml/binary", "it is a binary file, not YAML"
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return "yaml/encoding", f"byte 0x{raw[error.start]:02X} in line {line} is no UTF-8: save the file as UTF-8"


def _letter(high: str, low: str) -> str:
    return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)


def _called(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return "a text" if isinstance(value, str) else f"the value {str(value)[:40]}"


def _problem(rule: str, message: str, file: str, severity: Severity = Severity.HIGH) -> Problem:
    return Problem(rule, message, file, severity=severity)
