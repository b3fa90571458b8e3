"""Discovery: what this server is and which resources it has."""

from __future__ import annotations

from codenb.demo.kinds import VERBS, Kind
from codenb.demo.objects import Obj

_Others = dict[tuple[str, str], tuple[Obj, ...]]


def _review(plural: str, kind: str) -> Obj:
    return {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}


_REVIEWS: _Others = {
    ("authorization.k8s.io", "v1"): (
        _review("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
        _review("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ),
    ("authentication.k8s.io", "v1"): (_review("selfsubjectreviews", "SelfSubjectReview"),),
}
_METRICS: _Others = {
    ("metrics.k8s.io", "v1beta1"): (
        {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": ["get", "list"]},
        {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]},
    )
}
VERSION: Obj = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0+codenb.embedded",
    "gitCommit": "embedded",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "embedded",
}


def answer(path: str, kinds: list[Kind], *, metrics: bool) -> Obj | None:
    """The discovery document at a path; None where the path is not one of discovery.

    Args:
        path: Of the request.
        kinds: What is served.
        metrics: Whether a metrics server is among those that do.
    """
    others = _REVIEWS | (_METRICS if metrics else {})
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["version"]:
            found: Obj | None = VERSION
        case ["api"]:
            addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}]
            found = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}
        case ["api", "v1"]:
            found = _resources("", "v1", kinds, others)
        case ["apis"]:
            found = {"kind": "APIGroupList", "apiVersion": "v1", "groups": _all_groups(kinds, others)}
        case ["apis", group] if _versions(group, kinds, others):
            found = {"kind": "APIGroup", "apiVersion": "v1"} | _group(group, kinds, others)
        case ["apis", group, version] if version in _versions(group, kinds, others):
            found = _resources(group, version, kinds, others)
        case _:
            found = None
    return found


def _all_groups(kinds: list[Kind], others: _Others) -> list[Obj]:
    names = [kind.group for kind in kinds if kind.group] + [group for group, _ in others]
    return [_group(name, kinds, others) for name in dict.fromkeys(names)]


def _versions(group: str, kinds: list[Kind], others: _Others) -> list[str]:
    versions = [kind.version for kind in kinds if kind.group == group]
    return list(dict.fromkeys(versions + [version for name, version in others if name == group]))


def _group(name: str, kinds: list[Kind], others: _Others) -> Obj:
    served = _versions(name, kinds, others)
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in served]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resources(group: str, version: str, kinds: list[Kind], others: _Others) -> Obj:
    resources: list[Obj] = []
    for kind in kinds:
        if (kind.group, kind.version) == (group, version):
            resources += _of(kind)
    resources += others.get((group, version), ())
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _of(kind: Kind) -> list[Obj]:
    main: Obj = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
    }
    main["verbs"] = list(VERBS)
    if kind.short:
        main["shortNames"] = list(kind.short)
    if kind.in_all:
        main["categories"] = ["all"]
    resources = [main]
    if kind.plural == "pods":
        resources.append(_below(kind, "log", ["get"]))
    if kind.scale:
        scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        resources.append(_below(kind, "scale", ["get", "patch", "update"]) | scale)
    if kind.status:
        resources.append(_below(kind, "status", ["get", "patch", "update"]))
    return resources


def _below(kind: Kind, subresource: str, verbs: list[str]) -> Obj:
    return {
        "name": f"{kind.plural}/{subresource}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": verbs,
    }
