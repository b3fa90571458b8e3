"""How the parts of an object are merged: which lists are maps by key, which values are owned as a whole.

For built-in kinds this is `x-kubernetes-list-type`, `x-kubernetes-list-map-keys` and `x-kubernetes-map-type` of the API
description of Kubernetes 1.37, by the name of a field and of what it stands in; for custom resources it is what their
own schema says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from codenb.demo.objects import Obj


class Form(ABC):
    """How one field of an object is merged.

    Attributes:
        keys: Of a list whose entries are told apart by them; empty for any other.
        is_set: Whether it is a list of values each of which has its owner.
        atomic: Whether it has one owner as a whole.
        declared: Whether its own fields are declared by name, and not keys that anybody may choose.
        always: Whether it is there in an object that nobody has written yet.
    """

    __slots__ = ("always", "atomic", "declared", "is_set", "keys")

    def __init__(self, *, declared: bool = True) -> None:
        self.keys: tuple[str, ...] = ()
        self.is_set = False
        self.atomic = False
        self.declared = declared
        self.always = False

    @abstractmethod
    def below(self, name: str) -> Form:
        """The form of a field in this one; of a field of an entry, where this is a list."""

    @abstractmethod
    def default(self, key: str) -> Any:
        """What an entry that lacks a key is taken to have there; None where it must be given."""


class Entry(Form):
    """One entry of a list that is a map: its fields are those that the list's form has below it.

    Args:
        of: The list's form.
    """

    __slots__ = ("_list",)

    def __init__(self, of: Form) -> None:
        super().__init__()
        self._list = of

    def below(self, name: str) -> Form:
        """The form of one of its fields."""
        return self._list.below(name)

    def default(self, key: str) -> Any:
        """As the list has it."""
        return self._list.default(key)


# Where a list is a map only in one place, the name of what it stands in is given.
_KEYS: dict[tuple[str, str] | str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "schedulingGates": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
    ("containers", "ports"): ("containerPort", "protocol"),
    ("ephemeralContainers", "ports"): ("containerPort", "protocol"),
    ("initContainers", "ports"): ("containerPort", "protocol"),
    ("Service.spec", "ports"): ("port", "protocol"),
    ("ServiceAccount", "secrets"): ("name",),
    ("Node.status", "addresses"): ("type",),
    ("Pod.spec", "imagePullSecrets"): ("name",),
    ("Pod.spec", "resourceClaims"): ("name",),
    ("spec", "imagePullSecrets"): ("name",),
    ("spec", "resourceClaims"): ("name",),
}
_DEFAULTS: Mapping[str, str] = MappingProxyType({"protocol": "TCP"})
_SETS = frozenset({"finalizers"})
_WHOLE = frozenset(
    {
        "claimRef",
        "configMapKeyRef",
        "dataSource",
        "fieldRef",
        "involvedObject",
        "labelSelector",
        "namespaceSelector",
        "nodeSelector",
        "podSelector",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "resourceFieldRef",
        "roleRef",
        "scaleTargetRef",
        "scopeSelector",
        "secretKeyRef",
        "selector",
    }
)
_FREE = frozenset(
    {
        "allocatable",
        "annotations",
        "binaryData",
        "capacity",
        "data",
        "hard",
        "labels",
        "limits",
        "parameters",
        "requests",
        "stringData",
        "used",
    }
)
_ALWAYS = frozenset(
    {
        "containers",
        "jobTemplate",
        "loadBalancer",
        "metadata",
        "spec",
        "status",
        "strategy",
        "template",
        "updateStrategy",
    }
)


class _Named(Form):
    """A field of a built-in kind, known by its name and that of what it stands in."""

    __slots__ = ("_name",)

    def __init__(self, parent: str, name: str) -> None:
        super().__init__(declared=name not in _FREE)
        self.keys = _KEYS.get((parent, name)) or _KEYS.get(name, ())
        self.is_set = name in _SETS
        self.atomic = name in _WHOLE
        self.always = name in _ALWAYS
        # One of a top-level field tells its kind, because `ports` is one thing in a Service and another in a policy.
        self._name = f"{parent}.{name}" if parent[:1].isupper() and name in ("spec", "status") else name

    def below(self, name: str) -> Form:
        return _named(self._name, name)

    def default(self, key: str) -> Any:
        return _DEFAULTS.get(key)


@cache
def _named(parent: str, name: str) -> _Named:
    return _Named(parent, name)


class Schemed(Form):
    """A field of a custom resource, known by its structural schema.

    Args:
        schema: `openAPIV3Schema` or a part of it.
        at: Name of the field; empty for the whole object.
    """

    __slots__ = ("_at", "_schema")

    def __init__(self, schema: Obj, at: str = "") -> None:
        super().__init__(declared="properties" in schema)
        self._schema = schema
        self._at = at
        kind = schema.get("x-kubernetes-list-type")
        self.keys = tuple(sorted(schema.get("x-kubernetes-list-map-keys") or ()))
        self.is_set = kind == "set"
        self.atomic = schema.get("x-kubernetes-map-type") == "atomic"

    def below(self, name: str) -> Form:
        """The form of a field, which is the built-in one for the metadata of an object."""
        if name == "metadata" and not self._at:
            return _named("", "metadata")
        items = self._schema.get("items")
        fields = items if isinstance(items, dict) else self._schema
        found = (fields.get("properties") or {}).get(name)
        if found is None:
            found = fields.get("additionalProperties")
        return Schemed(found if isinstance(found, dict) else {}, name)

    def default(self, key: str) -> Any:
        """The default that the schema of an entry has for a key."""
        items = self._schema.get("items")
        return ((items if isinstance(items, dict) else {}).get("properties") or {}).get(key, {}).get("default")


def of(kind: str) -> Form:
    """The form of the objects of a built-in kind, such as `Deployment`."""
    return _named("", kind)
