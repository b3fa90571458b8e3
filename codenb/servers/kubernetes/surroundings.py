"""Objects of the API server as facts of what stands around the pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from codenb.servers.kubernetes.around import (
    Autoscaler,
    Backend,
    Budget,
    Claim,
    Endpoints,
    Ingress,
    Keys,
    NetworkPolicy,
    Node,
    Quota,
    Service,
    ServicePort,
    StorageClass,
)
from codenb.servers.kubernetes.facts import Object, conditions, name_of, selector
from codenb.servers.kubernetes.units import moment

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_OWN_LABELS = frozenset({"kubernetes.io/hostname", "beta.kubernetes.io/arch", "beta.kubernetes.io/os"})
_LEFT_OUT = ("ephemeral-storage", "hugepages-")


def service(resource: Object) -> Service:
    """Whom a service selects, and which ports it maps."""
    spec = resource.get("spec") or {}
    return Service(
        name=name_of(resource),
        type=str(spec.get("type") or "ClusterIP"),
        selector=spec.get("selector") or {},
        ports=tuple(
            ServicePort(
                name=str(one.get("name") or ""),
                port=int(one.get("port") or 0),
                target=str(one.get("targetPort") or one.get("port") or ""),
                protocol=str(one.get("protocol") or "TCP"),
            )
            for one in spec.get("ports") or ()
        ),
        external_name=str(spec.get("externalName") or ""),
    )


def endpoints(slices: Iterable[Object]) -> list[Endpoints]:
    """Addresses of every service, its slices added up."""
    found: dict[str, Endpoints] = {}
    for one in slices:
        owner = str(((one.get("metadata") or {}).get("labels") or {}).get("kubernetes.io/service-name") or "")
        before = found.get(owner, Endpoints(service=owner))
        states = [(part.get("conditions") or {}).get("ready") is not False for part in one.get("endpoints") or ()]
        ports = {f"{part.get('port')}/{part.get('protocol') or 'TCP'}" for part in one.get("ports") or ()}
        found[owner] = Endpoints(
            service=owner,
            ready=before.ready + sum(states),
            not_ready=before.not_ready + len(states) - sum(states),
            ports=tuple(sorted(ports | set(before.ports))),
        )
    return list(found.values())


def ingress(resource: Object) -> Ingress:
    """Where an ingress sends what."""
    spec = resource.get("spec") or {}
    backends = [("", "", spec["defaultBackend"])] if spec.get("defaultBackend") else []
    backends += [
        (str(rule.get("host") or ""), str(path.get("path") or ""), path.get("backend") or {})
        for rule in spec.get("rules") or ()
        for path in (rule.get("http") or {}).get("paths") or ()
    ]
    return Ingress(
        name=name_of(resource),
        ingress_class=str(spec.get("ingressClassName") or ""),
        backends=tuple(_backend(host, path, one.get("service") or {}) for host, path, one in backends),
        tls_secrets=tuple(str(one["secretName"]) for one in spec.get("tls") or () if one.get("secretName")),
    )


def _backend(host: str, path: str, target: Mapping[str, Any]) -> Backend:
    port = target.get("port") or {}
    named = str(port.get("name") or port.get("number") or "")
    return Backend(host=host, path=path, service=str(target.get("name") or ""), port=named)


def claim(resource: Object) -> Claim:
    """Facts of a persistent volume claim."""
    spec, status = resource.get("spec") or {}, resource.get("status") or {}
    return Claim(
        name=name_of(resource),
        phase=str(status.get("phase") or ""),
        storage_class=str(spec.get("storageClassName") or ""),
        requested=str(((spec.get("resources") or {}).get("requests") or {}).get("storage") or ""),
        volume=str(spec.get("volumeName") or ""),
        access_modes=tuple(spec.get("accessModes") or ()),
    )


def storage_class(resource: Object) -> StorageClass:
    """Facts of a storage class."""
    marks = (resource.get("metadata") or {}).get("annotations") or {}
    return StorageClass(
        name=name_of(resource),
        provisioner=str(resource.get("provisioner") or ""),
        default=True if marks.get(_DEFAULT_CLASS) == "true" else None,
    )


def nodes(found: Iterable[Object]) -> list[Node]:
    """Facts of the nodes; nodes that differ in name only are one."""
    alike: dict[str, list[Node]] = {}
    for one in map(_node, found):
        alike.setdefault(one.model_copy(update={"name": ""}).model_dump_json(), []).append(one)
    return [
        same[0].model_copy(update={"alike": len(same) - 1}) if len(same) > 1 else same[0] for same in alike.values()
    ]


def _node(resource: Object) -> Node:
    spec, status = resource.get("spec") or {}, resource.get("status") or {}
    states = {str(one.get("type")): str(one.get("status")) for one in status.get("conditions") or ()}
    labels = (resource.get("metadata") or {}).get("labels") or {}
    return Node(
        name=name_of(resource),
        ready=states.get("Ready") == "True",
        unschedulable=spec.get("unschedulable") or None,
        pressures=tuple(name for name, state in states.items() if name.endswith("Pressure") and state == "True"),
        taints=tuple(
            f"{one.get('key')}{'=' + str(one['value']) if one.get('value') else ''}:{one.get('effect')}"
            for one in spec.get("taints") or ()
        ),
        allocatable={
            key: str(value) for key, value in (status.get("allocatable") or {}).items() if not key.startswith(_LEFT_OUT)
        },
        labels={key: str(value) for key, value in labels.items() if key not in _OWN_LABELS},
        conditions=conditions(status),
    )


def quota(resource: Object) -> Quota:
    """Facts of a resource quota."""
    spec, status = resource.get("spec") or {}, resource.get("status") or {}
    hard = status.get("hard") or spec.get("hard") or {}
    return Quota(name=name_of(resource), hard=hard, used=status.get("used") or {})


def keys(resource: Object) -> Keys:
    """Names of a ConfigMap's or Secret's keys, and when it was last written; no value."""
    told = resource.get("metadata") or {}
    held = {**(resource.get("data") or {}), **(resource.get("binaryData") or {})}
    writes = [(str(one.get("time") or ""), str(one.get("manager") or "")) for one in told.get("managedFields") or ()]
    last, manager = max(writes, default=("", ""))
    return Keys(
        name=name_of(resource),
        keys=tuple(sorted(held)),
        created_at=moment(told.get("creationTimestamp")),
        updated_at=moment(last),
        updated_by=manager,
    )


def autoscaler(resource: Object) -> Autoscaler:
    """Facts of a horizontal pod autoscaler."""
    spec, status = resource.get("spec") or {}, resource.get("status") or {}
    target = spec.get("scaleTargetRef") or {}
    return Autoscaler(
        name=name_of(resource),
        target=f"{target.get('kind')} {target.get('name')}",
        min=spec.get("minReplicas"),
        max=spec.get("maxReplicas"),
        current=status.get("currentReplicas"),
        desired=status.get("desiredReplicas"),
        metrics=tuple(_metrics(spec, status)),
        conditions=tuple(one for one in conditions(status) if one.type != "ScalingLimited" or one.status == "True"),
    )


def _metrics(spec: Object, status: Object) -> Iterator[str]:
    current = {str((one.get("resource") or {}).get("name")): one for one in status.get("currentMetrics") or ()}
    for one in spec.get("metrics") or ():
        metric = one.get("resource") or {}
        if not metric:
            yield str(one.get("type"))
            continue
        name, target = str(metric.get("name")), metric.get("target") or {}
        reading = ((current.get(name) or {}).get("resource") or {}).get("current") or {}
        wanted = target.get("averageUtilization")
        if wanted is not None:
            now = reading.get("averageUtilization")
            yield f"{name} {'unknown' if now is None else f'{now}%'} of {wanted}%"
        else:
            amount = target.get("averageValue") or target.get("value")
            yield f"{name} {reading.get('averageValue', 'unknown')} of {amount}"


def budget(resource: Object) -> Budget:
    """Facts of a pod disruption budget."""
    spec, status = resource.get("spec") or {}, resource.get("status") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    return Budget(
        name=name_of(resource),
        selector=selector(spec.get("selector")),
        min_available="" if least is None else str(least),
        max_unavailable="" if most is None else str(most),
        allowed=status.get("disruptionsAllowed"),
        healthy=status.get("currentHealthy"),
        expected=status.get("expectedPods"),
    )


def network_policy(resource: Object) -> NetworkPolicy:
    """Facts of a network policy."""
    spec = resource.get("spec") or {}
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if "egress" in spec else ["Ingress"])
    return NetworkPolicy(
        name=name_of(resource),
        selector=selector(spec.get("podSelector")),
        types=tuple(types),
        ingress=tuple(_rule(one, "from") for one in spec.get("ingress") or ()),
        egress=tuple(_rule(one, "to") for one in spec.get("egress") or ()),
    )


def _rule(rule: Object, word: str) -> str:
    peers = [_peer(one) for one in rule.get(word) or ()]
    ports = [f"{one.get('port', 'any')}/{one.get('protocol') or 'TCP'}" for one in rule.get("ports") or ()]
    return f"{word} {' or '.join(peers) or 'anywhere'} on {', '.join(ports) or 'any port'}"


def _peer(peer: Object) -> str:
    if block := peer.get("ipBlock"):
        return str(block.get("cidr"))
    words = []
    for key, what in (("namespaceSelector", "namespaces"), ("podSelector", "pods")):
        if key in peer:
            labels = (peer.get(key) or {}).get("matchLabels") or {}
            words.append(f"{what} {','.join(f'{name}={value}' for name, value in labels.items()) or 'any'}")
    return " with ".join(words)
