"""The rules of `[[approval.policies]]`: which changes need nobody's yes, spelt out narrowly, and which get none.

A rule that approves names the cluster by its identity, the server, the tool and the namespace, so that none of them is
open because somebody forgot it. What a rule says nothing about, it does not allow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from codenb.access import APPROVAL_KEYS
from codenb.config._files import read_toml
from codenb.config._table import Table
from codenb.errors import ConfigError
from codenb.models import ApprovalRequest

_EFFECTS = ("approve", "reject")
_CONDITIONS = ("cluster", "server", "tool", "namespace")
_LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class Limit:
    """What one argument may be.

    Attributes:
        low: Smallest number; None is no bound.
        high: Largest number; None is no bound.
        one_of: The values that are allowed; None is any.
    """

    low: float | None = None
    high: float | None = None
    one_of: tuple[Any, ...] | None = None

    def why_not(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Why the argument is outside of the limit; empty where it is within."""
        if name not in arguments:
            return f"{name} is not given"
        value = arguments[name]
        if self.one_of is not None and not any(type(one) is type(value) and one == value for one in self.one_of):
            return f"{name} is {_short(value)}, which is not listed"
        return self._out_of_bounds(name, value)

    def _out_of_bounds(self, name: str, value: Any) -> str:
        if self.low is None and self.high is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{name} is {_short(value)}, which is no number"
        if self.low is not None and not value >= self.low:
            return f"{name} is {value}, under {self.low:g}"
        return f"{name} is {value}, over {self.high:g}" if self.high is not None and not value <= self.high else ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `[[approval.policies]]`; an empty pattern holds for everything.

    Attributes:
        name: For people: its own, else where it stands.
        effect: What it says of what it matches.
        cluster: Identity of the place, as every preview shows it.
        server: Pattern; `*` matches any text.
        tool: Pattern.
        namespace: Pattern; what is in no namespace is matched by `*` alone.
        limits: By argument; only a rule that approves has them.
        expires: UTC; from then on the rule says nothing.
    """

    name: str
    effect: Literal["approve", "reject"]
    cluster: str = ""
    server: str = ""
    tool: str = ""
    namespace: str = ""
    limits: tuple[tuple[str, Limit], ...] = ()
    expires: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether it says nothing any more."""
        return self.expires is not None and self.expires <= now

    def concerns(self, request: ApprovalRequest) -> bool:
        """Whether the rule is about this place, server, tool and namespace."""
        call = request.proposal.call
        return (
            self.cluster in ("", request.place.identity)
            and (not self.server or fnmatchcase(call.server, self.server))
            and (not self.tool or fnmatchcase(call.tool, self.tool))
            and self._reaches(request)
        )

    def why_not(self, request: ApprovalRequest) -> str:
        """Why an argument of a change that this rule concerns is outside of its limits; empty where none is."""
        arguments = _arguments(request)
        return next((why for name, limit in self.limits if (why := limit.why_not(name, arguments))), "")

    def _reaches(self, request: ApprovalRequest) -> bool:
        """A rule that approves has to match every namespace that is reached, one that rejects only one of them."""
        if not self.namespace:
            return True
        if request.proposal.preview is None:  # nobody knows what it reaches
            return self.effect == "reject"
        change = request.proposal.preview.change
        reached = change.namespaces or (change.entity.namespace,)
        matched = [self.namespace == "*" if one is None else fnmatchcase(one, self.namespace) for one in reached]
        return all(matched) if self.effect == "approve" else any(matched)


def rules(path: Path) -> tuple[Rule, ...]:
    """The rules in a file.

    Args:
        path: A `codenb.toml`.

    Raises:
        ConfigError: It is not there, has no rule, or one of them cannot be used; the message names file and key.
    """
    data = read_toml(path)
    if data is None:
        raise ConfigError(f"{path} is not there: name a codenb.toml with [[approval.policies]]")
    table = Table.of(data, path).table("approval")
    found = tuple(_rule(one, number) for number, one in enumerate(table.tables("policies"), start=1))
    table.known.update(APPROVAL_KEYS)
    table.done()
    if not found:
        raise ConfigError(f"{path} has no [[approval.policies]], so it would approve nothing: write a rule")
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"{path}: two rules under [[approval.policies]] are named {twice!r}: give each its own name")
    return found


def _rule(table: Table, number: int) -> Rule:
    effect = table.text("effect")
    if effect not in _EFFECTS:
        raise table.wrong("effect", f"is {effect!r}: a rule says approve or reject")
    values = {key: _pattern(table, key) for key in _CONDITIONS}
    limits = tuple((name, _limit(table.table("limits").table(name))) for name in table.table("limits").data)
    name = table.text("name").strip() or f"rule {number}"
    expires = _moment(table, "expires")
    table.done()
    if effect == "approve" and (missing := [key for key in _CONDITIONS if not values[key]]):
        raise table.wrong(missing[0], "is missing: a rule that approves says where, on which server and by which tool")
    if effect == "approve" and any(mark in values["cluster"] for mark in "*?["):
        raise table.wrong("cluster", "is a pattern: a rule that approves names one cluster, by its identity")
    if effect == "reject" and limits:
        raise table.wrong("limits", "does not belong to a rule that rejects: what no rule approves is not approved")
    return Rule(name, "approve" if effect == "approve" else "reject", **values, limits=limits, expires=expires)


def _pattern(table: Table, key: str) -> str:
    text = table.text(key)
    if table.has(key) and (not text or text != text.strip()):
        raise table.wrong(key, "is empty or has white space around it")
    return text


def _limit(table: Table) -> Limit:
    bounds = {key: table.number(key, 0, low=-_LARGEST, high=_LARGEST) for key in ("min", "max") if table.has(key)}
    one_of = table.data["one_of"] if table.has("one_of") else None
    table.done()
    if one_of is not None and (not isinstance(one_of, list) or not one_of):
        raise table.wrong("one_of", "is no list of values")
    if not bounds and one_of is None:
        raise ConfigError(f"{table.file}: {table.place} limits nothing: give min, max or one_of")
    if "min" in bounds and "max" in bounds and bounds["min"] > bounds["max"]:
        raise table.wrong("min", "is over max")
    return Limit(bounds.get("min"), bounds.get("max"), None if one_of is None else tuple(one_of))


def _moment(table: Table, key: str) -> datetime | None:
    """A TOML date-time, or the same as text; a date is its beginning, and a time without a zone is UTC."""
    if not table.has(key):
        return None
    value = table.data[key]
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise table.wrong(key, f"is {value[:80]!r}, which is no time: write 2027-01-31T12:00:00Z") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime):
        raise table.wrong(key, "is no time: write 2027-01-31T12:00:00Z")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _arguments(request: ApprovalRequest) -> Mapping[str, Any]:
    """Those of the preview: defaults filled in, as they are carried out."""
    preview = request.proposal.preview
    return (preview or request.proposal).call.arguments


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004  a line's worth
