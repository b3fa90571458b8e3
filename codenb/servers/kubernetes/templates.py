"""Pod templates as facts: containers, what they need to be there, and what one template changed of another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from codenb.redaction import is_secret_name
from codenb.servers.kubernetes.running import ABSENT, HIDDEN, Container, Reference

MOST_CHANGES = 40
_LONGEST_VALUE = 200
_KEYS = ("name", "containerPort", "mountPath", "key", "topologyKey", "ip")
_NOISE = frozenset({"pod-template-hash", "creationTimestamp"})


def containers(spec: Mapping[str, Any]) -> tuple[Container, ...]:
    """The containers of a pod spec, init containers first."""
    first = [_container(one, init=True) for one in spec.get("initContainers") or []]
    return (*first, *(_container(one, init=None) for one in spec.get("containers") or []))


def references(spec: Mapping[str, Any]) -> tuple[Reference, ...]:
    """What a pod spec needs to be there before its containers can start."""
    found: dict[tuple[str, str, str], Reference] = {}
    for one in [*_volume_references(spec), *_container_references(spec)]:
        found.setdefault((one.kind, one.name, ",".join(one.keys)), one)
    return tuple(found.values())


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Lines that say what one pod template changed of another.

    Args:
        before: The older template (`spec.template` of a workload).
        after: The newer one.

    Returns:
        Lines such as `containers[app].image: app:1 -> app:2`, ordered by path.
    """
    old, new = dict(_flat_template(before)), dict(_flat_template(after))
    lines = [
        f"{path}: {_shown(path, old.get(path))} -> {_shown(path, new.get(path))}"
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]
    return tuple(lines if len(lines) <= MOST_CHANGES else [*lines[:MOST_CHANGES], f"{len(lines) - MOST_CHANGES} more"])


def _container(one: Mapping[str, Any], *, init: bool | None) -> Container:
    resources = one.get("resources") or {}
    return Container(
        name=str(one.get("name", "")),
        init=init,
        image=str(one.get("image", "")),
        command=tuple(map(str, one.get("command") or ())),
        args=tuple(map(str, one.get("args") or ())),
        ports=tuple(_port(port) for port in one.get("ports") or ()),
        requests={key: str(value) for key, value in (resources.get("requests") or {}).items()},
        limits={key: str(value) for key, value in (resources.get("limits") or {}).items()},
        env=_env(one),
        probes={
            name: _probe(one[f"{name}Probe"])
            for name in ("startup", "readiness", "liveness")
            if one.get(f"{name}Probe")
        },
    )


def _port(port: Mapping[str, Any]) -> str:
    name = f"{port['name']} " if port.get("name") else ""
    return f"{name}{port.get('containerPort')}/{port.get('protocol') or 'TCP'}"


def _env(one: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for number, source in enumerate(one.get("envFrom") or []):
        what, reference = next(iter(_sources(source)), ("", {}))
        found[f"envFrom {number + 1}"] = f"<from {what} {reference.get('name', '')}>"
    for variable in one.get("env") or []:
        found[str(variable.get("name"))] = env_value(variable)
    return found


def env_value(variable: Mapping[str, Any]) -> str:
    """The value of an environment variable as it may be shown: where it comes from, or hidden where it is secret."""
    source = variable.get("valueFrom") or {}
    for what, reference in _sources(source):
        return f"<from {what} {reference.get('name', '')} key {reference.get('key', '')}>"
    if field := source.get("fieldRef") or source.get("resourceFieldRef"):
        return f"<from {field.get('fieldPath') or field.get('resource')}>"
    return HIDDEN if is_secret_name(str(variable.get("name"))) else str(variable.get("value", ""))


def _sources(source: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    names = {
        "configMapKeyRef": "ConfigMap",
        "secretKeyRef": "Secret",
        "configMapRef": "ConfigMap",
        "secretRef": "Secret",
    }
    for key, kind in names.items():
        if isinstance(reference := source.get(key), Mapping):
            yield kind, reference


def _probe(probe: Mapping[str, Any]) -> str:
    if get := probe.get("httpGet"):
        what = f"http-get :{get.get('port')}{get.get('path', '/')}"
    elif tcp := probe.get("tcpSocket"):
        what = f"tcp :{tcp.get('port')}"
    elif grpc := probe.get("grpc"):
        what = f"grpc :{grpc.get('port')}"
    else:
        what = "exec " + " ".join(map(str, (probe.get("exec") or {}).get("command") or []))[:_LONGEST_VALUE]
    times = {"delay": "initialDelaySeconds", "period": "periodSeconds", "timeout": "timeoutSeconds"}
    return " ".join([what, *(f"{word}={probe[key]}s" for word, key in times.items() if probe.get(key))])


def _volume_references(spec: Mapping[str, Any]) -> Iterator[Reference]:
    for volume in spec.get("volumes") or []:
        via = f"volume {volume.get('name')}"
        projected = (volume.get("projected") or {}).get("sources") or []
        for source in [volume, *projected]:
            if not str(volume.get("name", "")).startswith("kube-api-access-"):
                yield from _mounted(source, via)
        if claim := volume.get("persistentVolumeClaim"):
            yield Reference(kind="PersistentVolumeClaim", name=str(claim.get("claimName", "")), via=via)
    for one in spec.get("imagePullSecrets") or []:
        yield Reference(kind="Secret", name=str(one.get("name", "")), via="imagePullSecrets", optional=True)


def _mounted(source: Mapping[str, Any], via: str) -> Iterator[Reference]:
    for key, kind, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
        if isinstance(one := source.get(key), Mapping):
            yield Reference(
                kind=kind,
                name=str(one.get(name) or one.get("name") or ""),
                keys=tuple(str(item.get("key")) for item in one.get("items") or ()),
                via=via,
                optional=one.get("optional") or None,
            )


def _container_references(spec: Mapping[str, Any]) -> Iterator[Reference]:
    for one in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
        for source in one.get("envFrom") or []:
            for kind, reference in _sources(source):
                yield _referred(kind, reference, f"envFrom of {one.get('name')}")
        for variable in one.get("env") or []:
            for kind, reference in _sources(variable.get("valueFrom") or {}):
                yield _referred(kind, reference, f"env {variable.get('name')} of {one.get('name')}")


def _referred(kind: str, reference: Mapping[str, Any], via: str) -> Reference:
    keys = (str(reference["key"]),) if reference.get("key") else ()
    name = str(reference.get("name", ""))
    return Reference(kind=kind, name=name, keys=keys, via=via, optional=reference.get("optional") or None)


def _flat_template(template: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    told = template.get("metadata") or {}
    yield from _flat({key: told.get(key) or {} for key in ("labels", "annotations")}, "metadata")
    yield from _flat(template.get("spec") or {}, "")


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    match value:
        case Mapping() if value:
            for key, item in value.items():
                if key not in _NOISE:
                    step = f"[{key}]" if "/" in key or "." in key else f".{key}" if path else key
                    yield from _flat(item, path + step)
        case list() if value and all(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value):
                name = next((str(item[key]) for key in _KEYS if key in item), str(number))
                if path.endswith(".env"):
                    yield f"{path}[{name}]", dict(item)
                else:
                    yield from _flat(
                        {key: one for key, one in item.items() if key != "name"} or name, f"{path}[{name}]"
                    )
        case None | {} | []:
            return
        case _:
            yield path, value


def _shown(path: str, value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, Mapping):
        text = env_value(value)
    elif is_secret_name(path.rpartition(".")[2].rstrip("]").rpartition("[")[2]):
        text = HIDDEN
    else:
        text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
