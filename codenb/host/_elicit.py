"""Carries a server's question to whoever approves, and the answer back.

A server of codenb's kind asks for the approval of one preview, named in the answer's schema. That question, and no
other, reaches the approver: what else a server may want to be told is declined. While a person thinks, the call's own
deadline stands still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mcp.client import ClientRequestContext
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from codenb.host._deadline import Deadline
from codenb.models.change import ToolCall


@dataclass(frozen=True, slots=True)
class Ask:
    """What a server asks before it makes a change.

    Attributes:
        message: The question in words, from the server.
        reference: `DIGEST.ID` of the preview that an approval is bound to; None where there is no preview.
        server: Who asks.
        tool: The tool that was called.
    """

    message: str
    reference: str | None
    server: str
    tool: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What the approver says; a grant is the signed form of a yes, where the server wants one."""

    approve: bool
    grant: str = ""


Approve = Callable[[Ask], Awaitable[Answered | bool | None]]
"""Says yes or no to one question; None is no."""


def is_yes(answer: Answered | bool | None) -> bool:  # noqa: FBT001  what an approver may say
    """Whether an approver's answer is a yes; anything else is a no."""
    return answer.approve if isinstance(answer, Answered) else answer is True


class Consent:
    """The approvals of one call.

    Attributes:
        asked: Whether the server asked for an approval.
        approved: Whether it was told yes; a server of codenb's kind changes nothing before.
        failure: What the approver raised; the server was told no.
    """

    def __init__(self, call: ToolCall, approve: Approve, deadline: Deadline, timeout_s: float) -> None:
        self._call = call
        self._approve = approve
        self._deadline = deadline
        self._timeout_s = timeout_s
        self._answers: dict[str, Answered] = {}
        self._one_at_a_time = asyncio.Lock()
        self.asked = False
        self.approved = False
        self.failure: Exception | None = None

    async def without_preview(self) -> bool:
        """Ask about a tool that asks nothing itself.

        Returns:
            Whether it may be called.
        """
        message = f"{self._call}: no preview available, the server does not say what this would change"
        return (await self._answer(Ask(message, None, self._call.server, self._call.tool))).approve

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002  the SDK's callback
        """Answer one elicitation."""
        reference = _reference(params)
        if reference is None:
            return ElicitResult(action="decline")
        self.asked = True
        async with self._one_at_a_time:
            if reference not in self._answers:
                ask = Ask(params.message, reference, self._call.server, self._call.tool)
                self._answers[reference] = await self._answer(ask)
        answer = self._answers[reference]
        if not answer.approve:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content={"approve": True, "preview": reference, "grant": answer.grant})

    async def _answer(self, ask: Ask) -> Answered:
        with self._thinking():
            try:
                answer = await self._approve(ask)
            except Exception as error:  # noqa: BLE001  raised again, by whoever made the call, after the server's no
                self.failure = error
                return Answered(approve=False)
        answered = answer if isinstance(answer, Answered) else Answered(approve=is_yes(answer))
        self.approved = self.approved or answered.approve
        if answered.approve:  # planning may have taken long; carrying it out has the whole time
            self._until(asyncio.get_running_loop().time() + self._timeout_s)
        return answered

    @contextmanager
    def _thinking(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        until = self._deadline.when()
        left = None if until is None else until - loop.time()
        self._until(None)
        try:
            yield
        finally:
            if left is not None:
                self._until(loop.time() + left)

    def _until(self, when: float | None) -> None:
        with suppress(RuntimeError):  # the caller has left its deadline; the answer comes too late for it
            self._deadline.reschedule(when)


def _reference(params: ElicitRequestParams) -> str | None:
    """The preview that the answer's schema names; None where this is another kind of question."""
    if not isinstance(params, ElicitRequestFormParams):
        return None
    properties: dict[str, Any] = params.requested_schema.get("properties") or {}
    match properties:
        case {"approve": {"type": "boolean"}, "preview": {"const": str(reference)}}:
            return reference
        case {"approve": {"type": "boolean"}, "preview": {"enum": [str(reference)]}}:
            return reference
        case _:
            return None
