"""Estimates over some time, and two of them side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from codenb.errors import BadInput
from codenb.models import CostComparison, CostEstimate
from codenb.servers.cost.book import PriceBook
from codenb.servers.cost.engine import priced, rounded
from codenb.servers.cost.given import demand
from codenb.servers.cost.usage import EXACT, LARGEST, Demand, Usage

if TYPE_CHECKING:
    from codenb.servers._base._paths import Roots
    from codenb.servers._manifests import Manifests


def estimate(
    infrastructure: Mapping[str, Any] | Sequence[Any] | str | Manifests,
    *,
    duration_hours: float = 730,
    include_data_transfer: bool = True,
    book: PriceBook | None = None,
    roots: Roots | None = None,
    nodes: int | None = None,
    egress_gb: float = 0,
) -> CostEstimate:
    """What infrastructure costs over some time.

    Args:
        infrastructure: A Terraform plan's JSON, Kubernetes manifests (read ones, objects, YAML text), items such as
            `{"provider": "aws", "type": "m5.large", "count": 3}`, or, with roots, paths of files with any of these.
        duration_hours: Hours; a month is 730. What is paid by the month counts `duration_hours / 730` of it.
        include_data_transfer: Whether declared traffic counts.
        book: The prices; the embedded ones by default.
        roots: Where paths may lead.
        nodes: On how many nodes a DaemonSet runs; None is unknown.
        egress_gb: GB a month sent to the internet, beside what is declared in the infrastructure.

    Returns:
        Lines, their sum in cents, and what is not in it.

    Raises:
        BadInput: It is none of these, or says what cannot be.
    """
    hours = _number(duration_hours, "duration_hours", LARGEST["hours"])
    if not hours:
        raise BadInput("duration_hours is 0: give hours, such as 730 for a month")
    if nodes is not None:
        _number(nodes, "nodes", LARGEST["instances"])
    prices = book or PriceBook.of()
    wanted = demand(infrastructure, prices, roots=roots, nodes=nodes)
    if traffic := _number(egress_gb, "egress_gb", LARGEST["GB"]):
        provider = "kubernetes" if any(one.provider == "kubernetes" for one in wanted.usages) else "aws"
        sent = Usage("data transfer", "egress", "data", provider, ("egress-internet",), "*", traffic)
        wanted = Demand.of([wanted, Demand((sent,))])
    return priced(wanted, prices, hours, data_transfer=include_data_transfer)


def compare(before: CostEstimate, after: CostEstimate) -> CostComparison:
    """Two estimates side by side.

    Args:
        before: As it is.
        after: As it would be, for the same time.

    Returns:
        Both, and what the second costs more.

    Raises:
        BadInput: They are for different times.
    """
    if before.duration_hours != after.duration_hours:
        raise BadInput(
            f"one estimate is for {before.duration_hours:g} hours and the other for {after.duration_hours:g}: "
            f"estimate both with the same duration_hours"
        )
    difference = rounded(EXACT.subtract(after.total, before.total))
    exact = not (before.at_least or after.at_least)
    return CostComparison(before=before, after=after, difference=difference, exact=exact)


def _number(value: object, what: str, largest: Decimal) -> Decimal:
    try:
        number = (
            Decimal(str(value)) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None
        )
    except ArithmeticError:
        number = None
    if number is None or not number.is_finite() or not 0 <= number <= largest:
        raise BadInput(f"{what} is {str(value)[:40]}: give a number from 0 to {largest:,}")
    return number
