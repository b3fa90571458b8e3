"""A line of somebody's file, ready for any rendering: what is meant parted from what stands before it.

The line may be a minified file of a megabyte; a window around what is meant is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from codenb.views._data import Source
from codenb.views._outside import visible

MOST_BEFORE = 100
MOST_MEANT = 160

_TAB = 4


@dataclass(frozen=True, slots=True)
class Meant:
    """The line in two parts.

    Attributes:
        before: What stands before the part that is meant.
        meant: From the column to the end of the line; all of it where no column is known.
        column: Whether a column is known, so that pointing at it says something.
    """

    before: str
    meant: str
    column: bool


def parted(source: Source) -> Meant:
    """Part the line where its column says, within the limits; nothing in it acts on the page."""
    line = source.text.partition("\n")[0].removesuffix("\r")
    at = len(line) - len(line.lstrip()) if source.column is None else min(max(source.column - 1, 0), len(line))
    start = max(0, at - MOST_BEFORE)
    before = visible(("…" if start else "") + line[start:at])
    body = line[at:].rstrip(" ")
    meant = visible(body[:MOST_MEANT] + "…" if len(body) > MOST_MEANT else body)
    if at < len(line) and not body:  # spaces are what is meant
        meant = "·" * min(len(line) - at, MOST_MEANT)
    before = before.expandtabs(_TAB)
    return Meant(before, (before + meant).expandtabs(_TAB)[len(before) :], source.column is not None)
