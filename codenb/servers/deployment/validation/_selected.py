"""References by label and port: what selects pods, whether it selects any, and whether they listen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from codenb.models import Severity, ValidationFinding
from codenb.servers._manifests import Document
from codenb.servers._manifests._document import Path
from codenb.servers.deployment.validation._inventory import Inventory
from codenb.servers.deployment.validation._mounted import backends
from codenb.servers.deployment.validation._pods import Pods, entries, get, items, mapping, matches, text
from codenb.servers.deployment.validation._rules import found, shown

_SELECTING = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}
_WHOLE = 100

Findings = Iterator[ValidationFinding]


def faults(checker: str, inventory: Inventory) -> Findings:
    """What does not hold between objects by their labels and ports."""
    for made in inventory.pods:
        yield from _own_selector(checker, made)
        yield from _volumes(checker, made)
    for document in inventory.documents:
        match document.kind:
            case "Service":
                yield from _service(checker, document, inventory)
            case "Ingress":
                yield from _ingress(checker, document, inventory)
            case "PodDisruptionBudget":
                yield from _budget(checker, document, inventory)
            case "HorizontalPodAutoscaler":
                yield from _autoscaler(checker, document, inventory)


def _own_selector(checker: str, made: Pods) -> Findings:
    document = made.document
    selector = get(document.data, "spec", "selector")
    if document.kind not in _SELECTING or not isinstance(selector, dict):
        return
    if not matches(selector, made.labels):
        path: Path = ("spec", "selector")
        for key, value in mapping(selector.get("matchLabels")).items():
            if made.labels.get(key) != value:
                path = ("spec", "selector", "matchLabels", key)
                break
        said = (
            f"the selector {_words(selector)} does not match the labels {_labels(made.labels)} of its own pod template"
        )
        yield found(checker, document, path, "kubernetes/selector", said, remedy="give both the same labels")


def _volumes(checker: str, made: Pods) -> Findings:
    document = made.document
    names = {text(volume.get("name")) for _, volume in entries(made.spec, "volumes")}
    names |= {
        text(get(claim, "metadata", "name")) for _, claim in entries(document.data.get("spec"), "volumeClaimTemplates")
    }
    for path, container in made.containers():
        for field in ("volumeMounts", "volumeDevices"):
            for below, mount in entries(container, field):
                name = text(mount.get("name"))
                if name and name not in names:
                    said = f"there is no volume {shown(name)} in this pod"
                    here = (*path, *below, "name")
                    has = ", ".join(sorted(filter(None, names)))
                    remedy = f"it has {has}" if has else "add it under volumes"
                    yield found(checker, document, here, "kubernetes/missing-volume", said, remedy=remedy)


def _service(checker: str, document: Document, inventory: Inventory) -> Findings:
    spec = mapping(document.data.get("spec"))
    selector = spec.get("selector")
    if not isinstance(selector, dict) or not selector or spec.get("type") == "ExternalName":
        return
    selected = inventory.selected({"matchLabels": selector}, document.namespace)
    if not selected:
        said = f"the selector {_labels(selector)} matches no pods of the files"
        if near := _nearest(selector, document.namespace, inventory):
            said += f": those of {near.document.entity} have {_labels(near.labels)}"
        yield found(
            checker,
            document,
            ("spec", "selector"),
            "kubernetes/selects-nothing",
            said,
            remedy="correct the labels, unless the pods are in the cluster already",
            key=True,
            severity=None if not near else Severity.MEDIUM,
        )
        return
    for below, port in entries(spec, "ports"):
        yield from _target(checker, document, ("spec", *below), port, selected)


def _target(checker: str, document: Document, path: Path, port: dict[str, Any], selected: list[Pods]) -> Findings:
    target = port.get("targetPort", port.get("port"))
    here = (*path, "targetPort") if "targetPort" in port else (*path, "port")
    listening = [
        listed for made in selected for _, container in made.containers() for _, listed in entries(container, "ports")
    ]
    names = {text(one.get("name")) for one in listening} - {""}
    numbers = {one.get("containerPort") for one in listening} - {None}
    who = " and ".join(str(made.document.entity) for made in selected[:2])
    if isinstance(target, str) and target and target not in names:
        has = f": it has {', '.join(sorted(names))}" if names else ": none of its ports has a name"
        said = f"no container of {who} has a port named {shown(target)}{has}"
        yield found(checker, document, here, "kubernetes/target-port", said)
    elif isinstance(target, int) and numbers and target not in numbers:
        listed = ", ".join(sorted(str(number) for number in numbers))
        said = f"no container of {who} declares port {target}: declared {'is' if len(numbers) == 1 else 'are'} {listed}"
        yield found(checker, document, here, "kubernetes/undeclared-port", said, remedy="correct one of the two")


def _ingress(checker: str, document: Document, inventory: Inventory) -> Findings:
    for path, backend in backends(document):
        service = mapping(backend.get("service"))
        name = text(service.get("name") or backend.get("serviceName"))
        port = mapping(service.get("port"))
        wanted = port.get("name", port.get("number", backend.get("servicePort")))
        there = inventory.of("Service", document.namespace, name)
        if not there or wanted is None:
            continue
        ports = [listed for one in there for _, listed in entries(one.data.get("spec"), "ports")]
        if any(wanted in (listed.get("name"), listed.get("port")) for listed in ports):
            continue
        has = ", ".join(str(listed.get("name") or listed.get("port")) for listed in ports)
        said = f"Service {name} has no port {shown(wanted)}" + (f": it has {has}" if has else "")
        if any(wanted == listed.get("targetPort") for listed in ports):
            said += "; that is the port of its pods"
        field = ("service", "port", "name" if "name" in port else "number") if service else ("servicePort",)
        yield found(checker, document, (*path, *field), "kubernetes/service-port", said)


def _budget(checker: str, document: Document, inventory: Inventory) -> Findings:
    spec = mapping(document.data.get("spec"))
    selector = spec.get("selector")
    if not isinstance(selector, dict):
        return
    selected = inventory.selected(selector, document.namespace)
    if not selected:
        said = f"the selector {_words(selector)} matches no pods of the files"
        remedy = "correct the labels, unless the pods are in the cluster already"
        yield found(
            checker, document, ("spec", "selector"), "kubernetes/selects-nothing", said, remedy=remedy, key=True
        )
        return
    replicas = [get(made.document.data, "spec", "replicas") for made in selected]
    counts = [count for count in replicas if isinstance(count, int) and not isinstance(count, bool)]
    most = sum(counts) if counts and len(counts) == len(replicas) else None
    scaled = any((made.document.kind, made.document.name) in inventory.scaled for made in selected)
    least, lost = spec.get("minAvailable"), spec.get("maxUnavailable")
    blocks = least == "100%" or (isinstance(least, int) and most is not None and not scaled and least >= most > 0)
    if blocks or lost in (0, "0%"):
        field = "minAvailable" if blocks else "maxUnavailable"
        said = f"{field} {shown(spec[field])} lets no pod be evicted, so that no node of theirs can be drained"
        remedy = "leave room for one pod at least"
        yield found(checker, document, ("spec", field), "kubernetes/blocks-drain", said, remedy=remedy)


def _autoscaler(checker: str, document: Document, inventory: Inventory) -> Findings:
    spec = mapping(document.data.get("spec"))
    target = mapping(spec.get("scaleTargetRef"))
    kind, name = text(target.get("kind")), text(target.get("name"))
    least, most = spec.get("minReplicas"), spec.get("maxReplicas")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        said = f"minReplicas {least} is over maxReplicas {most}"
        yield found(
            checker, document, ("spec", "minReplicas"), "kubernetes/wrong-value", said, remedy="swap or correct them"
        )
    made = inventory.made_by(kind, document.namespace, name)
    if made is None:
        return
    if "replicas" in mapping(made.document.data.get("spec")):
        said = (
            f"replicas is fixed here while HorizontalPodAutoscaler {document.name} scales it: each apply sets it back"
        )
        remedy = "leave replicas out"
        yield found(
            checker, made.document, ("spec", "replicas"), "kubernetes/fixed-replicas", said, remedy=remedy, key=True
        )
    for path, resource in _utilizations(spec):
        for _, container in made.containers():
            requests, limits = (mapping(get(container, "resources", one)) for one in ("requests", "limits"))
            if resource not in requests and resource not in limits:
                name = text(container.get("name"))
                said = f"the target is a share of the requested {resource}, and container {name} requests none"
                yield found(
                    checker,
                    document,
                    path,
                    "kubernetes/scale-without-request",
                    said,
                    remedy=f"set resources.requests.{resource}",
                )
                break


def _utilizations(spec: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if "targetCPUUtilizationPercentage" in spec:
        yield ("spec", "targetCPUUtilizationPercentage"), "cpu"
    for below, metric in entries(spec, "metrics"):
        resource = mapping(metric.get("resource"))
        if metric.get("type") == "Resource" and get(resource, "target", "type") == "Utilization":
            yield ("spec", *below, "resource", "name"), text(resource.get("name"))


def _nearest(selector: dict[str, Any], namespace: str, inventory: Inventory) -> Pods | None:
    """The only pods with labels of the keys of a selector, which were perhaps meant."""
    close = list(islice(inventory.labelled(selector, namespace), 2))
    return close[0] if len(close) == 1 else None


def _labels(labels: dict[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "(none)"


def _words(selector: dict[str, Any]) -> str:
    said = [_labels(mapping(selector.get("matchLabels")))] if selector.get("matchLabels") else []
    said += [f"{get(one, 'key')} {get(one, 'operator')}" for one in items(selector.get("matchExpressions"))]
    return ",".join(said) or "(everything)"
