"""How alternatives are shown to whoever chooses among them."""

from __future__ import annotations

import pytest

from codenb.models import Answer, Consensus, Proposal, Question, Target, ToolCall


@pytest.mark.parametrize(("count", "shown"), [(1, False), (2, True)])
def test_one_proposal_is_no_alternative(count: int, shown: bool) -> None:  # noqa: FBT001
    """An alternative to nothing sends a reader looking for the other."""
    calls = [ToolCall(server="toy", tool="scale", arguments={"replicas": number}) for number in range(count)]
    answer = Answer(
        question=Question(text="why", kind="diagnose"),
        target=Target(namespace="shop"),
        bundle_digest="0" * 64,
        consensus=Consensus(status="INSUFFICIENT", kind="diagnose"),
        proposals=tuple(Proposal(call=call, group="mend") for call in calls),
    )

    assert ("alternative in mend" in str(answer)) is shown
