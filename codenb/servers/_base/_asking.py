"""A change tool as the SDK sees it: the caller's arguments, and one parameter that only a person's answer can fill."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve

from codenb.errors import BadInput, ChangesOff, CodenbError, PreviewUsed
from codenb.models.outcome import Decision, Outcome
from codenb.models.preview import Preview
from codenb.servers._base._approval import (
    Approval,
    answer_model,
    answered_reference,
    declined,
    is_declined,
    question,
    require_elicitation,
)
from codenb.servers._base._auditing import Auditor
from codenb.servers._base._caller import caller
from codenb.servers._base._carrying import Carrier
from codenb.servers._base._granted import granted
from codenb.servers._base._plans import ChangeTool, Planner
from codenb.servers._base._store import PreviewStore, already_used


class AutoApproval(Approval):
    """A yes of the server's own configuration; no answer of a client is read as one."""

    decision: Decision


_CONTEXT = "codenb_context"
_ANSWER = "codenb_answer"


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """A function's annotations, evaluated.

    Raises:
        BadInput: One names a type that is not at module level.
    """
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise BadInput(
            f"{function.__qualname__}: {error}: a tool's annotations name types that are defined at module level"
        ) from error


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a change tool, in whichever round it is."""

    tool: ChangeTool
    planner: Planner
    store: PreviewStore
    auditor: Auditor
    values: dict[str, Any]

    def slot(self, preview: Preview | None) -> str:
        """Whose call this is, where it is one for this preview."""
        masked = preview.change.shown_arguments if preview else ()
        return self.planner.slot(caller().name, self.tool.name, self.values, masked)

    async def question(self, context: Context[Any, Any]) -> Elicit[Approval] | AutoApproval:
        """What is asked in this round, or the answer that the configuration gives."""
        if not self.planner.auto_approves:
            require_elicitation(context, self.tool.name)
        if context.request_state is not None:
            if is_declined(context.input_responses):
                await self.decline()
            asked = await self.asked_before(answered_reference(context.input_responses))
            if asked is not None:
                return Elicit(question(asked), answer_model(asked))
        plan = await self.planner.plan(self.tool, self.values, {})
        if refusal := self.planner.refusal(plan):
            off = ChangesOff(refusal)
            await self.auditor.denied(self.tool.name, off, plan.place)
            raise off
        decision = self.planner.auto_approved(plan.change, plan.digest)
        if decision is None:
            require_elicitation(context, self.tool.name)
        preview = self.planner.preview(plan)
        await self.store.save(preview, self.slot(preview))
        await self.auditor.asked(preview)
        if decision is not None:
            return AutoApproval(approve=True, preview=preview.reference, decision=decision)
        return Elicit(question(preview), answer_model(preview))

    async def asked_before(self, reference: str | None) -> Preview | None:
        """The preview that an earlier round of this call asked about: the one its answer names, else the newest."""
        kept = await self.store.find(reference) if reference else None
        if kept is None or kept.slot != self.slot(kept.preview):
            return await self.store.newest_waiting(self.slot(None))
        if kept.state != "waiting":
            used = PreviewUsed(already_used(kept.preview.reference))
            await self.auditor.refused(self.tool.name, kept.preview, used)
            raise used
        return kept.preview

    async def decline(self) -> NoReturn:
        """Note that the answer was a no, and stop."""
        await self.auditor.declined(self.tool.name, await self.store.newest_waiting(self.slot(None)))
        raise declined(self.tool.name)

    async def approved(self, approval: Approval) -> tuple[str, Decision | None, str]:
        """Whether a yes counts; nothing is consumed yet.

        Returns:
            Whose call this is, who approved it as far as that is proved, and the id of the grant that proves it.
        """
        kept = await self.store.find(approval.preview)
        slot = self.slot(kept.preview if kept else None)
        if kept and kept.slot == slot:
            self.planner.require_schema(kept.preview)
        if isinstance(approval, AutoApproval):
            return slot, approval.decision, ""
        grant = await granted(approval.grant, kept, slot, self.planner.settings())
        decision = grant.decision(kept.preview) if grant and kept else None
        return slot, decision, grant.id if grant else ""


def asking(
    tool: ChangeTool, planner: Planner, carrier: Carrier, store: PreviewStore, auditor: Auditor
) -> Callable[..., Any]:
    """Make the function that is registered for a change tool.

    In the 2025 protocol the question is asked while the call waits. In the 2026 protocol the call ends with the
    question and comes again with the answer, and everything up to the question runs again too.
    """

    async def ask(**values: Any) -> Elicit[Approval] | AutoApproval:
        context: Context[Any, Any] = values.pop(_CONTEXT)
        return await _Call(tool, planner, store, auditor, values).question(context)

    async def change(**values: Any) -> Outcome:
        answer: ElicitationResult[Approval] = values.pop(_ANSWER)
        call = _Call(tool, planner, store, auditor, values)
        if not isinstance(answer, AcceptedElicitation) or not answer.data.approve:
            await call.decline()
        try:
            slot, decision, grant = await call.approved(answer.data)
            return await carrier.carry_out(tool, values, slot, answer.data.preview, decision, grant=grant)
        except CodenbError as error:  # before anything was consumed; what comes after is the carrier's to tell
            kept = await store.find(answer.data.preview)
            await auditor.refused(tool.name, kept.preview if kept else None, error)
            raise

    hints = hints_of(tool.function)
    arguments = [
        parameter.replace(annotation=hints.get(name, Any))
        for name, parameter in inspect.signature(tool.function).parameters.items()
        if name != "fixed"
    ]
    _shape(
        ask, f"ask_{tool.name}", [*arguments, _keyword(_CONTEXT, Context[Any, Any])], Elicit[Approval] | AutoApproval
    )
    _shape(
        change,
        tool.name,
        [*arguments, _keyword(_ANSWER, Annotated[ElicitationResult[Approval], Resolve(ask)])],
        Outcome,
    )
    return change


def _keyword(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation)


def _shape(function: Callable[..., Any], name: str, parameters: list[inspect.Parameter], returns: Any) -> None:
    """Give a function the name and the signature that the SDK reads its arguments from."""
    function.__name__ = function.__qualname__ = name
    function.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]
    function.__annotations__ = {item.name: item.annotation for item in parameters} | {"return": returns}
