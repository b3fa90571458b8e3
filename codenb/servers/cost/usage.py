"""What a thing uses, before it has a price: the one form into which plans, manifests and item lists are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal

HOURS_A_MONTH = Decimal(730)

LARGEST = {
    "instances": Decimal(1_000_000),
    "GB": Decimal(10) ** 9,
    "cores": Decimal(10) ** 7,
    "hours": Decimal(100 * 365 * 24),
}
"""What is larger is a slip of the pen: an exabyte, a century."""

EXACT = Context(prec=200)
"""Wide enough that no product or sum of bounded numbers is ever rounded on its way to the cents."""

Dimension = Literal["time", "storage", "data", "cpu", "memory", "gpu"]

UNITS: dict[Dimension, tuple[str, ...]] = {
    "time": ("hour", "month"),
    "storage": ("gb-month", "gb-hour"),
    "data": ("gb",),
    "cpu": ("core-hour",),
    "memory": ("gb-hour",),
    "gpu": ("gpu-hour",),
}
"""In which units of the price book a dimension is counted, the usual one first."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One thing that is used for some time.

    Attributes:
        resource: What it belongs to, such as `aws_instance.web`.
        component: Which part, such as `compute`.
        dimension: What is counted.
        provider: Of the price.
        skus: Of the price; the more particular ones first. None of them has no price.
        region: Of the price.
        amount: Instances, GB, cores, GPUs; of data GB a month.
        hours: For how long, where that is not the estimate's duration.
        note: What was assumed.
        why: Why no price can be looked up although it costs something.
    """

    resource: str
    component: str
    dimension: Dimension
    provider: str
    skus: tuple[str, ...]
    region: str
    amount: Decimal
    hours: Decimal | None = None
    note: str = ""
    why: str = ""

    def quantity(self, unit: str, duration: Decimal) -> Decimal:
        """How many of a unit it is over the whole time."""
        hours = self.hours if self.hours is not None else duration
        used = EXACT.multiply(self.amount, hours)
        return used if unit.endswith("hour") else _PRORATED.divide(used, HOURS_A_MONTH)


@dataclass(frozen=True, slots=True)
class Demand:
    """All that something uses.

    Attributes:
        usages: What is counted.
        unknown: What costs something that cannot be counted, as `resource: why`.
        notes: What was assumed.
    """

    usages: tuple[Usage, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, parts: Iterable[Demand]) -> Demand:
        """Several as one."""
        listed = list(parts)
        return cls(
            tuple(usage for one in listed for usage in one.usages),
            tuple(text for one in listed for text in one.unknown),
            tuple(dict.fromkeys(text for one in listed for text in one.notes)),
        )


_PRORATED = Context(prec=60)
