"""Pods, objects and events, as a person or a model asks for them one by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from codenb.errors import BadInput
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.servers._clients.names import checked_namespace
from codenb.servers._clients.objects import Page
from codenb.servers.kubernetes import facts
from codenb.servers.kubernetes.answers import Answer
from codenb.servers.kubernetes.facts import Object, Owners, name_of
from codenb.servers.kubernetes.running import Event
from codenb.servers.kubernetes.units import age, moment, seconds
from codenb.views import Code, Table, View

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SECRET_PARTS = ("data", "stringData")
_EVENTS_READ = 2_000


class Listed(Answer):
    """A part of a list.

    Attributes:
        total: How many there are altogether; None where the cluster does not say.
        cursor: Give it back for the next part; empty at the end.
        cut: What is not shown, where something is not.
    """

    total: int | None = None
    cursor: str = ""
    cut: str = ""

    def view(self) -> View:
        """The rows of the longest list."""
        rows: list[dict[str, Any]] = max((one for one in self.to_dict().values() if isinstance(one, list)), key=len)
        columns = list(rows[0]) if rows else []
        cells = [[None if row.get(name) is None else str(row.get(name)) for name in columns] for row in rows]
        return View(title=type(self).__name__, subtitle=self.cut, blocks=[Table(columns, cells)])


class PodRow(Answer):
    """A pod in a list.

    Attributes:
        name: Its name.
        phase: As the cluster says; `Terminating` while it is being deleted.
        ready: Whether it takes traffic.
        containers: Ready ones of all, such as `1/2`.
        restarts: Of all its containers.
        age_s: Seconds.
        node: Where it runs.
        reason: Why it is not well, in one word.
        last_state: How a container ended before, such as `app: OOMKilled (137)`.
        owner: The workload that it is raised to.
    """

    name: str
    phase: str
    ready: bool
    containers: str
    restarts: int
    age_s: int | None
    node: str
    reason: str
    last_state: str
    owner: str

    def view(self) -> View:
        """Its fields."""
        return View(title=self.name, blocks=[Code(str(self.to_dict()))])


class PodList(Listed):
    """Pods."""

    pods: tuple[PodRow, ...] = ()


class ResourceRow(Answer):
    """An object in a list.

    Attributes:
        name: Its name.
        namespace: Where it is; empty for cluster-wide kinds.
        age_s: Seconds.
        state: What its status says in a few words.
        labels: Its labels.
    """

    name: str
    namespace: str
    age_s: int | None
    state: str
    labels: dict[str, str]

    def view(self) -> View:
        """Its fields."""
        return View(title=self.name, blocks=[Code(str(self.to_dict()))])


class ResourceList(Listed):
    """Objects of one kind."""

    kind: str = ""
    resources: tuple[ResourceRow, ...] = ()


class EventList(Listed):
    """Events, equal ones as one, newest last."""

    events: tuple[Event, ...] = ()


async def pods(cluster: Cluster, namespace: str, *, labels: str, fields: str, limit: int, cursor: str) -> PodList:
    """One page of a namespace's pods."""
    page = await cluster.page(
        KINDS["Pod"], checked_namespace(namespace), labels=labels, fields=fields, limit=limit, cursor=cursor
    )
    if not page.items:
        await cluster.require_namespace(namespace)
    owners, now = Owners([], []), datetime.now(UTC)
    return PodList(pods=tuple(_pod_row(one, owners, now) for one in page.items), **_whole(page, cursor))


async def resources(
    cluster: Cluster,
    kind: str,
    *,
    api_version: str | None,
    namespace: str | None,
    labels: str,
    fields: str,
    limit: int,
    cursor: str,
) -> ResourceList:
    """One page of the objects of a kind; of no namespace in particular, of all."""
    found = await cluster.kind(kind, api_version)
    page = await cluster.page(found, namespace, labels=labels, fields=fields, limit=limit, cursor=cursor)
    if namespace and found.namespaced and not page.items:
        await cluster.require_namespace(namespace)
    now = datetime.now(UTC)
    rows = tuple(_row(one, now) for one in page.items)
    return ResourceList(kind=found.kind, resources=rows, **_whole(page, cursor))


async def resource(
    cluster: Cluster, kind: str, name: str, *, namespace: str | None, api_version: str | None
) -> dict[str, Any]:
    """One object as the API server has it, without field managers and without the values of a Secret."""
    found = await cluster.kind(kind, api_version)
    if found.namespaced and not namespace:
        raise BadInput(f"a {found.kind} is in a namespace: say in which, or list them in all with list_resources")
    return shown(await cluster.get(found, name, namespace if found.namespaced else None))


def shown(found: Object) -> dict[str, Any]:
    """An object as it may leave the server."""
    told = {key: value for key, value in (found.get("metadata") or {}).items() if key != "managedFields"}
    if notes := told.get("annotations"):
        told["annotations"] = {key: value for key, value in notes.items() if key != _LAST_APPLIED}
    kept = {**found, "metadata": told}
    if found.get("kind") == "Secret":
        held = [kept.pop(part) for part in _SECRET_PARTS if isinstance(kept.get(part), Mapping)]
        kept["keys"] = [f"{key} ({len(str(value))} characters)" for values in held for key, value in values.items()]
        kept["metadata"].pop("annotations", None)  # operators keep copies of the values there
    return kept


async def events(cluster: Cluster, namespace: str, *, involved: str, since: str, limit: int) -> EventList:
    """A namespace's events.

    Args:
        cluster: Where.
        namespace: Which.
        involved: Name of an object, or of the workload that its pods are named after; `Kind/name` is more exact.
        since: Only those of the last `30m`.
        limit: Most events, the newest.
    """
    page = await cluster.listed(KINDS["Event"], checked_namespace(namespace), at_most=_EVENTS_READ)
    if not page.items:
        await cluster.require_namespace(namespace)
    found = facts.events((one for one in page.items if _concerns(one, involved)), Owners([], []), {})
    if since:
        start = datetime.now(UTC) - timedelta(seconds=seconds(since))
        found = [one for one in found if one.last_at is None or one.last_at >= start]
    kept = found[-limit:]
    cuts = [f"the newest {len(kept)} of {len(found)} are shown"] if len(kept) < len(found) else []
    cuts += [f"the first {_EVENTS_READ} were read"] if page.cursor else []
    return EventList(events=tuple(kept), total=None if page.cursor else len(found), cut="; ".join(cuts))


def _concerns(event: Object, involved: str) -> bool:
    about = event.get("involvedObject") or event.get("regarding") or {}
    kind, _, name = involved.replace(" ", "/").rpartition("/")
    if kind and str(about.get("kind", "")).lower() != kind.lower():
        return False
    there = str(about.get("name", ""))
    return not name or there == name or there.startswith(f"{name}-")


def _whole(page: Page, cursor: str) -> dict[str, Any]:
    """What the list says of itself."""
    if not page.cursor:
        return {"total": None if cursor else len(page.items)}
    more = "more" if page.remaining is None else f"{page.remaining} more"
    total = None if cursor or page.remaining is None else len(page.items) + page.remaining
    return {"total": total, "cursor": page.cursor, "cut": f"there are {more}: call again with this cursor"}


def _pod_row(one: Object, owners: Owners, now: datetime) -> PodRow:
    status = one.get("status") or {}
    states = [state for state in facts.container_states(status) if not state.init]
    pod = facts.pod(one, owners)
    ended = [f"{state.name}: {state.last_reason} ({state.last_exit_code})" for state in states if state.last_reason]
    return PodRow(
        name=pod.name,
        phase=pod.phase,
        ready=pod.ready,
        containers=f"{sum(state.ready for state in states)}/{len((one.get('spec') or {}).get('containers') or states)}",
        restarts=pod.restarts,
        age_s=age(pod.created_at, now),
        node=pod.node,
        reason=pod.reason,
        last_state="; ".join(ended),
        owner=pod.owner,
    )


def _row(one: Object, now: datetime) -> ResourceRow:
    told = one.get("metadata") or {}
    return ResourceRow(
        name=name_of(one),
        namespace=str(told.get("namespace") or ""),
        age_s=age(moment(told.get("creationTimestamp")), now),
        state=_state(one),
        labels=told.get("labels") or {},
    )


def _state(one: Object) -> str:
    spec, status = one.get("spec") or {}, one.get("status") or {}
    if "replicas" in spec:
        return f"{status.get('readyReplicas') or 0}/{spec['replicas']} ready"
    if "phase" in status:
        return str(status["phase"])
    bad = facts.conditions(status)
    if bad:
        return f"{bad[0].type} {bad[0].status}: {bad[0].reason}"
    good = next((told.get("type") for told in status.get("conditions") or () if told.get("status") == "True"), "")
    return str(good)
