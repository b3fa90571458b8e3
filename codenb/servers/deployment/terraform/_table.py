"""Plan JSON as a table of changes, and as the before and after that an approval is bound to.

The format is that of `show -json`, version 1 (developer.hashicorp.com/terraform/internals/json-format).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from codenb.models.plan import PlanAction, ResourceChange
from codenb.servers.deployment.terraform._provisioners import provisioners_of
from codenb.servers.deployment.terraform._secrets import UNKNOWN, Secrets

_ACTIONS: dict[tuple[str, ...], PlanAction] = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("read",): "read",
    ("forget",): "forget",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("create", "forget"): "replace",
    ("no-op",): "no-op",
}

_HOW = {
    ("delete", "create"): "destroyed, then created",
    ("create", "delete"): "created, then the old one destroyed",
    ("create", "forget"): "created, the old one left alone and forgotten",
    ("forget",): "forgotten, not destroyed",
}

HOW = "(how)"
"""Beside a resource's values: what replaces it, or why it is only forgotten; no attribute has such a name."""

RUNS = "(runs)"
"""Beside them too: its provisioners."""


def changes_of(plan: Mapping[str, Any], secrets: Secrets, costs: Mapping[str, float]) -> list[ResourceChange]:
    """What would happen, in the plan's order; what stays as it is, is left out.

    Args:
        plan: The plan JSON.
        secrets: What is replaced.
        costs: USD a month that each adds, by address, where it is known.
    """
    listed = (
        _running(_change(one, secrets, costs.get(one["address"])), provisioners_of(plan, one["address"], secrets))
        for one in plan.get("resource_changes") or ()
    )
    return [one for one in listed if one.action != "no-op" or one.reason]


def drift_of(plan: Mapping[str, Any], secrets: Secrets) -> list[ResourceChange]:
    """What changed outside of the program since it last looked."""
    listed = (_change(one, secrets, None) for one in plan.get("resource_drift") or ())
    return [one.model_copy(update={"drift": True}) for one in listed if one.action != "no-op"]


def outputs_of(plan: Mapping[str, Any], secrets: Secrets) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Output values that change, by name: before and after."""
    return {
        secrets.text(name): _sides(change, secrets, whole=True)
        for name, change in (plan.get("output_changes") or {}).items()
        if change.get("actions") != ["no-op"]
    }


def counts_of(changes: Iterable[ResourceChange]) -> dict[str, int]:
    """How many, by action."""
    counted = Counter(one.action for one in changes)
    return {
        action: counted[action]
        for action in dict.fromkeys(_ACTIONS.values())
        if action in counted and action != "no-op"
    }


def before_and_after(
    changes: Sequence[ResourceChange],
    outputs: Mapping[str, tuple[JsonValue, JsonValue]],
    state: Mapping[str, JsonValue],
) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """What a person approves, keyed by address; `state` says of which state it is, and is the same on both sides."""
    before: dict[str, JsonValue] = {"state": dict(state)}
    after: dict[str, JsonValue] = {"state": dict(state)}
    for one in changes:
        before[one.address], after[one.address] = one.before, one.after
    for name, (old, new) in outputs.items():
        before[f"output.{name}"], after[f"output.{name}"] = old, new
    return before, after


def _change(resource: Mapping[str, Any], secrets: Secrets, cost: float | None) -> ResourceChange:
    change = resource["change"]
    actions = tuple(change.get("actions") or ("no-op",))
    action = _ACTIONS.get(actions, "update")
    before, after = _sides(change, secrets, whole=action != "update")
    forced = tuple(_path(path) for path in change.get("replace_paths") or ())
    if actions in _HOW:
        because = f", because of {', '.join(forced)}" if forced else ""
        after = {HOW: f"{_HOW[actions]}{because}", **(after if isinstance(after, dict) else {})}
    reasons = [str(resource.get("action_reason") or "")]
    if moved := resource.get("previous_address"):
        reasons.append(f"moved from {moved}")
    if "importing" in change:
        reasons.append("imported")
    return ResourceChange(
        address=resource["address"] + (f" (deposed {resource['deposed']})" if resource.get("deposed") else ""),
        type=resource.get("type", ""),
        action=action,
        before=before,
        after=after,
        replaced_by=forced,
        reason="; ".join(filter(None, reasons)),
        cost_usd_month=cost,
    )


def _running(change: ResourceChange, provisioners: list[JsonValue]) -> ResourceChange:
    """A change with what it runs, which the approval is bound to where the resource is made anew."""
    if not provisioners or change.action not in ("create", "replace", "delete"):
        return change
    types = ", ".join(dict.fromkeys(str(one["type"]) for one in provisioners if isinstance(one, dict)))
    reason = "; ".join(filter(None, [change.reason, f"may run {types}"]))
    if change.action == "delete":
        return change.model_copy(update={"reason": reason})
    values = change.after if isinstance(change.after, dict) else {}
    return change.model_copy(update={"reason": reason, "after": {RUNS: provisioners, **values}})


def _sides(change: Mapping[str, Any], secrets: Secrets, *, whole: bool) -> tuple[JsonValue, JsonValue]:
    """Before and after without secrets; of a change in place only the attributes that differ."""
    old, new = change.get("before"), _with_unknown(change.get("after"), change.get("after_unknown"))
    before = secrets.masked(old, change.get("before_sensitive"))
    after = secrets.masked(new, change.get("after_sensitive"))
    if whole or not (isinstance(old, dict) and isinstance(new, dict)):
        return before, after
    same = {secrets.text(key) for key in old.keys() & new.keys() if old[key] == new[key]}
    return _without(before, same), _without(after, same)


def _without(values: JsonValue, keys: set[str]) -> JsonValue:
    assert isinstance(values, dict)
    return {key: value for key, value in values.items() if key not in keys}


def _with_unknown(value: Any, unknown: Any) -> Any:
    """The values after, with a word where only the apply will tell."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, Mapping) and (value is None or isinstance(value, Mapping)):
        known = dict(value or {})
        filled = {key: _with_unknown(known.get(key), mark) for key, mark in unknown.items() if mark}
        return (known | {key: one for key, one in filled.items() if one is not None}) or value
    if isinstance(unknown, list) and isinstance(value, list):
        return list(_each(value, unknown))
    return value


def _each(values: list[Any], marks: list[Any]) -> Iterator[Any]:
    for at in range(max(len(values), len(marks))):
        yield _with_unknown(values[at] if at < len(values) else None, marks[at] if at < len(marks) else None)


def _path(path: Sequence[Any]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
