"""Item lists: understood as they are meant, exact to the cent, and refused where they make no sense."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.errors import BadInput
from codenb.servers.cost import PriceBook, compare, estimate

KNOWN = ["m5.large", "t3.micro", "r7g.large", "p4d.24xlarge", "nat-gateway"]
ITEMS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"type": st.sampled_from([*KNOWN, "x9.huge"]), "count": st.integers(0, 5000), "hours": st.integers(0, 9000)}
        ),
        st.fixed_dictionaries({"type": st.sampled_from(["gp3", "gp2", "egress"]), "gb": st.integers(0, 10**6)}),
        st.fixed_dictionaries({"type": st.sampled_from(["cpu", "memory"]), "count": st.integers(0, 1000)}),
    ),
    min_size=1,
    max_size=12,
)
HOURS = st.integers(1, 9000) | st.floats(0.01, 9000, allow_nan=False)


def test_three_instances_and_a_disk_for_a_month():
    """The sum that the project promises, to the cent: 3 x 0.096 x 730 + 100 x 0.08."""
    made = estimate([{"provider": "aws", "type": "m5.large", "count": 3}, {"type": "gp3", "gb": 100}])

    assert made.total == Decimal("218.24")
    assert made.total_text == "218.24 USD"
    assert not made.at_least
    assert made.unpriced == ()


@pytest.mark.parametrize(
    "infrastructure",
    [
        [{"instance_type": "m5.large", "quantity": 3, "region": "us-east-1"}, {"volume_type": "gp3", "size_gb": 100}],
        [{"sku": "m5.large", "instances": 3}, {"type": "volume", "volume_type": "gp3", "size": "100"}],
        [{"type": "aws_instance", "instance_type": "m5.large", "count": 3}, {"type": "gp3", "storage_gb": 100}],
        {"instances": [{"type": "m5.large", "count": 3}], "storage": {"type": "gp3", "gb": 100}, "region": "us-east-1"},
        {"provider": "aws", "items": [{"type": "m5.large", "replicas": 3}, {"type": "gp3", "gb": 100.0}]},
        '[{"type": "m5.large", "count": 3}, {"type": "gp3", "gb": 100}]',
    ],
)
def test_the_same_is_understood_in_other_words(infrastructure):
    """People write type, sku or instance_type, count or quantity, and group what they write."""
    assert estimate(infrastructure).total == Decimal("218.24")


def test_a_disk_beside_an_instance_counts_for_each_of_them():
    """Three servers with 100 GB have 300 GB."""
    made = estimate([{"type": "m5.large", "count": 3, "storage_gb": 100, "storage_type": "gp3"}])

    assert made.total == Decimal("234.24")


def test_what_is_unknown_is_listed_and_makes_the_total_a_lower_bound():
    """An unknown price is unknown, never zero."""
    made = estimate([{"type": "m5.large"}, {"type": "x9.huge", "count": 2}, {"type": "m5.large", "region": "mars-1"}])

    assert made.total_text == "at least 70.08 USD"
    assert made.unpriced == (
        "2 x x9.huge: no price for aws x9.huge in us-east-1",
        "m5.large: no price for aws m5.large in mars-1",
    )
    assert [line.amount for line in made.lines[1:]] == [None, None]
    assert "something is unpriced" in made._repr_mimebundle_()["text/plain"]


def test_a_disk_is_paid_for_the_part_of_a_month_that_it_is_there():
    """A GB-month is 730 hours: half of them are half of it."""
    assert estimate([{"type": "gp3", "gb": 100}], duration_hours=365).total == Decimal("4.00")
    assert estimate([{"type": "gp3", "gb": 730}], duration_hours=1).total == Decimal("0.08")
    assert estimate([{"type": "m5.large", "hours": 10}], duration_hours=365).total == Decimal("0.96")


def test_traffic_counts_unless_it_is_to_be_left_out():
    """Data transfer is what people forget, so it counts where it is declared, and is said where it does not."""
    items = [{"type": "nat_gateway", "gb": 100}, {"type": "egress", "gb": 100}]

    assert estimate(items).total == Decimal("51.65")  # 730 x 0.045 + 100 x 0.045 + 100 x 0.143
    without = estimate(items, include_data_transfer=False)
    assert without.total == Decimal("32.85")
    assert "data transfer is left out, as asked for" in without.notes
    assert estimate([{"type": "t3.micro"}], egress_gb=10).total == Decimal("9.02")


@pytest.mark.parametrize(
    ("infrastructure", "said"),
    [
        ([], "is empty"),
        ("", "is empty"),
        ("prices/plan.json", "is a path, and no folder is open here"),
        (7, "not a value of type int"),
        (b"[]", "not a value of type bytes"),
        ("{nonsense", "is not JSON"),
        ('[{"type": "gp3", "gb": NaN}]', "holds NaN, which is no number"),
        ([3], "item 1 is no dict"),
        ([{"count": 3}], "item 1 does not say what it is"),
        ([{"type": "m5.large", "cuont": 3}], "unknown field 'cuont': did you mean 'count'?"),
        ([{"type": "m5.large", "count": -1}], "item 1: count is -1"),
        ([{"type": "m5.large", "count": float("nan")}], "count is nan"),
        ([{"type": "m5.large", "count": float("inf")}], "count is inf"),
        ([{"type": "m5.large", "count": True}], "count is True"),
        ([{"type": "m5.large", "count": "many"}], "count is 'many'"),
        ([{"type": "m5.large", "count": 10**9}], "more than 1,000,000"),
        ([{"type": "m5.large", "count": 1}, {"type": "gp3", "gb": "1e60"}], "item 2: gb is '1e60'"),
        ([{"type": "gp3", "count": 1000000, "gb": 1000000}], "count times gb"),
        ([{"type": "gp3"}], "says no size"),
        ([{"type": "egress"}], "says no size"),
        ([{"type": "cpu", "gb": 3}], "is counted by `count`"),
        ([{"type": "m5.large", "count": 1, "quantity": 2}], "says count twice"),
        ([{"type": ["m5.large"]}], "type is no short text"),
        ({"items": [], "itmes": []}, "did you mean 'items'?"),
    ],
)
def test_nonsense_is_refused_in_one_line(infrastructure, said):
    """A wrong price is worse than none."""
    with pytest.raises(BadInput) as raised:
        estimate(infrastructure)

    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("hours", [0, -1, float("nan"), float("inf"), 1e12, "730", None, True])
def test_a_duration_is_a_number_of_hours(hours):
    """It comes from a notebook, where anything can be typed."""
    with pytest.raises(BadInput, match="duration_hours"):
        estimate([{"type": "m5.large"}], duration_hours=hours)


@given(ITEMS, HOURS, st.randoms(use_true_random=False))
def test_the_total_is_the_sum_of_its_lines_rounded_once_in_any_order(items, hours, random):
    """Money is never a float on its way, and nobody's order changes a bill."""
    made = estimate(items, duration_hours=hours)
    shuffled = [*items]
    random.shuffle(shuffled)

    amounts = [line.amount for line in made.lines if line.amount is not None]
    assert all(isinstance(amount, Decimal) for amount in amounts)
    assert abs(sum(amounts, Decimal(0)) - made.total) <= Decimal("0.005")
    assert made.total == made.total.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert made.at_least == any(line.amount is None for line in made.lines)
    again = estimate(shuffled, duration_hours=hours)
    assert (again.total, again.lines, again.unpriced) == (made.total, made.lines, made.unpriced)


@given(ITEMS)
def test_twice_the_items_cost_twice_as_much_to_the_cent(items):
    """Rounding happens once, at the end: lines are not rounded."""
    once, twice = estimate(items), estimate([*items, *items])

    assert abs(twice.total - 2 * once.total) <= Decimal("0.01")


@pytest.mark.parametrize(
    ("amount", "total"), [("0.005", "0.01"), ("0.0049999", "0.00"), ("0.015", "0.02"), ("0.025", "0.03")]
)
def test_half_a_cent_goes_up(amount, total):
    """Commercial rounding, not the banker's."""
    text = f"provider,sku,unit,amount\nacme,thing,hour,{amount}\n"
    book = PriceBook.read(text, "prices.csv", date(2026, 11, 22))

    assert estimate([{"provider": "acme", "type": "thing", "hours": 1}], book=book).total == Decimal(total)


def test_a_sku_of_ones_own_is_counted_as_its_price_says():
    """A CSV may price by the month, by GB, or both."""
    text = "provider,sku,unit,amount\nacme,router,month,20\nacme,router,gb,0.5\nacme,tape,gb-month,0.01\n"
    book = PriceBook.read(text, "prices.csv", date(2026, 11, 22))
    items = [{"provider": "acme", "type": "router", "gb": 4}, {"provider": "acme", "type": "tape", "gb": 100}]

    assert estimate(items, book=book).total == Decimal("23.00")
    assert estimate(items, book=book, duration_hours=365).total == Decimal("11.50")


def test_two_estimates_side_by_side():
    """What a change costs is asked resource by resource."""
    before = estimate([{"type": "m5.large", "name": "web"}])
    after = estimate([{"type": "m5.xlarge", "name": "web"}, {"type": "gp3", "gb": 100, "name": "disk"}])

    compared = compare(before, after)

    assert compared.difference == Decimal("78.08")
    assert compared.difference_text == "+78.08 USD"
    assert [(row["resource"], row["before"], row["after"]) for row in compared.rows()] == [
        ("web", 70.08, 140.16),
        ("disk", 0.0, 8.0),
    ]
    assert list(compared.frame()["difference"]) == [70.08, 8.0]
    assert not compare(before, estimate([{"type": "x9.huge"}])).exact
    with pytest.raises(BadInput, match="730 hours and the other for 10"):
        compare(before, estimate([{"type": "m5.large"}], duration_hours=10))
