"""What text from outside may do to a page or a terminal: be read, and nothing else.

A log line can carry escape codes that repaint a terminal, characters that turn the reading direction of what follows
(CVE-2021-42574, "Trojan Source"), characters that cannot be seen at all, or fifty megabytes. Everything shown
passes through here first: what cannot be seen is named, what is too long is cut and says so.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

from codenb.views._data import Image

INLINE_CHARS = 500
BLOCK_CHARS = 20_000
BLOCK_LINES = 400
IMAGE_BYTES = 4 * 1024 * 1024

_URL_CHARS = 2_000
_SPACED_OUT = 8  # how much longer than its limit a line may be before its white space is looked at
_MARKS_IN_A_ROW = 4
_TAB = 4
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_SPACES = re.compile(r"[ \t\r\n]+")
_JOINERS = "\u200c\u200d"
# Letters and marks by category, nothing to the eye: Hangul fillers, the grapheme joiner, rare variation selectors.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(code) for code in range(0xE0100, 0xE01F0)}
_RASTER = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}


def visible(text: str) -> str:
    """Name every character that would act on the page or hide from the reader, such as `⟨U+202E⟩`.

    Line feeds and tabs stay; so do the joiners that Persian, Indic scripts and emoji need, between characters of their
    kind. Terminal colours (SGR sequences, ECMA-48) only decorate and are dropped; other escapes are named.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _COLOUR.sub("", text)
    shown = []
    marks = _MARKS_IN_A_ROW  # a mark at the very start would sit on whatever we wrote before it
    for at, char in enumerate(text):
        if unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            shown.append(_named(char) if marks > _MARKS_IN_A_ROW or char in _BLANK else char)
            continue
        marks = _MARKS_IN_A_ROW if char in "\n\t" else 0
        joins = char in _JOINERS and 0 < at < len(text) - 1 and _joinable(text[at - 1]) and _joinable(text[at + 1])
        shown.append(char if joins or _is_seen(char) else _named(char))
    return "".join(shown)


def _joinable(char: str) -> bool:
    return not char.isascii() and (_is_seen(char) or unicodedata.category(char) == "Mn")


def _is_seen(char: str) -> bool:
    if char in _BLANK:
        return False
    return char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs"


def _named(char: str) -> str:
    return f"⟨U+{ord(char):04X}⟩"


def inline(text: str, limit: int = INLINE_CHARS) -> str:
    """One visible line: white space runs become one space, and what is over the limit (characters) is counted."""
    head = text[: limit * _SPACED_OUT]
    line = _SPACES.sub(" ", head).strip(" ")
    over = max(0, len(line) - limit) + len(text) - len(head)
    if over:
        return f"{visible(line[:limit])}… ({counted(over, 'further character')} not shown)"
    return visible(line)


@dataclass(frozen=True, slots=True)
class Lines:
    """Visible lines, and a sentence on what was left out (empty: nothing)."""

    lines: list[str]
    cut: str = ""

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def block(text: str, chars: int = BLOCK_CHARS, lines: int = BLOCK_LINES) -> Lines:
    """Visible lines within the limits; tabs become spaces, one final line feed is dropped."""
    text = text.replace("\r\n", "\n").removesuffix("\n")
    kept = text[:chars].split("\n")[:lines]
    left_out = len(text) - sum(map(len, kept)) - (len(kept) - 1)
    return Lines(
        [visible(line).expandtabs(_TAB) for line in kept],
        f"{counted(left_out, 'further character')} not shown" if left_out else "",
    )


def counted(number: int, noun: str) -> str:
    """Such as `1 further row` and `12 further rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def address(url: str) -> str | None:
    """The address where it may be clicked: http or https, a plain ASCII host, no credentials, nothing invisible.

    Other hosts are refused because they can look like one that they are not; an honest one has a punycode form.
    """
    if len(url) > _URL_CHARS or any(char.isspace() or not _is_seen(char) for char in url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # a malformed port or IPv6 host: shown as text
        return None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or not host.isascii() or "@" in parts.netloc:
        return None
    return url


def picture(image: Image) -> tuple[str, str]:
    """Check that an image is what it says and not too large.

    Returns:
        A `data:` address and an empty text; or an empty address and why it is not shown.
    """
    kind = image.mime_type.strip().lower()
    if kind not in _RASTER:
        return "", f"a picture of type {inline(kind, 60) or 'unknown'}: only png, jpeg, gif and webp are shown"
    if len(image.data) > IMAGE_BYTES * 4 // 3 + 4:
        return "", f"a picture over {IMAGE_BYTES // 2**20} MiB"
    try:
        data = base64.b64decode(image.data, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        return "", f"a picture ({kind}) whose data is not base64"
    if not data.startswith(_RASTER[kind]):
        return "", f"a picture whose data is not {kind}"
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}", ""
