"""What can be shown, as data: one description, rendered as HTML in a notebook and as text in a terminal.

A model says what a reader should see and in which order; how it looks is decided in one place, the renderers beside
this module. That is also where everything from outside is escaped, so that no model has to remember to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Tone(StrEnum):
    """How good or bad something is. Renderers add a word or a sign to every tone: never colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Badge:
    """A short word in a frame, such as a status."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Field:
    """One labelled value."""

    label: str
    value: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; a cell is text or a badge. Numbers are right-aligned by the renderer.

    Attributes:
        columns: Headings.
        rows: As many cells a row as there are columns.
        caption: What the table shows, in a few words.
        cut: How many further rows were left out.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float | Badge | None]]
    caption: str = ""
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Diff:
    """Two texts, shown as a unified diff with the lines in between folded."""

    before: str
    after: str
    caption: str = ""
    context_lines: int = 3


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that came from a system or a person, always marked as theirs."""

    text: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph of our own words."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Code:
    """Preformatted text, such as log lines or a command."""

    text: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One line of a file, what is meant in it marked.

    Attributes:
        text: The line.
        line: Its number, from 1.
        column: Where what is meant begins, from 1, in characters; None is the whole line.
    """

    text: str
    line: int
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of a whole, from 0 to 1, such as a vote's."""

    label: str
    share: float
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Image:
    """A picture a tool answered with.

    Attributes:
        data: Base64.
        mime_type: Such as `image/png`; the renderer shows raster types only.
        alt: What it shows.
    """

    data: str
    mime_type: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """An address from outside; only http and https become clickable."""

    url: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Cards:
    """Views side by side where there is room, such as one a server."""

    cards: Sequence[View]


@dataclass(frozen=True, slots=True)
class Fold:
    """A view that opens on demand."""

    summary: str
    view: View
    open: bool = False


Block = Field | Table | Diff | Quote | Text | Code | Source | Bar | Image | Link | Cards | Fold
"""What stands in a view below its title. Neighbouring fields are set as one list."""


@dataclass(frozen=True, slots=True)
class View:
    """A thing to be shown.

    Attributes:
        title: One line.
        badges: Beside the title.
        subtitle: One line below it.
        blocks: The rest, in reading order.
    """

    title: str
    badges: Sequence[Badge] = ()
    subtitle: str = ""
    blocks: Sequence[Block] = field(default_factory=tuple)
