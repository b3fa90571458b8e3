"""Secrets that are known by the place they stand in: after a name that says secret, or inside a Kubernetes Secret.

Text is read as it is: excerpts of logs, half a manifest, JSON inside JSON. So nothing here parses a whole document;
each finder looks for a beginning and takes the value that follows, once, and goes on behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from codenb.redaction._names import counts, is_secret_name


class Span(NamedTuple):
    """A stretch of a text that must not be shown."""

    start: int
    end: int
    encoded: bool = False
    """Whether it is base64 of the secret; the pseudonym is then that of the secret itself."""


_ASSIGNED = re.compile(
    r"(?<![A-Za-z0-9_.-])(?P<name>[A-Za-z0-9_.-]{2,128})(?P<quote>\\{0,3}[\"'])?[ \t]{0,8}(?P<sign>:=|={1,3}>?|:)[ \t]{0,64}"
)
_FLAG = re.compile(
    r"(?<![A-Za-z0-9_.-])--?(?P<name>[A-Za-z][A-Za-z0-9_.-]{1,64})"
    r"(?:[ \t]{1,8}|\\{0,3}[\"']\s{0,64},\s{0,64}(?=\\{0,3}[\"'])|[\"']?\r?\n[ \t]{0,64}-[ \t]{1,8})"
)
_PAIR = re.compile(
    r"(?<![A-Za-z0-9_])(?:[nN]ame|[kK]ey)(?:\\{0,3}[\"'])?[ \t]{0,8}[:=][ \t]{0,8}(?:\\{0,3}[\"'])?"
    r"(?P<name>[A-Za-z0-9_./-]{1,128})(?:\\{0,3}[\"'])?[ \t]{0,8},?\s{0,64}"
    r"(?P<value>(?:\\{0,3}[\"'])?[vV]alue(?P<quote>\\{0,3}[\"'])?)[ \t]{0,8}(?P<sign>[:=])[ \t]{0,8}"
)
_JSON_SECRET = re.compile(r"[\"']kind\\{0,3}[\"']\s{0,8}:\s{0,8}\\{0,3}[\"']Secret(?:List)?\\{0,3}[\"']")
_JSON_DATA = re.compile(r"[\"'](?P<field>data|stringData|string_data)\\{0,3}[\"']\s{0,64}:\s{0,64}\{")
_JSON_KEY = re.compile(r"\s*+,?\s*+\\{0,3}[\"'][^\"'\\\n]{1,300}\\{0,3}[\"']\s{0,64}:\s{0,64}(?:null\b)?")
_YAML_SECRET = re.compile(r"(?m)^[ \t-]*kind:[ \t]*[\"']?Secret(?:List)?\b")
_YAML_LINE = re.compile(
    r"(?P<indent>[ ]*(?:-[ ]+)*)(?:(?P<key>[A-Za-z0-9_.\"'-]+):(?:[ \t]+(?P<value>\S.*?))?)?[ \t]*$"
)

_SEPARATOR = re.compile(r"[\s,]*+")
_OPENING = re.compile(r"(\\{0,3})([\"'])")
_DOUBLE = re.compile(r'(?:[^"\\\n]|\\[^\n])*+')
_SINGLE = re.compile(r"(?:[^'\\\n]|\\[^\n]|'')*+")
_WORD = re.compile(r"[^\s\"'&;`]+")
_REST = re.compile(r"[^\n\r]+")
_HEADER_REST = re.compile(r"[^\n\r\"'\\]+")
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)[ \t]+(?=\S)")
_BARE_SCHEME = re.compile(_SCHEME.pattern.replace("[ \\t]+(?=\\S)", "[ \\t]*$"))
_HEADERS = re.compile(r"(?i)(?:authorization|cookie)$")
_BLOCK = re.compile(r"[|>][+-]?[0-9]?[ \t]*(?:#[^\n]*)?\r?$")

# Values that are no secret whatever they are called: nothing, a switch, a mask, a reference to where the value is.
_HARMLESS = re.compile(
    r"(?i)null|none|nil|true|false|undefined|\[\]|\{\}?|[*•]+|x{3,}|\.{3}|-|\$\{[^}]*\}|\$\([A-Za-z0-9_. -]*\)|\$[A-Za-z_][A-Za-z0-9_]*"
    r"|\{\{.*\}\}|<[a-z][^<>]*>|%[a-z]"
)
# How a sentence goes on after "token:" or "--token"; "password: not found" names no password.
_PROSE = frozenset(
    "a an and any are as at authentication be by can cannot could couldn't does doesn't do error expected expired failed "
    "failure flag for from has have if in incorrect invalid is it may mismatch missing must no not of on or option "
    "rejected required requires should the this to unable unauthorized unexpected unknown unset unsupported use used "
    "was were when which will with wrong you your".split()
)
_LOOKS_SECRET = re.compile(r"(?=.{6})(?:.*[0-9!@#$%^&*+=_~].*|.*[a-z][A-Z].*)")


def placed(text: str) -> Iterator[Span]:
    """Where values stand whose name or object says that they are secret."""
    yield from _assignments(text)
    yield from _flags(text)
    yield from _pairs(text)
    if _JSON_SECRET.search(text):
        yield from _json_secret_data(text)
    if _YAML_SECRET.search(text):
        yield from _yaml_secret_data(text)


def harmless(value: str) -> bool:
    """Whether a value under a secret's name is none: empty, a switch, a mask, a reference."""
    stripped = value.strip()
    return not stripped or bool(_HARMLESS.fullmatch(stripped))


def after_scheme(value: str) -> int:
    """Where the credentials begin in the value of an authorization header."""
    match = _SCHEME.match(value)
    return match.end() if match else 0


def _assignments(text: str) -> Iterator[Span]:
    at = 0
    while match := _ASSIGNED.search(text, at):
        at = match.end()
        if is_secret_name(match["name"]):
            for span in _value(text, match.start("name"), match):
                yield span
                at = max(at, span.end)


def _flags(text: str) -> Iterator[Span]:
    at = 0
    while match := _FLAG.search(text, at):
        at = match.end()
        if not is_secret_name(match["name"]):
            continue
        span = _quoted(text, at) or _span(_WORD.match(text, at))
        if span and text[span.start] != "-" and text[span.start : span.end].lower() not in _PROSE:
            yield from _unless_harmless(text, span, match["name"])
            at = span.end


def _pairs(text: str) -> Iterator[Span]:
    at = 0
    while match := _PAIR.search(text, at):
        # The next pair may begin with this one's name: {"name": "key", "value": ...}.
        at = match.end()
        if is_secret_name(match["name"]):
            for span in _value(text, match.start("value"), match):
                yield span
                at = max(at, span.end)


def _value(text: str, start: int, match: re.Match[str]) -> Iterator[Span]:
    """The secret that is assigned to the name that starts at `start`; none when what follows is no secret."""
    name, at = match["name"], match.end()
    if quoted := _quoted(text, at):
        yield from _unless_harmless(text, quoted, name)
        return
    before = text[max(0, start - 200) : start].rpartition("\n")[2]
    opens_line = not before.strip(" \t-\"'\\")
    if text.startswith("[", at):
        yield from _listed(text, at + 1, name)
    elif _HEADERS.search(name):
        span = _span(_HEADER_REST.match(text, at))
        if span and not _BARE_SCHEME.match(text[span.start : span.end]):
            yield from _unless_harmless(text, span, name)
    elif match["sign"] != ":" or match["quote"]:
        yield from _unless_harmless(text, _word(text, at), name)
    elif opens_line:
        span = _span(_REST.match(text, at))
        if span and _BLOCK.match(text, span.start, span.end):
            yield from _indented(text, span.end, len(before) - len(before.lstrip(" \t-")))
        elif span and not _is_prose(text[span.start : span.end]):
            yield from _unless_harmless(text, span, name)
    else:
        span = _word(text, at)
        sentence = before[-1:].isspace() and before.rstrip()[-1:].isalpha()
        if span and (not sentence or _stands_out(text, span)):
            yield from _unless_harmless(text, span, name)


def _unless_harmless(text: str, span: Span | None, name: str) -> Iterator[Span]:
    if span is None:
        return
    start = span.start + after_scheme(text[span.start : span.end])
    value = text[start : span.end]
    quantity = counts(name) and value.replace(".", "").replace(",", "").strip().isdigit()
    working_directory = name == "PWD" and value.startswith("/")
    if not (harmless(value) or quantity or working_directory):
        yield Span(start, span.end, span.encoded)


def _quoted(text: str, at: int) -> Span | None:
    """The inside of a quoted value; up to the end of the line when the quote is not closed."""
    opening = _OPENING.match(text, at)
    if not opening:
        return None
    escapes, quote = opening[1], opening[2]
    if not escapes:
        return _span((_DOUBLE if quote == '"' else _SINGLE).match(text, opening.end()))
    line_end = text.find("\n", opening.end())
    closing = re.compile(r"(?<!\\)" + re.escape(escapes + quote)).search(
        text, opening.end(), len(text) if line_end < 0 else line_end
    )
    end = closing.start() if closing else (len(text) if line_end < 0 else line_end)
    return Span(opening.end(), end)


def _listed(text: str, at: int, name: str) -> Iterator[Span]:
    """The quoted items of a list, of which `at` is the inside."""
    while match := _SEPARATOR.match(text, at):
        span = _quoted(text, match.end())
        if span is None:
            return
        yield from _unless_harmless(text, span, name)
        at = _behind(text, match.end(), span)


def _behind(text: str, at: int, span: Span) -> int:
    """Where the text goes on after a quoted value that was opened at `at`."""
    opening = _OPENING.match(text, at)
    return span.end + (len(opening[0]) if opening else 0)


def _word(text: str, at: int) -> Span | None:
    match = _WORD.match(text, at)
    if not match:
        return None
    kept = match[0].rstrip(",.:)]}>\\")
    return Span(at, at + len(kept)) if kept else None


def _span(match: re.Match[str] | None) -> Span | None:
    if not match:
        return None
    return Span(match.start(), match.start() + len(match[0].rstrip()))


def _is_prose(value: str) -> bool:
    return value.split(None, 1)[0].lower().rstrip(",.:;") in _PROSE if value.strip() else True


def _stands_out(text: str, span: Span) -> bool:
    value = text[span.start : span.end]
    return text[span.end : span.end + 1] != ":" and value[0] != "/" and bool(_LOOKS_SECRET.fullmatch(value))


def _indented(text: str, at: int, indent: int) -> Iterator[Span]:
    """The lines of a YAML block scalar whose key stands at this indentation."""
    at = text.find("\n", at)
    while 0 <= at < len(text) - 1:
        end = text.find("\n", at + 1)
        end = len(text) if end < 0 else end
        line = text[at + 1 : end]
        inner = line.lstrip(" \t")
        if inner and len(line) - len(inner) <= indent:
            return
        if inner.rstrip():
            yield Span(end - len(inner), end - len(inner) + len(inner.rstrip()))
        at = end if end < len(text) else -1


def _json_secret_data(text: str) -> Iterator[Span]:
    """Values of flat `data` objects. A config map beside a Secret in one text loses its values too."""
    at = 0
    while match := _JSON_DATA.search(text, at):
        at = match.end()
        while key := _JSON_KEY.match(text, at):
            at = key.end()
            if span := _quoted(text, at):
                yield span._replace(encoded=match["field"] == "data")
                at = _behind(text, at, span)


def _yaml_secret_data(text: str) -> Iterator[Span]:
    """Values under `data:` and `stringData:` of the mappings that say `kind: Secret`."""
    mapping = 0
    depth: list[tuple[int, int]] = []  # indentation and number of each mapping that is open
    secret: set[int] = set()
    held: list[tuple[int, Span]] = []
    within: tuple[int, int, bool] | None = None  # indentation and mapping of the open data field, whether encoded
    at = 0
    for line in text.split("\n"):
        start, at = at, at + len(line) + 1
        match = _YAML_LINE.match(line)
        if not match:
            if within:
                held.append((within[1], _stripped(line, start)))
            continue
        indent = len(match["indent"])
        if not line.strip():
            continue
        if within and len(line) - len(line.lstrip(" ")) > within[0]:
            if match["key"] and match["value"] and not _BLOCK.match(match["value"]):
                value = _quoted(line, match.start("value")) or Span(*match.span("value"))
                if value.end > value.start:
                    held.append((within[1], Span(start + value.start, start + value.end, within[2])))
            elif not match["key"]:
                held.append((within[1], _stripped(line, start)))
            continue
        within = None
        while depth and (depth[-1][0] > indent or (depth[-1][0] == indent and "-" in match["indent"])):
            depth.pop()
        if line.startswith("---"):
            depth.clear()
        if not depth or depth[-1][0] < indent:
            mapping += 1
            depth.append((indent, mapping))
        owner = depth[-1][1]
        if match["key"] == "kind" and (match["value"] or "").strip("\"'").startswith("Secret"):
            secret.add(owner)
        elif match["key"] in {"data", "stringData"}:
            if match["value"]:
                held.append((owner, Span(start + match.start("value"), start + match.end("value"))))
            within = (indent, owner, match["key"] == "data")
    yield from (span for owner, span in held if owner in secret)


def _stripped(line: str, start: int) -> Span:
    inner = line.strip()
    begin = start + (len(line) - len(line.lstrip()))
    return Span(begin, begin + len(inner))
