"""Which calls belong together."""

from __future__ import annotations

import codenb


async def test_the_calls_of_one_operation_share_a_trace_id_and_the_next_has_another():
    """A table of calls is read to find out what one consultation cost; its rows must be told from the others'."""
    async with codenb.connect("demo") as nb:
        context = await nb.gather(namespace="shop", workload="checkout")
        gathered = {call.trace_id for call in nb.calls}
        await nb.consult("Why is checkout failing?", context)
        consulted = [call.trace_id for call in list(nb.calls) if call.trace_id not in gathered]

    assert len(gathered) == 1
    assert len(next(iter(gathered))) == 32
    assert len(consulted) >= 2, "two proposals are previewed"
    assert len(set(consulted)) == 1
