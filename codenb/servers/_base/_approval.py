"""The question that a person is asked before a change, and what counts as a yes.

The question is a pure function of the stored preview: in the 2026 protocol it is rendered again when the answer comes
back, and an answer to a question that reads differently does not count. The answer must repeat `DIGEST.ID`, so that a
yes can never be carried over to another preview.
"""

from __future__ import annotations

from typing import Any, Literal

from mcp.server.mcpserver.context import Context
from mcp.types import ElicitResult, InputResponses
from pydantic import BaseModel, Field, create_model

from codenb.errors import NotApproved
from codenb.models.preview import Preview
from codenb.views import to_text

QUESTION_BYTES = 12_000
"""Hosts cut long questions; with the schema of the answer around it this stays under 16 KB."""

_CUT = " not shown"
"""How a view says that it left something out."""


class Approval(BaseModel):
    """What every answer has, whichever preview it is for."""

    approve: bool
    preview: str
    grant: str = ""


def question(preview: Preview) -> str:
    """The preview as plain text, the whole of it named where it had to be cut."""
    text = to_text(preview.view())
    whole = f"preview://{preview.reference}"
    if len(text.encode()) > QUESTION_BYTES:
        kept = text.encode()[:QUESTION_BYTES].decode(errors="ignore").rpartition("\n")[0]
        return f"{kept}\n\nCUT HERE: the rest of what would change is in {whole}; read it before you approve."
    if _CUT in text:  # by the view; a text that says so by itself costs the person one look
        return (
            f"{text}\n\nCUT HERE: not all of what would change is shown; it is in {whole}: read it before you approve."
        )
    return f"{text}\n\n{whole}"


def answer_model(preview: Preview) -> type[Approval]:
    """The form of the answer, with the preview that it is for as the only value that fits."""
    reference: Any = Literal[preview.reference]  # a type that is known only now
    return create_model(
        "Approval",
        __base__=Approval,
        approve=(bool, Field(description="Carry out exactly this change?")),
        preview=(reference, Field(description="Which preview this answers.")),
        grant=(str, Field(default="", description="A signed approval, where the server asks for one.")),
    )


def require_elicitation(context: Context[Any, Any], tool: str) -> None:
    """Refuse before anything is read where the client could not ask a person anyway.

    Raises:
        NotApproved: The client declares no elicitation by form.
    """
    capabilities = context.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    # A bare `elicitation: {}` is a form, from before there were modes.
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        raise NotApproved(
            f"{tool} changes something and needs an approval, and this client cannot ask for one: nothing was changed; "
            f"see what it would do with preview_change, and call it from a client that supports elicitation"
        )


def is_declined(responses: InputResponses | None) -> bool:
    """Whether the question of an earlier round was declined; that stands however the state has moved meanwhile."""
    return any(isinstance(one, ElicitResult) and one.action != "accept" for one in (responses or {}).values())


def answered_reference(responses: InputResponses | None) -> str | None:
    """Which preview the answers of an earlier round are for."""
    for response in (responses or {}).values():
        if (
            isinstance(response, ElicitResult)
            and response.content
            and isinstance(reference := response.content.get("preview"), str)
        ):
            return reference
    return None


def declined(tool: str) -> NotApproved:
    """The error for a no."""
    return NotApproved(f"{tool} was not approved: nothing was changed")
