"""The expert `rules`: what the state says is wrong, by the same analyzers as the tool `diagnose`.

The analyzers judge a whole namespace; this puts what they found in the order of the question, and says `Healthy` only
where there is nothing to find and nothing speaks against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from codenb.experts._proposing import proposed
from codenb.experts._related import distance, related
from codenb.experts._signals import signals
from codenb.experts._state import MISSING_STATE, State, abstention, read_state
from codenb.experts._stories import lasting
from codenb.models import (
    Cause,
    ContextBundle,
    Entity,
    Finding,
    Opinion,
    ProposedChange,
    Question,
    Recommendation,
    Severity,
    Vote,
)
from codenb.servers.kubernetes.analyzers import analyze
from codenb.servers.kubernetes.snapshot import Workload

_MOST_VOTES = 3
_MOST_ADVICE = 10
_LEAST = Severity.MEDIUM
"""What is less severe is advice: it breaks nothing, so it does not answer what is wrong."""

_RECENT = timedelta(hours=1)
_NEEDED_FOR_HEALTH = ("pods", "events", "deployments", "statefulsets", "daemonsets")


@dataclass(frozen=True, slots=True)
class _Case:
    """What speaks for one vote."""

    vote: Vote
    findings: tuple[Finding, ...]


class Rules:
    """Reads what is wrong from the state itself."""

    name = "rules"
    family = "rules"

    async def opine(self, question: Question, bundle: ContextBundle) -> Opinion:
        """Vote for what the analyzers found, the target's own first; or for health; or abstain and say why."""
        if question.kind != "diagnose":
            return abstention(self.name, question, bundle, f"it says what is wrong, which a {question.kind} is not")
        state = read_state(bundle)
        if state is None:
            return abstention(self.name, question, bundle, "there is no Kubernetes state in the bundle", MISSING_STATE)
        target = bundle.target.workload
        if target and not any(one.name == target for one in state.snapshot.workloads):
            why = f"the state holds no workload {target!r}"
            return abstention(self.name, question, bundle, why, f"workload {target} in {bundle.target.namespace}")
        findings = _ranked(state, analyze(state.snapshot), target)
        cases = list(_cases(state, [one for one in findings if one.severity >= _LEAST], target))[:_MOST_VOTES]
        advice = [one for one in findings if one.severity < _LEAST]
        if not cases:
            return self._without_finding(question, state, advice)
        return self._opinion(
            question,
            state,
            [case.vote for case in cases],
            [*(finding for case in cases for finding in case.findings), *advice],
            [change for case in cases for change in _proposals(case, state.item.server)],
        )

    def _without_finding(self, question: Question, state: State, advice: Sequence[Finding]) -> Opinion:
        """Nothing was found. Is it well, or is that all one can say?"""
        bundle, snapshot = state.bundle, state.snapshot
        unread = [f"{what}: {why}" for what, why in snapshot.missing.items() if what in _NEEDED_FOR_HEALTH]
        if unread:
            return abstention(self.name, question, bundle, "nothing is found, but not all was read", *unread[:10])
        looked_at = [one for one in snapshot.workloads if bundle.target.workload in (None, one.name)]
        if not looked_at:
            return abstention(self.name, question, bundle, "nothing runs here", f"a workload in {snapshot.namespace}")
        for workload in looked_at:
            if doubt := _doubt(state, workload):
                why = f"no rule explains it, and all is not well: {doubt}"
                return abstention(
                    self.name, question, bundle, why[:300], f"why {workload.kind} {workload.name}: {doubt}"[:300]
                )
        evidence = state.evidence(_counts(one) for one in looked_at)
        if not evidence:
            return abstention(
                self.name, question, bundle, "no workload says how many replicas are ready", "ready replicas"
            )
        first = looked_at[0]
        root = Entity(kind=first.kind, name=first.name, namespace=snapshot.namespace)
        vote = Vote(
            cause=Cause.HEALTHY,
            root=root if bundle.target.workload or len(looked_at) == 1 else None,
            mechanism="All replicas are ready, none restarts, and no warning of the last hour is about what runs now.",
            evidence=evidence,
        )
        return self._opinion(question, state, [vote], advice, [])

    def _opinion(
        self,
        question: Question,
        state: State,
        votes: Sequence[Vote],
        findings: Sequence[Finding],
        proposed: Sequence[ProposedChange],
    ) -> Opinion:
        distinct = {one.text: one for finding in findings for one in _advice(finding)}
        return Opinion(
            bundle_digest=state.bundle.digest,
            expert=self.name,
            family=self.family,
            kind=question.kind,
            status="ok",
            votes=tuple(votes),
            recommendations=tuple(distinct.values())[:_MOST_ADVICE],
            changes=tuple({str(one.call): one for one in proposed}.values())[:_MOST_ADVICE],
            missing_evidence=tuple(f"{what}: {why}" for what, why in state.snapshot.missing.items())[:5],
        )


def _ranked(state: State, findings: Sequence[Finding], target: str | None) -> list[Finding]:
    """In the order of the question: the target's own, then what it needs, then the rest; causes before symptoms."""
    near = related(state.snapshot, target) if target else {}
    known = {one.root for one in findings if not one.cause.symptom and one.cause is not Cause.DEPENDENCY_DOWN}

    def rank(finding: Finding) -> tuple[bool, bool, bool, bool, int, int]:
        steps = distance(near, finding.root, finding.entity) if target else 0
        minor = finding.severity < Severity.HIGH
        # That something is down says less than why it is down.
        vague = finding.cause is Cause.DEPENDENCY_DOWN and finding.root in known
        return steps is None, finding.cause.symptom, vague, minor, steps or 0, -finding.severity

    return sorted(findings, key=rank)


def _cases(state: State, findings: Sequence[Finding], target: str | None) -> Iterator[_Case]:
    """One case a vote; a finding whose quotes are not in the item carries none.

    A symptom of something whose cause is known says nothing more and carries none. A symptom of the target is not
    answered with the cause of something else: beneath a leading symptom, what is unrelated is left out.
    """
    near = related(state.snapshot, target) if target else {}
    votes: dict[str, list[Finding]] = {}
    explained = {finding.root for finding in findings if not finding.cause.symptom}
    for finding in findings:
        if finding.cause.symptom and finding.root in explained:
            continue
        votes.setdefault(Vote(cause=finding.cause, root=finding.root).key, []).append(finding)
    leading: Finding | None = None
    for same in votes.values():
        first = same[0]
        unrelated = target is not None and distance(near, first.root, first.entity) is None
        if leading and leading.cause.symptom and unrelated:
            continue
        evidence = state.evidence(quote for one in same for quote in one.quotes)
        if evidence:
            leading = leading or first
            against = f"not seen on {target} itself" if unrelated else ""
            vote = Vote(
                cause=first.cause, root=first.root, mechanism=first.message[:1_000], evidence=evidence, against=against
            )
            yield _Case(vote, tuple(same))


def _advice(finding: Finding) -> list[Recommendation]:
    return [
        Recommendation(
            text=remedy.text,
            tool=f"{remedy.call.server}.{remedy.call.tool}" if remedy.call else None,
            entity=finding.root,
        )
        for remedy in finding.remedies
    ]


def _proposals(case: _Case, server: str) -> Iterator[ProposedChange]:
    for finding in case.findings:
        for remedy in finding.remedies:
            if change := proposed(remedy, case.vote, server):
                yield change


def _doubt(state: State, workload: Workload) -> str:
    """What speaks against health although no rule names it; empty where nothing does."""
    snapshot = state.snapshot
    root = Entity(kind=workload.kind, name=workload.name, namespace=snapshot.namespace)
    if workload.desired is not None and workload.kind != "Job" and (workload.ready or 0) < workload.desired:
        return f"{workload.ready or 0} of {workload.desired} replicas are ready"
    if workload.conditions:
        return f"condition {workload.conditions[0].type}: {workload.conditions[0].message}"
    for signal in lasting(snapshot, root, signals(snapshot, root)):
        at = signal.last_at or signal.first_at
        recent = at is None or snapshot.taken_at is None or snapshot.taken_at - at <= _RECENT
        if recent or signal.kind == "log":
            return signal.quote
    return ""


def _counts(workload: Workload) -> str:
    names = ("desired", "updated", "ready", "available")
    counts = [(name, getattr(workload, name)) for name in names]
    return "\n".join(f"{name}: {count}" for name, count in counts if count is not None)
