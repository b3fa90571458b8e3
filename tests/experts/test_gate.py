"""What keeps an invented cause from voting."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.experts import checked
from codenb.models import Cause, ContextBundle, ContextItem, Entity, Evidence, Opinion, Target, Vote

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATE = {
    "namespace": "shop",
    "workloads": [{"kind": "Deployment", "name": "checkout", "limits": {"memory": "128Mi"}}],
    "events": [
        {"reason": "BackOff", "message": 'Back-off restarting "app" — schon wieder\nzweite Zeile', "secrets": []}
    ],
    "taken_at": "2026-11-22T12:00:00Z",
}
BUNDLE = ContextBundle(
    target=Target(namespace="shop", workload="checkout"),
    items=(
        ContextItem(
            id="kubernetes.gather_context",
            server="kubernetes",
            tool="gather_context",
            status="ok",
            data=STATE,
            gathered_at=NOW,
        ),
        ContextItem(
            id="notes.read", server="notes", tool="read", status="ok", data="checkout needs 256Mi", gathered_at=NOW
        ),
    ),
    gathered_at=NOW,
)


def quoting(quote: str, item: str = "kubernetes.gather_context", **changed: object) -> Opinion:
    """An opinion that stands on this quote alone."""
    vote = Vote(
        cause=Cause.OOM_KILLED,
        root=Entity(kind="Deployment", namespace="shop", name="checkout"),
        evidence=(Evidence(item=item, quote=quote),),
    )
    opinion = Opinion(bundle_digest=BUNDLE.digest, expert="a", family="a", kind="diagnose", status="ok", votes=(vote,))
    return opinion.model_copy(update=changed)


@pytest.mark.parametrize(
    "quote",
    ["memory: 128Mi", "  memory:\n   128Mi ", 'restarting "app" — schon wieder', "schon wieder zweite Zeile"],
    ids=["a line", "white space", "quotation marks and unicode", "over a line break"],
)
def test_a_quote_that_stands_in_the_item_lets_the_opinion_through(quote):
    """White space is no difference; every other character is."""
    opinion = quoting(quote)

    assert checked(opinion, BUNDLE) is opinion


def test_an_item_can_be_named_by_its_server():
    """A model that writes `notes` means the only item of that server."""
    assert checked(quoting("needs 256Mi", item="notes"), BUNDLE).status == "ok"


@pytest.mark.parametrize(
    ("quote", "reason"),
    [
        ("memory: 512Mi", "is not in kubernetes.gather_context"),
        ("Memory: 128mi", "is not in kubernetes.gather_context"),
        ("checkout needs 256Mi", "is not in kubernetes.gather_context"),
        ("128Mi", "shorter than 8 characters"),
        ("  128Mi   \n", "shorter than 8 characters"),
        ("namespace: shop", "stands in any bundle"),
        ("- kind: Deployment", "stands in any bundle"),
        ("workloads:", "stands in any bundle"),
        ("secrets: []", "stands in any bundle"),
        ("taken_at: 2026-11-22T12:00:00Z", "stands in any bundle"),
        ("2026-11-22T12:00", "stands in any bundle"),
    ],
)
def test_a_quote_that_shows_nothing_makes_the_opinion_invalid(quote, reason):
    """Not there, there in another item only, too short, or true of any state at all."""
    judged = checked(quoting(quote), BUNDLE)

    assert judged.status == "invalid"
    assert reason in judged.status_reason
    assert "\n" not in judged.status_reason
    assert judged.votes, "what it said is kept to be read"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"bundle_digest": "another"}, "another bundle"),
        ({"votes": ()}, "no vote"),
        ({"kind": "review"}, "does not answer"),
        ({"votes": (Vote(cause=Cause.OOM_KILLED),)}, "no evidence"),
    ],
)
def test_an_opinion_in_the_wrong_form_is_invalid(changed, reason):
    """Another bundle, no vote, a vote on another question, a vote on nothing."""
    assert reason in checked(quoting("memory: 128Mi", **changed), BUNDLE).status_reason


def test_an_item_that_is_not_in_the_bundle_makes_the_opinion_invalid():
    """A model invents sources as readily as facts."""
    assert "has no item 'prometheus'" in checked(quoting("memory: 128Mi", item="prometheus"), BUNDLE).status_reason


def test_every_vote_has_to_stand_on_its_quotes():
    """A true first vote does not carry an invented second one through."""
    good = quoting("memory: 128Mi").votes[0]
    bad = good.model_copy(update={"evidence": (Evidence(item="kubernetes", quote="memory: 999Mi"),)})

    assert "vote 2" in checked(quoting("memory: 128Mi", votes=(good, bad)), BUNDLE).status_reason


@given(st.text(min_size=1, max_size=400), st.sampled_from(["kubernetes", "notes.read", ""]))
def test_no_text_gets_through_that_is_not_there(quote, item):
    """Whatever a model writes, the gate answers, and only with words of the state."""
    judged = checked(quoting(quote, item=item), BUNDLE)

    if judged.status == "ok":
        assert BUNDLE.has_quote(item, quote)
    else:
        assert judged.status == "invalid"
