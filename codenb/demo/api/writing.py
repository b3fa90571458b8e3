"""Create, replace, patch, delete."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from codenb.demo import patch, shapes, strictness
from codenb.demo.api import applying, lists, scaling
from codenb.demo.api.requests import Request
from codenb.demo.deletion import delete
from codenb.demo.events import shown
from codenb.demo.kinds import NAMESPACE, NEW_EVENT, POD, Kind
from codenb.demo.live import Live
from codenb.demo.objects import Obj, clone, name_of, uid_of, without_nulls
from codenb.demo.status import (
    bad_request,
    conflict,
    forbidden,
    invalid,
    method_not_allowed,
    not_embedded,
    success,
    unsupported_media_type,
)
from codenb.demo.validation import accept

_DELETE_OPTIONS = Kind("meta.k8s.io", "v1", "deleteoptions", "DeleteOptions")
_SYSTEM_NAMESPACES = frozenset({"default", "kube-system", "kube-public"})


def create(live: Live, request: Request) -> Obj:
    """Store a new object; answers the object."""
    kind, http = request.target.kind, request.http
    sent = _object(request, http.json())
    namespace = sent["metadata"].setdefault("namespace", request.target.namespace) if kind.namespaced else ""
    if namespace != request.target.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if kind.custom is not None and kind.status:
        sent.pop("status", None)
    obj = _prepared(live, request, sent, None)
    return shown(kind, live.sim.store.create(kind.stored, obj, request.manager, keep=not request.dry_run))


def update(live: Live, request: Request) -> Obj:
    """Replace an object; answers it."""
    body = request.http.json()
    if request.target.subresource == "scale":
        return scaling.write(live, request, lambda _: _mapping(body))
    sent = _object(request, body)
    return _store(live, request, lambda _before: sent)


def modify(live: Live, request: Request) -> Obj:
    """Patch an object; answers it."""
    http = request.http
    if http.content_type == patch.APPLY_PATCH:
        return applying.apply(live, request)
    patch.check_type(http.content_type)
    if http.content_type == patch.STRATEGIC_PATCH and request.target.kind.custom is not None:
        raise unsupported_media_type()
    body = http.json()
    if request.target.subresource == "scale":
        return scaling.write(live, request, lambda before: _mapping(patch.apply(http.content_type, before, body)))
    return _store(live, request, lambda before: patch.apply(http.content_type, before, body))


def _store(live: Live, request: Request, change: Callable[[Obj], Any]) -> Obj:
    target, store = request.target, live.sim.store
    kind = target.kind.stored
    before = store.get(kind, target.namespace, target.name)
    sent = _object(request, change(shown(target.kind, before)))
    if sent["metadata"].get("name") != target.name:
        named = sent["metadata"].get("name")
        raise bad_request(f"the name of the object ({named}) does not match the name on the URL ({target.name})")
    if target.subresource == "status":
        sent = clone(before) | {"status": sent.get("status", {}), "metadata": sent["metadata"]}
    elif target.kind.custom is not None and target.kind.status:
        sent = {name: value for name, value in sent.items() if name != "status"}
        sent |= {"status": before["status"]} if "status" in before else {}
    elif kind.status:
        sent["status"] = before.get("status", {})
    if kind.namespaced:
        sent["metadata"].setdefault("namespace", target.namespace)
    obj = _prepared(live, request, sent, before)
    stored = store.update(kind, obj, request.manager, subresource=target.subresource, keep=not request.dry_run)
    return shown(target.kind, stored)


def _prepared(live: Live, request: Request, sent: Obj, before: Obj | None) -> Obj:
    kind = request.target.kind
    obj = accept(kind, sent, before)
    if request.http.query.get("fieldValidation") == "Strict":
        strictness.check(kind, sent)
    live.admission.check(kind, obj, before)
    return obj


def _mapping(body: Any) -> Obj:
    if not isinstance(body, dict):
        raise bad_request("the body of the request is not a JSON object")
    return dict(body)


def _object(request: Request, body: Any) -> Obj:
    """The sent object, checked to be of the kind that the path means."""
    kind = request.target.kind
    if kind is NEW_EVENT:
        raise not_embedded("writing events.k8s.io/v1; core events can be written")
    sent: Obj = without_nulls(_mapping(body))
    api_version, name = sent.pop("apiVersion", kind.api_version), sent.pop("kind", kind.kind)
    if (api_version, name) != (kind.api_version, kind.kind):
        raise bad_request(
            f"{name} in version {json.dumps(api_version)} cannot be handled as a {kind.kind}: the API version and kind "
            f"in the data do not match the expected ones ({kind.api_version}, {kind.kind})"
        )
    metadata = sent.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise bad_request(f"{kind.kind}: metadata must be an object")
    return {"apiVersion": kind.api_version, "kind": kind.kind} | sent


def remove(live: Live, request: Request) -> Obj:
    """Delete an object; answers a status, or the object where it goes gracefully."""
    target, store = request.target, live.sim.store
    if target.subresource:
        raise method_not_allowed()
    kind = target.kind.stored
    obj = store.get(kind, target.namespace, target.name)
    if kind is NAMESPACE and target.name in _SYSTEM_NAMESPACES:
        raise forbidden(NAMESPACE, target.name, "this namespace may not be deleted")
    options = _options(request)
    _check_preconditions(kind, obj, options)
    if not _dry(request, options):
        _delete(live, kind, obj, options)
    left = store.find(kind, target.namespace, target.name)
    return left if left is not None and kind is POD else success(target.kind, name_of(obj), uid_of(obj))


def remove_all(live: Live, request: Request) -> Obj:
    """Delete what a list with the same selectors would show; answers that list."""
    options = _options(request)
    found = lists.select(live.sim.store, request.target, request.http)
    if not _dry(request, options):
        for obj in found:
            _delete(live, request.target.kind.stored, obj, options)
    return lists.as_list(request.target.kind, found, str(live.sim.store.revision))


def _delete(live: Live, kind: Kind, obj: Obj, options: Obj) -> None:
    propagation = options.get("propagationPolicy") or "Background"
    delete(live.sim, kind, obj, propagation=propagation, grace=options.get("gracePeriodSeconds"))


def _options(request: Request) -> Obj:
    """Delete options, which come in the body, in the query, or both."""
    body = _mapping(request.http.json()) if request.http.body.strip() else {}
    query = request.http.query
    grace = request.http.number("gracePeriodSeconds")
    options: Obj = without_nulls(body)
    if grace is not None and "gracePeriodSeconds" not in options:
        options["gracePeriodSeconds"] = grace
    if "propagationPolicy" in query and "propagationPolicy" not in options:
        options["propagationPolicy"] = query["propagationPolicy"]
    causes = shapes.check(_DELETE_OPTIONS, options)
    if causes:
        raise invalid(_DELETE_OPTIONS, "", causes)
    return options


def is_dry(request: Request) -> bool:
    """Whether nothing is kept; a deletion may say so in its body too."""
    return _dry(request, _options(request) if request.target.verb == "delete" else {})


def _dry(request: Request, options: Obj) -> bool:
    return request.dry_run or options.get("dryRun") == ["All"]


def _check_preconditions(kind: Kind, obj: Obj, options: Obj) -> None:
    wanted = options.get("preconditions") or {}
    for field, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        have = obj["metadata"][field]
        if wanted.get(field) not in (None, have):
            why = f"Precondition failed: {label} in precondition: {wanted[field]}, {label} in object meta: {have}"
            raise conflict(kind, name_of(obj), why)
