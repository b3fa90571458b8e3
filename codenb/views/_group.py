"""Blocks as they are set: neighbouring fields as one list, bars under each other, quotes under one source; bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from codenb.views._data import Bar, Block, Cards, Code, Diff, Field, Fold, Image, Link, Quote, Source, Table, Text
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
class Quotes:
    """Neighbouring quotes of one source, which is named once; where, the renderer knows."""

    source: str
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Left:
    """What stands in place of the blocks that were left out."""

    text: str


Group = Fields | Bars | Quotes | Left | Table | Diff | Text | Code | Source | Image | Link | Cards | Fold


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
            for source, quotes in groupby((item for item in items if isinstance(item, Quote)), key=_source):
                yield Quotes(source, [quote.text for quote in quotes])
        else:
            yield from (item for item in items if not isinstance(item, Field | Bar | Quote))
    if len(blocks) > len(kept):
        yield Left(f"{counted(len(blocks) - len(kept), 'further part')} not shown")


def _source(quote: Quote) -> str:
    return quote.source
