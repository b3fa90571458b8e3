"""The policy of the embedded world: a demonstration must run where nobody can be asked, and only there."""

from __future__ import annotations

from codenb.actions._approver import Approver, decision
from codenb.models import ApprovalRequest, Decision

_NAME = "demo policy"


def demo_policy() -> Approver:
    """Approves changes of the embedded world, known by its identity, and of nothing else; signs as `demo policy`."""
    return _DemoPolicy()


class _DemoPolicy:
    async def decide(self, request: ApprovalRequest) -> Decision:
        if not request.place.embedded:
            reason = f"{request.place} is not the embedded world"
            return decision(request, approve=False, by=_NAME, approver="demo_policy", proof="policy", reason=reason)
        if request.needs_person:
            reason = "this needs a person"
            return decision(
                request, approve=False, by=_NAME, approver="demo_policy", proof="policy", reason=reason, pending=True
            )
        reason = "the embedded world, where nothing real can be harmed"
        return decision(request, approve=True, by=_NAME, approver="demo_policy", proof="policy", reason=reason)

    def __repr__(self) -> str:
        return "demo_policy()"
