"""What stands as a value in a text, and whether it can be a secret at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of a text that must not be shown."""

    start: int
    end: int
    encoded: bool = False
    """Whether it is base64 of the secret; the pseudonym is then that of the secret itself."""


_OPENING = re.compile(r"(\\{0,3})([\"'])")
_INSIDE = {'"': re.compile(r'(?:[^"\\\n]|\\[^\n])*+'), "'": re.compile(r"(?:[^'\\\n]|\\[^\n]|'')*+")}
_ESCAPED_CLOSING = {
    escapes + quote: re.compile(r"(?<!\\)" + re.escape(escapes + quote) + r"|\n")
    for escapes in ("\\", "\\\\", "\\\\\\")
    for quote in "\"'"
}
_SEPARATOR = re.compile(r"[\s,]*+")
_WORD = re.compile(
    r"(?:\$\{[^{}\n]{0,200}\}|\$\([^()\n]{0,200}\)|\{\{[^{}\n]{0,200}\}\}|[^\s\"'&;`])++"  # references may hold spaces
)
_REST = re.compile(r"[^\n\r]+")
_SCHEME = re.compile(r"(?i)(?:bearer|basic|token|digest|negotiate|apikey|aws4-hmac-sha256)(?:[ \t]+|$)")
_BLOCK = re.compile(r"[|>][+-]?[0-9]?[ \t]*(?:#[^\n]*)?\r?$")

# Values that are no secret whatever they are called: nothing, a switch, a mask, a reference to where the value is, and
# the HMAC under which a preview shows a secret argument, which has to stay equal for its digest to be checked.
_HARMLESS = re.compile(
    r"(?i)null|none|nil|true|false|undefined|\[\]|\{\}?|[*•]+|x{3,}|\.{3}|-"
    r"|\$\{[^}]*\}|\$\([A-Za-z0-9_. -]*\)|\$[A-Za-z_][A-Za-z0-9_]*|\{\{.*\}\}|<[a-z][^<>]*>(?:[ \t]{2}.*)?|%[a-z]"
    r"|hmac-sha256:[0-9a-f]{16,64}"
)


def harmless(value: str) -> bool:
    """Whether a value under a secret's name is none: empty, a switch, a mask, a reference."""
    stripped = value.strip()
    return not stripped or bool(_HARMLESS.fullmatch(stripped))


def after_scheme(value: str) -> int:
    """Where the credentials begin in the value of an authorization header."""
    match = _SCHEME.match(value)
    return match.end() if match else 0


def quoted(text: str, at: int) -> Span | None:
    """The inside of the quoted value at a position, up to the end of the line when the quote is not closed.

    JSON inside JSON escapes its quotes, up to twice here.
    """
    opening = _OPENING.match(text, at)
    if not opening:
        return None
    if not opening[1]:
        inside = _INSIDE[opening[2]].match(text, opening.end())
        return Span(opening.end(), inside.end() if inside else opening.end())
    closing = _ESCAPED_CLOSING[opening[0]].search(text, opening.end())
    return Span(opening.end(), closing.start() if closing else len(text))


def quoted_items(text: str, at: int) -> Iterator[Span]:
    """The quoted values that follow each other, with nothing but commas between them."""
    while match := _SEPARATOR.match(text, at):
        span = quoted(text, match.end())
        if span is None:
            return
        yield span
        at = behind(text, match.end(), span)


def behind(text: str, at: int, span: Span) -> int:
    """Where the text goes on after a quoted value that was opened at `at`."""
    opening = _OPENING.match(text, at)
    return span.end + (len(opening[0]) if opening else 0)


def word(text: str, at: int) -> Span | None:
    """What stands at a position up to white space or a quote, without the punctuation behind it."""
    match = _WORD.match(text, at)
    if not match:
        return None
    kept = match[0] if harmless(match[0]) else match[0].rstrip(",.:)]}>\\")
    return Span(at, at + len(kept)) if kept else None


def rest_of_line(text: str, at: int) -> Span | None:
    """What stands at a position up to the end of the line."""
    match = _REST.match(text, at)
    kept = match[0].rstrip() if match else ""
    return Span(at, at + len(kept)) if kept else None


def is_block(value: str) -> bool:
    """Whether a YAML value says that the text follows in the lines below."""
    return bool(_BLOCK.match(value))


def indented(text: str, at: int, indent: int) -> Iterator[Span]:
    """The lines below a position that stand deeper than an indentation, each without its white space."""
    at = text.find("\n", at)
    while 0 <= at < len(text) - 1:
        end = text.find("\n", at + 1)
        end = len(text) if end < 0 else end
        line = text[at + 1 : end]
        inner = line.lstrip(" \t")
        if inner and len(line) - len(inner) <= indent:
            return
        if inner.strip():
            yield Span(end - len(inner), end - len(inner) + len(inner.rstrip()))
        at = end
