"""Whether a yes is signed, where this server takes signed ones only; asked before anything is consumed."""

from __future__ import annotations

import asyncio

from codenb.access import ApprovalKeys, Grant, verify_grant
from codenb.config import Settings
from codenb.errors import PreviewStale, PreviewUsed
from codenb.servers._base._store import NOT_KNOWN, Kept, already_used


async def granted(token: str, kept: Kept | None, slot: str, settings: Settings) -> Grant | None:
    """Check the grant that came with an approval.

    Args:
        token: As it came; empty where none did.
        kept: The preview that is approved, as the store has it.
        slot: Of the call that wants it carried out.
        settings: Name the keys of those who may approve.

    Returns:
        None where approvals need no signature.

    Raises:
        GrantRejected: It is missing or does not hold.
        PreviewUsed: The preview was carried out before.
        PreviewStale: It expired, or is not one of this caller and call.
        ConfigError: The keys cannot be read.
    """
    if not settings.approval:
        return None
    keys = await asyncio.to_thread(ApprovalKeys.of, settings)
    if keys is None:
        return None
    if kept is None or kept.slot != slot:
        raise PreviewStale(NOT_KNOWN)
    if kept.state != "waiting":
        raise PreviewUsed(already_used(kept.preview.reference))
    return await asyncio.to_thread(verify_grant, token, kept.preview, keys)
