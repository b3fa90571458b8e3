"""What the experts would have done becomes proposals: previewed, in order, and offered only as far as they agree."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from codenb.actions._propose import propose
from codenb.canonical import canonical_json
from codenb.errors import CodenbError
from codenb.models import Consensus, Opinion, Proposal, ProposedChange

if TYPE_CHECKING:
    from codenb.host import Host


async def proposals(host: Host, opinions: Sequence[Opinion], consensus: Consensus) -> tuple[Proposal, ...]:
    """Preview every change that a valid opinion proposes, those that mend the leading vote first.

    Consensus approves nothing; it decides what may be offered for one click. Where the experts are split or too few,
    and for a change that mends another vote than the leading one, the proposal is shown only. What may destroy
    something is offered only where every valid opinion gives the leading vote.

    Args:
        host: Knows the servers.
        opinions: Checked ones; only those with status `ok` count.
        consensus: What they add up to.

    Returns:
        The proposals. Equal calls are one proposal, by all who propose it.
    """
    leading = consensus.leading.key if consensus.leading else ""
    merged: dict[bytes, tuple[ProposedChange, list[str]]] = {}
    for opinion in opinions:
        for change in opinion.changes if opinion.status == "ok" else ():
            _, names = merged.setdefault(canonical_json(change.call.to_dict()), (change, []))
            names.append(opinion.expert)
    wanted = sorted(merged.values(), key=lambda one: one[0].remedies not in ("", leading))
    return tuple(await asyncio.gather(*(_proposal(host, change, names, consensus) for change, names in wanted)))


async def _proposal(host: Host, change: ProposedChange, names: list[str], consensus: Consensus) -> Proposal:
    leading = consensus.leading.key if consensus.leading else ""
    offered = consensus.offers and change.remedies in ("", leading)
    by = tuple(dict.fromkeys(names))
    try:
        proposal = await propose(
            host,
            change.call,
            why=change.why,
            proposed_by=by,
            success=change.success,
            undo=change.undo,
            group=change.group,
            offered=offered,
        )
    except CodenbError as error:
        # An expert may name a tool that this server does not have; the rest of the answer stands.
        return Proposal(
            call=change.call, why=change.why, proposed_by=by, group=change.group, offered=False, problem=str(error)
        )
    if proposal.destructive and not consensus.unanimous:
        return proposal.model_copy(update={"offered": False})
    return proposal
