"""Quantities and durations, as Kubernetes and people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.errors import BadInput
from codenb.servers.kubernetes.units import doubled, quantity, seconds


@pytest.mark.parametrize(
    ("text", "amount"),
    [("128Mi", 134217728), ("1Gi", 2**30), ("500m", Decimal("0.5")), ("2", 2), ("1e3", 1000), ("0.5G", 5 * 10**8)],
)
def test_a_quantity_is_the_amount_that_kubernetes_means(text: str, amount: Decimal) -> None:
    """A limit read wrongly would be proposed wrongly."""
    assert quantity(text) == amount


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_bad_input(text: str) -> None:
    """Arguments come from models: whatever they write, the answer is a number or one sentence."""
    told = ""
    amount = Decimal(0)
    try:
        amount = quantity(text)
    except BadInput as error:
        told = str(error)

    assert amount.is_finite()
    assert told == "" or "is no quantity: write it like" in told


@given(st.integers(1, 2**40))
def test_a_doubled_limit_is_at_least_twice_and_a_power_of_two_of_mebibytes(size: int) -> None:
    """The proposal for a limit that was never larger: enough, and a number people recognise."""
    wanted = quantity(doubled(str(size)))

    assert wanted >= 2 * size
    mebibytes = int(wanted) // 2**20
    assert mebibytes & (mebibytes - 1) == 0


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_a_duration_adds_up(days: int, hours: int, minutes: int, rest: int) -> None:
    """`1d2h3m4s` and any part of it."""
    assert seconds(f"{days}d{hours}h{minutes}m{rest}s") == ((days * 24 + hours) * 60 + minutes) * 60 + rest


@pytest.mark.parametrize("text", ["", "30", "m", "1h30", "-5m", "1.5h", "5 minutes", "9" * 40 + "s"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    """A wrong duration must not silently become another one."""
    with pytest.raises(BadInput, match="write it like 90s"):
        seconds(text)
