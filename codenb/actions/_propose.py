"""A call that would change something becomes a proposal: what it would do, how to tell that it worked, the undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codenb.access import PREVIEW_TOOL
from codenb.canonical import digest
from codenb.errors import BadInput, CodenbError, ProtocolFault, UnknownTool
from codenb.models import Place, Preview, Proposal, SuccessCondition, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from codenb.host import Host

_STAND_INS = ("<redacted:", "hmac-sha256:")


async def propose(
    host: Host,
    call: ToolCall,
    *,
    why: str = "",
    proposed_by: tuple[str, ...] = ("you",),
    success: SuccessCondition | None = None,
    undo: ToolCall | None = None,
    group: str | None = None,
    offered: bool = True,
    on_progress: Callable[[str], None] | None = None,
) -> Proposal:
    """Ask the server what a call would change. Nothing is changed.

    Args:
        host: Knows the server.
        call: Tool and arguments.
        why: One sentence for whoever decides.
        proposed_by: Experts, or `you`.
        success: How one can tell that it worked; by default as the preview says.
        undo: What takes it back; by default as the preview says.
        group: Proposals of one group are alternatives: at most one is carried out.
        offered: Whether one click may approve it.
        on_progress: Gets what the server says it is doing, a line each.

    Returns:
        The proposal. Where there is no preview its `problem` says why; a third-party tool never has one.

    Raises:
        UnknownServer: There is no such server.
        UnknownTool: It has no such tool.
        BadInput: The tool changes nothing, so there is nothing to approve.
        AccessError: It may not be called.
        ServerError: The server could not be asked which tools it has.
    """
    preview, problem = None, None
    has_previews = await _has_previews(host, call)
    if has_previews:
        try:
            preview = await _preview(host, call, on_progress)
        except CodenbError as error:
            problem = " ".join(str(error).split())
    change = preview.change if preview else None
    shown = call
    if preview is not None:
        shown = _as_shown(call, preview)
    elif has_previews:  # which of its arguments are secret, only the preview would have said
        shown = call.model_copy(update={"arguments": host.redactor.value(call.arguments)})
    proposal = Proposal(
        call=shown,
        why=why,
        proposed_by=proposed_by,
        preview=preview,
        success=success or (change.success if change else None),
        undo=undo or (change.undo if change else None),
        group=group,
        offered=offered,
        problem=problem,
    )
    return proposal if shown == call else proposal.sent_as(call)


def _as_shown(call: ToolCall, preview: Preview) -> ToolCall:
    """The call with what its server shows in place of secret arguments."""
    masked = preview.change.shown_arguments
    return call.model_copy(update={"arguments": call.arguments | masked}) if masked else call


async def previewed(host: Host, call: ToolCall, on_progress: Callable[[str], None] | None = None) -> Preview | None:
    """What a call would change, read anew; None for a third-party tool, of which that is not known.

    Raises:
        CodenbError: There is no such tool, it changes nothing, or the server could not say.
    """
    return await _preview(host, call, on_progress) if await _has_previews(host, call) else None


def place_without_preview(host: Host, call: ToolCall) -> Place:
    """What is known of where a third-party tool acts: which server it is, as the configuration names it."""
    address = host.servers[call.server].shown or "in process"
    return Place(
        kind="server",
        name=call.server,
        address=address,
        identity=digest({"server": call.server, "address": address}),
    )


async def _has_previews(host: Host, call: ToolCall) -> bool:
    if any(one in str(call.arguments) for one in _STAND_INS):
        raise BadInput(f"an argument of {call.server}.{call.tool} stands for a hidden value: give the value itself")
    await host.require_permit(call)  # the list of tools leaves out what may not be called
    tools = await host.tools(call.server)
    tool = next((one for one in tools if one.name == call.tool), None)
    if tool is None:
        changing = sorted(one.name for one in tools if not one.callable)
        raise UnknownTool(
            f"{call.server} has no tool {call.tool!r}; what it can change: {', '.join(changing) or 'nothing'}"
        )
    if tool.callable:
        raise BadInput(f"{call.server}.{call.tool} changes nothing, so it needs no approval: call it")
    return tool.kind == "changes"


async def _preview(host: Host, call: ToolCall, on_progress: Callable[[str], None] | None) -> Preview:
    asked = {"tool": call.tool, "arguments": call.arguments}
    result = await host.call(call.server, PREVIEW_TOOL, asked, fresh=True, on_progress=on_progress)
    try:
        preview = Preview.from_dict(result.data, what=f"the preview of {call.server}.{call.tool}")
    except BadInput as error:
        raise ProtocolFault(str(error)) from error
    # What is shown and what is approved must be one: a server could show one change under another's digest. Hidden
    # secrets make that check impossible; the digest then rests on the server's word.
    hidden = _STAND_INS[0] in str(result.data)
    own = preview.change.digest(preview.place, preview.call) == preview.digest
    if preview.call.tool != call.tool or not (own or hidden):
        raise ProtocolFault(
            f"the preview of {call.server}.{call.tool} is not of this call, or its digest is not its own"
        )
    return preview
