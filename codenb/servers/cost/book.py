"""The price book: what one unit of one thing costs, who says so, and as of when.

The embedded book is `prices.csv` beside this module: a few common things with a source each, so that an estimate says
something where nothing better is configured. A CSV of the user's own goes on top of it.

The format of both: UTF-8, one heading line, then one price a line. Empty lines and lines that begin with `#` are
skipped; a heading with semicolons and no comma means a file separated by semicolons.

    provider,sku,region,unit,amount,currency,source,as_of
    aws,m5.large,eu-central-1,hour,0.115,USD,our contract,2026-10-01
    kubernetes,load-balancer,*,month,18.25,USD,our contract,2026-10

`provider`, `sku`, `unit` and `amount` must be there. `region` is `*` (any) where it is left out, `currency` is USD and
must be, `source` is the file's name, `as_of` (a date, or a month) is the day on which the file was last written.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Self

from codenb.errors import BadInput
from codenb.models import Price

UNITS = ("hour", "month", "gb-month", "gb-hour", "gb", "core-hour", "gpu-hour")
"""What a price may be per. A month is 730 hours."""

CURRENCY = "USD"
ANY = "*"

_COLUMNS = ("provider", "sku", "region", "unit", "amount", "currency", "source", "as_of")
_NEEDED = ("provider", "sku", "unit", "amount")
_LARGEST = 10_000_000  # bytes: some hundred thousand prices
_DEAREST = Decimal(10) ** 9
_FINEST = -20  # decimal places; what is finer is no price
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,2})?")
_LONGEST = 200
_EMBEDDED = Path(__file__).with_name("prices.csv")

_Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class PriceBook:
    """Prices by provider, SKU, region and unit.

    Attributes:
        prices: All of them; keys are in small letters.
    """

    prices: Mapping[_Key, Price]

    @classmethod
    def of(cls, csv_file: Path | None = None) -> Self:
        """The embedded book, with the user's prices on top.

        Args:
            csv_file: In the format of this module's docstring.

        Raises:
            BadInput: The file cannot be used; the message names the line.
        """
        if csv_file is None:
            return cls(_embedded())
        try:
            content = csv_file.read_bytes() if csv_file.stat().st_size <= _LARGEST else None
            written = datetime.fromtimestamp(csv_file.stat().st_mtime, UTC).date()
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise BadInput(f"the prices in {csv_file} cannot be read: {why}: name a CSV file under `prices`") from error
        if content is None:
            raise BadInput(f"{csv_file.name} is larger than {_LARGEST:,} bytes: keep the prices that you use")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise BadInput(f"{csv_file.name} line {line} is not UTF-8 text: save it as CSV in UTF-8") from error
        return cls.read(text, csv_file.name, written)

    @classmethod
    def read(cls, text: str, name: str, written: date) -> Self:
        """Prices as CSV text, on top of the embedded ones.

        Args:
            text: In the format of this module's docstring.
            name: Of the file, for messages and as the source of prices that give none.
            written: As-of date of prices that give none.

        Raises:
            BadInput: The text cannot be used; the message names the line.
        """
        return cls({**_embedded(), **_parsed(text, name, written)})

    def find(self, provider: str, skus: Iterable[str], region: str, units: Sequence[str]) -> Price | None:
        """The first price that fits: a SKU before the next one, its region before any region, a unit before the next.

        Args:
            provider: Such as `aws`.
            skus: Such as `m5.large`; the more particular ones first.
            region: Such as `us-east-1`.
            units: Those in which the quantity can be counted.
        """
        for sku in skus:
            for place in (region, ANY):
                for unit in units:
                    if price := self.prices.get((provider.lower(), sku.lower(), place.lower(), unit)):
                        return price
        return None

    def units_of(self, provider: str, sku: str) -> set[str]:
        """The units in which a SKU is priced anywhere; empty where the book does not know it."""
        return {key[3] for key in self.prices if key[:2] == (provider.lower(), sku.lower())}


@cache
def _embedded() -> dict[_Key, Price]:
    return _parsed(_EMBEDDED.read_text("utf-8"), _EMBEDDED.name, date.min)


def _parsed(text: str, name: str, written: date) -> dict[_Key, Price]:
    found: dict[_Key, Price] = {}
    lines: dict[_Key, int] = {}
    for line, row in _rows(text, name):
        where = f"{name} line {line}"
        price = Price(
            provider=row["provider"].lower(),
            sku=row["sku"],
            region=row.get("region") or ANY,
            unit=_unit(row["unit"], where),
            amount=_amount(row["amount"], where),
            currency=_currency(row.get("currency") or CURRENCY, where),
            source=row.get("source") or name,
            as_of=_date(row["as_of"], where) if row.get("as_of") else written,
        )
        key = (price.provider, price.sku.lower(), price.region.lower(), price.unit)
        if key in found:
            raise BadInput(
                f"{where} gives {price.provider} {price.sku} in {price.region} per {price.unit} a second price, after "
                f"line {lines[key]}: keep one of them"
            )
        found[key], lines[key] = price, line
    return found


def _rows(text: str, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines of the file by column, with their number from 1."""
    columns: list[str] | None = None
    for line, told in _records(text, name):
        cells = [cell.strip() for cell in told]
        if columns is None:
            columns = _heading(cells, f"{name} line {line}")
            continue
        where = f"{name} line {line}"
        if len(cells) != len(columns):
            raise BadInput(
                f"{where} has {len(cells)} cells, and the heading has {len(columns)}: put text with commas in quotes"
            )
        row = dict(zip(columns, cells, strict=True))
        for column, cell in row.items():
            if len(cell) > _LONGEST or not cell.isprintable():
                raise BadInput(f"{where}: the {column} is no plain text of at most {_LONGEST} characters: correct it")
        if missing := [column for column in _NEEDED if not row[column]]:
            raise BadInput(f"{where} has no {missing[0]}: give it")
        yield line, row
    if columns is None:
        raise BadInput(f"{name} is empty: begin it with the line {','.join(_COLUMNS)}")


def _records(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of every line that holds some; a quoted cell does not go on in the next line."""
    delimiter = ","
    first = True
    for number, line in enumerate(StringIO(text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if first:
            delimiter, first = ";" if ";" in line and "," not in line else ",", False
        try:
            yield number, next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration) as error:
            raise BadInput(f"{name} line {number} is no line of CSV: {error or 'it is empty'}: correct it") from error


def _heading(cells: list[str], where: str) -> list[str]:
    columns = [cell.lower() for cell in cells]
    for column in columns:
        if column not in _COLUMNS:
            near = get_close_matches(column, _COLUMNS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(_COLUMNS)}"
            raise BadInput(f"{where}: there is no column {column[:40]!r}: {hint}")
    if missing := [column for column in _NEEDED if column not in columns]:
        raise BadInput(f"{where}: the heading has no column {missing[0]}: {', '.join(_NEEDED)} must be there")
    if len(set(columns)) < len(columns):
        raise BadInput(f"{where}: the heading names a column twice: name each once")
    return columns


def _unit(text: str, where: str) -> str:
    if text.lower() not in UNITS:
        raise BadInput(f"{where}: {text[:40]!r} is no unit: use one of {', '.join(UNITS)}")
    return text.lower()


def _amount(text: str, where: str) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise BadInput(f"{where}: {text[:40]!r} is no amount: write it like 0.096")
    amount = Decimal(text)
    exponent = amount.as_tuple().exponent
    if amount > _DEAREST or (isinstance(exponent, int) and exponent < _FINEST):
        raise BadInput(f"{where}: {text[:40]!r} is no price: at most {_DEAREST:,}, with at most {-_FINEST} decimals")
    return amount


def _currency(text: str, where: str) -> str:
    if text.upper() != CURRENCY:
        raise BadInput(f"{where}: the currency is {text[:10]!r}, and sums are in {CURRENCY}: convert the amount")
    return CURRENCY


def _date(text: str, where: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01" if len(text) == len("2026-08") else text)
    except ValueError as error:
        raise BadInput(f"{where}: {text[:40]!r} is no date: write it like 2026-10-01 or 2026-10") from error
