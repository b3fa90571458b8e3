"""References by name: config maps, secrets, claims, accounts, services, scaled workloads, roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from codenb.servers._manifests import Document
from codenb.servers._manifests._document import Path
from codenb.servers.deployment.validation._inventory import Inventory
from codenb.servers.deployment.validation._links import Link
from codenb.servers.deployment.validation._pods import Pods, entries, get, mapping, text

_GIVEN = {"ConfigMap": {"kube-root-ca.crt"}, "ServiceAccount": {"default"}}
_BUILT_IN_ROLES = {"admin", "edit", "view", "cluster-admin"}


def links(inventory: Inventory) -> Iterator[Link]:
    """Every reference by name among some objects."""
    for made in inventory.pods:
        yield from _known(_of_pod(made))
    for document in inventory.documents:
        yield from _known(_of_object(document))


def keys(document: Document) -> Iterable[str]:
    """The keys of a config map or secret."""
    return keys_of(document.data)


def keys_of(data: dict[str, Any]) -> Iterable[str]:
    """The keys of a config map's or secret's data."""
    return [key for field in ("data", "stringData", "binaryData") for key in mapping(data.get(field))]


def _known(found: Iterator[Link]) -> Iterator[Link]:
    """Those that lead to something which is not in every cluster."""
    return (link for link in found if link.wanted[2] and link.wanted[2] not in _GIVEN.get(link.wanted[0], ()))


def _of_pod(made: Pods) -> Iterator[Link]:
    document, namespace = made.document, made.document.namespace
    for path, container in made.containers():
        for below, variable in entries(container, "env"):
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                source = mapping(get(variable, "valueFrom", field))
                here = (*path, *below, "valueFrom", field)
                yield _link(document, here, kind, source, key="key")
        for below, source in entries(container, "envFrom"):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                yield _link(document, (*path, *below, field), kind, mapping(source.get(field)))
    claims = {
        text(get(claim, "metadata", "name")) for _, claim in entries(document.data.get("spec"), "volumeClaimTemplates")
    }
    for below, volume in entries(made.spec, "volumes"):
        if text(volume.get("name")) not in claims:
            yield from _volume(document, made.at(*below), volume, namespace)
    for below, secret in entries(made.spec, "imagePullSecrets"):
        yield _link(document, made.at(*below), "Secret", secret)
    account = text(made.spec.get("serviceAccountName"))
    yield Link(document, made.at("serviceAccountName"), ("ServiceAccount", namespace, account))


def _volume(document: Document, path: Path, volume: dict[str, Any], namespace: str) -> Iterator[Link]:
    yield from _projected(document, (*path, "configMap"), "ConfigMap", mapping(volume.get("configMap")), namespace)
    yield from _projected(document, (*path, "secret"), "Secret", mapping(volume.get("secret")), namespace)
    claim = mapping(volume.get("persistentVolumeClaim"))
    here = (*path, "persistentVolumeClaim", "claimName")
    yield Link(document, here, ("PersistentVolumeClaim", namespace, text(claim.get("claimName"))))
    for below, source in entries(volume.get("projected"), "sources"):
        for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            place = (*path, "projected", *below, field)
            yield from _projected(document, place, kind, mapping(source.get(field)), namespace)


def _projected(document: Document, path: Path, kind: str, source: dict[str, Any], namespace: str) -> Iterator[Link]:
    """A config map or secret as files: itself, and each key that is picked."""
    field = "secretName" if "secretName" in source else "name"
    name, optional = text(source.get(field)), source.get("optional") is True
    picked = list(entries(source, "items"))
    if not picked:
        yield Link(document, (*path, field), (kind, namespace, name), optional=optional)
    for below, item in picked:
        wanted = (kind, namespace, name)
        yield Link(document, (*path, field), wanted, text(item.get("key")), (*path, *below, "key"), optional)


def _link(document: Document, path: Path, kind: str, source: dict[str, Any], key: str = "") -> Link:
    wanted = (kind, document.namespace, text(source.get("name")))
    optional = source.get("optional") is True
    return Link(document, (*path, "name"), wanted, text(source.get(key)) if key else "", (*path, key), optional)


def _of_object(document: Document) -> Iterator[Link]:
    spec, namespace = mapping(document.data.get("spec")), document.namespace
    match document.kind:
        case "HorizontalPodAutoscaler":
            target = mapping(spec.get("scaleTargetRef"))
            if text(target.get("kind")):
                yield _link(document, ("spec", "scaleTargetRef"), text(target["kind"]), target)
        case "Ingress":
            for below, tls in entries(spec, "tls"):
                here = ("spec", *below, "secretName")
                yield Link(document, here, ("Secret", namespace, text(tls.get("secretName"))))
            for path, backend in backends(document):
                here = (*path, "service") if "service" in backend else (*path, "serviceName")
                name = get(backend, "service", "name") or backend.get("serviceName")
                yield Link(
                    document, (*here, "name") if "service" in backend else here, ("Service", namespace, text(name))
                )
        case "StatefulSet":
            yield Link(document, ("spec", "serviceName"), ("Service", namespace, text(spec.get("serviceName"))))
        case "RoleBinding" | "ClusterRoleBinding":
            yield from _binding(document)


def _binding(document: Document) -> Iterator[Link]:
    role = mapping(document.data.get("roleRef"))
    kind, name = text(role.get("kind")), text(role.get("name"))
    given = name in _BUILT_IN_ROLES or name.startswith("system:")
    if kind in ("Role", "ClusterRole") and not given:
        yield Link(document, ("roleRef", "name"), (kind, document.namespace, name))
    for below, subject in entries(document.data, "subjects"):
        if subject.get("kind") == "ServiceAccount":
            namespace = text(subject.get("namespace")) or document.namespace
            yield Link(document, (*below, "name"), ("ServiceAccount", namespace, text(subject.get("name"))))


def backends(document: Document) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The backends of an ingress, each with its path."""
    spec = mapping(document.data.get("spec"))
    for field in ("defaultBackend", "backend"):
        if field in spec:
            yield ("spec", field), mapping(spec[field])
    for below, rule in entries(spec, "rules"):
        for deeper, path in entries(rule.get("http"), "paths"):
            yield ("spec", *below, "http", *deeper, "backend"), mapping(path.get("backend"))
