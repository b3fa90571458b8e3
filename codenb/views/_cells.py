"""Tables made ready for any rendering: numbers written alike within a column, cells bounded, cuts stated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from codenb.views._data import Badge, Table, Tone
from codenb.views._outside import counted, inline

CELL_CHARS = 300
MAX_ROWS = 200
MAX_COLUMNS = 40

_SIGNIFICANT = 3
_MAX_PLACES = 6
_LEAST_SHARE = 0.005  # what rounds to 0 %; its complement rounds to 100 %
_GROUP_FROM = 10_000  # four digits read as one word: a port, a year

_Value = str | float | Badge | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell's text; `badge` says whether it is framed."""

    text: str
    tone: Tone = Tone.PLAIN
    badge: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and its cells; numeric ones are right-aligned."""

    heading: str
    cells: list[Cell]
    numeric: bool


def columns(table: Table) -> list[Column]:
    """The table by columns, within the limits; short rows are filled up, long ones get columns without a heading."""
    kept = table.rows[:MAX_ROWS]
    return [
        _column(
            table.columns[at] if at < len(table.columns) else "", [row[at] if at < len(row) else None for row in kept]
        )
        for at in range(min(_width(table), MAX_COLUMNS))
    ]


def rows(laid_out: Sequence[Column]) -> list[list[Cell]]:
    """The cells by rows."""
    return [list(row) for row in zip(*(column.cells for column in laid_out), strict=True)]


def headed(laid_out: Sequence[Column]) -> bool:
    """Whether any column has a heading; a plain list has none."""
    return any(column.heading for column in laid_out)


def left_out(table: Table) -> str:
    """What of the table is not shown, as a sentence; empty when all is."""
    if not table.rows and table.cut <= 0:
        return "no rows"
    further_rows = table.cut + max(0, len(table.rows) - MAX_ROWS)
    further = [
        counted(number, noun)
        for number, noun in ((further_rows, "further row"), (max(0, _width(table) - MAX_COLUMNS), "further column"))
        if number > 0
    ]
    return f"{' and '.join(further)} not shown" if further else ""


def _width(table: Table) -> int:
    return max([len(table.columns), *(len(row) for row in table.rows[:MAX_ROWS])])


def _column(heading: str, values: Sequence[_Value]) -> Column:
    numbers = [number for value in values if (number := _number(value)) is not None]
    form = _Form(_places(numbers), any(abs(value) >= _GROUP_FROM for value in numbers))
    numeric = bool(numbers) and len(numbers) == sum(value is not None for value in values)
    return Column(inline(heading, CELL_CHARS), [_cell(value, form) for value in values], numeric)


def _number(value: _Value) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _cell(value: _Value, form: _Form) -> Cell:
    match value:
        case None:
            return Cell("–")
        case Badge():
            return Cell(inline(value.text, CELL_CHARS), value.tone, badge=True)
        case bool():
            return Cell("yes" if value else "no")
        case int() | float():
            return Cell(form.write(value))
        case _:
            return Cell(inline(str(value), CELL_CHARS))


@dataclass(frozen=True, slots=True)
class _Form:
    """How one column writes its numbers: decimals of the broken ones, thousands grouped or not."""

    places: int
    group: bool

    def write(self, value: float) -> str:
        grouping = "," if self.group else ""
        if isinstance(value, int):
            text = f"{value:{grouping}d}"
        elif math.isnan(value):
            text = "unknown"
        else:
            text = f"{value:{grouping}.{self.places}f}"
            if value and not float(text.replace(",", "")):
                text = f"{value:.1e}"  # something is not nothing, however small
        return text.replace("-", "−", 1) if value < 0 else text


def _places(numbers: Sequence[float]) -> int:
    """Decimals for a column: three significant digits of its smallest value, but no more than any value has."""
    broken = [abs(value) for value in numbers if isinstance(value, float) and math.isfinite(value) and value]
    if not broken:
        return 0
    wanted = _SIGNIFICANT - 1 - math.floor(math.log10(min(broken)))
    needed = max(len(f"{value:.{_MAX_PLACES}f}".rstrip("0").partition(".")[2]) for value in broken)
    return max(0, min(wanted, needed, _MAX_PLACES))


def share_of(share: float) -> float:
    """The share within 0 and 1; one that is not a number is drawn as nothing."""
    return 0.0 if math.isnan(share) else min(max(share, 0.0), 1.0)


def percent(share: float) -> str:
    """A share as a rounded percentage that says 0 % and 100 % only when it is."""
    if math.isnan(share):
        return "unknown"
    share = share_of(share)
    if 0 < share < _LEAST_SHARE:
        return "<1 %"
    if 1 - _LEAST_SHARE < share < 1:
        return ">99 %"
    return f"{share:.0%}".replace("%", " %")
