"""Lists: narrowed by selectors, cut into pages."""

from __future__ import annotations

import base64
import binascii
import json

from codenb.demo import selecting
from codenb.demo.api.requests import HttpRequest, Target
from codenb.demo.events import shown
from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj, name_of, namespace_of
from codenb.demo.selecting import Test
from codenb.demo.status import bad_request
from codenb.demo.store import Store


def test_of(kind: Kind, http: HttpRequest) -> Test:
    """What the selectors of a request let through."""
    by_label = selecting.labels(http.query.get("labelSelector", ""))
    by_field = selecting.fields(kind, http.query.get("fieldSelector", ""))
    return lambda obj: by_label(obj) and by_field(obj)


def select(store: Store, target: Target, http: HttpRequest) -> list[Obj]:
    """All objects that a list request means, before it is cut into pages."""
    test = test_of(target.kind, http)
    wanted = store.all(target.kind.stored, target.namespace)
    return [obj for obj in wanted if test(obj) and target.name in ("", name_of(obj))]


def answer(store: Store, target: Target, http: HttpRequest) -> Obj:
    """One page of a list."""
    found = select(store, target, http)
    limit = http.number("limit") or 0
    revision, start = _read_continue(http.query.get("continue", ""), str(store.revision))
    if start:
        found = [obj for obj in found if [namespace_of(obj), name_of(obj)] > start]
    page = found[:limit] if limit > 0 else found
    result = as_list(target.kind, page, revision)
    if len(page) < len(found):
        last = page[-1]
        result["metadata"]["continue"] = _continue(revision, [namespace_of(last), name_of(last)])
        if not http.query.get("labelSelector") and not http.query.get("fieldSelector"):
            result["metadata"]["remainingItemCount"] = len(found) - len(page)
    return result


def as_list(kind: Kind, objects: list[Obj], revision: str) -> Obj:
    """A list object; its items repeat their kind only where they are custom resources, as with the real server."""
    return {
        "kind": f"{kind.kind}List",
        "apiVersion": kind.api_version,
        "metadata": {"resourceVersion": revision},
        "items": [_item(kind, obj) for obj in objects],
    }


def _item(kind: Kind, obj: Obj) -> Obj:
    item = shown(kind, obj)
    return item if kind.custom else {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}


def _continue(revision: str, last: list[str]) -> str:
    token = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": last}).encode()
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _read_continue(token: str, now: str) -> tuple[str, list[str] | None]:
    if not token:
        return now, None
    try:
        data = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = data["start"]
        return str(int(data["rv"])), [str(namespace), str(name)]
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request("continue key is not valid") from error
