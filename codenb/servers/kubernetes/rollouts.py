"""How far a rollout has come, and what the ones before it changed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field as Setting

from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.servers.kubernetes import facts
from codenb.servers.kubernetes.answers import Answer
from codenb.servers.kubernetes.facts import controller, name_of
from codenb.servers.kubernetes.running import ReplicaSet
from codenb.views import Badge, Field, Table, Tone, View

WorkloadKind = Literal["Deployment", "StatefulSet", "DaemonSet"]


class RolloutStatus(Answer):
    """How far a rollout has come.

    Attributes:
        kind: Of the workload.
        name: Of the workload.
        namespace: Of the workload.
        desired: Replicas asked for.
        updated: Of the newest revision.
        ready: Ready.
        available: Ready for long enough.
        replicas: All there are, old ones included.
        generation: Of the object.
        observed_generation: The one that its controller has seen.
        revision: Number of the newest revision; 0 where the kind counts none.
        complete: Whether all of it is done.
        stuck: Whether its controller has given up waiting.
        reason: What holds it up, in the controller's word.
        message: And in its sentence.
    """

    kind: str
    name: str
    namespace: str
    desired: int
    updated: int
    ready: int
    available: int
    replicas: int
    generation: int
    observed_generation: int
    revision: int = 0
    complete: bool
    stuck: bool = False
    reason: str = ""
    message: str = ""

    def view(self) -> View:
        """The numbers, and what holds it up."""
        badge = (
            Badge("complete", Tone.GOOD) if self.complete else Badge("stuck" if self.stuck else "under way", Tone.WARN)
        )
        blocks = [
            Field("ready", f"{self.ready} of {self.desired}"),
            Field("updated", f"{self.updated} of {self.desired}"),
        ]
        if self.message:
            blocks.append(Field(self.reason, self.message, Tone.WARN))
        return View(title=f"Rollout of {self.kind} {self.namespace}/{self.name}", badges=[badge], blocks=blocks)


class RolloutHistory(Answer):
    """The revisions of a Deployment.

    Attributes:
        name: Of the Deployment.
        namespace: Of the Deployment.
        current: Number of the present revision.
        revisions: Newest first; a revision rolled back to has a new number and its old time.
    """

    name: str
    namespace: str
    current: int = 0
    revisions: tuple[ReplicaSet, ...] = Setting(default=())

    def view(self) -> View:
        """One row a revision."""
        rows = [(one.revision, str(one.created_at), one.cause, "; ".join(one.changes)) for one in self.revisions]
        return View(
            title=f"Revisions of {self.namespace}/{self.name}",
            blocks=[Table(["revision", "created", "cause", "changes"], rows)],
        )


async def status(cluster: Cluster, kind: WorkloadKind, name: str, namespace: str) -> RolloutStatus:
    """How far a workload's rollout has come."""
    return status_of(await cluster.get(KINDS[kind], name, namespace))


def status_of(resource: dict[str, Any]) -> RolloutStatus:
    """The same, of an object that was read."""
    told, spec, now = resource["metadata"], resource.get("spec") or {}, resource.get("status") or {}
    daemon = resource.get("kind") == "DaemonSet"
    if daemon:
        counts = ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable")
        desired, updated, ready, available = (int(now.get(key) or 0) for key in counts)
        replicas = int(now.get("currentNumberScheduled") or 0)
    else:
        desired = int(spec.get("replicas", 1))
        names = ("updatedReplicas", "readyReplicas", "availableReplicas")
        updated, ready, available = (int(now.get(key) or 0) for key in names)
        replicas = int(now.get("replicas") or 0)
    generation, observed = int(told.get("generation") or 0), int(now.get("observedGeneration") or 0)
    held = next((one for one in facts.conditions(now) if one.type in ("Progressing", "ReplicaFailure")), None)
    held = held or next((one for one in facts.conditions(now) if one.type == "Available"), None)
    complete = observed >= generation and updated == ready == available == replicas == desired
    return RolloutStatus(
        kind=str(resource.get("kind")),
        name=name_of(resource),
        namespace=str(told.get("namespace") or ""),
        desired=desired,
        updated=updated,
        ready=ready,
        available=available,
        replicas=replicas,
        generation=generation,
        observed_generation=observed,
        revision=facts.revision_of(resource),
        complete=complete,
        stuck=held is not None and held.reason == "ProgressDeadlineExceeded",
        reason=held.reason if held and not complete else "",
        message=held.message if held and not complete else "",
    )


async def replica_sets(cluster: Cluster, deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """The ReplicaSets of a Deployment, newest revision first."""
    labels = (deployment["spec"].get("selector") or {}).get("matchLabels") or {}
    found = await cluster.listed(
        KINDS["ReplicaSet"],
        deployment["metadata"]["namespace"],
        labels=",".join(f"{key}={value}" for key, value in labels.items()),
    )
    mine = [one for one in found.items if controller(one) == ("Deployment", name_of(deployment))]
    return sorted(mine, key=facts.revision_of, reverse=True)


async def history(cluster: Cluster, name: str, namespace: str) -> RolloutHistory:
    """The revisions of a Deployment, each with what it changed of the one before."""
    deployment = await cluster.get(KINDS["Deployment"], name, namespace)
    found = await replica_sets(cluster, deployment)
    return RolloutHistory(
        name=name,
        namespace=namespace,
        current=facts.revision_of(deployment),
        revisions=tuple(facts.revisions(found, most=20)),
    )
