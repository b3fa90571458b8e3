"""Sending a change, once.

It has a connection of its own, so that the server's questions can reach nobody but its approver. Once it was sent it is
either answered or in doubt; it is never sent again, and a doubt is settled by reading what became of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp import Client, MCPError
from mcp_types import CallToolResult

from codenb.errors import AccessError, ChangeError, ChangeFailed, NotApproved, ServerError
from codenb.host._deadline import Deadline
from codenb.host._elicit import Approve, Consent
from codenb.host._faults import is_answer
from codenb.host._progress import Listener
from codenb.host._results import wire

if TYPE_CHECKING:
    from codenb.host._listing import ToolInfo
    from codenb.host._peer import Peer
    from codenb.host._progress import OnProgress
    from codenb.host._records import Entry
    from codenb.models.change import ToolCall


async def changed(
    entry: Entry,
    peer: Peer,
    info: ToolInfo,
    call: ToolCall,
    approve: Approve,
    *,
    timeout_s: float,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Make a change.

    Args:
        entry: Its record; `in_doubt` says afterwards whether the outcome is unknown.
        peer: The server.
        info: The tool.
        call: What is called.
        approve: Decides.
        timeout_s: How long the server may take, the approver's thinking not counted, and anew from the approval.
        on_progress: Gets what the server says it is doing.

    Returns:
        The answer as JSON data.
    """
    what = f"{call.server}.{call.tool}"
    deadline = Deadline.within(timeout_s)
    consent = Consent(call, approve, deadline, timeout_s)
    listener = Listener(on_progress, peer.redactor)
    connection = peer.own_connection(consent)

    async def send(client: Client) -> CallToolResult:
        if info.kind != "changes" and not await consent.without_preview():
            raise NotApproved(f"{what} was not approved: nothing was sent")
        entry.in_doubt = True
        try:
            return await client.call_tool(call.tool, call.arguments, progress_callback=listener)
        except MCPError as error:
            entry.in_doubt = not is_answer(error)
            raise

    try:
        answer = await connection.ask(what, send, deadline)
        raw, entry.bytes = wire(answer, limit=peer.limit, what=what)
        entry.in_doubt = False
    except BaseException as error:
        if not consent.approved and (consent.asked or (peer.builtin and not peer.settings.auto_approve)):
            entry.in_doubt = False  # a server that asks, or is ours, has changed nothing before it was told yes
        if consent.failure and isinstance(error, Exception):
            raise consent.failure from None
        if entry.in_doubt and isinstance(error, ServerError):
            raise type(error)(f"{error}; whether it was changed is unknown: look before you try again") from error
        raise
    finally:
        entry.approved = consent.approved or bool(peer.settings.auto_approve and not consent.asked)
        listener.end()
        connection.end(spare=entry.in_doubt)
    if consent.failure:
        raise consent.failure
    if raw.get("isError") and consent.asked and not consent.approved:
        raise NotApproved(f"{what} was not approved: nothing was changed")
    return raw


def may_differ(entry: Entry, failure: BaseException | None) -> bool:
    """Whether something may be different after a change from what it was before.

    Args:
        entry: Its record.
        failure: How it ended, where it was not made.
    """
    if failure is None or entry.in_doubt:
        return True
    refused = isinstance(failure, AccessError | ChangeError) and not isinstance(failure, ChangeFailed)
    return entry.approved and not refused and getattr(failure, "outcome", None) != "refused"
