"""Tables as text: aligned columns that fit the width, or one row under the other where they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from codenb.views._cells import Cell, Column, columns, headed, left_out, rows
from codenb.views._data import Badge, Table
from codenb.views._measure import pad, shorten, width_of, wrap
from codenb.views._outside import inline
from codenb.views._paint import Paint
from codenb.views._tones import framed

_GAP = "  "
_NARROWEST = 10
_CELL_LINES = 6


def table_lines(table: Table, width: int, paint: Paint) -> list[str]:
    """The lines of a table, none wider than the width (columns)."""
    laid_out = columns(table)
    lines = [paint.dim(line) for line in wrap(inline(table.caption), width)] if table.caption else []
    widths = _widths(laid_out, width)
    lines += _grid(laid_out, widths, paint) if widths else _records(laid_out, width)
    return lines + [paint.dim(line) for line in wrap(left_out(table), width) if line]


def _plain(cell: Cell) -> str:
    return framed(Badge(cell.text, cell.tone)) if cell.badge else cell.text


def _widths(laid_out: Sequence[Column], width: int) -> list[int]:
    """A width for each column, the widest text columns giving way first; none where that is not enough.

    Numbers are never broken, only their headings are.
    """
    natural = [max(width_of(text) for text in (column.heading, *map(_plain, column.cells))) for column in laid_out]
    least = [_least(column) for column in laid_out]
    room = width - len(_GAP) * (len(laid_out) - 1)
    for most in range(max(natural, default=0), 0, -1):
        widths = [max(low, min(wanted, most)) for wanted, low in zip(natural, least, strict=True)]
        if sum(widths) <= room:
            return widths
    return []


def _least(column: Column) -> int:
    word = max(map(width_of, column.heading.split(" ")))
    cells = [width_of(_plain(cell)) for cell in column.cells]
    return max(word, *cells) if column.numeric else min(max(width_of(column.heading), *cells, 1), _NARROWEST)


def _grid(laid_out: Sequence[Column], widths: Sequence[int], paint: Paint) -> list[str]:
    lines: list[str] = []
    if headed(laid_out):
        headings = [wrap(column.heading, width) for column, width in zip(laid_out, widths, strict=True)]
        lines += [paint.bold(line) for line in _row(headings, laid_out, widths)]
        lines.append(paint.dim(_GAP.join("─" * width for width in widths)))
    for row in rows(laid_out):
        texts = [
            [paint.tone(line, cell.tone) for line in _cell_lines(cell, width)]
            for cell, width in zip(row, widths, strict=True)
        ]
        lines += _row(texts, laid_out, widths)
    return lines


def _row(texts: Sequence[list[str]], laid_out: Sequence[Column], widths: Sequence[int]) -> list[str]:
    lines = []
    for pieces in zip_longest(*texts, fillvalue=""):
        padded = [
            pad(piece, width, right=column.numeric)
            for piece, column, width in zip(pieces, laid_out, widths, strict=True)
        ]
        lines.append(_GAP.join(padded).rstrip(" "))
    return lines


def _records(laid_out: Sequence[Column], width: int) -> list[str]:
    lines: list[str] = []
    for row in rows(laid_out):
        pieces = (
            f"{column.heading}: {_plain(cell)}" if column.heading else _plain(cell)
            for column, cell in zip(laid_out, row, strict=True)
        )
        first, *more = wrap(" · ".join(pieces), width - len(_GAP))
        lines += [f"▪ {first}", *(_GAP + line for line in more)]
    return lines


def _cell_lines(cell: Cell, width: int) -> list[str]:
    lines = wrap(_plain(cell), width)
    if len(lines) > _CELL_LINES:
        return [*lines[: _CELL_LINES - 1], shorten(" ".join(lines[_CELL_LINES - 1 :]), width)]
    return lines
