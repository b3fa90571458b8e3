"""What containers take, beside what they asked for and may have: the first look at a pod that is slow or was killed.

The numbers are those of the metrics API, an average over its last window (15 s as a rule). A container that does not
run, or has not run for a whole window, has none: it is listed all the same, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from codenb.errors import BadInput, ToolError
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS, Kind
from codenb.servers._clients.names import checked_namespace
from codenb.servers.kubernetes import facts
from codenb.servers.kubernetes.answers import Answer
from codenb.servers.kubernetes.facts import name_of
from codenb.servers.kubernetes.units import moment, quantity
from codenb.views import Block, Code, Field, Table, View

Sort = Literal["cpu", "memory"]

_POD_METRICS = Kind("PodMetrics", "metrics.k8s.io/v1beta1", "pods")
_MEBI = 1024 * 1024


class ContainerUsage(Answer):
    """What one container takes.

    Attributes:
        pod: Its pod.
        container: Its name.
        cpu: Cores; None where nothing was measured.
        cpu_request: Cores it asked for; None where it asked for none.
        cpu_limit: Cores it may take; None where it may take any.
        cpu_percent: Of its limit, of its request where it has no limit.
        memory: Bytes of its working set; None where nothing was measured.
        memory_request: Bytes it asked for.
        memory_limit: Bytes above which it is killed.
        memory_percent: Of its limit, of its request where it has no limit.
        note: Why nothing was measured, where that is so.
    """

    pod: str
    container: str
    cpu: float | None = None
    cpu_request: float | None = None
    cpu_limit: float | None = None
    cpu_percent: float | None = None
    memory: int | None = None
    memory_request: int | None = None
    memory_limit: int | None = None
    memory_percent: float | None = None
    note: str = ""

    def view(self) -> View:
        """Its fields."""
        return View(title=f"{self.pod} {self.container}", blocks=[Code(str(self.to_dict()))])


class UsageList(Answer):
    """What the containers of a namespace take, those that take most first.

    Attributes:
        namespace: Where.
        containers: One row each.
        cpu: Cores, all of the namespace together.
        memory: Bytes, likewise.
        measured_at: End of the newest window.
        total: How many containers there are.
        cut: What is not shown, where something is not.
    """

    namespace: str
    containers: tuple[ContainerUsage, ...] = ()
    cpu: float = 0
    memory: int = 0
    measured_at: datetime | None = None
    total: int = 0
    cut: str = ""

    def view(self) -> View:
        """Millicores and MiB beside what was asked for and what is allowed."""
        head = ["pod", "container", "CPU", "asked / limit", "", "memory", "asked / limit", "", "note"]
        rows = [
            (
                one.pod,
                one.container,
                _cores(one.cpu),
                f"{_cores(one.cpu_request)} / {_cores(one.cpu_limit)}",
                _percent(one.cpu_percent),
                _mebibytes(one.memory),
                f"{_mebibytes(one.memory_request)} / {_mebibytes(one.memory_limit)}",
                _percent(one.memory_percent),
                one.note,
            )
            for one in self.containers
        ]
        blocks: list[Block] = [
            Field("together", f"{_cores(self.cpu)} CPU, {_mebibytes(self.memory)} memory"),
            Table(head, rows),
        ]
        return View(title=f"Usage in {self.namespace}", subtitle=self.cut, blocks=blocks)


async def top(cluster: Cluster, namespace: str, *, labels: str, sort: Sort, limit: int) -> UsageList:
    """What the containers of a namespace take.

    Args:
        cluster: Where.
        namespace: Which.
        labels: Label selector over pods.
        sort: By what, the most first; what was not measured comes last.
        limit: Most rows.

    Raises:
        ToolError: The cluster has no metrics API, or it does not answer.
        PermissionMissing: Pods, or their metrics, may not be listed.
    """
    checked_namespace(namespace)
    measured = await _measured(cluster, namespace, labels)
    pods = (await cluster.listed(KINDS["Pod"], namespace, labels=labels)).items
    if not pods:
        await cluster.require_namespace(namespace)
    rows = [row for pod in pods for row in _rows(pod, measured.get(name_of(pod)) or {})]
    rows.sort(key=lambda one: (getattr(one, sort) is None, -(getattr(one, sort) or 0), one.pod, one.container))
    kept = rows[:limit]
    moments = [at for one in measured.values() if (at := moment(one.get("timestamp")))]
    return UsageList(
        namespace=namespace,
        containers=tuple(kept),
        cpu=round(sum(one.cpu or 0 for one in rows), 6),
        memory=sum(one.memory or 0 for one in rows),
        measured_at=max(moments, default=None),
        total=len(rows),
        cut=f"the {len(kept)} that take most {sort} of {len(rows)} are shown" if len(kept) < len(rows) else "",
    )


async def _measured(cluster: Cluster, namespace: str, labels: str) -> dict[str, dict[str, Any]]:
    """The metrics of each pod, by its name."""
    try:
        found = await cluster.listed(_POD_METRICS, namespace, labels=labels)
    except ToolError as error:
        if error.error_type not in ("NotServed", "ServerFault"):
            raise
        absent = error.error_type == "NotServed"
        what = "has no metrics API (metrics.k8s.io)" if absent else "has a metrics API that fails"
        raise ToolError(
            f"cluster {cluster.context} {what}, so what pods take is not known here: see to its metrics-server, or ask "
            f"Prometheus with the tools of the monitoring server",
            error_type=error.error_type,
        ) from error
    return {name_of(one): one for one in found.items}


def _rows(pod: Mapping[str, Any], measured: Mapping[str, Any]) -> Iterator[ContainerUsage]:
    usages = {str(one.get("name")): one.get("usage") or {} for one in measured.get("containers") or ()}
    states = {one.name: one for one in facts.container_states(pod.get("status") or {})}
    for container in (pod.get("spec") or {}).get("containers") or ():
        name = str(container.get("name"))
        usage, resources = usages.get(name) or {}, container.get("resources") or {}
        asked, allowed = (_amounts(resources.get(part) or {}) for part in ("requests", "limits"))
        cpu, memory = _amounts(usage)
        state = states.get(name)
        yield ContainerUsage(
            pod=name_of(pod),
            container=name,
            cpu=cpu,
            cpu_request=asked[0],
            cpu_limit=allowed[0],
            cpu_percent=_share(cpu, allowed[0] or asked[0]),
            memory=memory,
            memory_request=asked[1],
            memory_limit=allowed[1],
            memory_percent=_share(memory, allowed[1] or asked[1]),
            note="" if usage else f"not measured: {(state and state.reason) or 'not running for long enough'}",
        )


def _amounts(amounts: Mapping[str, Any]) -> tuple[float | None, int | None]:
    """Cores and bytes; None where an amount is not given, or cannot be read."""
    cpu, memory = _amount(amounts.get("cpu")), _amount(amounts.get("memory"))
    return cpu, None if memory is None else int(memory)


def _amount(text: object) -> float | None:
    try:
        return None if text is None else float(quantity(str(text)))
    except BadInput:
        return None  # a metrics server of another make is no reason to hide the rest


def _share(amount: float | None, of: float | None) -> float | None:
    return None if amount is None or not of else round(100 * amount / of, 1)


def _cores(amount: float | None) -> str:
    return "–" if amount is None else f"{amount * 1000:.0f}m"


def _mebibytes(amount: int | None) -> str:
    return "–" if amount is None else f"{amount / _MEBI:.0f}Mi"


def _percent(amount: float | None) -> str:
    return "" if amount is None else f"{amount:.0f}%"
