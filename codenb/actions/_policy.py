"""Policies that decide in a person's stead: the rules of a project, and the one of the embedded world.

Neither approves what may lose something, what the experts disagree on, or what has no preview: those need a person.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from codenb.actions._approver import Approver, decision
from codenb.actions._pending import none, passed_on
from codenb.actions._rules import Rule, rules
from codenb.models import ApprovalRequest, Decision

_DEMO = "demo policy"


def policy(path: Path | str = "codenb.toml", *, otherwise: Approver | None = None) -> Approver:
    """Decide by the rules of a file, where nobody sits. What no rule approves is not approved.

        [[approval.policies]]
        name = "scaling the shop"
        effect = "approve"
        cluster = "7d9e2a6c-0000-4000-8000-000000000001"
        server = "kubernetes"
        tool = "scale_deployment"
        namespace = "shop"
        limits = { replicas = { min = 1, max = 10 } }
        expires = 2027-01-31T00:00:00Z

        [[approval.policies]]
        effect = "reject"
        namespace = "payments"

    A rule that approves has `cluster` (the identity that every preview shows), `server`, `tool` and `namespace`; the
    last three are patterns in which `*` stands for any text, and every namespace that a change reaches has to match.
    `limits` bounds arguments, by `min`, `max` or `one_of`: an argument that is named there has to be given and within;
    one that is not named may be anything. A rule that rejects holds for all that matches what it names, one reached
    namespace being enough; it wins over every rule that approves. `expires` is the moment from which a rule says
    nothing.

    Whatever the rules say, a change that may lose something, one that the experts do not agree on, and one without a
    preview are not approved by them. A server that asks for signed approvals does not take the word of a policy.

    Args:
        path: A `codenb.toml`; read again for each request, so that a rule that is taken out counts no longer.
        otherwise: Answers what the rules neither approve nor reject; by default nobody does, and it is written to
            `pending.json`.

    Raises:
        ConfigError: The file is not there, has no rules, or one of them cannot be used.
    """
    return _Policy(Path(path), otherwise or none())


class _Policy:
    def __init__(self, path: Path, otherwise: Approver) -> None:
        self._path = path
        self._otherwise = otherwise
        rules(path)  # what is wrong with it is said before the run, not in its middle

    async def decide(self, request: ApprovalRequest) -> Decision:
        now = datetime.now(UTC)
        found = await asyncio.to_thread(rules, self._path)
        about = [one for one in found if one.concerns(request)]
        counts = [one for one in about if not one.expired(now)]
        if rejects := next((one for one in counts if one.effect == "reject"), None):
            return self._decided(request, rejects, approve=False)
        approves = next((one for one in counts if one.effect == "approve" and not one.why_not(request)), None)
        if approves and request.proposal.preview and not request.needs_person:
            return self._decided(request, approves, approve=True)
        why = _needs_person(request) if approves else self._why_none(request, about, now)
        return await passed_on(self._otherwise, request, why)

    def _decided(self, request: ApprovalRequest, rule: Rule, *, approve: bool) -> Decision:
        by, reason = f"{rule.name} of {self._path}", f"[[approval.policies]] {rule.name!r} {rule.effect}s it"
        return decision(request, approve=approve, by=by, approver="policy", proof="policy", reason=reason)

    def _why_none(self, request: ApprovalRequest, about: list[Rule], now: datetime) -> str:
        """Why no rule approves this: the one that came nearest says it."""
        near = [one for one in about if one.effect == "approve"]
        for one in near:
            if one.expired(now):
                return f"{one.name!r} in {self._path} expired at {one.expires:%Y-%m-%d %H:%M} UTC"
        if near:
            return f"{near[0].name!r} in {self._path} does not allow it: {near[0].why_not(request)}"
        return f"no rule in {self._path} allows it"

    def __repr__(self) -> str:
        return f"policy({str(self._path)!r})"


def _needs_person(request: ApprovalRequest) -> str:
    if request.proposal.preview is None:
        return "no policy may approve what has no preview"
    why = "may destroy something" if request.proposal.destructive else "is not agreed on by the experts"
    return f"no policy may approve what {why}"


def demo_policy() -> Approver:
    """Approves changes of the embedded world, known by its identity, and of nothing else; signs as `demo policy`."""
    return _DemoPolicy()


class _DemoPolicy:
    async def decide(self, request: ApprovalRequest) -> Decision:
        if not request.place.embedded:
            reason = f"{request.place} is not the embedded world"
            return decision(request, approve=False, by=_DEMO, approver="demo_policy", proof="policy", reason=reason)
        if request.needs_person:
            reason = "this needs a person"
            return decision(
                request, approve=False, by=_DEMO, approver="demo_policy", proof="policy", reason=reason, pending=True
            )
        reason = "the embedded world, where nothing real can be harmed"
        return decision(request, approve=True, by=_DEMO, approver="demo_policy", proof="policy", reason=reason)

    def __repr__(self) -> str:
        return "demo_policy()"
