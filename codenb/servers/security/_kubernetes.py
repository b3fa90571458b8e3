"""Policies on Kubernetes objects, each finding at the value that breaks it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from codenb.servers._manifests import Document
from codenb.servers._manifests._secrecy import quotable
from codenb.servers.security._engine import graph_checks, inside, registries
from codenb.servers.security._graph import graph
from codenb.servers.security._pods import Path, get, pod_of
from codenb.servers.security._results import Place, Scan, broken, finding
from codenb.servers.security._table import table
from codenb.servers.security.secrets import MaskedLines

_INDEX = re.compile(r"\[(\d+)\]")
_SKIP = ("checkov.io/skip", "bridgecrew.io/skip", "cortex.io/skip")
_CONNECTED = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "NetworkPolicy"}
_POD_POLICY = "CKV2_K8S_6"

# Two in three checks on containers look at the flags of the control plane's own programs, and pass all others.
_CONTROL_PLANE = frozenset(f"CKV_K8S_{number}" for number in range(68, 152)) - {"CKV_K8S_78", "CKV_K8S_121"}
_PROGRAMS = ("kube", "etcd")

# Where to look for what a check means that does not say which values it looked at; in the pod's spec, or in the object.
_IN_POD = {
    "CKV_K8S_17": "hostPID",
    "CKV_K8S_18": "hostIPC",
    "CKV_K8S_19": "hostNetwork",
    "CKV_K8S_27": "volumes",
    "CKV_K8S_38": "automountServiceAccountToken",
    **dict.fromkeys(("CKV_K8S_23", "CKV_K8S_29", "CKV_K8S_31", "CKV_K8S_40"), "securityContext"),
}
_IN_OBJECT: dict[str, Path] = {
    "CKV_K8S_21": ("metadata", "namespace"),
    **dict.fromkeys(("Role", "ClusterRole"), ("rules",)),
    **dict.fromkeys(("RoleBinding", "ClusterRoleBinding"), ("roleRef",)),
    **dict.fromkeys(("Ingress",), ("metadata", "annotations")),
}


@inside
def scan(documents: Sequence[Document]) -> Scan:
    """Check objects against the policies.

    Args:
        documents: The objects, as they were read.

    Raises:
        PartMissing: checkov is not installed.
    """
    result, masked = Scan(), MaskedLines()
    for document in documents:
        _scan_one(document, result, masked)
    _scan_connected(documents, result, masked)
    return result


@cache
def _checks(kind: str, *, control_plane: bool = True) -> tuple[Any, ...]:
    left_out = {*table("kubernetes").off, *(() if control_plane else _CONTROL_PLANE)}
    return tuple(check for check in registries("kubernetes")[""].checks.get(kind, ()) if check.id not in left_out)


def _scan_one(document: Document, result: Scan, masked: MaskedLines) -> None:
    checks = _checks(document.kind, control_plane=_runs_control_plane(document))
    if not checks:
        return
    entity = copy.deepcopy(document.data)  # checks are other people's, and one that writes must not change the caller's
    skipped = _skipped(document)
    for check in checks:
        if check.id in skipped:
            continue
        check.evaluated_keys = []
        try:
            failed = check.scan_entity_conf(entity, document.kind).name == "FAILED"
            paths = _paths(check, document, entity) if failed else []
        except Exception:  # noqa: BLE001  other people's code on other people's values: said, and the next one runs
            result.problems.append(broken(check, _place(document, (), masked)))
            continue
        result.findings += [finding("kubernetes", check, _place(document, path, masked)) for path in paths]


def _runs_control_plane(document: Document) -> bool:
    pod = get(document.data, pod_of(document.kind))
    for kind in ("containers", "initContainers"):
        containers = get(pod, (kind,))
        for container in containers if isinstance(containers, list) else ():
            command = str(get(container, ("command",))) + str(get(container, ("args",)))
            if any(program in command for program in _PROGRAMS):
                return True
    return False


def _skipped(document: Document) -> frozenset[str]:
    metadata = document.data.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(annotations, dict):
        return frozenset()
    return frozenset(
        str(value).partition("=")[0].strip()
        for key, value in annotations.items()
        if isinstance(key, str) and key.startswith(_SKIP)
    )


def _paths(check: Any, document: Document, entity: dict[str, Any]) -> list[Path]:
    return _containers_that_fail(check, document, entity) or [_nearest(document, check)]


def _containers_that_fail(check: Any, document: Document, entity: dict[str, Any]) -> list[Path]:
    """Every container that breaks a policy on containers; checkov itself stops at the first."""
    judge = getattr(check, "scan_container_conf", None)
    if judge is None:
        return []
    pod = pod_of(document.kind)
    spec, template = get(entity, pod), get(entity, pod[:-1])
    metadata = template.get("metadata", {}) if isinstance(template, dict) else {}
    found: list[Path] = []
    for kind in check.supported_container_types:
        containers = get(spec, (kind,))
        for index, container in enumerate(containers if isinstance(containers, list) else []):
            check.evaluated_container_keys = []
            if judge(metadata, container).name == "FAILED":
                at: Path = (*pod, kind, index)
                paths = [(*at, *path_of(key)) for key in check.evaluated_container_keys]
                found.append(_deepest(document, paths) or at)
    return found


def _nearest(document: Document, check: Any) -> Path:
    if found := _deepest(document, [path_of(key) for key in check.evaluated_keys]):
        return found
    pod = pod_of(document.kind)
    if check.id in _IN_POD and get(document.data, pod) is not None:
        return (*pod, _IN_POD[check.id])
    hint = _IN_OBJECT.get(check.id) or _IN_OBJECT.get(document.kind)
    return hint if hint and get(document.data, hint[:1]) is not None else ("metadata", "name")


def _deepest(document: Document, paths: Sequence[Path]) -> Path | None:
    """Of several values that a check looked at, the one of which most is written."""
    depths = [(_depth(document.data, path), -number) for number, path in enumerate(paths)]
    if not depths or max(depths)[0] == 0:
        return None
    return paths[-max(depths)[1]]


def _depth(data: Any, path: Path) -> int:
    for depth, part in enumerate(path):
        data = get(data, (part,))
        if data is None:
            return depth
    return len(path)


@lru_cache(maxsize=4096)
def path_of(key: str) -> Path:
    """A path as checkov writes it, `spec/containers/[0]/image`."""
    parts = (part for part in re.split(r"/|(?<=\])(?=\[)", str(key)) if part)
    return tuple(int(match[1]) if (match := _INDEX.fullmatch(part)) else part for part in parts)


def _place(document: Document, path: Path, masked: MaskedLines) -> Place:
    at = document.at(path, key=True)
    shown = quotable(document, at.line)
    source = shown if shown != document.source(at.line) else masked.line(document.lines, at.line)
    return Place(document.file, at.line, at.column, source, str(document.entity))


def _scan_connected(documents: Sequence[Document], result: Scan, masked: MaskedLines) -> None:
    """Policies on several objects at once: who is bound to which role, which pods have a network policy."""
    chosen = [document for document in documents if document.kind in _CONNECTED or _checks(document.kind)]
    kinds = {document.kind for document in chosen}
    if not kinds & _CONNECTED:
        result.findings += _without_network_policy(chosen, masked)
        return
    by_place = {f"/{number}.yaml": document for number, document in enumerate(chosen)}
    made = graph(by_place)
    for check in graph_checks("kubernetes"):
        if not kinds.intersection(check.resource_types):
            continue
        for vertex in check.run(made)[1]:
            document = by_place[vertex["file_path_"]]
            if check.id not in _skipped(document):
                result.findings.append(finding("kubernetes", check, _place(document, ("metadata", "name"), masked)))


def _without_network_policy(documents: Sequence[Document], masked: MaskedLines) -> Iterator[Any]:
    """The one policy of these that breaks where nothing is connected."""
    check = next(check for check in graph_checks("kubernetes") if check.id == _POD_POLICY)
    for document in documents:
        if document.kind in check.resource_types and check.id not in _skipped(document):
            yield finding("kubernetes", check, _place(document, ("metadata", "name"), masked))
