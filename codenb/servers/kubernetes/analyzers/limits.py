"""What refuses pods before they exist, what keeps them from growing, and what keeps them from moving."""

from __future__ import annotations

import re
from collections.abc import Iterator

from codenb.models import Cause, Finding, Remedy, Severity
from codenb.servers.kubernetes.analyzers._case import Case, made, selects
from codenb.servers.kubernetes.snapshot import Autoscaler, Workload

_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,\s]+)|failed quota: (?P<failed>[^:,\s]+)|must specify (?:limits|requests)"
)
_RANGE = re.compile(
    r"(?:maximum|minimum) (?:cpu|memory)[^:]* usage per|max(?:imum)? limit to request ratio", re.IGNORECASE
)
_ADMISSION = re.compile(
    r"admission webhook|violates PodSecurity|denied the request|ValidatingAdmissionPolicy|denied by"
)
_NO_REQUEST = re.compile(r"missing request for (?P<what>\w+)")


def refused_pods(case: Case) -> Iterator[Finding]:
    """The API server refuses the pods of a workload."""
    for workload in case.snapshot.workloads:
        if not case.short_of_pods(workload):
            continue
        said = [one.message for one in workload.conditions if one.type == "ReplicaFailure"]
        said += [one.message for one in case.events("FailedCreate", about=case.of(workload))]
        for text in said:
            cause = next((cause for pattern, cause in _REFUSALS if pattern.search(text)), None)
            if cause is None:
                continue
            root = case.of(workload)
            match = _QUOTA.search(text)
            name = ((match["name"] or match["failed"] or "") if match else "").rstrip(":")
            held = [f"name: {name}"] if any(one.name == name for one in case.snapshot.quotas) else []
            yield made(
                "limits/refused",
                cause,
                case.severity(workload),
                entity=case.entity("ResourceQuota", name) if name else root,
                root=root,
                message=_refused_message(str(root), cause, name),
                quotes=[text, *held],
                remedies=[*_back(case, workload), Remedy(text=_WORDS[cause])],
            )
            break


_REFUSALS = ((_QUOTA, Cause.QUOTA_EXCEEDED), (_RANGE, Cause.QUOTA_EXCEEDED), (_ADMISSION, Cause.ADMISSION_DENIED))
_WORDS = {
    Cause.QUOTA_EXCEEDED: "raise the quota or limit range, or ask for less: fewer replicas, smaller requests",
    Cause.ADMISSION_DENIED: "make the pods fit the policy that refuses them, or ask its owners",
}


def _back(case: Case, workload: Workload) -> list[Remedy]:
    """Going back helps where pods of the revision before are there: they were let in."""
    let_in = any(".resources." in one for one in case.last_changes(workload)) and (workload.ready or 0) > 0
    return case.back(workload, f"resources of {case.of(workload)}", "which was let in") if let_in else []


def _refused_message(root: str, cause: Cause, name: str) -> str:
    if cause is Cause.ADMISSION_DENIED:
        return f"a policy of the cluster refuses the pods of {root}"
    return f"{'quota ' + name if name else 'a quota or limit range'} refuses the pods of {root}"


def autoscalers(case: Case) -> Iterator[Finding]:
    """An autoscaler cannot work, or has come to its bound."""
    for scaler in case.snapshot.autoscalers:
        target = case.workloads.get(scaler.target)
        said = [one.message for one in scaler.conditions]
        match = next((found for text in said if (found := _NO_REQUEST.search(text))), None)
        bare = [one.name for one in target.containers if not one.init and not one.requests] if target else []
        stuck = any(one.type == "ScalingActive" for one in scaler.conditions) or any(
            " unknown of " in one for one in scaler.metrics
        )
        if target and (match or (stuck and bare)):
            yield _no_requests(case, scaler, target, said)
        elif target and scaler.max is not None and (scaler.desired or 0) >= scaler.max and _over(scaler):
            yield made(
                "limits/autoscaler-max",
                Cause.AUTOSCALER_LIMIT,
                Severity.MEDIUM,
                entity=case.entity("HorizontalPodAutoscaler", scaler.name),
                root=case.of(target),
                message=f"the autoscaler of {case.of(target)} is at its maximum of {scaler.max} and wants more",
                quotes=[*said, *scaler.metrics, f"max: {scaler.max}"],
                remedies=[Remedy(text=f"raise maxReplicas of {scaler.name}, or find out where the load comes from")],
            )


def _no_requests(case: Case, scaler: Autoscaler, target: Workload, said: list[str]) -> Finding:
    return made(
        "limits/autoscaler-requests",
        Cause.MISSING_REQUESTS,
        Severity.HIGH,
        entity=case.entity("HorizontalPodAutoscaler", scaler.name),
        root=case.of(target),
        message=f"the autoscaler of {case.of(target)} cannot work: its containers state no requests",
        quotes=[*said, *scaler.metrics, f"target: {scaler.target}"],
        remedies=[Remedy(text=f"state requests for every container of {case.of(target)}, near its measured use")],
    )


def _over(scaler: Autoscaler) -> bool:
    """Whether a reading is above its target, or the autoscaler says that it is held back."""
    if any(one.type == "ScalingLimited" and one.reason == "TooManyReplicas" for one in scaler.conditions):
        return True
    readings = [re.fullmatch(r"\w+ (\d+)% of (\d+)%", one) for one in scaler.metrics]
    return any(one is not None and int(one[1]) > int(one[2]) for one in readings)


def budgets(case: Case) -> Iterator[Finding]:
    """A disruption budget never allows a disruption, so that nodes cannot be drained."""
    for budget in case.snapshot.budgets:
        guarded = [one for one in case.snapshot.workloads if selects(budget.selector, one.labels)]
        healthy = budget.expected is not None and (budget.healthy or 0) >= budget.expected > 0
        if not guarded or budget.allowed != 0 or not healthy:
            continue
        entity = case.entity("PodDisruptionBudget", budget.name)
        asked = f"min_available: {budget.min_available}" if budget.min_available else ""
        asked = asked or f"max_unavailable: {budget.max_unavailable}"
        yield made(
            "limits/disruption",
            Cause.DISRUPTION_BLOCKED,
            Severity.LOW,
            entity=entity,
            root=case.of(guarded[0]),
            message=f"budget {budget.name} allows no disruption although all pods are healthy: nodes cannot be drained",
            quotes=[f"name: {budget.name}", asked],
            remedies=[Remedy(text="run one replica more than the budget needs, or loosen the budget")],
        )
