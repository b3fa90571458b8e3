"""A plan as it was made, or as it is read back from its file: everything that is said of it comes from here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from codenb.canonical import digest
from codenb.models.plan import ResourceChange, TerraformPlan
from codenb.models.target import Place
from codenb.servers.deployment.terraform._place import State
from codenb.servers.deployment.terraform._program import Program
from codenb.servers.deployment.terraform._secrets import Secrets
from codenb.servers.deployment.terraform._table import before_and_after, changes_of, counts_of, drift_of, outputs_of

_SHOWN_BYTES = 300_000
"""Values of resources in an answer; the rows stay when they are left out."""


@dataclass(frozen=True)
class Planned:
    """One plan.

    Attributes:
        plan: The plan JSON; it holds secrets.
        secrets: Which.
        place: Backend and workspace.
        shown: The folder, as people read it.
        address: The resource that it was narrowed to; empty is all.
        state: What it was made on.
        program: Which made it.
        warnings: What the program warned of.
        plan_id: The name of its file; empty before it has one.
        now: What the state is now, where it was looked at again.
        prices: The user's own, on top of the embedded ones.
    """

    plan: Mapping[str, Any]
    secrets: Secrets
    place: Place
    shown: str
    address: str
    state: State
    program: Program
    warnings: tuple[str, ...] = ()
    plan_id: str = ""
    now: State = field(default_factory=State)
    prices: Path | None = None

    @cached_property
    def _costs(self) -> tuple[dict[str, float], float | None, str]:
        from codenb.servers import cost  # noqa: PLC0415  the price book is read only where something is planned

        book = cost.PriceBook.of(self.prices)
        whole, note = cost.monthly_delta_of_plan(self.plan, book)
        deltas = cost.monthly_deltas_of_plan(self.plan, book)
        each = {name: float(one) for name, (one, _) in deltas.items() if one is not None}
        return each, None if whole is None else float(whole), self.secrets.text(note)

    @cached_property
    def changes(self) -> list[ResourceChange]:
        """What would happen, resource by resource."""
        return changes_of(self.plan, self.secrets, self._costs[0])

    @cached_property
    def drift(self) -> list[ResourceChange]:
        """What changed outside of the program."""
        return drift_of(self.plan, self.secrets)

    @cached_property
    def sides(self) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
        """Before and after, as an approval is bound to them."""
        state: dict[str, JsonValue] = {"lineage": self.state.lineage, "serial": self.state.serial}
        return before_and_after(self.changes, self._outputs, state)

    @cached_property
    def _outputs(self) -> dict[str, tuple[JsonValue, JsonValue]]:
        return outputs_of(self.plan, self.secrets)

    @cached_property
    def digest(self) -> str:
        """Of what it does, equal wherever the same is planned on the same state."""
        before, after = self.sides
        return digest({"place": self.place.identity, "address": self.address, "before": before, "after": after})

    @property
    def counts(self) -> dict[str, int]:
        """How many resources, by action."""
        return counts_of(self.changes)

    @property
    def to_change(self) -> int:
        """How many resources and outputs an apply would change."""
        return len(self.changes) + len(self._outputs)

    @property
    def destructive(self) -> bool:
        """Whether it destroys, replaces or gives up something."""
        return any(one.action in ("delete", "replace", "forget") for one in self.changes)

    @property
    def cost_usd_month(self) -> float | None:
        """What it adds a month; None is unknown."""
        return self._costs[1]

    @property
    def cost_note(self) -> str:
        """What the cost leaves out."""
        return self._costs[2]

    def shown_variables(self, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The caller's variables without secrets."""
        return {name: self.secrets.sealed(one) if self.secrets.hides(one) else one for name, one in given.items()}

    def model(self) -> TerraformPlan:
        """As it is answered."""
        changes, drift, notes = tuple(self.changes), tuple(self.drift), list(self.warnings)
        if len(json.dumps([one.to_dict() for one in (*changes, *drift)])) > _SHOWN_BYTES:
            emptied = {"before": None, "after": None}
            changes = tuple(one.model_copy(update=emptied) for one in changes)
            drift = tuple(one.model_copy(update=emptied) for one in drift)
            notes.append(
                "the values of the resources are left out: together they are too long; name a resource_address"
            )
        return TerraformPlan(
            plan_id=self.plan_id,
            digest=self.digest,
            workspace=self.shown,
            program=str(self.program),
            counts=self.counts,
            to_change=self.to_change,
            changes=changes,
            drift=drift,
            outputs={name: after for name, (_, after) in self._outputs.items()},
            lineage=self.state.lineage,
            serial=self.state.serial,
            cost_usd_month=self.cost_usd_month,
            cost_note=self.cost_note,
            notes=tuple(notes),
        )
