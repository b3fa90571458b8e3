"""Words and numbers of which the API server takes only some, while the published schemas say no more than `string`.

Source: the `+enum` marks and validation of `k8s.io/api`; https://kubernetes.io/docs/reference/kubernetes-api/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from codenb.servers._manifests import Document
from codenb.servers._manifests._document import Path
from codenb.servers.deployment.validation._amounts import Fault
from codenb.servers.deployment.validation._pods import Pods, entries, get, items, mapping, text
from codenb.servers.deployment.validation._rules import dotted, shown

_PULL = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_OF_POD = {
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "preemptionPolicy": ("PreemptLowerPriority", "Never"),
}
_KEPT_RUNNING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
_OF_WORKLOAD: dict[str, tuple[str, ...]] = dict.fromkeys(_KEPT_RUNNING, ("Always",))
_OF_WORKLOAD |= dict.fromkeys(("Job", "CronJob"), ("OnFailure", "Never"))
_OF_KIND: dict[str, dict[Path, tuple[str, ...]]] = {
    "Service": {
        ("spec", "type"): ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
        ("spec", "sessionAffinity"): ("None", "ClientIP"),
        ("spec", "externalTrafficPolicy"): ("Cluster", "Local"),
        ("spec", "internalTrafficPolicy"): ("Cluster", "Local"),
        ("spec", "ipFamilyPolicy"): ("SingleStack", "PreferDualStack", "RequireDualStack"),
    },
    "Deployment": {("spec", "strategy", "type"): ("RollingUpdate", "Recreate")},
    "StatefulSet": {
        ("spec", "updateStrategy", "type"): ("RollingUpdate", "OnDelete"),
        ("spec", "podManagementPolicy"): ("OrderedReady", "Parallel"),
    },
    "DaemonSet": {("spec", "updateStrategy", "type"): ("RollingUpdate", "OnDelete")},
    "CronJob": {("spec", "concurrencyPolicy"): ("Allow", "Forbid", "Replace")},
    "PersistentVolume": {("spec", "persistentVolumeReclaimPolicy"): ("Retain", "Delete", "Recycle")},
    "StorageClass": {
        ("reclaimPolicy",): ("Retain", "Delete"),
        ("volumeBindingMode",): ("Immediate", "WaitForFirstConsumer"),
    },
}
_ACCESS = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_PATHS = ("Exact", "Prefix", "ImplementationSpecific")
_MODE = 0o777
_FIELD = re.compile(r"(?:\*|\?|[0-9A-Za-z]+(?:-[0-9A-Za-z]+)?)(?:/\d+)?")
_NICKNAMES = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_FIELDS = 5


def faults(document: Document, made: Pods | None) -> Iterator[Fault]:
    """What is wrong with an object's words, modes, counts and schedule."""
    for path, allowed in _OF_KIND.get(document.kind, {}).items():
        yield from _word(path, get(document.data, *path), allowed)
    if made:
        yield from _pod(made)
    spec = mapping(document.data.get("spec"))
    yield from _of_lists(document.kind, spec)
    if document.kind == "CronJob":
        yield from _schedule(text(spec.get("schedule")))
    replicas = spec.get("replicas")
    if made and isinstance(replicas, int) and not isinstance(replicas, bool) and replicas < 0:
        yield ("spec", "replicas"), f"spec.replicas is {replicas}", "kubernetes/wrong-value", "0 is the least"


def _of_lists(kind: str, spec: dict[str, Any]) -> Iterator[Fault]:
    if kind == "Service":
        for below, port in entries(spec, "ports"):
            yield from _word(("spec", *below, "protocol"), port.get("protocol"), _PROTOCOLS)
    if kind == "Ingress":
        for below, rule in entries(spec, "rules"):
            for deeper, path in entries(rule.get("http"), "paths"):
                yield from _word(("spec", *below, "http", *deeper, "pathType"), path.get("pathType"), _PATHS)
    if kind in ("PersistentVolumeClaim", "PersistentVolume"):
        for index, mode in enumerate(items(spec.get("accessModes"))):
            yield from _word(("spec", "accessModes", index), mode, _ACCESS)


def _pod(made: Pods) -> Iterator[Fault]:
    for field, allowed in _OF_POD.items():
        fits = _OF_WORKLOAD.get(made.document.kind, allowed) if field == "restartPolicy" else allowed
        yield from _word(made.at(field), made.spec.get(field), fits)
    for path, container in made.containers():
        yield from _word((*path, "imagePullPolicy"), container.get("imagePullPolicy"), _PULL)
        for below, port in entries(container, "ports"):
            yield from _word((*path, *below, "protocol"), port.get("protocol"), _PROTOCOLS)
        image = container.get("image")
        if isinstance(image, str) and (not image.strip() or any(one.isspace() for one in image)):
            said = f"image {shown(image)} is no reference of an image"
            yield (*path, "image"), said, "kubernetes/wrong-value", "write it like registry.example.com/app:1.2.3"
    for below, volume in entries(made.spec, "volumes"):
        for kind in ("configMap", "secret", "projected", "downwardAPI"):
            yield from _modes(made.document, made.at(*below, kind), mapping(volume.get(kind)))


def _modes(document: Document, path: Path, volume: dict[str, Any]) -> Iterator[Fault]:
    places = [((*path, "defaultMode"), volume.get("defaultMode"))]
    places += [((*path, *below, "mode"), item.get("mode")) for below, item in entries(volume, "items")]
    for place, mode in places:
        if isinstance(mode, int) and not isinstance(mode, bool) and not 0 <= mode <= _MODE:
            written = document.written(place) or str(mode)
            said = f"{dotted(place)} is {written}, expected 0 to 0777, which is 511 in decimal"
            octal = written.isdigit() and set(written) <= set("01234567")
            yield place, said, "kubernetes/file-mode", f"write 0{written}: without the 0 it is decimal" if octal else ""


def _word(path: Path, value: Any, allowed: tuple[str, ...]) -> Iterator[Fault]:
    if not isinstance(value, str) or value in allowed:
        return
    lowered = {one.lower(): one for one in allowed}
    near = [lowered[value.lower()]] if value.lower() in lowered else get_close_matches(value, allowed, n=1)
    one_of = "one of " if len(allowed) > 1 else ""
    said = f"{dotted(path)} is {shown(value)}, expected {one_of}{', '.join(allowed)}"
    yield path, said, "kubernetes/wrong-value", f"write {near[0]}" if near else ""


def _schedule(schedule: str) -> Iterator[Fault]:
    if not schedule or schedule in _NICKNAMES or schedule.startswith("@every "):
        return
    path = ("spec", "schedule")
    if re.match(r"(?:CRON_)?TZ=", schedule):
        yield path, "spec.schedule names a time zone", "kubernetes/schedule", "put it into spec.timeZone"
        return
    fields = schedule.split()
    if len(fields) != _FIELDS:
        said = f"spec.schedule {shown(schedule)} has {len(fields)} fields, expected {_FIELDS}"
        yield path, said, "kubernetes/schedule", "minute, hour, day of month, month, day of week"
    elif bad := next((one for one in fields if not all(_FIELD.fullmatch(part) for part in one.split(","))), None):
        yield path, f"spec.schedule has the field {shown(bad)}, which no schedule has", "kubernetes/schedule", ""
