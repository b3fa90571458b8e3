"""Which types fields have: what the typed decoder of a real API server finds before any rule is asked.

Only the fields that something in this room reads are here. An object that passes can be read by every controller
without a second look; what else it carries is kept as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from codenb.demo import quantity
from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj
from codenb.demo.status import ApiError, Cause, bad_request

_INT32 = 2**31


def _whole(value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not -_INT32 <= value < _INT32:
        raise ValueError("not a 32-bit whole number")


def _number_or_text(value: Any) -> None:
    if not isinstance(value, str):
        _whole(value)


def _share(value: Any) -> None:
    """How much of a number of replicas: `2` or `25%`."""
    if isinstance(value, str) and value.removesuffix("%").isdecimal() and len(value) in range(2, 6):
        return
    _whole(value)


def _time(value: Any) -> None:
    if datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("a time without its zone")


def _number(value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("not a number")


def _pattern(value: Any) -> None:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error


# A type; a check that raises ValueError or TypeError; a frozenset of the values there are; `[shape]` for a list;
# `(type, shape)` for either; `{"*": shape}` for a map; `{name: shape}` for fields, with `!` after the name of one that
# must be there.
_TEXTS = {"*": str}
_AMOUNTS = {"*": quantity.parse}
_META = {
    **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion"), str),
    "labels": _TEXTS,
    "annotations": _TEXTS,
    "finalizers": [str],
    "ownerReferences": [
        {"apiVersion!": str, "kind!": str, "name!": str, "uid!": str, "controller": bool, "blockOwnerDeletion": bool}
    ],
}
_TERMS = [{"key!": str, "operator!": frozenset({"In", "NotIn", "Exists", "DoesNotExist"}), "values": [str]}]
_SELECTOR = {"matchLabels": _TEXTS, "matchExpressions": _TERMS}
_PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})
_RESOURCES = {"requests": _AMOUNTS, "limits": _AMOUNTS}
_SOURCE = {"name!": str, "optional": bool}
_KEY_OF_SOURCE = _SOURCE | {"key!": str}
_PROBE = {
    "httpGet": {"port!": _number_or_text, "path": str, "scheme": str},
    "tcpSocket": {"port!": _number_or_text},
    "periodSeconds": _whole,
}
_CONTAINER = {
    "name": str,
    "image": str,
    "imagePullPolicy": frozenset({"Always", "IfNotPresent", "Never"}),
    "command": [str],
    "args": [str],
    "env": [
        {
            "name!": str,
            "value": str,
            "valueFrom": {"configMapKeyRef": _KEY_OF_SOURCE, "secretKeyRef": _KEY_OF_SOURCE},
        }
    ],
    "envFrom": [{"configMapRef": _SOURCE, "secretRef": _SOURCE}],
    "ports": [{"containerPort!": _whole, "name": str, "protocol": _PROTOCOLS}],
    "volumeMounts": [{"name!": str, "mountPath!": str}],
    "resources": _RESOURCES,
    **dict.fromkeys(("livenessProbe", "readinessProbe", "startupProbe"), _PROBE),
}
_POD = {
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "volumes": [
        {
            "name!": str,
            "configMap": {"name": str, "optional": bool},
            "secret": {"secretName": str, "optional": bool},
            "persistentVolumeClaim": {"claimName!": str},
            "projected": dict,
        }
    ],
    "nodeName": str,
    "nodeSelector": _TEXTS,
    "tolerations": [{"key": str, "operator": frozenset({"Equal", "Exists"}), "value": str, "effect": str}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": _TERMS}]}
        }
    },
    "restartPolicy": frozenset({"Always", "OnFailure", "Never"}),
    "serviceAccountName": str,
    "terminationGracePeriodSeconds": _whole,
}
_CONDITION = {"type!": str, "status!": str, "lastTransitionTime!": _time}
_PROGRESS = _CONDITION | {"lastUpdateTime": _time, "reason!": str, "message!": str}
_COUNTS = dict.fromkeys(
    ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "terminatingReplicas", "observedGeneration"),
    _whole,
)
_WORKLOAD: Obj = {
    "spec": {
        "replicas": _whole,
        "selector": _SELECTOR,
        "template": {"metadata": _META, "spec": _POD},
        "minReadySeconds": _whole,
    },
    "status": _COUNTS | {"conditions": [_PROGRESS]},
}
_STATE = {
    "waiting": {"reason": str, "message": str},
    "running": dict,
    "terminated": {"reason": str, "exitCode": _whole, "finishedAt": _time},
}
_STATUSES = [{"name!": str, "ready!": bool, "restartCount!": _whole, "state": _STATE, "lastState": _STATE}]
_PLAIN = {"spec": dict, "status": dict}
_SCHEMA: Obj = {
    **dict.fromkeys(("type", "format", "description", "x-kubernetes-list-type", "x-kubernetes-map-type"), str),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _whole),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), _number),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum", "nullable", "uniqueItems"), bool),
    **dict.fromkeys(("x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"), bool),
    "required": [str],
    "x-kubernetes-list-map-keys": [str],
    "enum": list,
    "pattern": _pattern,
}
_SCHEMA |= {
    "allOf": [_SCHEMA],
    "anyOf": [_SCHEMA],
    "oneOf": [_SCHEMA],
    "not": _SCHEMA,
    "items": _SCHEMA,
    "properties": {"*": _SCHEMA},
    "additionalProperties": (bool, _SCHEMA),
}
_DEFINITION = {
    "spec": {
        **dict.fromkeys(("group", "scope"), str),
        "names": {
            **dict.fromkeys(("plural", "singular", "kind", "listKind"), str),
            "shortNames": [str],
            "categories": [str],
        },
        "versions": [
            {
                **dict.fromkeys(("served!", "storage!"), bool),
                "name!": str,
                "schema": {"openAPIV3Schema": _SCHEMA},
                "subresources": {"status": dict, "scale": dict},
                "additionalPrinterColumns": [
                    {**dict.fromkeys(("name!", "type!", "jsonPath!"), str), "priority": _whole},
                ],
            }
        ],
        "conversion": {"strategy": str},
    },
    "status": {"acceptedNames": dict, "conditions": [_CONDITION], "storedVersions": [str]},
}
_SHAPES: dict[str, Obj] = {
    "ConfigMap": {"data": _TEXTS},
    "CustomResourceDefinition": _DEFINITION,
    "DaemonSet": _WORKLOAD,
    "DeleteOptions": {
        "propagationPolicy": frozenset({"Background", "Foreground", "Orphan"}),
        "gracePeriodSeconds": _whole,
        "preconditions": {"uid": str, "resourceVersion": str},
        "dryRun": [frozenset({"All"})],
    },
    "Deployment": {
        "spec": _WORKLOAD["spec"]
        | {
            "paused": bool,
            "progressDeadlineSeconds": _whole,
            "revisionHistoryLimit": _whole,
            "strategy": {
                "type": frozenset({"RollingUpdate", "Recreate"}),
                "rollingUpdate": {"maxSurge": _share, "maxUnavailable": _share},
            },
        },
        "status": _COUNTS | {"conditions": [_PROGRESS | {"lastUpdateTime!": _time}]},
    },
    "EndpointSlice": {
        "addressType": str,
        "endpoints": [{"addresses!": [str]}],
        "ports": [{"port!": _whole, "name": str, "protocol": _PROTOCOLS}],
    },
    "Endpoints": {"subsets": [{"addresses": [{"ip!": str}], "ports": [{"port!": _whole}]}]},
    "Event": {
        **dict.fromkeys(("reason", "message", "type", "reportingComponent"), str),
        **dict.fromkeys(("firstTimestamp", "lastTimestamp", "eventTime"), _time),
        "involvedObject": _TEXTS,
        "source": _TEXTS,
        "count": _whole,
        "series": {"count!": _whole, "lastObservedTime!": _time},
    },
    "Job": _WORKLOAD,
    "Node": {
        "spec": {"unschedulable": bool, "taints": [{"key!": str, "effect!": str, "value": str}]},
        "status": {
            "allocatable": _AMOUNTS,
            "capacity": _AMOUNTS,
            "conditions": [{"type!": str, "status!": str}],
            "nodeInfo": dict,
        },
    },
    "PersistentVolume": {
        "spec": {
            **dict.fromkeys(("persistentVolumeReclaimPolicy", "storageClassName"), str),
            "accessModes": [str],
            "capacity": _AMOUNTS,
            "claimRef": _TEXTS,
        },
        "status": {"phase": str, "accessModes": [str]},
    },
    "PersistentVolumeClaim": {
        "spec": {
            **dict.fromkeys(("storageClassName", "volumeMode", "volumeName"), str),
            "accessModes": [str],
            "resources": _RESOURCES,
        },
        "status": {"phase": str, "capacity": _AMOUNTS, "accessModes": [str]},
    },
    "Pod": {
        "spec": _POD,
        "status": {
            **dict.fromkeys(("phase", "podIP", "reason"), str),
            "conditions": [_CONDITION],
            "containerStatuses": _STATUSES,
            "initContainerStatuses": _STATUSES,
        },
    },
    "ReplicaSet": _WORKLOAD,
    "ResourceQuota": {"spec": {"hard": _AMOUNTS}, "status": {"hard": _AMOUNTS, "used": _AMOUNTS}},
    "Scale": {"spec": {"replicas": _whole}, "status": dict},
    "Secret": {"type": str, "data": _TEXTS, "stringData": _TEXTS},
    "Service": {
        "spec": {
            "type": frozenset({"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"}),
            "clusterIP": str,
            "selector": _TEXTS,
            "ports": [{"name": str, "targetPort": _number_or_text, "protocol": _PROTOCOLS}],
        },
        "status": dict,
    },
    "StatefulSet": _WORKLOAD,
    "StorageClass": {"provisioner!": str, "reclaimPolicy": str, "volumeBindingMode": str},
}


def check(kind: Kind, obj: Obj) -> list[Cause]:
    """Refuse an object whose fields have other types than they should.

    Args:
        kind: Its kind.
        obj: The object as it was sent, without nulls.

    Returns:
        What is missing or not one of the values there are: a matter of validation, to be told with the rest.

    Raises:
        ApiError: 400.
    """
    shape = _SHAPES.get(kind.kind, _PLAIN) if kind.custom is None else {}
    return list(_faults(kind, {"metadata": _META} | shape, obj, ""))


def _faults(kind: Kind, shape: Any, value: Any, path: str) -> Iterator[Cause]:
    if isinstance(shape, dict):
        yield from _faults_of_fields(kind, shape, _of_type(dict, kind, value, path), path)
    elif isinstance(shape, list):
        for index, item in enumerate(_of_type(list, kind, value, path)):
            yield from _faults(kind, shape[0], item, f"{path}[{index}]")
    elif isinstance(shape, tuple):
        if not isinstance(value, shape[0]):
            yield from _faults(kind, shape[1], value, path)
    elif isinstance(shape, frozenset):
        if _of_type(str, kind, value, path) not in shape:
            supported = ", ".join(f'"{item}"' for item in sorted(shape))
            message = f'Unsupported value: "{value}": supported values: {supported}'
            yield Cause("FieldValueNotSupported", message, path)
    elif isinstance(shape, type):
        _of_type(shape, kind, value, path)
    else:
        try:
            shape(value)
        except (TypeError, ValueError) as error:
            raise _undecodable(kind, value, path, f": {error}") from error


def _faults_of_fields(kind: Kind, shape: Obj, value: Obj, path: str) -> Iterator[Cause]:
    for name, below in shape.items():
        field = name.removesuffix("!")
        at = f"{path}.{field}".removeprefix(".")
        if name == "*":
            for key, item in value.items():
                yield from _faults(kind, below, item, f"{path}[{key}]")
        elif field in value:
            yield from _faults(kind, below, value[field], at)
        elif name != field:
            yield Cause("FieldValueRequired", "Required value", at)


def _of_type(wanted: type, kind: Kind, value: Any, path: str) -> Any:
    if not isinstance(value, wanted):
        raise _undecodable(kind, value, path, f" of type {_GO_TYPES[wanted]}")
    return value


def _undecodable(kind: Kind, value: Any, path: str, why: str) -> ApiError:
    what = f"json: cannot unmarshal {_GO_TYPES.get(type(value), 'null')} into Go struct field {kind.kind}.{path}{why}"
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {what}')


_GO_TYPES = {str: "string", bool: "bool", float: "number", int: "number", list: "array", dict: "object"}
