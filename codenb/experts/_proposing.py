"""From a remedy to a proposed change: bound to the vote that it would mend."""

from __future__ import annotations

from codenb.models import ProposedChange, Remedy, ToolCall, Vote


def proposed(remedy: Remedy, vote: Vote, server: str, *, undo: ToolCall | None = None) -> ProposedChange | None:
    """What an expert would have done; None where the remedy is only words.

    Args:
        remedy: With its call and success condition, as the Kubernetes server makes them.
        vote: What it would mend. All that mends one vote are alternatives, so its key is their group.
        server: What the server that answered is called here.
        undo: The call that takes it back, where one knows it before the preview says it.
    """
    if remedy.call is None:
        return None
    success = remedy.success
    if success:
        success = success.model_copy(update={"check": success.check.model_copy(update={"server": server})})
    return ProposedChange(
        call=remedy.call.model_copy(update={"server": server}),
        why=remedy.text[:1_000],
        success=success,
        undo=undo,
        group=vote.key,
        remedies=vote.key,
    )
