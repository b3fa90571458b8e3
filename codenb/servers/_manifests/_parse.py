"""Text of a manifest, or what somebody called one, as documents and problems."""

from __future__ import annotations

import codecs
import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

from codenb.models import Severity
from codenb.redaction import is_secret_name, redactor
from codenb.servers._manifests._compose import composed, template_place
from codenb.servers._manifests._document import BREAKS, Document, Manifests, Node, Problem
from codenb.servers._manifests._secrecy import HIDDEN

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
_NAMED = re.compile(r"^[ \t]*(?:-[ \t]+)?\{?[ \t]*[\"']?(?:name|key)[\"']?[ \t]*:[ \t]*[\"']?([A-Za-z0-9_.-]+)")
_WORD = re.compile(r"(?<!!!)[^\s*!&%@`|>\"':,{}\[\]]{4,}")
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
    shown = tuple(_quotable(problems, decoded.removeprefix(_MARK)))
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


def _quotable(problems: list[Problem], text: str) -> Iterator[Problem]:
    """Problems with their lines, neither of which may hold a secret.

    A password without quotes is what often breaks a file: one that begins with `*`, `!` or `%`. Where the file has a
    Secret in it, nothing behind the key is shown, since what is data cannot be told any more.
    """
    if not problems:
        return
    lines, whole = BREAKS.split(text), _SECRET.search(text)
    begins = list(accumulate((len(line) + 1 for line in lines), initial=0))
    secret: dict[int, int] = {}
    for start, end, _ in redactor().secrets("\n".join(lines)):
        for at in range(bisect_right(begins, start) - 1, bisect_left(begins, end)):
            secret[at] = min(max(start - begins[at], 0), secret.get(at, len(lines[at])))
    for problem in problems:
        at = (problem.line or 0) - 1
        if not 0 <= at < len(lines):
            yield problem
            continue
        line = lines[at]
        start = min(_behind_name(lines, at), secret.get(at, len(line)))
        if whole:
            start = min(start, line.find(":") + 1)
        yield _hidden_from(problem, line, start)


def _behind_name(lines: list[str], at: int) -> int:
    """Where a line has to be hidden because a secret's name stands in it or beside it; its end where none does."""
    if own := _NAMED.match(lines[at]):
        return own.end() if is_secret_name(own[1]) else len(lines[at])
    beside = [match for line in lines[max(0, at - 1) : at + 2] if (match := _NAMED.match(line))]
    return lines[at].find(":") + 1 if any(is_secret_name(match[1]) for match in beside) else len(lines[at])


def _hidden_from(problem: Problem, line: str, start: int) -> Problem:
    """A problem that quotes a line up to a column, and no word behind it."""
    shown, message = line, problem.message
    if start < len(line):
        key = line[:start].rstrip()
        shown = f"{key} {HIDDEN}" if key.endswith(":") else f"{line[:start]}{HIDDEN}"
        for word in sorted(set(_WORD.findall(line[start:])), key=len, reverse=True):
            message = message.replace(word, HIDDEN)
    return replace(problem, message=message, source=shown[:_LONGEST_LINE].encode("utf-8", "replace").decode())


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
