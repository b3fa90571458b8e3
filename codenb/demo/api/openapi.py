"""`/openapi/v3`: what clients look up before they send: which parameters a patch takes, and the custom schemas.

The schemas of built-in kinds are published by Kubernetes itself and are not repeated here; a document of a built-in
group names its kinds and parameters only. Those of custom resources are nowhere else, and are given in full.
"""

from __future__ import annotations

import json
import zlib

from codenb.demo.api.discovery import VERSION
from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj

_QUERY = ("dryRun", "fieldManager", "fieldValidation", "force")
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


def answer(path: str, kinds: list[Kind]) -> Obj | None:
    """The document at a path; None where there is none.

    Args:
        path: Of the request.
        kinds: What is served.
    """
    if not path.startswith("/openapi/v3"):
        return None
    roots = {_root(kind) for kind in kinds}
    if path == "/openapi/v3":
        return {"paths": {root: _link(root, kinds) for root in sorted(roots)}}
    root = path.removeprefix("/openapi/v3/")
    return _document(root, kinds) if root in roots else None


def _root(kind: Kind) -> str:
    return f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}"


def _link(root: str, kinds: list[Kind]) -> Obj:
    digest = zlib.crc32(json.dumps(_document(root, kinds), sort_keys=True).encode())
    return {"serverRelativeURL": f"/openapi/v3/{root}?hash={digest:08X}"}


def _document(root: str, kinds: list[Kind]) -> Obj:
    of_group = [kind for kind in kinds if _root(kind) == root]
    schemas = {_schema_name(kind): _schema(kind) for kind in of_group if kind.custom is not None}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": {_path(root, kind): {"patch": _patch(kind)} for kind in of_group},
        "components": {"schemas": schemas},
    }


def _path(root: str, kind: Kind) -> str:
    return f"/{root}{'/namespaces/{namespace}' if kind.namespaced else ''}/{kind.plural}/{{name}}"


def _patch(kind: Kind) -> Obj:
    names = ["name", *(["namespace"] if kind.namespaced else [])]
    taken = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    taken += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _QUERY]
    patches = [each for each in _PATCHES if kind.custom is None or "strategic" not in each]
    return {
        "parameters": taken,
        "requestBody": {"content": {each: {"schema": {"type": "object"}} for each in patches}},
        "responses": {"200": {"description": "OK"}, "201": {"description": "Created"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": _gvk(kind),
    }


def _gvk(kind: Kind) -> Obj:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _schema_name(kind: Kind) -> str:
    """As the real server names it: the group's labels backwards, then version and kind."""
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def _schema(kind: Kind) -> Obj:
    assert kind.custom is not None
    head = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    properties = (kind.custom.schema.get("properties") or {}) | head
    return kind.custom.schema | {"properties": properties, "x-kubernetes-group-version-kind": [_gvk(kind)]}
