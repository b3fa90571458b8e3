"""What an API server refuses to store, with its words.

Only what people get wrong: names, replicas, selectors, containers, images, quantities. The types of fields are in
`codenb.demo.shapes`; the schemas of everything are nowhere here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from codenb.demo import quantity, selecting, shapes
from codenb.demo.custom import definitions, resources
from codenb.demo.defaults import fill
from codenb.demo.kinds import DEFINITION, Kind
from codenb.demo.objects import Obj, dig
from codenb.demo.status import Cause, invalid, not_embedded

_WORKLOADS = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})
_REPLICATED = frozenset({"Deployment", "ReplicaSet", "StatefulSet"})
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NAME_LIMIT = 253
_HIGHEST_PORT = 65535
_MOST_REPLICAS = 5000
_NOT_A_NAME = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_NOT_A_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
# Roles are paths of their own making, as `system:node`.
_FREE_NAMES = frozenset({"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"})


def accept(kind: Kind, sent: Obj, before: Obj | None = None) -> Obj:
    """An object as it is to be stored: with its defaults, and within the rules.

    Args:
        kind: Its kind.
        sent: The object as it was sent, without nulls; left as it is.
        before: The object as it is stored; None for a new one.

    Raises:
        ApiError: 422 with all causes, 400 where a field has the wrong type, 501 for more pods than a double can bear.
    """
    causes = shapes.check(kind, sent)
    obj = fill(kind, sent) if kind.custom is None else resources.settle(kind, kind.custom.schema, sent)
    if kind.custom is None and kind.kind in _REPLICATED:
        check_size(obj["spec"]["replicas"])
    causes = [*_causes(kind, obj, before), *causes]
    if causes:
        raise invalid(kind, dig(obj, "metadata", "name", default=""), causes)
    return obj


def check_size(replicas: int) -> None:
    """Refuse more replicas than can be lived through while somebody waits.

    Raises:
        ApiError: 501.
    """
    if replicas > _MOST_REPLICAS:
        raise not_embedded(f"more than {_MOST_REPLICAS} replicas")


def pod_spec(kind: Kind, obj: Obj) -> tuple[str, Obj]:
    """The pod spec in an object and its path; empty where the kind has none."""
    if kind.custom is not None:
        return "", {}
    if kind.kind == "Pod":
        return "spec", dig(obj, "spec", default={})
    if kind.kind in _WORKLOADS:
        return "spec.template.spec", dig(obj, "spec", "template", "spec", default={})
    return "", {}


def containers_of(path: str, pod: Obj) -> Iterator[tuple[str, Obj]]:
    """Every container of a pod spec with its path."""
    for field in ("initContainers", "containers"):
        for index, container in enumerate(pod.get(field) or []):
            yield f"{path}.{field}[{index}]", container


def _causes(kind: Kind, obj: Obj, before: Obj | None) -> Iterator[Cause]:
    yield from _name_causes(kind, obj)
    if kind.custom is not None:
        yield from resources.check(obj, kind.custom.schema)
        return
    if kind is DEFINITION:
        yield from definitions.check(obj)
        if before is not None:
            yield from definitions.check_change(obj, before)
    if kind.kind in _REPLICATED and obj["spec"]["replicas"] < 0:
        yield _invalid("spec.replicas", obj["spec"]["replicas"], "must be greater than or equal to 0")
    if kind.kind in _WORKLOADS - {"Job"}:
        yield from _selector_causes(obj, before)
    path, pod = pod_spec(kind, obj)
    if path:
        yield from _pod_causes(path, pod)
    if kind.kind == "Pod" and before is not None:
        yield from _pod_update_causes(obj, before)
    if kind.kind == "Service":
        yield from _port_causes(obj)


def _port_causes(service: Obj) -> Iterator[Cause]:
    spec = service["spec"]
    if not spec.get("ports") and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        yield _required("spec.ports")
    for index, port in enumerate(spec.get("ports") or []):
        number = port.get("port")
        if not isinstance(number, int) or not 0 < number <= _HIGHEST_PORT:
            yield _invalid(f"spec.ports[{index}].port", number, "must be between 1 and 65535, inclusive")


def _name_causes(kind: Kind, obj: Obj) -> Iterator[Cause]:
    name = obj["metadata"].get("name") or obj["metadata"].get("generateName", "").rstrip("-")
    if not name:
        yield Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")
        return
    if kind.kind in _FREE_NAMES:
        return
    form, why = (_LABEL, _NOT_A_LABEL) if kind.kind in ("Namespace", "Service") else (_SUBDOMAIN, _NOT_A_NAME)
    if len(name) > _NAME_LIMIT or not form.fullmatch(name):
        yield _invalid("metadata.name", name, why)


def _selector_causes(obj: Obj, before: Obj | None) -> Iterator[Cause]:
    selector = obj["spec"].get("selector")
    labels = dig(obj, "spec", "template", "metadata", "labels") or {}
    if not selector:
        yield _required("spec.selector")
    elif not selecting.matches(selector, labels):
        yield _invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    if before is not None and selector != before["spec"].get("selector"):
        yield _invalid("spec.selector", selector, "field is immutable")


def _pod_causes(path: str, pod: Obj) -> Iterator[Cause]:
    if not pod.get("containers"):
        yield _required(f"{path}.containers")
    names: set[str] = set()
    for at, container in containers_of(path, pod):
        name = container.get("name", "")
        if not name:
            yield _required(f"{at}.name")
        elif name in names:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {json.dumps(name)}", f"{at}.name")
        elif not _LABEL.fullmatch(name):
            yield _invalid(f"{at}.name", name, _NOT_A_LABEL)
        names.add(name)
        if not container.get("image"):
            yield _required(f"{at}.image")
        yield from _resource_causes(at, container.get("resources") or {})


def _resource_causes(at: str, resources: Obj) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for name, amount in (resources.get("requests") or {}).items():
        if quantity.parse(amount) < 0:
            why = "must be greater than or equal to 0"
            yield _invalid(f"{at}.resources.requests[{name}]", amount, why)
        if name in limits and quantity.parse(amount) > quantity.parse(limits[name]):
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            yield _invalid(f"{at}.resources.requests", amount, why)


def _pod_update_causes(obj: Obj, before: Obj) -> Iterator[Cause]:
    def fixed(pod: Obj) -> Obj:
        spec = {key: value for key, value in pod["spec"].items() if key not in ("tolerations", "activeDeadlineSeconds")}
        for field in ("containers", "initContainers"):
            spec[field] = [item | {"image": ""} for item in spec.get(field) or []]
        return spec

    if fixed(obj) != fixed(before):
        why = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
            "negative)"
        )
        yield Cause("FieldValueForbidden", why, "spec")


def _required(field: str) -> Cause:
    return Cause("FieldValueRequired", "Required value", field)


def _invalid(field: str, value: Any, why: str) -> Cause:
    shown = json.dumps(value, separators=(",", ":"))
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", field)
