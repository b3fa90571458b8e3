"""What the embedded experts have in common: they read the Kubernetes state of the bundle, and quote from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codenb.errors import BadInput
from codenb.experts._gate import quote_problem
from codenb.models import ContextBundle, ContextItem, Evidence, Opinion, Question
from codenb.models.opinion import LONGEST_QUOTE
from codenb.servers.kubernetes.snapshot import Snapshot

MISSING_STATE = "the state of a Kubernetes namespace (kubernetes.gather_context)"
_MOST_QUOTES = 6
_READABLE = ("ok", "partial", "stale")


@dataclass(frozen=True, slots=True)
class State:
    """The Kubernetes item of a bundle, as a snapshot and as the text that quotes are looked up in."""

    bundle: ContextBundle
    item: ContextItem
    snapshot: Snapshot

    def evidence(self, quotes: Iterable[str]) -> tuple[Evidence, ...]:
        """The quotes that would pass the gate, once each; a long one is cut at its end.

        A finding may word something that trimming took out of the item; what cannot be shown is not claimed.
        """
        distinct = dict.fromkeys(quote.strip()[:LONGEST_QUOTE].strip() for quote in quotes)
        found = [Evidence(item=self.item.id, quote=quote) for quote in distinct if quote]
        return tuple(one for one in found if quote_problem(one, self.bundle) is None)[:_MOST_QUOTES]


def read_state(bundle: ContextBundle) -> State | None:
    """The Kubernetes state in a bundle: of the server of that name, else of any that answers a snapshot."""
    for item in sorted(bundle.items, key=lambda one: one.server != "kubernetes"):
        if item.status in _READABLE and isinstance(item.data, dict):
            try:
                snapshot = Snapshot.from_dict(item.data, what=item.id)
            except BadInput:
                continue  # another server's answer, in its own shape
            if snapshot.namespace:
                # What is not in a list that was cut may exist all the same; the analyzers must know.
                return State(bundle, item, snapshot.model_copy(update={"cut": (*snapshot.cut, *item.cuts)}))
    return None


def abstention(name: str, question: Question, bundle: ContextBundle, why: str, *missing: str) -> Opinion:
    """An embedded expert's honest silence: why, and what it would have needed to see."""
    return Opinion(
        bundle_digest=bundle.digest,
        expert=name,
        family=name,
        kind=question.kind,
        status="abstain",
        status_reason=why,
        missing_evidence=missing,
    )
