"""Who approved, as far as a signature proves it here; the server that carries the change out checks for itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from codenb.access import ApprovalKeys, verify_grant
from codenb.errors import GrantRejected
from codenb.models import ApprovalRequest, Decision

if TYPE_CHECKING:
    from codenb.config import Settings


async def proved(settings: Settings, request: ApprovalRequest, decided: Decision) -> Decision:
    """Take the name of whoever signed from the key, where `[approval.keys]` has it; else it stays a bare name.

    Args:
        settings: Name the keys.
        request: What was asked.
        decided: Perhaps with a grant.

    Raises:
        ConfigError: The keys cannot be read.
    """
    preview = request.proposal.preview
    if not (decided.approve and decided.grant and preview and settings.approval):
        return decided
    keys = await asyncio.to_thread(ApprovalKeys.of, settings)
    if keys is None:
        return decided
    try:
        grant = await asyncio.to_thread(verify_grant, decided.grant, preview, keys)
    except GrantRejected as error:  # a server elsewhere may know keys that are not known here
        return decided.model_copy(update={"reason": "; ".join(filter(None, [decided.reason, f"here {error}"]))})
    return decided.model_copy(update={"by": grant.by, "proof": "key", "expires_at": grant.expires_at})
