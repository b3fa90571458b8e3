"""The recommendations of a circle, each once, with all who give it."""

from __future__ import annotations

from collections.abc import Iterable

from codenb.models import Opinion, Recommendation


def recommendations(opinions: Iterable[Opinion]) -> tuple[Recommendation, ...]:
    """Collect what the valid opinions recommend, in the order of the circle; equal words are one recommendation."""
    merged: dict[str, Recommendation] = {}
    for opinion in opinions:
        for one in opinion.recommendations if opinion.status == "ok" else ():
            known = merged.get(one.text)
            names = (*(known.by if known else ()), opinion.expert)
            merged[one.text] = (known or one).model_copy(update={"by": tuple(dict.fromkeys(names))})
    return tuple(merged.values())
