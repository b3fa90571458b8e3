"""Every rule of the count, one by one."""

from __future__ import annotations

import pytest

from codenb.errors import BadInput
from codenb.experts import HitRate, consensus
from codenb.models import Cause, Consensus, Entity, Evidence, Opinion, Recommendation, Vote

CHECKOUT = Entity(kind="Deployment", namespace="shop", name="checkout")
OOM = Vote(cause=Cause.OOM_KILLED, root=CHECKOUT, evidence=(Evidence(item="kubernetes", quote="reason: OOMKilled"),))
PULL = Vote(cause=Cause.IMAGE_PULL, root=CHECKOUT, evidence=(Evidence(item="kubernetes", quote="ImagePullBackOff"),))
LOOP = Vote(cause=Cause.CRASH_LOOP, root=CHECKOUT, evidence=(Evidence(item="kubernetes", quote="CrashLoopBackOff"),))
HEALTHY = Vote(cause=Cause.HEALTHY, root=CHECKOUT, evidence=(Evidence(item="kubernetes", quote="ready: 3 of 3"),))


def said(expert: str, *votes: Vote, family: str | None = None, status: str = "ok", **more: object) -> Opinion:
    """An opinion; its family is its own name unless another is given."""
    fields = {"bundle_digest": "d", "expert": expert, "family": family or expert, "kind": "diagnose", "status": status}
    return Opinion.model_validate(fields | {"votes": votes} | more)


def count(*opinions: Opinion, **more: object) -> Consensus:
    """Their consensus on what is wrong."""
    return consensus(opinions, **({"kind": "diagnose", "vocabulary_size": len(Cause)} | more))


def test_two_families_with_one_cause_agree():
    """The plain case: same cause, same root, two independent voices."""
    counted = count(said("rules", OOM), said("changes", OOM))

    assert (counted.status, counted.cause, counted.root, counted.share) == ("AGREED", Cause.OOM_KILLED, CHECKOUT, 1)
    assert (counted.margin, counted.entropy_bits, counted.agreement) == (1, 0, 1)
    assert (counted.families, counted.dissent, counted.unanimous) == (("changes", "rules"), (), True)


def test_exactly_two_thirds_is_agreement():
    """The threshold is inclusive: two of three families."""
    counted = count(said("a", OOM), said("b", OOM), said("c", PULL))

    assert counted.status == "AGREED"
    assert counted.agreement == pytest.approx(1 / 3)
    assert [(tally.key, tally.experts) for tally in counted.dissent] == [(PULL.key, ("c",))]


def test_three_of_five_is_a_majority():
    """More than half, less than two thirds."""
    counted = count(*(said(name, OOM) for name in "abc"), *(said(name, PULL) for name in "de"))

    assert (counted.status, counted.share) == ("MAJORITY", pytest.approx(0.6))
    assert counted.entropy_bits == pytest.approx(0.9709506)


def test_one_against_one_is_a_split_with_a_leading_vote():
    """Disagreement is shown as such, and still says which vote leads and why."""
    counted = count(said("changes", PULL), said("rules", OOM))

    assert (counted.status, counted.leading, counted.margin) == ("SPLIT", OOM, 0)
    assert "rules names a cause" in counted.tie_break
    assert not counted.offers


def test_a_majority_by_a_hair_is_a_split():
    """Above one half, but less than 0.15 ahead."""
    four, three = (said(f"a{n}", OOM) for n in range(8)), (said(f"b{n}", PULL) for n in range(7))

    counted = count(*four, *three)

    assert counted.share > 0.5
    assert counted.status == "SPLIT"


def test_a_plurality_is_a_split():
    """Half the weight is not more than half."""
    counted = count(said("a", OOM), said("b", OOM), said("c", PULL), said("d", HEALTHY))

    assert (counted.status, counted.share) == ("SPLIT", 0.5)


def test_one_valid_opinion_is_one_experts_word():
    """Even where others failed: it is SINGLE, never a consensus."""
    counted = count(said("rules", OOM), said("changes", status="abstain"), said("gpt", status="timeout"))

    assert (counted.status, counted.cause, counted.asked, counted.valid) == ("SINGLE", Cause.OOM_KILLED, 3, 1)


def test_nobody_who_votes_and_someone_who_abstains_is_insufficient():
    """It comes before every other state, and names what was not seen."""
    counted = count(
        said("rules", status="abstain", missing_evidence=("kubernetes.gather_context",)), said("gpt", status="error")
    )

    assert (counted.status, counted.leading) == ("INSUFFICIENT", None)
    assert counted.not_seen == {"rules": ("kubernetes.gather_context",)}


def test_missing_evidence_that_an_invalid_opinion_named_makes_it_insufficient():
    """It did not vote, and still says what one would have to look at."""
    counted = count(said("gpt", OOM, status="invalid", missing_evidence=("logs of checkout",)))

    assert (counted.status, counted.valid) == ("INSUFFICIENT", 0)


def test_nobody_who_votes_and_nobody_who_abstains_is_no_quorum():
    """Failures say nothing about the evidence."""
    assert count(said("gpt", status="error"), said("claude", status="refused")).status == "NO_QUORUM"
    assert count().status == "NO_QUORUM"


def test_less_than_half_of_those_asked_is_no_quorum():
    """Two who agree do not speak for five of whom three failed; the leading vote is still reported."""
    counted = count(said("a", OOM), said("b", OOM), *(said(name, status="error") for name in "cde"))

    assert (counted.status, counted.leading) == ("NO_QUORUM", OOM)


def test_who_abstains_is_not_needed_for_a_quorum():
    """An honest abstention is no failure."""
    counted = count(said("a", OOM), said("b", OOM), *(said(name, status="abstain") for name in "cde"))

    assert counted.status == "AGREED"


def test_experts_without_any_opinion_count_for_the_quorum():
    """`asked` is what the circle knows and the opinions do not show."""
    assert count(said("a", OOM), said("b", OOM), asked=5).status == "NO_QUORUM"


def test_one_family_is_no_quorum():
    """Models of one maker coincide in their errors."""
    counted = count(said("opus", OOM, family="anthropic"), said("haiku", OOM, family="anthropic"))

    assert (counted.status, counted.leading) == ("NO_QUORUM", OOM)


def test_one_family_against_another_does_not_agree_with_itself():
    """AGREED needs two families behind the leading vote, not merely among those who spoke."""
    clones = (said(f"claude-{n}", OOM, family="anthropic") for n in range(7))

    counted = count(*clones, said("gpt", PULL, family="openai"))

    assert counted.share >= 2 / 3
    assert counted.status == "MAJORITY"


def test_a_second_expert_of_a_family_counts_half():
    """1.5 of 2.5, not 2 of 3."""
    counted = count(said("opus", OOM, family="anthropic"), said("haiku", OOM, family="anthropic"), said("gpt", PULL))

    assert counted.share == pytest.approx(0.6)


def test_weights_are_equal_until_every_voice_was_measured_on_twenty_scenarios():
    """Nineteen scenarios are not enough, nor is one measured expert beside an unmeasured one."""
    good = HitRate(hits=19, scenarios=19)
    opinions = (said("a", OOM), said("b", PULL))

    assert count(*opinions, hit_rates={"a": good, "b": HitRate(0, 20)}).share == 0.5
    assert count(*opinions, hit_rates={"a": HitRate(20, 20)}).share == 0.5


def test_measured_experts_weigh_by_their_hit_rate():
    """clip(ln(a(V-1)/(1-a)), 0.5, 3.5) with V = 3: a = 21/22 is clipped to 3.5, a = 1/22 to 0.5."""
    rates = {"a": HitRate(20, 20), "b": HitRate(0, 20)}

    counted = count(said("b", PULL), said("a", OOM), hit_rates=rates, vocabulary_size=3)

    assert (counted.cause, counted.share) == (Cause.OOM_KILLED, pytest.approx(3.5 / 4))


def test_a_weight_between_the_bounds_follows_the_formula():
    """The rate 11/22 over V = 5 gives ln 4."""
    rates = {"a": HitRate(10, 20), "b": HitRate(0, 20)}

    counted = count(said("b", PULL), said("a", OOM), hit_rates=rates, vocabulary_size=5)

    assert counted.share == pytest.approx(1.3862944 / (1.3862944 + 0.5))


def test_a_vocabulary_of_one_is_refused():
    """There would be nothing to tell apart."""
    with pytest.raises(BadInput, match="no choice"):
        count(said("a", OOM), vocabulary_size=1)


def test_spoken_confidence_weighs_nothing():
    """It is telemetry only."""
    sure, unsure = said("a", OOM, self_confidence="high"), said("b", PULL, self_confidence="low")

    assert count(sure, unsure).share == 0.5


@pytest.mark.parametrize("status", ["abstain", "timeout", "error", "refused", "invalid", "over_budget"])
def test_only_ok_votes(status):
    """A late or invalid opinion keeps its votes to be read, and they are not counted."""
    counted = count(said("a", OOM), said("b", OOM), said("c", PULL, status=status))

    assert (counted.status, counted.share, counted.valid) == ("AGREED", 1, 2)


def test_an_opinion_of_another_kind_does_not_vote():
    """A review says nothing about a cause."""
    go = said("c", Vote(verdict="go"), kind="review")

    assert count(said("a", OOM), said("b", OOM), go).valid == 2


def test_a_symptom_yields_to_the_cause_on_its_root():
    """`CrashLoop` is what one sees of an OOM kill: it neither competes nor is it counted for the cause."""
    counted = count(said("rules", LOOP), said("changes", OOM))

    assert (counted.status, counted.cause, counted.share) == ("MAJORITY", Cause.OOM_KILLED, 1)
    assert [(tally.vote, tally.share, tally.experts) for tally in counted.dissent] == [(LOOP, 0, ("rules",))]


def test_many_symptoms_do_not_outvote_one_cause():
    """Three who see the crash loop know less than one who sees why."""
    counted = count(*(said(name, LOOP) for name in "abc"), said("rules", OOM))

    assert counted.cause is Cause.OOM_KILLED


def test_no_endpoints_of_a_service_yields_to_the_cause_on_its_deployment():
    """The service and the deployment are two objects and one story."""
    symptom = LOOP.model_copy(
        update={"cause": Cause.NO_ENDPOINTS, "root": Entity(kind="Service", namespace="shop", name="checkout")}
    )

    assert count(said("a", symptom), said("b", PULL)).cause is Cause.IMAGE_PULL


def test_a_symptom_elsewhere_stands():
    """A crash loop on another workload is not explained by this one's cause."""
    elsewhere = LOOP.model_copy(update={"root": Entity(kind="Deployment", namespace="shop", name="cart")})

    assert count(said("a", elsewhere), said("b", OOM)).status == "SPLIT"


def test_an_opinions_own_cause_leads_over_its_symptom():
    """First vote `CrashLoop`, second vote `OOMKilled`: counted as the latter."""
    counted = count(said("a", LOOP, OOM), said("b", OOM))

    assert (counted.status, counted.cause) == ("AGREED", Cause.OOM_KILLED)


def test_a_symptom_alone_is_still_reported():
    """Where nobody knows the cause, what one sees leads."""
    assert count(said("a", LOOP), said("b", LOOP)).cause is Cause.CRASH_LOOP


def test_unknown_yields_to_a_cause_and_not_to_health():
    """`Unknown` says that something is wrong: `Healthy` contradicts it, a cause explains it."""
    unknown = Vote(cause=Cause.UNKNOWN, evidence=OOM.evidence)

    assert count(said("a", unknown), said("b", OOM)).cause is Cause.OOM_KILLED
    assert count(said("a", unknown), said("b", HEALTHY)).status == "SPLIT"


def test_health_is_one_vote_whatever_it_is_said_of():
    """One expert says it of the deployment, another of nothing in particular."""
    counted = count(said("a", HEALTHY), said("b", HEALTHY.model_copy(update={"root": None})))

    assert (counted.status, counted.cause) == ("AGREED", Cause.HEALTHY)


def test_a_tie_without_rules_goes_to_changes():
    """It reads the state itself as well."""
    counted = count(said("a", OOM), said("changes", PULL))

    assert (counted.cause, counted.tie_break) == (Cause.IMAGE_PULL, "equal shares: changes names a cause")


def test_rules_decides_a_tie_only_where_it_names_a_cause():
    """`Healthy` is not a cause: `changes` then has the say."""
    assert count(said("rules", HEALTHY), said("changes", PULL)).cause is Cause.IMAGE_PULL


def test_a_tie_goes_to_more_distinct_evidence():
    """The same words twice are one piece of evidence."""
    padded = PULL.model_copy(update={"evidence": PULL.evidence * 3})
    better = OOM.model_copy(update={"evidence": (*OOM.evidence, Evidence(item="kubernetes", quote="exit_code: 137"))})

    counted = count(said("a", padded), said("b", better))

    assert counted.cause is Cause.OOM_KILLED
    assert "2 quotes" in counted.tie_break


def test_a_tie_that_nothing_decides_names_the_read_that_would():
    """Else it goes to a person."""
    asking = said("a", PULL, missing_evidence=("logs of the previous container",))

    assert "logs of the previous container" in count(asking, said("b", OOM)).tie_break
    assert "a person decides" in count(said("a", PULL), said("b", OOM)).tie_break


def test_an_expert_has_one_voice():
    """Its second round replaces its first; saying a thing twice does not make it truer."""
    counted = count(said("a", PULL), said("a", OOM, round=2), said("a", OOM, round=2), said("b", OOM))

    assert (counted.valid, counted.asked, counted.status, counted.share) == (2, 2, "AGREED", 1)


def test_opinions_on_different_bundles_are_not_counted_together():
    """They speak of different states."""
    with pytest.raises(BadInput, match="different bundles"):
        count(said("a", OOM), said("b", OOM, bundle_digest="other"))


def test_reviews_agree_on_verdict_and_deciding_findings():
    """The order of the findings is no difference; which ones is."""
    stop = [
        said(name, Vote(verdict="stop", deciding=ids), kind="review")
        for name, ids in (("a", ("f1", "f2")), ("b", ("f2", "f1")), ("c", ("f3",)))
    ]

    counted = count(*stop, kind="review", vocabulary_size=3)

    assert [tally.experts for tally in counted.tallies] == [("a", "b"), ("c",)]


def test_plans_agree_on_tool_object_field_and_value():
    """The wording takes no part."""
    plans = [
        said(
            name,
            Vote(recommendation=Recommendation(text=text, entity=CHECKOUT, field="spec.replicas", value=3)),
            kind="plan",
        )
        for name, text in (("a", "Run three."), ("b", "Three replicas, please."))
    ]

    counted = count(*plans, kind="plan")

    assert (counted.status, counted.cause, counted.root) == ("AGREED", None, None)
