"""How numbers, shares and odd rows are written in tables and bars."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from codenb.views import Table
from codenb.views._cells import MAX_COLUMNS, MAX_ROWS, columns, left_out, percent
from tests.views.anything import tables, unhurried


def column(*values) -> list[str]:
    (only,) = columns(Table(["n"], [[value] for value in values]))
    return [cell.text for cell in only.cells]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ((12.5, 8.25, 3301.123), ["12.50", "8.25", "3301.12"]),
        ((0.0042, 0.31, None), ["0.0042", "0.3100", "–"]),
        ((8080, 443), ["8080", "443"]),
        ((30_012, 4_312), ["30,012", "4,312"]),
        ((-3, 2.0), ["−3", "2"]),
        ((0.5, 1e-9), ["0.5", "1.0e-09"]),
        ((math.nan, 1), ["unknown", "1"]),
        ((2**63 - 1, 10**90), ["9,223,372,036,854,775,807", f"{10**90:,}"]),
        ((True, False, None), ["yes", "no", "–"]),
    ],
)
def test_a_column_writes_its_numbers_alike(values, written):
    """Numbers are compared down a column; an unknown one is not zero, and a small one neither."""
    assert column(*values) == written


def test_only_columns_of_numbers_alone_stand_to_the_right():
    """Text stays where text begins; an unknown number does not make a column text, a truth value does."""
    laid_out = columns(Table(["a", "b", "c", "d"], [[1, "1", True, None], [None, 2, 3, None]]))

    assert [each.numeric for each in laid_out] == [True, False, False, False]


@unhurried
@given(tables)
def test_no_cell_is_lost_when_rows_are_uneven(table):
    """A server may send one cell too many; dropping it silently would hide a fact."""
    laid_out = columns(table)

    assert len(laid_out) == max([len(table.columns), *map(len, table.rows)])
    assert all(len(each.cells) == len(table.rows) for each in laid_out)


def test_what_a_table_leaves_out_is_stated():
    """Its own cut and the renderer's are one sum."""
    table = Table(["n"], [[0] * (MAX_COLUMNS + 1)] * (MAX_ROWS + 5), cut=7)

    assert left_out(table) == "12 further rows and 1 further column not shown"


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0, "0 %"),
        (0.001, "<1 %"),
        (2 / 3, "67 %"),
        (0.999, ">99 %"),
        (1, "100 %"),
        (7.0, "100 %"),
        (math.nan, "unknown"),
    ],
)
def test_a_share_is_nothing_or_all_only_when_it_is(share, written):
    """A vote of one in a thousand is dissent, and 99.9 % is not everybody."""
    assert percent(share) == written
