"""The price book: what is embedded, what a user's CSV puts on top, and what is wrong with a CSV."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.errors import BadInput
from codenb.servers.cost import PriceBook, estimate
from codenb.servers.cost.book import UNITS

HEADING = "provider,sku,region,unit,amount,currency,source,as_of\n"
WRITTEN = date(2026, 11, 22)


def book(text: str) -> PriceBook:
    return PriceBook.read(text, "prices.csv", WRITTEN)


def test_every_embedded_price_says_who_published_it_and_when():
    """A price without source and date cannot be checked by anybody."""
    prices = PriceBook.of().prices.values()

    assert len(prices) > 45
    assert all(one.source and one.as_of.year == 2026 and one.currency == "USD" for one in prices)
    assert all(one.unit in UNITS and one.amount > 0 for one in prices)


@pytest.mark.parametrize(
    ("provider", "sku", "unit", "amount"),
    [
        ("aws", "m5.large", "hour", "0.096"),
        ("aws", "p4d.24xlarge", "hour", "21.957642"),
        ("aws", "gp3", "gb-month", "0.08"),
        ("aws", "nat-gateway", "gb", "0.045"),
        ("aws", "db.m5.large", "hour", "0.178"),
        ("kubernetes", "cpu", "core-hour", "0.031611"),
        ("kubernetes", "storage", "gb-hour", "0.00005479452"),
        ("azure", "memory", "gb-hour", "0.001917"),
    ],
)
def test_embedded_prices_are_those_that_were_published(provider, sku, unit, amount):
    """A slip of the pen in the data file would be a wrong bill."""
    price = PriceBook.of().find(provider, [sku], "us-east-1", [unit])

    assert price is not None
    assert price.amount == Decimal(amount)


def test_a_csv_goes_on_top_and_the_rest_stays(tmp_path):
    """A team's contract price wins; what it does not name is priced as before."""
    path = tmp_path / "ours.csv"
    path.write_text(f"{HEADING}aws,m5.large,us-east-1,hour,0.07,USD,our contract,2026-10\n")
    prices = PriceBook.of(path)

    made = estimate([{"type": "m5.large"}, {"type": "m5.xlarge"}], book=prices)

    amounts = {line.component + line.resource: line.price for line in made.lines}
    assert amounts["computem5.large"].amount == Decimal("0.07")
    assert amounts["computem5.large"].as_of == date(2026, 10, 1)
    assert amounts["computem5.xlarge"].amount == Decimal("0.192")
    assert "our contract, 2026-10" in made.sources


def test_columns_that_may_be_left_out_have_stated_defaults():
    """Most people have a price and a name, and nothing else."""
    price = book("sku;provider;amount;unit\nm5.large;AWS;0.5;HOUR\n").find("aws", ["m5.large"], "eu-west-9", ["hour"])

    assert price is not None
    assert (price.region, price.currency, price.source, price.as_of) == ("*", "USD", "prices.csv", WRITTEN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("# only words\n", "is empty"),
        ("provider,sku,unit,amuont\n", "line 1: there is no column 'amuont': did you mean amount?"),
        ("provider,sku,unit\n", "line 1: the heading has no column amount"),
        ("provider,sku,unit,amount,sku\n", "names a column twice"),
        (f"{HEADING}\n# words\naws,x,*,hour,abc,,,\n", "line 4: 'abc' is no amount"),
        (f"{HEADING}aws,x,*,hour,-1,,,\n", "line 2: '-1' is no amount"),
        (f"{HEADING}aws,x,*,hour,NaN,,,\n", "line 2: 'NaN' is no amount"),
        (f"{HEADING}aws,x,*,hour,99999999999,,,\n", "line 2: '99999999999' is no price"),
        (f"{HEADING}aws,x,*,hour,1e-40,,,\n", "line 2: '1e-40' is no price"),
        (f"{HEADING}aws,x,*,day,1,,,\n", "line 2: 'day' is no unit"),
        (f"{HEADING}aws,x,*,hour,1,EUR,,\n", "line 2: the currency is 'EUR'"),
        (f"{HEADING}aws,x,*,hour,1,,,soon\n", "line 2: 'soon' is no date"),
        (f"{HEADING}aws,,*,hour,1,,,\n", "line 2 has no sku"),
        (f"{HEADING}aws,x,*,hour\n", "line 2 has 4 cells, and the heading has 8"),
        (
            f"{HEADING}aws,x,*,hour,1,,,\naws,X,*,hour,2,,,\n",
            "line 3 gives aws X in * per hour a second price, after line 2",
        ),
        (f'{HEADING}aws,"x,*,hour,1,,,\n', "line 2 is no line of CSV"),
        (f"{HEADING}aws,x\x1b[31m,*,hour,1,,,\n", "line 2: the sku is no plain text"),
    ],
)
def test_a_wrong_csv_is_one_line_that_names_the_line(text, said):
    """Whoever exports a sheet must be told where it is wrong, not that it is."""
    with pytest.raises(BadInput) as raised:
        book(text)

    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.text(max_size=200) | st.text(alphabet='aws,5.;\n"#ehour0-*', max_size=200).map(lambda rest: HEADING + rest))
def test_no_csv_brings_another_error_than_ours(text):
    """A file is from outside: whatever is in it, a person reads one line."""
    try:
        book(text)
    except BadInput as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017  either outcome is right, another error is not


def test_a_file_that_cannot_be_read_is_said_in_one_line(tmp_path):
    """It may be missing, or saved in another encoding by a spreadsheet."""
    with pytest.raises(BadInput, match="cannot be read"):
        PriceBook.of(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(f"{HEADING}# gr\xfc\xdfe\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"latin.csv line 2 is not UTF-8"):
        PriceBook.of(tmp_path / "latin.csv")
