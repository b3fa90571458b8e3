"""Discovery: what this server is and which resources it has."""

from __future__ import annotations

from codenb.demo.kinds import KINDS, VERBS, Kind
from codenb.demo.objects import Obj

_REVIEWS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("authorization.k8s.io", "v1"): (
        ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
        ("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ),
    ("authentication.k8s.io", "v1"): (("selfsubjectreviews", "SelfSubjectReview"),),
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


def answer(path: str) -> Obj | None:
    """The discovery document at a path; None where the path is not one of discovery."""
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["version"]:
            found: Obj | None = VERSION
        case ["api"]:
            addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}]
            found = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}
        case ["api", "v1"]:
            found = _resources("", "v1")
        case ["apis"]:
            found = {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in _groups()]}
        case ["apis", group] if group in _groups():
            found = {"kind": "APIGroup", "apiVersion": "v1"} | _group(group)
        case ["apis", group, version] if version in _versions(group):
            found = _resources(group, version)
        case _:
            found = None
    return found


def _groups() -> list[str]:
    names = [kind.group for kind in KINDS if kind.group] + [group for group, _ in _REVIEWS]
    return list(dict.fromkeys(names))


def _versions(group: str) -> list[str]:
    versions = [kind.version for kind in KINDS if kind.group == group]
    return list(dict.fromkeys(versions + [version for name, version in _REVIEWS if name == group]))


def _group(name: str) -> Obj:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in _versions(name)]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resources(group: str, version: str) -> Obj:
    resources: list[Obj] = []
    for kind in KINDS:
        if (kind.group, kind.version) == (group, version):
            resources += _of(kind)
    for plural, name in _REVIEWS.get((group, version), ()):
        resources.append(
            {"name": plural, "singularName": name.lower(), "namespaced": False, "kind": name, "verbs": ["create"]}
        )
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
