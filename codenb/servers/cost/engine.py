"""From what is used to what it costs: money in `Decimal` from the price to the sum, rounded once, at the end."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from functools import reduce

from codenb.models import CostEstimate, CostLine, Price
from codenb.servers.cost.book import ANY, CURRENCY, PriceBook
from codenb.servers.cost.usage import EXACT, UNITS, Demand, Usage

_CENT = Decimal("0.01")


def priced(demand: Demand, book: PriceBook, hours: Decimal, *, data_transfer: bool = True) -> CostEstimate:
    """Price what is used.

    Args:
        demand: From a plan, manifests or items.
        book: Where prices are looked up.
        hours: For how long, where a usage does not say.
        data_transfer: Whether traffic counts; without it, it is left out altogether.

    Returns:
        The estimate. What has no price is in `unpriced`, and makes the total a lower bound.
    """
    kept = [one for one in demand.usages if data_transfer or one.dimension != "data"]
    lines = sorted((line(one, book, hours) for one in kept), key=_rank)
    unpriced = [f"{one.resource}: {one.note}" for one in lines if one.amount is None]
    notes = list(demand.notes)
    if len(kept) < len(demand.usages):
        notes.append("data transfer is left out, as asked for")
    return CostEstimate(
        lines=tuple(lines),
        total=rounded(total(one.amount for one in lines if one.amount is not None)),
        currency=CURRENCY,
        at_least=bool(unpriced or demand.unknown),
        unpriced=tuple(dict.fromkeys([*unpriced, *sorted(demand.unknown)])),
        duration_hours=float(hours),
        sources=_sources(one.price for one in lines if one.price),
        notes=tuple(notes),
    )


def line(usage: Usage, book: PriceBook, hours: Decimal) -> CostLine:
    """One usage with its price, or with why there is none."""
    units = UNITS[usage.dimension]
    price = None if usage.why else book.find(usage.provider, usage.skus, usage.region, units)
    unit = price.unit if price else units[0]
    quantity = usage.quantity(unit, hours)
    why = "" if price else usage.why or _no_price(usage)
    return CostLine(
        resource=usage.resource,
        component=usage.component,
        quantity=quantity,
        unit=unit,
        price=price,
        amount=EXACT.multiply(quantity, price.amount) if price else None,
        note="; ".join(text for text in (why, usage.note) if text),
    )


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, not rounded: the same in any order."""
    return reduce(EXACT.add, amounts, Decimal(0))


def rounded(amount: Decimal) -> Decimal:
    """In cents, half a cent up."""
    return amount.quantize(_CENT, ROUND_HALF_UP, EXACT)


def _no_price(usage: Usage) -> str:
    named = usage.skus[0] if usage.skus else usage.component
    return f"no price for {usage.provider} {named}" + (f" in {usage.region}" if usage.region != ANY else "")


def _rank(line: CostLine) -> tuple[bool, Decimal, str, str, str, Decimal]:
    amount = line.amount
    return amount is None, -(amount or Decimal(0)), line.resource, line.component, line.note, line.quantity


def _sources(prices: Iterable[Price]) -> tuple[str, ...]:
    return tuple(sorted({f"{price.source}, {price.as_of:%Y-%m}" for price in prices}))
