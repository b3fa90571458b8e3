"""The expert `sizing`: what a request needs, and whether there is room for it.

For a plan it takes what is asked for (replicas, resources, image), holds it against the quotas and the nodes, and says
field by field what to deploy; for a review it says whether what runs, or is asked for, is sized so that it may go
ahead. It invents no amount: where neither the request nor the state says how much is needed, it names that as missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from codenb.errors import BadInput
from codenb.experts._proposing import proposed
from codenb.experts._sizing_request import Request
from codenb.experts._sizing_review import looked_at, reviewed
from codenb.experts._sizing_room import Check, Need, need_of, nodes, quotas, read
from codenb.experts._state import MISSING_STATE, State, abstention, read_state
from codenb.models import (
    ContextBundle,
    Entity,
    Opinion,
    ProposedChange,
    Question,
    Recommendation,
    Remedy,
    Vote,
)
from codenb.servers.kubernetes.remedies import patch, scale
from codenb.servers.kubernetes.snapshot import Container, Workload
from codenb.servers.kubernetes.units import doubled

_MOST_VOTES = 3
_MOST_ADVICE = 10
_ELSEWHERE = "what runs in other namespaces on these nodes, so that it is not known how full they are"
_USE = "measured use (metrics API), so that what is asked for cannot be held against it"
_PATCHED = ("Deployment", "StatefulSet", "DaemonSet")


class Sizing:
    """Holds what is asked for against what there is."""

    name = "sizing"
    family = "sizing"

    async def opine(self, question: Question, bundle: ContextBundle) -> Opinion:
        """Vote for the fields of a plan, or on a review; or abstain and say what was missing."""
        if question.kind == "diagnose":
            return abstention(self.name, question, bundle, "it says what is needed, not what is wrong")
        state = read_state(bundle)
        if state is None:
            return abstention(self.name, question, bundle, "there is no Kubernetes state in the bundle", MISSING_STATE)
        try:
            if question.kind == "review":
                return self._review(question, state)
            return self._plan(question, state)
        except BadInput as error:
            return abstention(self.name, question, bundle, str(error), "a request that can be read")

    def _review(self, question: Question, state: State) -> Opinion:
        checks, advice = reviewed(state)
        vote = _verdict(state, checks)
        if vote is None:
            why, missing = looked_at(state)
            return abstention(self.name, question, state.bundle, why, *missing)
        return self._opinion(question, state, [vote], advice=advice, missing=[_USE])

    def _plan(self, question: Question, state: State) -> Opinion:
        target = state.bundle.target
        if not target.workload:
            why = "nothing says what is to be deployed or changed"
            return abstention(self.name, question, state.bundle, why, "the name of a workload in the target")
        there = next(
            (
                one
                for one in state.snapshot.workloads
                if one.name == target.workload and target.kind in (None, one.kind)
            ),
            None,
        )
        if there:
            return self._changed(question, state, there)
        if not target.asks:
            why = f"the state holds no workload {target.workload!r}, and nothing is asked for"
            return abstention(self.name, question, state.bundle, why, "replicas, resources and image in the target")
        return self._new(question, state)

    def _new(self, question: Question, state: State) -> Opinion:
        """A workload that is not there yet."""
        target = state.bundle.target
        if target.manifests:
            why = "the request brings manifests of its own: validate_deployment and diff_kubernetes judge them"
            return abstention(self.name, question, state.bundle, why)
        request = Request.of(target, state.snapshot)
        missing = [
            f"how much {what} it needs: the request does not say, and nothing is measured yet"
            for what in ("cpu", "memory")
            if what not in request.resources
        ]
        missing += [] if request.image else ["the image: the request names none"]
        checks = _checks(state, request.need)
        refused = [one for one in checks if one.verdict == "stop"]
        if not checks:
            why = "neither a quota nor a node is in the state"
            return abstention(self.name, question, state.bundle, why, "resource quotas", "nodes", *missing)
        wanted = [_vote(state, one, request.entity, checks) for one in request.asked()]
        votes = [one for one in wanted if one]
        if refused:
            votes = list(_instead(state, refused, request.asked()[0])) or votes
        advice = [Recommendation(text=one.text[:2_000]) for one in refused]
        if not refused:
            advice = [*request.asked(), Recommendation(text=f"there is room: {_room(checks)}"[:2_000])]
        advice += request.recommendations()
        changes = []
        if votes and not refused and not missing:
            why = f"{request.replicas} x {request.entity.name}: {_room(checks)}"
            changes = [request.change(why, votes[0].key)]
        return self._opinion(
            question, state, votes, advice=advice, changes=changes, missing=[*missing, *_elsewhere(state)]
        )

    def _changed(self, question: Question, state: State, there: Workload) -> Opinion:
        """A workload that is there: what of it is to be otherwise."""
        entity = Entity(kind=there.kind, name=there.name, namespace=state.snapshot.namespace)
        remedies = list(_differences(state, there, entity))
        need = _wanted(state, there, entity)
        checks = _checks(state, need, there)
        refused = [one for one in checks if one.verdict == "stop"]
        votes, changes = [], []
        for remedy, recommendation, quotes in remedies:
            evidence = state.evidence([*quotes, *(quote for one in checks for quote in one.quotes)])
            if not evidence:
                continue
            vote = Vote(recommendation=recommendation, mechanism=recommendation.text[:1_000], evidence=evidence)
            votes.append(vote)
            if not refused and (change := proposed(remedy, vote, state.item.server)):
                changes.append(change.model_copy(update={"remedies": votes[0].key}))
        if refused and remedies:
            votes = list(_instead(state, refused, remedies[0][1])) or votes
        _, advice = reviewed(state)
        told = [*(Recommendation(text=one.text[:2_000]) for one in refused), *(one for _, one, _ in remedies), *advice]
        if not votes:
            why = "what runs is as it is asked for, and nothing measured says otherwise"
            silent = abstention(self.name, question, state.bundle, why, _USE)
            return silent.model_copy(update={"recommendations": tuple(told)[:_MOST_ADVICE]})
        return self._opinion(question, state, votes, advice=told, changes=changes, missing=[_USE, *_elsewhere(state)])

    def _opinion(
        self,
        question: Question,
        state: State,
        votes: Sequence[Vote],
        *,
        advice: Iterable[Recommendation],
        changes: Sequence[ProposedChange] = (),
        missing: Iterable[str],
    ) -> Opinion:
        if not votes:
            return abstention(
                self.name, question, state.bundle, "nothing in the state carries a vote", *list(missing)[:10]
            )
        distinct = {one.text: one for one in advice}
        unread = [
            f"{what}: {why}" for what, why in state.snapshot.missing.items() if what in ("nodes", "resourcequotas")
        ]
        return Opinion(
            bundle_digest=state.bundle.digest,
            expert=self.name,
            family=self.family,
            kind=question.kind,
            status="ok",
            votes=tuple(votes)[:_MOST_VOTES],
            recommendations=tuple(distinct.values())[:_MOST_ADVICE],
            changes=tuple({str(one.call): one for one in changes}.values())[:_MOST_ADVICE],
            missing_evidence=tuple(dict.fromkeys([*missing, *unread]))[:_MOST_ADVICE],
        )


def _checks(state: State, need: Need, workload: Workload | None = None) -> list[Check]:
    found = [*quotas(state.snapshot, need)]
    if held := nodes(state.snapshot, need, workload):
        found.append(held)
    return [one for one in found if state.evidence(one.quotes)]


def _vote(state: State, wanted: Recommendation, entity: Entity, checks: Sequence[Check]) -> Vote | None:
    """A vote for a field that is asked for, carried by what there is room for."""
    what = str(wanted.field or "").rpartition(".")[2]
    near = [one for one in checks if one.about in ("", what)] if what != "replicas" else list(checks)
    evidence = state.evidence(quote for one in near or checks for quote in one.quotes)
    mechanism = f"{entity} asks for it, and there is room: {_room(near or checks)}"
    return Vote(recommendation=wanted, mechanism=mechanism[:1_000], evidence=evidence) if evidence else None


def _instead(state: State, refused: Sequence[Check], asked: Recommendation) -> Iterator[Vote]:
    """What would have to be otherwise where there is no room: more of it, or fewer replicas."""
    evidence = state.evidence(quote for one in refused for quote in one.quotes)
    if not evidence:
        return
    against = f"asked for: {asked.field} = {asked.value}"
    for one in refused:
        if one.remedy:
            entity, field, value = one.remedy
            text = f"raise {field} of {entity.name} to {value}: {one.text}"
            wanted = Recommendation(text=text[:2_000], entity=entity, field=field, value=value)
            yield Vote(recommendation=wanted, mechanism=one.text[:1_000], evidence=evidence, against=against)
    fits = min((one.fits for one in refused if one.fits is not None), default=None)
    if fits is not None:
        text = (
            f"run {fits} replicas: more do not fit"
            if fits
            else "deploy it elsewhere or make room: not one replica fits"
        )
        less = Recommendation(text=text, entity=asked.entity, field="spec.replicas", value=fits)
        yield Vote(recommendation=less, mechanism=refused[0].text[:1_000], evidence=evidence, against=against)
    else:
        told = Recommendation(text=refused[0].text[:2_000], entity=asked.entity, field="spec.template")
        yield Vote(recommendation=told, mechanism=refused[0].text[:1_000], evidence=evidence, against=against)


def _wanted(state: State, there: Workload, entity: Entity) -> Need:
    """What it would ask for once the request is carried out."""
    target = state.bundle.target
    now = need_of(there, entity, target.replicas)
    if not target.resources:
        return now
    asked = {what: amount for what, text in target.resources.items() if (amount := read(text)) is not None}
    return Need(entity, now.replicas, {**now.requests, **asked}, now.limits, now.has)


def _differences(
    state: State, there: Workload, entity: Entity
) -> Iterator[tuple[Remedy, Recommendation, tuple[str, ...]]]:
    """What is asked for and is not so, and what was measured: the change, the field, and words that show it."""
    target, namespace = state.bundle.target, state.snapshot.namespace
    box = next((one for one in there.containers if not one.init), Container())
    path = f"spec.template.spec.containers[{box.name}]"
    group = f"size of {entity}"
    if target.replicas is not None and target.replicas != there.desired and there.kind == "Deployment":
        text = f"run {target.replicas} replicas of {there.name} in place of {there.desired}"
        remedy = scale(text, there.name, namespace, target.replicas, group)
        tool = "kubernetes.scale_deployment"
        wanted = Recommendation(text=text, tool=tool, entity=entity, field="spec.replicas", value=target.replicas)
        yield remedy, wanted, (f"desired: {there.desired}",)
    if there.kind not in _PATCHED or not box.name:
        return

    def patched(field: str, value: str, text: str, values: dict[str, object]) -> tuple[Remedy, Recommendation]:
        remedy = patch(
            text, kind=there.kind, name=there.name, namespace=namespace, container=box.name, group=group, values=values
        )
        tool = "kubernetes.patch_workload"
        return remedy, Recommendation(text=text, tool=tool, entity=entity, field=f"{path}.{field}", value=value)

    differing = {
        what: text for what, text in target.resources.items() if read(box.requests.get(what, "")) != read(text)
    }
    for what, value in differing.items():
        has = box.requests.get(what)
        text = f"request {value} of {what} for {there.name} in place of {has or 'nothing'}"
        yield *patched(f"resources.requests.{what}", value, text, {"requests": differing}), (f"{what}: {has}",)
    image = target.extra.get("image")
    if isinstance(image, str) and image and image != box.image:
        text = f"run {image} in place of {box.image}"
        yield *patched("image", image, text, {"image": image}), (f"image: {box.image}",)
    limit = box.limits.get("memory")
    killed = any(
        one.name == box.name and "OOMKilled" in (one.reason, one.last_reason)
        for pod in state.snapshot.pods
        if state.snapshot.owner_of(pod) == entity
        for one in pod.containers
    )
    if limit and killed and "memory" not in target.resources and read(limit):
        more = doubled(limit)
        text = f"raise the memory limit of {there.name} from {limit} to {more}: it was killed for passing it"
        quotes = ("last_reason: OOMKilled", "reason: OOMKilled", f"memory: {limit}")
        yield *patched("resources.limits.memory", more, text, {"limits": {"memory": more}}), quotes


def _verdict(state: State, checks: Sequence[Check]) -> Vote | None:
    """The worst verdict decides, with the findings that give it."""
    worst = next((level for level in ("stop", "hold", "go") if any(one.verdict == level for one in checks)), None)
    deciding = [one for one in checks if one.verdict == worst]
    evidence = state.evidence(quote for one in deciding for quote in one.quotes)
    if worst is None or not evidence:
        return None
    told = ("sized to go ahead: " if worst == "go" else "") + _room(deciding)
    rules = tuple(sorted({one.rule for one in deciding}))
    return Vote.model_validate({"verdict": worst, "deciding": rules, "mechanism": told[:1_000], "evidence": evidence})


def _room(checks: Sequence[Check]) -> str:
    return "; ".join(dict.fromkeys(one.text for one in checks))


def _elsewhere(state: State) -> list[str]:
    return [_ELSEWHERE] if state.snapshot.nodes else ["nodes"]
