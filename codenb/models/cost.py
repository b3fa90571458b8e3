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
    amount: Decimal = Setting(ge=0)
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
        amount: quantity x price, not rounded to cents; None is unpriced.
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
        total: Sum of the priced lines, rounded half up to cents, once.
        currency: ISO 4217.
        at_least: Whether something is unpriced or cannot be counted, so that the total is a lower bound.
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

    @property
    def by_resource(self) -> dict[str, Decimal | None]:
        """What each resource costs, not rounded, dearest first; None where nothing of it is priced."""
        sums: dict[str, Decimal | None] = {}
        for line in self.lines:
            known = sums.get(line.resource)
            sums[line.resource] = known if line.amount is None else (known or Decimal(0)) + line.amount
        return dict(sorted(sums.items(), key=lambda one: (one[1] is None, -(one[1] or 0), one[0])))

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
            [
                line.resource,
                line.component,
                float(line.quantity),
                line.unit,
                float(line.price.amount) if line.price else None,
                None if line.amount is None else f"{line.amount:,.2f}",
            ]
            for line in self.lines
        ]
        columns = ["resource", "component", "quantity", "unit", "unit price", self.currency]
        noted = [f"{line.resource} {line.component}: {line.note}" for line in self.lines if line.price and line.note]
        blocks: list[Block] = [Field("total", f"{self.total_text} for {self.duration_hours:,g} hours")]
        blocks += [Field("prices", "; ".join(self.sources))] if self.sources else []
        if rows:
            blocks.append(Table(columns, rows, caption="What it is made of"))
        if self.unpriced:
            blocks.append(Table(["not in the total"], [(text,) for text in self.unpriced]))
        if noted or self.notes:
            blocks.append(Table(["assumed"], [(text,) for text in (*self.notes, *noted)]))
        badges = [Badge("something is unpriced", Tone.WARN)] if self.at_least else []
        return View(title=f"Cost: {self.total_text}", badges=badges, blocks=blocks)


class CostComparison(Answered):
    """What a change would cost.

    Attributes:
        before: As it is.
        after: As it would be, for the same time.
        difference: What the second costs more, in cents; of the priced lines.
        exact: Whether everything is priced on both sides; otherwise the difference is of what is.
    """

    before: CostEstimate
    after: CostEstimate
    difference: Decimal
    exact: bool = True

    @property
    def difference_text(self) -> str:
        """Such as `+70.08 USD`, or `+70.08 USD of what is priced`."""
        return f"{self.difference:+,.2f} {self.after.currency}{'' if self.exact else ' of what is priced'}"

    def rows(self) -> list[dict[str, Any]]:
        """One dict a resource: resource, before, after, difference; None is unpriced, and 0 is what is not there."""
        sides = self.before.by_resource, self.after.by_resource
        found = []
        for resource in dict.fromkeys([*sides[1], *sides[0]]):
            old, new = (side.get(resource, Decimal(0)) for side in sides)
            difference = None if old is None or new is None else float(new - old)
            amounts = [None if one is None else float(one) for one in (old, new)]
            found.append({"resource": resource, "before": amounts[0], "after": amounts[1], "difference": difference})
        return found

    def frame(self) -> pd.DataFrame:
        """`rows()` as a pandas frame; money as floats, for plots."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        return pd.DataFrame(self.rows(), columns=["resource", "before", "after", "difference"])

    def view(self) -> View:
        rows = [
            [
                row["resource"],
                *(None if row[key] is None else f"{row[key]:,.2f}" for key in ("before", "after", "difference")),
            ]
            for row in self.rows()
        ]
        blocks: list[Block] = [
            Field("before", self.before.total_text),
            Field("after", self.after.total_text),
            Field("difference", f"{self.difference_text} for {self.after.duration_hours:,g} hours"),
            Table(["resource", "before", "after", "difference"], rows, caption=f"In {self.after.currency}"),
        ]
        return View(title=f"Cost: {self.difference_text}", blocks=blocks)
