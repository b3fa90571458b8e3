"""Lists as tables, which is how `kubectl get` asks for them: the columns of the real printers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from codenb.demo.kinds import Custom, Kind
from codenb.demo.objects import Obj, dig, labels_of, name_of
from codenb.demo.selecting import as_text

# Up to how many seconds an age is written in which unit, and with which smaller one beside it.
_AGES = (
    (120, "s", 1, "", 1),
    (600, "m", 60, "s", 1),
    (10_800, "m", 60, "", 1),
    (28_800, "h", 3600, "m", 60),
    (172_800, "h", 3600, "", 1),
    (691_200, "d", 86_400, "h", 3600),
)

_STEP = re.compile(r"""\.([\w-]+)(?:\[\?\(@\.(\w+)==["']([^"']*)["']\)\])?""")

Cell = Callable[[Obj, datetime], Any]


class Column(NamedTuple):
    """One column; `wide` ones are shown with `-o wide` only."""

    name: str
    cell: Cell
    wide: bool = False
    type: str = "string"


def wants_table(accept: str) -> bool:
    """Whether an Accept header asks for a table before anything else."""
    return "as=Table" in accept.partition(",")[0]


def table(kind: Kind, objects: list[Obj], metadata: Obj, now: datetime, include: str) -> Obj:
    """A table of objects.

    Args:
        kind: Of the objects.
        objects: One a row.
        metadata: The list's: resource version, continuation.
        now: The world's present; ages count from it.
        include: `Object`, `Metadata` or `None`: what each row carries besides its cells.
    """
    columns = _COLUMNS.get(kind.kind, _PLAIN) if kind.custom is None else _custom(kind.custom)
    if columns[-1] is not _NAME_LAST:
        columns = (Column("Name", _name), *columns)
    definitions = [
        {
            "name": column.name,
            "type": column.type,
            "format": "name" if column.name == "Name" else "",
            "description": "",
            "priority": int(column.wide),
        }
        for column in columns
    ]
    rows = [
        {"cells": [column.cell(obj, now) for column in columns], "object": _row_object(obj, include)} for obj in objects
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    }


def _custom(custom: Custom) -> tuple[Column, ...]:
    """The printer columns of a definition; where it has none, the age."""
    return tuple(
        Column(name, _at_path(path, as_age=type_ == "date"), wide=priority > 0, type=type_)
        for name, type_, path, priority in custom.columns
    ) or (Column("Age", _at_path(".metadata.creationTimestamp", as_age=True), type="date"),)


def _at_path(path: str, *, as_age: bool) -> Cell:
    """What a simple JSON path points to, of the form `.spec.x` or `.status.conditions[?(@.type=="Ready")].status`."""
    steps = [found.groups() for found in _STEP.finditer(path)]

    def cell(obj: Obj, now: datetime) -> Any:
        value: Any = obj
        for name, key, wanted in steps:
            value = value.get(name) if isinstance(value, dict) else None
            if key and isinstance(value, list):
                value = next((item for item in value if isinstance(item, dict) and item.get(key) == wanted), None)
        if as_age:
            return age(value if isinstance(value, str) else None, now)
        return "" if value is None else value

    return cell


def _row_object(obj: Obj, include: str) -> Obj | None:
    if include == "None":
        return None
    if include == "Object":
        return obj
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def age(since: str | None, now: datetime) -> str:
    """How long ago, as kubectl writes it (`k8s.io/apimachinery/pkg/util/duration`)."""
    if not since:
        return "<unknown>"
    seconds = max(int((now - datetime.fromisoformat(since)).total_seconds()), 0)
    for limit, unit, size, below, part in _AGES:
        if seconds < limit:
            whole, rest = seconds // size, seconds % size // part
            return f"{whole}{unit}{rest}{below}" if below and rest else f"{whole}{unit}"
    return f"{seconds // 86400}d"


def _name(obj: Obj, _now: datetime) -> str:
    return name_of(obj)


def _age(obj: Obj, now: datetime) -> str:
    return age(obj["metadata"].get("creationTimestamp"), now)


def _at(*path: str, default: Any = "<none>") -> Cell:
    def cell(obj: Obj, _now: datetime) -> Any:
        value = dig(obj, *path)
        return default if value in (None, "") else value

    return cell


def _count(*path: str) -> Cell:
    return _at(*path, default=0)


def _containers(field: str) -> Cell:
    def cell(obj: Obj, _now: datetime) -> str:
        spec = dig(obj, "spec", "template", "spec") or {}
        return ",".join(item[field] for item in spec.get("containers", []))

    return cell


def _selector(obj: Obj, _now: datetime) -> str:
    return as_text(dig(obj, "spec", "selector")) or "<none>"


def _map_selector(obj: Obj, _now: datetime) -> str:
    return as_text({"matchLabels": dig(obj, "spec", "selector") or {}}) or "<none>"


def _ready_of(obj: Obj, _now: datetime) -> str:
    return f"{dig(obj, 'status', 'readyReplicas', default=0)}/{dig(obj, 'spec', 'replicas', default=0)}"


def _pod_ready(obj: Obj, _now: datetime) -> str:
    statuses = dig(obj, "status", "containerStatuses", default=[])
    return f"{sum(item['ready'] for item in statuses)}/{len(obj['spec']['containers'])}"


def _pod_status(obj: Obj, _now: datetime) -> str:
    """The word that sums up a pod, as the printer of kubectl finds it."""
    status = obj.get("status", {})
    word = str(status.get("reason") or status.get("phase", "Unknown"))
    for at, item in enumerate(status.get("initContainerStatuses") or []):
        if dig(item, "state", "terminated", "exitCode") == 0:
            continue
        reason = dig(item, "state", "terminated", "reason") or dig(item, "state", "waiting", "reason")
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{at}/{len(status['initContainerStatuses'])}"
    for item in reversed(status.get("containerStatuses") or []):
        word = dig(item, "state", "waiting", "reason") or dig(item, "state", "terminated", "reason") or word
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else word


def _pod_restarts(obj: Obj, now: datetime) -> str:
    statuses = dig(obj, "status", "containerStatuses", default=[])
    count = sum(item["restartCount"] for item in statuses)
    ends = [dig(item, "lastState", "terminated", "finishedAt") for item in statuses]
    last = max(filter(None, ends), default=None)
    return f"{count} ({age(last, now)} ago)" if count and last else str(count)


def _event_object(obj: Obj, _now: datetime) -> str:
    about = obj.get("involvedObject", {})
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def _event_last(obj: Obj, now: datetime) -> str:
    return age(dig(obj, "series", "lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime"), now)


def _event_source(obj: Obj, _now: datetime) -> str:
    return str(dig(obj, "source", "component") or obj.get("reportingComponent") or "")


def _ports(obj: Obj, _now: datetime) -> str:
    ports = dig(obj, "spec", "ports") or []
    return ",".join(f"{port['port']}/{port.get('protocol', 'TCP')}" for port in ports) or "<none>"


def _endpoints(obj: Obj, _now: datetime) -> str:
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or []
        for address in subset.get("addresses") or []
        for port in subset.get("ports") or []
    ]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""  # noqa: PLR2004 - as kubectl
    return ",".join(found[:3]) + more or "<none>"


def _slice_ports(obj: Obj, _now: datetime) -> str:
    return ",".join(str(port["port"]) for port in obj.get("ports") or []) or "<unset>"


def _slice_addresses(obj: Obj, _now: datetime) -> str:
    return ",".join(address for item in obj.get("endpoints") or [] for address in item["addresses"]) or "<unset>"


def _node_status(obj: Obj, _now: datetime) -> str:
    conditions = dig(obj, "status", "conditions", default=[])
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    word = "Ready" if ready else "NotReady"
    return f"{word},SchedulingDisabled" if dig(obj, "spec", "unschedulable") else word


def _roles(obj: Obj, _now: datetime) -> str:
    prefix = "node-role.kubernetes.io/"
    return ",".join(label.removeprefix(prefix) for label in labels_of(obj) if label.startswith(prefix)) or "<none>"


def _data(obj: Obj, _now: datetime) -> int:
    return len(obj.get("data") or {})


def _modes(obj: Obj, _now: datetime) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    modes = dig(obj, "status", "accessModes") or (
        dig(obj, "spec", "accessModes") if dig(obj, "spec", "claimRef") else []
    )
    return ",".join(short.get(mode, mode) for mode in modes)


def _claim_of(obj: Obj, _now: datetime) -> str:
    ref = dig(obj, "spec", "claimRef") or {}
    return f"{ref.get('namespace', '')}/{ref.get('name', '')}" if ref else ""


_AGE = Column("Age", _age)
_NAME_LAST = Column("Name", _name, wide=True)
_PLAIN = (_AGE,)
_TEMPLATE = (
    Column("Containers", _containers("name"), wide=True),
    Column("Images", _containers("image"), wide=True),
    Column("Selector", _selector, wide=True),
)
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Deployment": (
        Column("Ready", _ready_of),
        Column("Up-to-date", _count("status", "updatedReplicas")),
        Column("Available", _count("status", "availableReplicas")),
        _AGE,
        *_TEMPLATE,
    ),
    "ReplicaSet": (
        Column("Desired", _count("spec", "replicas"), type="integer"),
        Column("Current", _count("status", "replicas"), type="integer"),
        Column("Ready", _count("status", "readyReplicas"), type="integer"),
        _AGE,
        *_TEMPLATE,
    ),
    "StatefulSet": (Column("Ready", _ready_of), _AGE, *_TEMPLATE[:2]),
    "Pod": (
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _pod_restarts),
        _AGE,
        Column("IP", _at("status", "podIP"), wide=True),
        Column("Node", _at("spec", "nodeName"), wide=True),
        Column("Nominated Node", _at("status", "nominatedNodeName"), wide=True),
        Column("Readiness Gates", lambda _obj, _now: "<none>", wide=True),
    ),
    "Event": (
        Column("Last Seen", _event_last),
        Column("Type", _at("type")),
        Column("Reason", _at("reason")),
        Column("Object", _event_object),
        Column("Subobject", _at("involvedObject", "fieldPath", default=""), wide=True),
        Column("Source", _event_source, wide=True),
        Column("Message", _at("message", default="")),
        Column("First Seen", lambda obj, now: age(obj.get("firstTimestamp") or obj.get("eventTime"), now), wide=True),
        Column("Count", lambda obj, _now: dig(obj, "series", "count") or obj.get("count") or 1, wide=True),
        _NAME_LAST,
    ),
    "Service": (
        Column("Type", _at("spec", "type")),
        Column("Cluster-IP", _at("spec", "clusterIP")),
        Column("External-IP", lambda _obj, _now: "<none>"),
        Column("Port(s)", _ports),
        _AGE,
        Column("Selector", _map_selector, wide=True),
    ),
    "Endpoints": (Column("Endpoints", _endpoints), _AGE),
    "EndpointSlice": (
        Column("AddressType", _at("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_addresses),
        _AGE,
    ),
    "PersistentVolumeClaim": (
        Column("Status", _at("status", "phase")),
        Column("Volume", _at("spec", "volumeName", default="")),
        Column("Capacity", _at("status", "capacity", "storage", default="")),
        Column("Access Modes", _modes),
        Column("StorageClass", _at("spec", "storageClassName", default="")),
        Column("VolumeAttributesClass", lambda _obj, _now: "<unset>"),
        _AGE,
        Column("VolumeMode", _at("spec", "volumeMode"), wide=True),
    ),
    "PersistentVolume": (
        Column("Capacity", _at("spec", "capacity", "storage", default="")),
        Column("Access Modes", _modes),
        Column("Reclaim Policy", _at("spec", "persistentVolumeReclaimPolicy", default="")),
        Column("Status", _at("status", "phase", default="Available")),
        Column("Claim", _claim_of),
        Column("StorageClass", _at("spec", "storageClassName", default="")),
        _AGE,
    ),
    "Node": (
        Column("Status", _node_status),
        Column("Roles", _roles),
        _AGE,
        Column("Version", _at("status", "nodeInfo", "kubeletVersion", default="")),
        Column("OS-Image", _at("status", "nodeInfo", "osImage", default="<unknown>"), wide=True),
        Column("Kernel-Version", _at("status", "nodeInfo", "kernelVersion", default="<unknown>"), wide=True),
        Column(
            "Container-Runtime", _at("status", "nodeInfo", "containerRuntimeVersion", default="<unknown>"), wide=True
        ),
    ),
    "Namespace": (Column("Status", _at("status", "phase")), _AGE),
    "ConfigMap": (Column("Data", _data), _AGE),
    "Secret": (Column("Type", _at("type")), Column("Data", _data, type="integer"), _AGE),
    "StorageClass": (
        Column("Provisioner", _at("provisioner")),
        Column("ReclaimPolicy", _at("reclaimPolicy")),
        Column("VolumeBindingMode", _at("volumeBindingMode")),
        Column("AllowVolumeExpansion", _at("allowVolumeExpansion", default=False), type="boolean"),
        _AGE,
    ),
}
