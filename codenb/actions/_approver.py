"""Who may say yes: one protocol for a person, a recorded decision and a policy.

An approver answers about one request and its answer names the digest of what it saw. Whether the answer is good enough
is judged in one place, here, so that no approver can approve more than its kind may.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from codenb.models import ApprovalRequest, Decision

if TYPE_CHECKING:
    from codenb.host import Host


@runtime_checkable
class Approver(Protocol):
    """Decides about changes. It must answer: where nobody can be asked, the answer is no, and at once."""

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Approve or reject what the request shows.

        Args:
            request: What would change, where, and why it is proposed.

        Returns:
            A decision that names the request's digest.
        """


def decision(
    request: ApprovalRequest,
    *,
    approve: bool,
    by: str,
    approver: str,
    proof: Literal["policy", "name"] = "name",
    reason: str = "",
    pending: bool = False,
) -> Decision:
    """A decision about this request, made now; for approvers."""
    return Decision(
        approve=approve,
        digest=request.digest,
        by=by,
        proof=proof,
        approver=approver,
        at=datetime.now(UTC),
        reason=reason,
        pending=pending,
    )


def by_configuration(host: Host, request: ApprovalRequest) -> Decision | None:
    """The decision of `auto_approve`, where it decides: a server asks nobody then, and so does nobody here.

    Its preview says that it would not ask, which alone is no consent; that the same configuration says so here, is.

    Args:
        host: Knows what is configured.
        request: Of a change that its server does not refuse.
    """
    preview = request.proposal.preview
    named = preview.change.auto_approved_by if preview else None
    if named is None or request.needs_person:
        return None
    server = request.proposal.call.server
    if named not in {str(entry) for entry in host.servers[server].auto_approve}:
        return None
    by, reason = f"auto_approve under [servers.{server}] in codenb.toml", f"it names {named}"
    return decision(request, approve=True, by=by, approver="auto_approve", proof="policy", reason=reason)


def objection(request: ApprovalRequest, decided: Decision) -> str:
    """Why a decision does not allow what was requested; empty where it does.

    Consent holds for one digest, until it expires. What the experts disagree on, and what may lose something, a policy
    cannot approve.
    """
    if not decided.approve:
        said = f": {decided.reason}" if decided.reason else ""
        return f"waiting for an approval{said}" if decided.pending else f"rejected by {decided.decider}{said}"
    if decided.digest != request.digest:
        return f"approved was {decided.digest[:16]}, but this is {request.digest[:16]}: look at it and decide again"
    if decided.expires_at and decided.expires_at <= datetime.now(UTC):
        return f"the approval of {decided.decider} expired at {decided.expires_at:%Y-%m-%d %H:%M} UTC: approve again"
    if request.needs_person and decided.proof == "policy":
        why = "it may destroy something" if request.proposal.destructive else "the experts do not agree on it"
        return f"{decided.by} may not approve this, because {why}: a person has to"
    return ""
