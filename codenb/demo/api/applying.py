"""Server-side apply, as a request: a PATCH whose body says what its field manager wants."""

from __future__ import annotations

import re

from codenb.demo import applying, shapes, strictness
from codenb.demo.api import bodies
from codenb.demo.api.requests import Request
from codenb.demo.events import shown
from codenb.demo.kinds import NEW_EVENT, Kind
from codenb.demo.live import Live
from codenb.demo.managed import Write
from codenb.demo.objects import Obj, dig, without_nulls
from codenb.demo.status import Cause, bad_request, conflict, invalid, not_embedded, untyped
from codenb.demo.validation import accept, pod_spec

_OPTIONS = Kind("meta.k8s.io", "", "patchoptions", "PatchOptions")
_LONGEST_MANAGER = 128


def apply(live: Live, request: Request) -> Obj:
    """Apply a configuration; answers the object, which is new where there was none.

    Raises:
        ApiError: 400, 409, 415 or 422 as the real server; 500 for a configuration that its schema does not know.
    """
    target, store = request.target, live.sim.store
    kind = target.kind.stored
    if target.subresource not in ("", "status") or target.kind is NEW_EVENT:
        raise not_embedded(f"server-side apply to {target.attributes.full_resource}")
    _check_options(request)
    config = _config(request)
    live_obj = store.find(kind, target.namespace, target.name)
    _check_uid(kind, config, live_obj)
    write: Write = store.write(kind, request.manager, target.subresource, "Apply")
    applied = applying.apply(live_obj, config, write, target.kind.form, force=request.http.flag("force"))
    obj = accept(target.kind, applied.obj, live_obj)
    live.admission.check(target.kind, obj, live_obj)
    keep = not request.dry_run
    if live_obj is None:
        made = store.create(kind, obj, request.manager, owners=applied.owners, keep=keep)
        return shown(target.kind, made)
    stored = store.update(kind, obj, request.manager, subresource=target.subresource, owners=applied.owners, keep=keep)
    return shown(target.kind, stored)


def _check_options(request: Request) -> None:
    manager = request.http.query.get("fieldManager", "")
    if not manager:
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        raise invalid(_OPTIONS, "", [cause])
    if len(manager) > _LONGEST_MANAGER or not manager.isprintable():
        why = f"may not be more than {_LONGEST_MANAGER} bytes" if manager.isprintable() else "should only contain text"
        raise invalid(_OPTIONS, "", [Cause("FieldValueInvalid", f'Invalid value: "{manager}": {why}', "fieldManager")])


def _config(request: Request) -> Obj:
    """What the body wants, checked as far as it can be without the object that it is for."""
    kind = request.target.kind
    sent = bodies.read(request.http.body)
    if not isinstance(sent, dict):
        raise bad_request("error decoding YAML: the body of the request is not an object")
    config: Obj = without_nulls(sent)
    _check_head(request, config)
    shapes.check(kind, config)
    for path in strictness.unknown_fields(kind, config):
        raise untyped(config, f"{_by_name(kind, config, path)}: field not declared in schema")
    if request.target.subresource == "status":
        return {key: config[key] for key in ("apiVersion", "kind", "metadata", "status") if key in config}
    if kind.status:
        config.pop("status", None)
    return config


def _check_head(request: Request, config: Obj) -> None:
    """Refuse a configuration of another kind, name or namespace than the path's."""
    kind, target = request.target.kind, request.target
    version = config.setdefault("apiVersion", "")
    if version != kind.api_version:
        raise bad_request(
            f"Incorrect version specified in apply patch. Specified patch version: {version}, expected: "
            f"{kind.api_version}"
        )
    if config.get("kind") != kind.kind:
        raise bad_request(f"{config.get('kind', '')} does not match the kind of the resource ({kind.kind})")
    metadata = config.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request(f"{kind.kind}: metadata must be an object")
    if "managedFields" in metadata:
        raise bad_request("metadata.managedFields must be nil")
    if metadata.setdefault("name", target.name) != target.name:
        named = metadata["name"]
        raise bad_request(f"the name of the object ({named}) does not match the name on the URL ({target.name})")
    if kind.namespaced and metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _by_name(kind: Kind, config: Obj, path: str) -> str:
    """A path with its containers by their names, as the schema's own errors write it."""
    _, pod = pod_spec(kind, config)

    def named(found: re.Match[str]) -> str:
        return f'{found[1]}[name="{dig(pod[found[1]][int(found[2])], "name", default="")}"]'

    return "." + re.sub(r"(containers|initContainers)\[(\d+)\]", named, path)


def _check_uid(kind: Kind, config: Obj, live_obj: Obj | None) -> None:
    wanted = config["metadata"].get("uid")
    if not wanted:
        return
    if live_obj is None:
        why = f"uid mismatch: the provided object specified uid {wanted}, and no existing object was found"
        raise conflict(kind, config["metadata"]["name"], why)
    if wanted != live_obj["metadata"]["uid"]:
        cause = Cause("FieldValueInvalid", f'Invalid value: "{wanted}": field is immutable', "metadata.uid")
        raise invalid(kind, config["metadata"]["name"], [cause])
