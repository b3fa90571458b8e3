"""How wide text is in a terminal, and how it is broken and shortened to fit.

Chinese, Japanese and Korean characters and most emoji take two columns, combining marks none (Unicode Standard
Annex 11, East Asian Width); the ambiguous ones are counted as one, as terminals do outside East Asian locales.
"""

from __future__ import annotations

import re
import unicodedata

_BREAK_AFTER = "-/,.:;=_&?"
_PAINT = re.compile(r"\x1b\[\d+m")  # ours: codes from outside were dropped or named before


def width_of(text: str) -> int:
    """Columns that a line takes."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _fitting(text: str, width: int) -> int:
    """How many characters from the start fit into the width, at least one."""
    if text.isascii():
        return max(1, width)
    used = 0
    for at, char in enumerate(text):
        used += _char_width(char)
        if used > width:
            return max(1, at)
    return len(text)


def shorten(text: str, width: int) -> str:
    """The text, or as much as fits with an ellipsis."""
    if width_of(text) <= width:
        return text
    return text[: _fitting(text, width - 1)] + "…" if width > 1 else "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text, painted or not, with spaces up to the width; they stand before it where `right`."""
    spaces = " " * max(0, width - width_of(_PAINT.sub("", text)))
    return spaces + text if right else text + spaces


def wrap(text: str, width: int) -> list[str]:
    """Break one line into lines that fit, at spaces where possible, else after punctuation, else anywhere.

    A character wider than the width has a line of its own, too long by one column.
    """
    width = max(1, width)
    lines: list[str] = []
    rest = text.rstrip(" ")
    while width_of(rest) > width:
        at = _break(rest, _fitting(rest, width))
        lines.append(rest[:at].rstrip(" "))
        rest = rest[at:].lstrip(" ")
    return [*lines, rest] if rest or not lines else lines


def _break(text: str, most: int) -> int:
    if text[most : most + 1] == " ":
        return most
    space = text.rfind(" ", 0, most)
    if space > 0 and text[:space].strip(" "):
        return space + 1
    soft = max(text.rfind(char, 0, most) for char in _BREAK_AFTER) + 1
    return soft if soft > most // 2 else most
