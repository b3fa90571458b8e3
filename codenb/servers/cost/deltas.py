"""What a change adds to the monthly bill, for its preview.

A difference is known where all that differs has a price: what has none on both sides alike falls out of it. Where
something without a price is only added, the difference is a lower bound and its note says so; where something without
a price is taken away or changed, nobody knows, and the answer is None, never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from codenb.servers.cost import terraform, workloads
from codenb.servers.cost.book import PriceBook
from codenb.servers.cost.engine import line, rounded, total
from codenb.servers.cost.usage import EXACT, HOURS_A_MONTH, Demand

Delta = tuple[Decimal | None, str]
"""USD a month, None where it is unknown; and a note, empty where there is nothing to add."""

_MOST_NAMED = 3


def monthly_delta_of_plan(plan: Mapping[str, Any], book: PriceBook | None = None) -> Delta:
    """What applying a Terraform plan adds a month.

    Args:
        plan: As `terraform show -json` writes it.
        book: The prices; the embedded ones by default.
    """
    changes = terraform.changes(plan)
    befores = [before for before, _ in changes.values() if before]
    afters = [after for _, after in changes.values() if after]
    return _delta(terraform.demand(befores, plan), terraform.demand(afters, plan), book or PriceBook.of())


def monthly_deltas_of_plan(plan: Mapping[str, Any], book: PriceBook | None = None) -> dict[str, Delta]:
    """The same resource by resource, by address."""
    prices, changes = book or PriceBook.of(), terraform.changes(plan)
    sides = [terraform.demands([one for pair in changes.values() if (one := pair[side])], plan) for side in (0, 1)]
    return {
        address: _delta(sides[0].get(address, Demand()), sides[1].get(address, Demand()), prices) for address in changes
    }


def monthly_delta_of_manifests(
    before: Mapping[str, Any] | Iterable[Any],
    after: Mapping[str, Any] | Iterable[Any],
    book: PriceBook | None = None,
    *,
    nodes: int | None = None,
) -> Delta:
    """What applying manifests adds a month.

    Args:
        before: Objects as they are, in a list or keyed by what they are called; None among them is one that is not
            there.
        after: The same objects, as they would be.
        book: The prices; the embedded ones by default.
        nodes: On how many nodes a DaemonSet runs; None is unknown.
    """
    was, becomes = (workloads.demand(_objects(one), nodes=nodes) for one in (before, after))
    return _delta(was, becomes, book or PriceBook.of())


def _objects(given: Mapping[str, Any] | Iterable[Any]) -> list[Mapping[str, Any]]:
    held = given.values() if isinstance(given, Mapping) else given
    return [one for one in held if isinstance(one, Mapping)]


def _delta(before: Demand, after: Demand, book: PriceBook) -> Delta:
    sums, open_ends = zip(*(_sum(side, book) for side in (before, after)), strict=True)
    gone, come = open_ends[0] - open_ends[1], open_ends[1] - open_ends[0]
    difference = rounded(EXACT.subtract(sums[1], sums[0]))
    if gone or (come and not difference):
        return None, f"unknown: {_named(gone or come)}"
    return difference, f"at least: {_named(come)}" if come else ""


def _sum(side: Demand, book: PriceBook) -> tuple[Decimal, Counter[tuple[str, Decimal]]]:
    """What is priced, and what is not, with how much of it there is."""
    lines = [line(one, book, HOURS_A_MONTH) for one in side.usages]
    unpriced = Counter((f"{one.resource}: {one.note}", one.quantity) for one in lines if one.amount is None)
    unpriced.update((text, Decimal(0)) for text in side.unknown)
    return total(one.amount for one in lines if one.amount is not None), unpriced


def _named(open_ends: Counter[tuple[str, Decimal]]) -> str:
    told = sorted({text for text, _ in open_ends})
    more = f", and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
    return "; ".join(told[:_MOST_NAMED]) + more
