"""A Terraform plan, as a table of changes; made of its plan JSON, sensitive values replaced."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field as Setting
from pydantic import JsonValue

from codenb.models._base import Answered, Model
from codenb.models._yaml import as_side
from codenb.views import Badge, Block, Diff, Field, Fold, Table, Text, Tone, View

if TYPE_CHECKING:
    import pandas as pd

PlanAction = Literal["create", "update", "replace", "delete", "read", "forget", "no-op"]

ACTION_TONES: dict[str, Tone] = {
    "create": Tone.GOOD,
    "update": Tone.WARN,
    "replace": Tone.BAD,
    "delete": Tone.BAD,
    "read": Tone.INFO,
    "forget": Tone.WARN,
    "no-op": Tone.PLAIN,
}

_ROWS = 200
_DIFFS = 50
_NAMED = 6
_SHORT = 120


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
        return View(
            title=f"{self.action} {self.address}",
            badges=[Badge(self.action, ACTION_TONES[self.action])],
            subtitle=_because(self),
            blocks=_diffs([self]),
        )

    @property
    def what(self) -> str:
        """The attributes that differ, where it is changed and not only made or destroyed."""
        if not (isinstance(self.before, dict) and isinstance(self.after, dict)):
            return ""
        names = dict.fromkeys([*self.before, *self.after])
        differ = [name for name in names if not name.startswith("(") and self.before.get(name) != self.after.get(name)]
        more = [f"and {len(differ) - _NAMED} more"] if len(differ) > _NAMED else []
        return ", ".join([*differ[:_NAMED], *more])


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
        badges = [Badge(f"{count} to {action}", ACTION_TONES[action]) for action, count in self.counts.items()]
        blocks: list[Block] = [Field("workspace", self.workspace), Field("by", self.program)]
        if self.plan_id:
            blocks.append(Field("plan", self.plan_id))
        if self.cost_usd_month:
            note = f" ({self.cost_note})" if self.cost_note else ""
            blocks.append(Field("cost", f"{self.cost_usd_month:+.2f} USD a month{note}"))
        elif self.cost_note:
            blocks.append(Field("cost", self.cost_note))
        blocks += [Text(note, Tone.WARN) for note in self.notes]
        if self.changes:
            blocks.append(_table(self.changes, "what would happen"))
            blocks.append(Fold("values", View(title="values", blocks=[*_diffs(self.changes)])))
        if self.outputs:
            rows = [[name, _short(value)] for name, value in self.outputs.items()]
            blocks.append(Table(["output", "would be"], rows[:_ROWS], caption="outputs", cut=max(0, len(rows) - _ROWS)))
        if not self.to_change:
            blocks.append(Text("Nothing to change: all is as configured.", Tone.GOOD))
        if self.drift:
            blocks.append(_table(self.drift, "changed outside of it since it last looked"))
        return View(title=f"Plan of {self.workspace}", badges=badges, blocks=blocks)


def _table(changes: Sequence[ResourceChange], caption: str) -> Table:
    rows: list[list[str | int | float | Badge | None]] = [
        [Badge(one.action, ACTION_TONES[one.action]), one.address, one.what, _because(one), _money(one.cost_usd_month)]
        for one in changes[:_ROWS]
    ]
    columns = ["action", "resource", "attributes", "because", "USD a month"]
    if not any(one.cost_usd_month for one in changes):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table(columns, rows, caption=caption, cut=max(0, len(changes) - _ROWS))


def _money(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:+.2f}" if amount else "0.00"


def _because(one: ResourceChange) -> str:
    if one.replaced_by:
        return f"{', '.join(one.replaced_by)} cannot be changed in place"
    return one.reason.replace("_", " ")


def _diffs(changes: Sequence[ResourceChange]) -> list[Block]:
    shown = [one for one in changes if one.before != one.after][:_DIFFS]
    return [Diff(as_side(one.before), as_side(one.after), caption=f"{one.action} {one.address}") for one in shown]


def _short(value: JsonValue) -> str:
    text = "removed" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."
