"""What an API server refuses to store, with its words.

Only what people get wrong: names, replicas, selectors, containers, images, quantities. The schemas of everything are
not here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from codenb.demo import quantity, selecting
from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj, dig
from codenb.demo.status import ApiError, Cause, bad_request, invalid

_WORKLOADS = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})
_REPLICATED = frozenset({"Deployment", "ReplicaSet", "StatefulSet"})
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NAME_LIMIT = 253
_HIGHEST_PORT = 65535
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
# The shapes of a container's fields, and what is in its lists.
_LISTS: dict[str, type] = {
    "args": str,
    "command": str,
    "env": dict,
    "envFrom": dict,
    "ports": dict,
    "volumeMounts": dict,
}
_SHAPES: dict[str, tuple[type, str]] = {
    "image": (str, "string"),
    "name": (str, "string"),
    "resources": (dict, "v1.ResourceRequirements"),
    **dict.fromkeys(("livenessProbe", "readinessProbe", "startupProbe"), (dict, "v1.Probe")),
    **dict.fromkeys(_LISTS, (list, "a list")),
}
# Roles are paths of their own making, as `system:node`.
_FREE_NAMES = frozenset({"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"})


def check(kind: Kind, obj: Obj, before: Obj | None = None) -> None:
    """Refuse an object that cannot be stored.

    Args:
        kind: Its kind.
        obj: The object, with its defaults.
        before: The object as it is stored; None for a new one.

    Raises:
        ApiError: 422 with all causes, or 400 where a field has the wrong type.
    """
    _check_types(kind, obj)
    causes = list(_causes(kind, obj, before))
    if causes:
        raise invalid(kind, dig(obj, "metadata", "name", default=""), causes)


def pod_spec(kind: Kind, obj: Obj) -> tuple[str, Obj]:
    """The pod spec in an object and its path; empty where the kind has none."""
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


def _check_types(kind: Kind, obj: Obj) -> None:
    """The mistakes that a typed decoder finds before any rule is asked."""
    if not isinstance(obj.get("metadata"), dict):
        raise _undecodable(kind, "json: metadata must be an object")
    if "spec" in obj and not isinstance(obj["spec"], dict):
        raise _undecodable(
            kind, f"json: cannot unmarshal {_go_type(obj['spec'])} into Go struct field {kind.kind}.spec"
        )
    replicas = dig(obj, "spec", "replicas")
    if kind.kind in _REPLICATED and (not isinstance(replicas, int) or isinstance(replicas, bool)):
        field = f"{kind.kind}Spec.spec.replicas of type int32"
        raise _undecodable(kind, f"json: cannot unmarshal {_go_type(replicas)} into Go struct field {field}")
    for key in ("labels", "annotations"):
        values = obj["metadata"].get(key) or {}
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            field = f"ObjectMeta.metadata.{key} of type string"
            raise _undecodable(kind, f"json: cannot unmarshal a value into Go struct field {field}")
    path, pod = pod_spec(kind, obj)
    for field in ("containers", "initContainers"):
        entries = pod.get(field) or []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise _undecodable(kind, f"json: cannot unmarshal a value into {path}.{field} of type []v1.Container")
    for at, container in containers_of(path, pod):
        _check_container_types(kind, at, container)


def _check_container_types(kind: Kind, at: str, container: Obj) -> None:
    for field, (shape, name) in _SHAPES.items():
        if not isinstance(container.get(field) or shape(), shape):
            raise _undecodable(
                kind, f"json: cannot unmarshal {_go_type(container[field])} into {at}.{field} of type {name}"
            )
    for field, part in _LISTS.items():
        if not all(isinstance(entry, part) for entry in container.get(field) or []):
            raise _undecodable(kind, f"json: cannot unmarshal an entry of {at}.{field}")
    if not all(isinstance(variable.get("value", ""), str) for variable in container.get("env") or []):
        raise _undecodable(kind, f"json: cannot unmarshal a value into {at}.env of type v1.EnvVar: values are text")
    for amounts in (dig(container, "resources", "requests") or {}, dig(container, "resources", "limits") or {}):
        for amount in amounts.values():
            try:
                quantity.parse(amount)
            except ValueError as error:
                raise _undecodable(kind, str(error)) from error


def _undecodable(kind: Kind, why: str) -> ApiError:
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')


def _go_type(value: Any) -> str:
    return {str: "string", bool: "bool", float: "number", int: "number", list: "array", dict: "object"}.get(
        type(value), "null"
    )


def _causes(kind: Kind, obj: Obj, before: Obj | None) -> Iterator[Cause]:
    yield from _name_causes(kind, obj)
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
