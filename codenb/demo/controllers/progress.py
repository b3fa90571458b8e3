"""How far a rollout has come: the status and the conditions of a deployment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from codenb.demo.controllers.strategy import unavailable
from codenb.demo.kinds import DEPLOYMENT
from codenb.demo.objects import Obj, dig, name_of, namespace_of, pruned, revised
from codenb.demo.simulation import Key, Simulation

_MANAGER = "kube-controller-manager"


class Progress:
    """Writes the status of deployments.

    Args:
        sim: The world.
        look_again: Called with a deployment's key when its deadline has passed.
    """

    def __init__(self, sim: Simulation, look_again: Callable[[Key], None]) -> None:
        self._sim = sim
        self._look_again = look_again

    def report(self, deployment: Obj, owned: list[Obj], current: Obj | None, *, created: bool) -> bool:
        """Bring a deployment's status up to date.

        Args:
            deployment: As it is stored.
            owned: All its replica sets.
            current: The one of its template; None where there is none yet.
            created: Whether that one was made just now.

        Returns:
            Whether the rollout is complete.
        """
        before = deployment.get("status") or {}
        status = self._counts(deployment, owned, current)
        conditions = {condition["type"]: condition for condition in before.get("conditions") or []}
        complete = _complete(deployment, status)
        changed = self._available(deployment, status, conditions)
        if current is not None and deployment["spec"].get("progressDeadlineSeconds") is not None:
            changed |= self._progressing(deployment, before, status, current, created=created)
        for type_, condition in changed.items():  # the last to change comes last, as with the real controller
            if conditions.get(type_) != condition:
                conditions.pop(type_, None)
            conditions[type_] = condition
        conditions.pop("ReplicaFailure", None)
        for rs in owned:
            for failure in dig(rs, "status", "conditions", default=[]):
                conditions["ReplicaFailure"] = failure | {"lastUpdateTime": failure["lastTransitionTime"]}
        after = revised(deployment, status=status | {"conditions": list(conditions.values())})
        self._sim.store.update(DEPLOYMENT, after, _MANAGER, subresource="status")
        return complete

    @staticmethod
    def _counts(deployment: Obj, owned: list[Obj], current: Obj | None) -> Obj:
        def total(field: str) -> int:
            return sum(dig(rs, "status", field, default=0) for rs in owned)

        counts = {
            "replicas": total("replicas"),
            "updatedReplicas": dig(current, "status", "replicas", default=0),
            "readyReplicas": total("readyReplicas"),
            "availableReplicas": total("availableReplicas"),
            "unavailableReplicas": max(sum(rs["spec"]["replicas"] for rs in owned) - total("availableReplicas"), 0),
        }
        status: Obj = {"observedGeneration": deployment["metadata"]["generation"]}
        status |= pruned({field: count or None for field, count in counts.items()})
        return status | {"terminatingReplicas": total("terminatingReplicas")}

    def _progressing(self, deployment: Obj, before: Obj, status: Obj, current: Obj, *, created: bool) -> dict[str, Obj]:
        have, name = _condition(before, "Progressing"), name_of(current)
        settled = have is not None and have["reason"] == "NewReplicaSetAvailable"
        if created:
            return self._set(have, "Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
        if settled and status.get("replicas", 0) == status.get("updatedReplicas", 0):
            return {}
        if _complete(deployment, status):
            message = f'ReplicaSet "{name}" has successfully progressed.'
            return self._set(have, "Progressing", "True", "NewReplicaSetAvailable", message)
        if _moved(before, status):
            return self._set(have, "Progressing", "True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
        if have is None or settled or not self._timed_out(deployment, have):
            return {}
        message = f'ReplicaSet "{name}" has timed out progressing.'
        return self._set(have, "Progressing", "False", "ProgressDeadlineExceeded", message)

    def _timed_out(self, deployment: Obj, have: Obj) -> bool:
        """Whether nothing has moved for as long as the deadline allows; where not yet, this is looked at again then."""
        if have["reason"] == "ProgressDeadlineExceeded":
            return False
        since = self._sim.clock.moment(datetime.fromisoformat(have["lastUpdateTime"]))
        left = since + deployment["spec"]["progressDeadlineSeconds"] - self._sim.clock.now
        if left > 0:
            key = (namespace_of(deployment), name_of(deployment))
            self._sim.clock.after(left, lambda: self._look_again(key))
        return bool(left <= 0)

    def _available(self, deployment: Obj, status: Obj, conditions: dict[str, Obj]) -> dict[str, Obj]:
        enough = status.get("availableReplicas", 0) >= deployment["spec"]["replicas"] - unavailable(deployment)
        have = conditions.get("Available")
        if enough:
            message = "Deployment has minimum availability."
            return self._set(have, "Available", "True", "MinimumReplicasAvailable", message)
        message = "Deployment does not have minimum availability."
        return self._set(have, "Available", "False", "MinimumReplicasUnavailable", message)

    def _set(self, have: Obj | None, type_: str, status: str, reason: str, message: str) -> dict[str, Obj]:
        if have is not None and (have["status"], have["reason"]) == (status, reason) and type_ == "Available":
            return {type_: have}
        now = self._sim.clock.stamp()
        same = have is not None and have["status"] == status
        condition = {
            "type": type_,
            "status": status,
            "lastUpdateTime": now,
            "lastTransitionTime": have["lastTransitionTime"] if have is not None and same else now,
            "reason": reason,
            "message": message,
        }
        return {type_: condition}


def _condition(status: Obj, type_: str) -> Obj | None:
    return next((item for item in status.get("conditions") or [] if item["type"] == type_), None)


def _complete(deployment: Obj, status: Obj) -> bool:
    wanted = deployment["spec"]["replicas"]
    return all(status.get(field, 0) == wanted for field in ("updatedReplicas", "replicas", "availableReplicas"))


def _moved(before: Obj, now: Obj) -> bool:
    """Whether the rollout came nearer to its end since the status was last written."""

    def old_pods(status: Obj) -> int:
        return int(status.get("replicas", 0) - status.get("updatedReplicas", 0))

    more = any(
        now.get(field, 0) > before.get(field, 0) for field in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    return more or old_pods(now) < old_pods(before)
