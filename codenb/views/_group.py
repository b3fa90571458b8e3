"""Blocks as they are set: neighbouring fields as one list, neighbouring bars under each other, all within a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from codenb.views._data import Bar, Block, Cards, Code, Diff, Field, Fold, Image, Link, Quote, Table, Text
from codenb.views._outside import counted

MAX_BLOCKS = 300


@dataclass(frozen=True, slots=True)
class Fields:
    """Neighbouring fields."""

    items: list[Field]


@dataclass(frozen=True, slots=True)
class Bars:
    """Neighbouring bars."""

    items: list[Bar]


@dataclass(frozen=True, slots=True)
class Left:
    """What stands in place of the blocks that were left out."""

    text: str


Group = Fields | Bars | Left | Table | Diff | Quote | Text | Code | Image | Link | Cards | Fold


def grouped(blocks: Sequence[Block]) -> Iterator[Group]:
    """Yield the blocks in order, grouped; beyond the limit, how many were left out."""
    kept = blocks[:MAX_BLOCKS]
    for kind, run in groupby(kept, key=type):
        items = list(run)
        if kind is Field:
            yield Fields([item for item in items if isinstance(item, Field)])
        elif kind is Bar:
            yield Bars([item for item in items if isinstance(item, Bar)])
        elif kind is Quote:
            yield from _sourced_once([item for item in items if isinstance(item, Quote)])
        else:
            yield from (item for item in items if not isinstance(item, Field | Bar | Quote))
    if len(blocks) > len(kept):
        yield Left(f"{counted(len(blocks) - len(kept), 'further part')} not shown")


def _sourced_once(quotes: Sequence[Quote]) -> Iterator[Quote]:
    """Name the source of neighbouring quotes once, below the last of them."""
    for quote, following in zip(quotes, [*quotes[1:], None], strict=True):
        yield Quote(quote.text) if following and following.source == quote.source else quote
