"""Whether what runs, or is asked for, is sized so that it may go ahead: the checks of a review."""

from __future__ import annotations

from collections.abc import Iterator

from codenb.experts._sizing_request import Request
from codenb.experts._sizing_room import Check, need_of, nodes, quotas
from codenb.experts._state import State
from codenb.models import Entity, Recommendation
from codenb.models._yaml import as_yaml
from codenb.servers.kubernetes.snapshot import Container, Workload

_LASTING = ("Deployment", "StatefulSet", "DaemonSet")


def reviewed(state: State) -> tuple[list[Check], list[Recommendation]]:
    """Look at the target's workload, or at all that last, or at a request for one that is not there yet.

    Returns:
        The checks that have something to show for them, and advice that decides nothing.

    Raises:
        BadInput: The request holds an amount that is none.
    """
    target = state.bundle.target
    checks: list[Check] = []
    advice: list[Recommendation] = []
    there = _workloads(state)
    for workload in there:
        entity = Entity(kind=workload.kind, name=workload.name, namespace=state.snapshot.namespace)
        checks += _of_workload(state, workload, entity)
        advice += _advice(state, workload, entity)
        if workload.kind == "Deployment":
            surge = quotas(state.snapshot, need_of(workload, entity, target.replicas), surge=True)
            advice += [Recommendation(text=one.text, entity=entity) for one in surge if one.rule == "sizing/surge"]
    if target.workload and not there and target.asks and not target.manifests:
        request = Request.of(target, state.snapshot)
        checks += quotas(state.snapshot, request.need)
        if held := nodes(state.snapshot, request.need):
            checks.append(held)
        advice += request.recommendations()
    return [one for one in checks if state.evidence(one.quotes)], advice


def looked_at(state: State) -> tuple[str, tuple[str, ...]]:
    """Why there is nothing to say, and what would have to be seen."""
    target = state.bundle.target
    if not _workloads(state):
        named = f"workload {target.workload}" if target.workload else "a workload that lasts"
        return f"the state holds no {named}", (f"{named} in {state.snapshot.namespace}",)
    return "neither requests, limits nor quotas are in the state", ("requests and limits", "resource quotas")


def _workloads(state: State) -> list[Workload]:
    target = state.bundle.target
    return [
        one
        for one in state.snapshot.workloads
        if one.kind in _LASTING and target.workload in (None, one.name) and target.kind in (None, one.kind)
    ]


def _of_workload(state: State, workload: Workload, entity: Entity) -> Iterator[Check]:
    target = state.bundle.target
    need = need_of(workload, entity, target.replicas)
    yield from quotas(state.snapshot, need)
    if workload.desired is not None and (workload.ready or 0) < workload.desired:
        said = f"{workload.ready or 0} of {workload.desired} replicas of {entity} are ready: find out why first"
        yield Check("sizing/ready", "hold", said, (_counts(workload), f"desired: {workload.desired}"))
    if (held := nodes(state.snapshot, need, workload)) and need.requests:
        yield held
    for box in workload.containers:
        if not box.init:
            yield from _of_container(state, box, entity)


def _of_container(state: State, box: Container, entity: Entity) -> Iterator[Check]:
    named = f"container {box.name} of {entity}"
    lacking = [what for what in ("cpu", "memory") if what not in {**box.limits, **box.requests}]
    quotes = (f"name: {box.name} image: {box.image}",)
    if lacking:
        said = f"{named} requests no {' and no '.join(lacking)}, so that it is placed blindly and evicted first"
        yield Check("sizing/requests", "hold", said, quotes)
    if "memory" not in box.limits:
        said = f"{named} has no memory limit, so that a leak takes its node's memory"
        yield Check("sizing/limits", "hold", said, quotes)
    killed = any(
        one.name == box.name and "OOMKilled" in (one.reason, one.last_reason)
        for pod in state.snapshot.pods
        if state.snapshot.owner_of(pod) == entity
        for one in pod.containers
    )
    if killed:
        said = f"{named} was killed for passing its memory limit of {box.limits.get('memory', 'its node')}"
        yield Check("sizing/memory", "hold", said, ("last_reason: OOMKilled", "reason: OOMKilled"))
    if not lacking and "memory" in box.limits and not killed:
        told = as_yaml({"requests": box.requests, "limits": box.limits} if box.requests else {"limits": box.limits})
        yield Check("sizing/limits", "go", f"{named} states its requests and its memory limit", (told,))


def _counts(workload: Workload) -> str:
    names = ("desired", "updated", "ready")
    counts = [(name, getattr(workload, name)) for name in names]
    return "\n".join(f"{name}: {count}" for name, count in counts if count is not None)


def _advice(state: State, workload: Workload, entity: Entity) -> Iterator[Recommendation]:
    guarded = any(one.selector and one.selector.items() <= workload.labels.items() for one in state.snapshot.budgets)
    if (
        workload.kind != "DaemonSet"
        and (workload.desired or 0) > 1
        and not guarded
        and "poddisruptionbudgets" not in state.snapshot.missing
    ):
        budget = entity.model_copy(update={"kind": "PodDisruptionBudget"})
        text = (
            f"give {entity} a PodDisruptionBudget of maxUnavailable 1, so that draining nodes leaves the rest running"
        )
        yield Recommendation(text=text, entity=budget, field="spec.maxUnavailable", value=1)
    if workload.kind == "Deployment" and workload.desired == 1:
        yield Recommendation(text=f"{entity} runs one replica: it is away whenever its node is", entity=entity)
    for box in workload.containers:
        if not box.init and "readiness" not in box.probes:
            text = f"give container {box.name} of {entity} a readiness probe: without one it counts as ready at once"
            path = f"spec.template.spec.containers[{box.name}].readinessProbe"
            yield Recommendation(text=text, entity=entity, field=path)
