"""What the circle recommends, each once."""

from __future__ import annotations

from codenb.experts import recommendations
from codenb.models import Opinion, Recommendation


def says(expert: str, *texts: str, status: str = "ok") -> Opinion:
    """An opinion that only recommends."""
    fields = {"bundle_digest": "d", "expert": expert, "family": expert, "kind": "diagnose", "status": status}
    return Opinion.model_validate(fields | {"recommendations": [Recommendation(text=text) for text in texts]})


def test_equal_words_are_one_recommendation_by_both():
    """A person reads it once, and sees who gives it; what did not count recommends nothing."""
    merged = recommendations([says("a", "x", "y"), says("b", "y"), says("c", "z", status="invalid")])

    assert [(one.text, one.by) for one in merged] == [("x", ("a",)), ("y", ("a", "b"))]
