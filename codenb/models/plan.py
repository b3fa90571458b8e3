"""A Terraform plan, as a table of changes; made of its plan JSON, sensitive values replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field as Setting
from pydantic import JsonValue

from codenb.models._base import Answered, Model
from codenb.views import Badge, Block, Field, Table, Tone, View

if TYPE_CHECKING:
    import pandas as pd

PlanAction = Literal["create", "update", "replace", "delete", "read", "forget", "no-op"]


class ResourceChange(Model):
    """What a plan would do to one resource.

    Attributes:
        address: Such as `module.web.aws_instance.this[0]`.
        type: Such as `aws_instance`.
        action: What happens to it.
        before: Its values now; sensitive ones replaced by their HMAC, None where there are none.
        after: Its values then; unknown ones are `(known after apply)`.
        replaced_by: The attributes that force a replacement, as dotted paths.
        reason: Why, in Terraform's words, such as `delete_because_no_resource_config`.
        drift: Whether this is what changed outside of Terraform, and not what the plan would do.
        cost_usd_month: What it adds per month; None is unknown.
    """

    address: str
    type: str
    action: PlanAction
    before: JsonValue = None
    after: JsonValue = None
    replaced_by: tuple[str, ...] = ()
    reason: str = ""
    drift: bool = False
    cost_usd_month: float | None = None

    def view(self) -> View:
        return View(title=f"{self.action} {self.address}", subtitle=self.reason)


class TerraformPlan(Answered):
    """What an apply would do.

    Attributes:
        plan_id: Names the saved plan where it was made, for `apply_terraform`.
        digest: Of what the plan does: place, before and after, lineage and serial.
        workspace: Folder, as it was named.
        program: `OpenTofu 1.10.0` or `Terraform 1.15.5`.
        counts: How many resources, by action.
        to_change: How many resources and outputs an apply would change; 0 is that all is as configured.
        changes: What would happen, resource by resource.
        drift: What changed outside of Terraform since it last looked.
        outputs: Output values that change; sensitive ones replaced.
        lineage: Of the state; empty where there is none yet.
        serial: Of the state.
        cost_usd_month: What it adds per month; None is unknown.
        cost_note: Such as `at least: 2 resources are unpriced`.
        notes: Warnings of the program.
    """

    plan_id: str
    digest: str
    workspace: str
    program: str = ""
    counts: dict[str, int] = Setting(default_factory=dict)
    to_change: int = 0
    changes: tuple[ResourceChange, ...] = ()
    drift: tuple[ResourceChange, ...] = ()
    outputs: dict[str, JsonValue] = Setting(default_factory=dict)
    lineage: str = ""
    serial: int = 0
    cost_usd_month: float | None = None
    cost_note: str = ""
    notes: tuple[str, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """One dict a resource: address, type, action, replaced_by, reason, drift, cost_usd_month."""
        return [
            {
                "address": one.address,
                "type": one.type,
                "action": one.action,
                "replaced_by": ", ".join(one.replaced_by),
                "reason": one.reason,
                "drift": one.drift,
                "cost_usd_month": one.cost_usd_month,
            }
            for one in (*self.changes, *self.drift)
        ]

    def frame(self) -> pd.DataFrame:
        """`rows()` as a pandas frame."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        return pd.DataFrame(self.rows())

    def view(self) -> View:
        badges = [Badge(f"{count} to {action}", Tone.INFO) for action, count in self.counts.items() if count]
        rows = [[one.action, one.address, ", ".join(one.replaced_by), one.cost_usd_month] for one in self.changes]
        blocks: list[Block] = [
            Field("workspace", self.workspace),
            Field("plan", self.plan_id),
            Table(["action", "resource", "replaced because of", "USD a month"], rows, caption="what would happen"),
        ]
        return View(title=f"Plan of {self.workspace}", badges=badges, blocks=blocks)
