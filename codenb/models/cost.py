"""What infrastructure costs: prices with their source, lines, and totals that say what they leave out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import Field as Setting

from codenb.models._base import Answered, Model
from codenb.views import Badge, Block, Field, Table, Tone, View

if TYPE_CHECKING:
    import pandas as pd


class Price(Model):
    """What one unit of one thing costs.

    Attributes:
        provider: Such as `aws`, `kubernetes`.
        sku: Such as `m5.large`, `gp3`, `cpu`.
        region: Such as `us-east-1`; `*` is any.
        unit: `hour`, `gb-month`, `gb-hour`, `gb`, `core-hour`, ...
        amount: Per unit.
        currency: ISO 4217.
        source: Who published it.
        as_of: When it was true.
    """

    provider: str
    sku: str
    region: str
    unit: str
    amount: Decimal
    currency: str = "USD"
    source: str
    as_of: date

    def view(self) -> View:
        return View(
            title=f"{self.provider} {self.sku}, {self.region}: {self.amount} {self.currency} per {self.unit}",
            subtitle=f"{self.source}, {self.as_of}",
        )


class CostLine(Model):
    """One thing that costs money, or would if its price were known.

    Attributes:
        resource: What it belongs to, such as `aws_instance.web` or `Deployment shop/checkout`.
        component: Which part of it, such as `compute`, `storage`, `cpu`, `egress`.
        quantity: How many of `unit`, over the whole time.
        unit: Of the quantity.
        price: None is unpriced.
        amount: quantity x price, not rounded; None is unpriced.
        note: Such as `priced by its limits: it has no requests`, or why there is no price.
    """

    resource: str
    component: str
    quantity: Decimal
    unit: str
    price: Price | None = None
    amount: Decimal | None = None
    note: str = ""

    def view(self) -> View:
        shown = "unpriced" if self.amount is None else f"{self.amount:.2f}"
        return View(title=f"{self.resource} {self.component}: {shown}", subtitle=self.note)


class CostEstimate(Answered):
    """What something costs over some time.

    Attributes:
        lines: Dearest first, unpriced last.
        total: Sum of the priced lines, rounded half up to cents.
        currency: ISO 4217.
        at_least: Whether something is unpriced, so that the total is a lower bound.
        unpriced: What has no price, such as `aws_instance.gpu: no price for p5.48xlarge in us-east-1`.
        duration_hours: For how long.
        sources: Where the prices are from, with their dates.
        notes: What the estimate assumes.
    """

    lines: tuple[CostLine, ...] = ()
    total: Decimal = Decimal("0.00")
    currency: str = "USD"
    at_least: bool = False
    unpriced: tuple[str, ...] = ()
    duration_hours: float = Setting(default=730, gt=0)
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def total_text(self) -> str:
        """Such as `218.24 USD` or `at least 210.24 USD`."""
        return f"{'at least ' if self.at_least else ''}{self.total:,.2f} {self.currency}"

    def rows(self) -> list[dict[str, Any]]:
        """One dict a line: resource, component, quantity, unit, unit_price, amount, currency, source, as_of, note."""
        return [
            {
                "resource": line.resource,
                "component": line.component,
                "quantity": float(line.quantity),
                "unit": line.unit,
                "unit_price": float(line.price.amount) if line.price else None,
                "amount": None if line.amount is None else float(line.amount),
                "currency": self.currency,
                "source": line.price.source if line.price else "",
                "as_of": str(line.price.as_of) if line.price else "",
                "note": line.note,
            }
            for line in self.lines
        ]

    def frame(self) -> pd.DataFrame:
        """`rows()` as a pandas frame; money as floats, for plots."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        return pd.DataFrame(self.rows())

    def view(self) -> View:
        rows = [
            [row["resource"], row["component"], row["quantity"], row["unit"], row["unit_price"], row["amount"]]
            for row in self.rows()
        ]
        blocks: list[Block] = [
            Field("total", f"{self.total_text} for {self.duration_hours:g} hours"),
            Table(["resource", "component", "quantity", "unit", "unit price", self.currency], rows),
        ]
        badges = [Badge("something is unpriced", Tone.WARN)] if self.at_least else []
        return View(title=f"Cost: {self.total_text}", badges=badges, blocks=blocks)
