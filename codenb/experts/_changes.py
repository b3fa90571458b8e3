"""The expert `changes`: what changed just before it went wrong.

It looks at time and ownership, not at what the trouble is: a revision, a setting or a scale of a workload, followed by
a trouble on that workload which the changed field can bring about. It says nothing where nothing changed, where the
trouble was there before, or where there is no trouble.
"""

from __future__ import annotations

from codenb.experts._signals import signals
from codenb.experts._state import MISSING_STATE, State, abstention, read_state
from codenb.experts._stories import lasting, stories
from codenb.models import ContextBundle, Entity, Opinion, Question

_MOST_VOTES = 3


class Changes:
    """Lines up the first bad moment with what changed before it."""

    name = "changes"
    family = "changes"

    async def opine(self, question: Question, bundle: ContextBundle) -> Opinion:
        """Vote for the changes that explain a trouble, those of the target first, or abstain and say why."""
        if question.kind != "diagnose":
            return abstention(self.name, question, bundle, f"it says what went wrong, which a {question.kind} is not")
        state = read_state(bundle)
        if state is None:
            return abstention(self.name, question, bundle, "there is no Kubernetes state in the bundle", MISSING_STATE)
        found = sorted(stories(state), key=lambda one: (not _of_target(one.vote.root, bundle), -one.at.timestamp()))
        if not found:
            why, missing = _why_silent(state)
            return abstention(self.name, question, bundle, why, *missing)
        told = found[:_MOST_VOTES]
        return Opinion(
            bundle_digest=bundle.digest,
            expert=self.name,
            family=self.family,
            kind=question.kind,
            status="ok",
            votes=tuple(story.vote for story in told),
            recommendations=tuple(story.recommendation for story in told),
            changes=tuple(proposal for story in told for proposal in story.proposals),
            missing_evidence=tuple(f"{what}: {why}" for what, why in state.snapshot.missing.items())[:5],
        )


def _of_target(root: Entity | None, bundle: ContextBundle) -> bool:
    return root is not None and root.name == bundle.target.workload


def _why_silent(state: State) -> tuple[str, tuple[str, ...]]:
    snapshot = state.snapshot
    gaps = tuple(f"{what}: {why}" for what, why in snapshot.missing.items())[:5]
    roots = [Entity(kind=one.kind, name=one.name, namespace=snapshot.namespace) for one in snapshot.workloads]
    bad = [root for root in roots if lasting(snapshot, root, signals(snapshot, root))]
    if not bad:
        return "no bad moment: nothing goes wrong now that a change could have brought about", gaps
    if all(len(snapshot.revisions(root.name)) <= 1 for root in bad):
        named = ", ".join(str(root) for root in bad[:3])
        return f"nothing changed: {named} has no earlier revision", (
            *gaps,
            f"changes outside namespace {snapshot.namespace}",
        )
    return "what changed came after the trouble, or does not touch what it is about", gaps
