"""Rows as CSV (RFC 4180), for people who open it in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from codenb.models._plain import plain

_COMPUTED = ("=", "+", "-", "@", "\t", "\r")


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A heading line and one line a row."""
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    """The value, as text that is not computed: a spreadsheet takes what begins with `=` for a formula."""
    if not isinstance(value, str):
        return value
    return plain(f"'{value}" if value.startswith(_COMPUTED) else value)
