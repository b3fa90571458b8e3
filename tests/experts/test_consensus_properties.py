"""What holds of the count whatever anyone says."""

from __future__ import annotations

import math
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from codenb.experts import HitRate, consensus
from codenb.models import Cause, Consensus, Entity, Evidence, Opinion, Vote
from codenb.models.answer import ConsensusStatus
from codenb.models.opinion import OpinionStatus

names = st.sampled_from(["rules", "changes", "opus", "gpt", "мodel", "a b"])
roots = st.none() | st.builds(
    Entity,
    kind=st.sampled_from(["Deployment", "Service"]),
    name=st.sampled_from(["web", "дб", "x" * 200]),
    namespace=st.none() | st.just("shop"),
)
quotes = st.builds(Evidence, item=st.just("kubernetes"), quote=st.text(min_size=1, max_size=30))
votes = st.builds(
    Vote,
    cause=st.sampled_from(list(Cause)),
    root=roots,
    mechanism=st.text(max_size=20),
    evidence=st.lists(quotes, max_size=3).map(tuple),
)
statuses = st.sampled_from(["ok"] * 6 + list(get_args(OpinionStatus)))
opinions = st.builds(
    Opinion,
    bundle_digest=st.just("d"),
    expert=names,
    family=st.sampled_from(["f", "g", "h"]),
    kind=st.just("diagnose"),
    status=statuses,
    votes=st.lists(votes, max_size=3).map(tuple),
    missing_evidence=st.lists(st.text(max_size=8), max_size=2).map(tuple),
    round=st.integers(1, 2),
)
circles = st.lists(opinions, max_size=7)
rates = st.dictionaries(
    names, st.integers(0, 60).flatmap(lambda n: st.builds(HitRate, hits=st.integers(0, n), scenarios=st.just(n)))
)
failed = opinions.map(
    lambda one: one.model_copy(update={"expert": "late", "status": "timeout", "missing_evidence": ()})
)


def count(circle, hit_rates=None, **more) -> Consensus:
    """Their consensus on what is wrong."""
    return consensus(circle, kind="diagnose", vocabulary_size=len(Cause), hit_rates=hit_rates, **more)


@given(circles, rates)
def test_shares_are_shares(circle, hit_rates):
    """Each is in [0, 1] and together they are 1 wherever anyone votes."""
    counted = count(circle, hit_rates)

    assert all(0 <= tally.share <= 1 for tally in counted.tallies)
    assert 0 <= counted.margin <= counted.share <= 1
    if counted.valid:
        assert math.isclose(math.fsum(tally.share for tally in counted.tallies), 1)
        assert 0 <= counted.entropy_bits <= math.log2(counted.valid) + 1e-9


@given(st.data(), circles, rates)
def test_order_makes_no_difference(data, circle, hit_rates):
    """Who answered first must not decide."""
    shuffled = data.draw(st.permutations(circle))

    assert count(shuffled, hit_rates) == count(circle, hit_rates)


@given(circles, rates)
def test_saying_it_twice_makes_no_difference(circle, hit_rates):
    """A resent answer is no second voice."""
    assert count([*circle, *circle], hit_rates) == count(circle, hit_rates)


@given(circles, failed)
def test_a_failed_opinion_changes_nothing_but_counts(circle, failure):
    """Asked is asked: whether the failure left an opinion behind or not, the count is the same."""
    asked = len({one.expert for one in circle}) + 1

    assert count([*circle, failure], asked=asked) == count(circle, asked=asked)


@given(circles, failed)
def test_a_failed_expert_moves_no_vote(circle, failure):
    """One more who was asked can cost the quorum, never change who leads by how much."""
    before, after = count(circle), count([*circle, failure])

    assert (after.leading, after.tallies, after.margin) == (before.leading, before.tallies, before.margin)
    assert after.status in (before.status, "NO_QUORUM")


@given(circles, rates)
def test_every_state_keeps_its_promise(circle, hit_rates):
    """The state is one of six; AGREED has two families behind it; a valid opinion means a leading vote."""
    counted = count(circle, hit_rates)

    assert counted.status in get_args(ConsensusStatus)
    assert (counted.leading is not None) == (counted.valid > 0)
    assert (counted.status == "INSUFFICIENT") <= (counted.valid == 0)
    assert (counted.status == "SINGLE") == (counted.valid == 1)
    if counted.status == "AGREED":
        families = {one.family for one in circle if one.expert in counted.tallies[0].experts and one.status == "ok"}
        assert len(families) >= 2
        assert counted.share >= 2 / 3 - 1e-9


@given(circles)
def test_a_cause_is_never_outvoted_by_what_one_sees_of_it(circle):
    """Where the leading vote is a symptom with a share, nobody names a cause at the same place."""
    counted = count(circle)

    for tally in counted.tallies:
        if tally.share > 0 and tally.vote.cause.symptom:
            causes = [other.vote.root for other in counted.tallies if other.vote.names_cause]
            assert all(root is not None and tally.vote.root is not None for root in causes)


@given(circles, rates)
def test_a_consensus_survives_its_own_json(circle, hit_rates):
    """Answers are kept in notebooks and files."""
    counted = count(circle, hit_rates)

    assert Consensus.from_dict(counted.to_dict()) == counted
