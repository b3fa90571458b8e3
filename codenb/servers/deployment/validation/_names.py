"""Names, labels, ports, quantities and words, which the API server checks and no published schema does.

Sources: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/, RFC 1123, RFC 1035, RFC 6335.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from codenb.models import CheckerRun, ValidationFinding
from codenb.servers._manifests import Document
from codenb.servers._manifests._document import Path
from codenb.servers.deployment.validation import _amounts, _words
from codenb.servers.deployment.validation._job import Job, looked
from codenb.servers.deployment.validation._pods import Pods, entries, get, mapping, pods, text
from codenb.servers.deployment.validation._rules import found, shown

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:-?[a-z0-9])*")
_LABELS = {"Namespace": LABEL, "Service": _LABEL_1035}
_LONGEST = {"CronJob": 52, "Job": 63, "StatefulSet": 63, "Service": 63, "Namespace": 63}
_RBAC = "rbac.authorization.k8s.io/"
_SUBDOMAIN_SIZE, _LABEL_SIZE, _PORT_NAME_SIZE = 253, 63, 15
_ANNOTATIONS_SIZE = 256 * 1024
_PORTS = range(1, 65536)
_NAMELESS = {"TokenReview", "TokenRequest", "Eviction", "Binding", "DeleteOptions", "Status"}

Findings = Iterator[ValidationFinding]


class Names:
    """Names, labels, ports, quantities and words."""

    name = "kubernetes names"
    keeps = True

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Look at every object."""
        findings = await looked(job, self._look)
        return CheckerRun(name=self.name, version=job.kubernetes_version), findings

    def _look(self, job: Job) -> list[ValidationFinding]:
        findings: list[ValidationFinding] = []
        for document in job.manifests.documents:
            if document.api_version and document.kind:
                findings += self._object(document)
        return findings

    def _object(self, document: Document) -> Findings:
        yield from self._metadata(document)
        yield from self._labels(document, ("metadata",))
        made = pods(document)
        if made:
            if made.path:
                yield from self._labels(document, (*made.path, "metadata"))
            yield from self._pod(made)
        if document.kind == "Service" and document.api_version == "v1":
            yield from self._service(document)
        if document.kind == "Secret" and document.api_version == "v1":
            yield from self._secret(document)
        for path, message, rule, remedy in (*_amounts.faults(document, made), *_words.faults(document, made)):
            yield found(self.name, document, path, rule, message, remedy=remedy)

    def _metadata(self, document: Document) -> Findings:
        metadata = document.data.get("metadata")
        name = get(metadata, "name")
        if document.kind in _NAMELESS or document.kind.endswith("Review") or not isinstance(metadata, dict | None):
            return
        if not name and not get(metadata, "generateName"):
            said = "metadata.name is missing"
            yield found(
                self.name, document, ("metadata",), "kubernetes/name", said, remedy="give the object a name", key=True
            )
        elif isinstance(name, str) and name and (fault := _object_name(document, name)):
            yield found(self.name, document, ("metadata", "name"), "kubernetes/name", fault, remedy=_advice(name))
        namespace = get(metadata, "namespace")
        if isinstance(namespace, str) and namespace and not _is(LABEL, namespace, _LABEL_SIZE):
            said = f"metadata.namespace {shown(namespace)} is no DNS label (RFC 1123)"
            path = ("metadata", "namespace")
            yield found(self.name, document, path, "kubernetes/name", said, remedy=_advice(namespace))

    def _labels(self, document: Document, base: Path) -> Findings:
        metadata = mapping(get(document.data, *base))
        for key, value in mapping(metadata.get("labels")).items():
            path = (*base, "labels", key)
            if fault := _key(key):
                yield found(self.name, document, path, "kubernetes/label", f"label key {shown(key)} {fault}", key=True)
            if isinstance(value, str) and value and not _is(_QUALIFIED, value, _LABEL_SIZE):
                said = f"label {key} has the value {shown(value)}: letters, digits, '-', '_' and '.', at most 63"
                yield found(self.name, document, path, "kubernetes/label", said)
        annotations = mapping(metadata.get("annotations"))
        for key in annotations:
            if fault := _key(key.lower()):
                said = f"annotation key {shown(key)} {fault}"
                yield found(self.name, document, (*base, "annotations", key), "kubernetes/annotation", said, key=True)
        size = sum(len(key) + len(value) for key, value in annotations.items() if isinstance(value, str))
        if size > _ANNOTATIONS_SIZE:
            said = f"the annotations have {size:,} characters, {_ANNOTATIONS_SIZE:,} are allowed"
            yield found(self.name, document, (*base, "annotations"), "kubernetes/annotation", said, key=True)

    def _pod(self, made: Pods) -> Findings:
        document, seen = made.document, set[str]()
        for path, container in made.containers():
            name = container.get("name")
            if isinstance(name, str) and name:
                if not _is(LABEL, name, _LABEL_SIZE):
                    said = f"container name {shown(name)} is no DNS label (RFC 1123)"
                    yield found(self.name, document, (*path, "name"), "kubernetes/name", said, remedy=_advice(name))
                if name in seen:
                    said = f"two containers of the pod are named {shown(name)}"
                    yield found(
                        self.name, document, (*path, "name"), "kubernetes/name", said, remedy="rename one of them"
                    )
                seen.add(name)
            yield from self._ports(document, path, container)
            yield from self._variables(document, path, container)

    def _ports(self, document: Document, path: Path, container: dict[str, Any]) -> Findings:
        names: set[str] = set()
        for below, port in entries(container, "ports"):
            here, name = (*path, *below), port.get("name")
            for field in ("containerPort", "hostPort"):
                if fault := _port(port.get(field), named=False):
                    yield found(self.name, document, (*here, field), "kubernetes/port", f"{field} {fault}")
            if isinstance(name, str) and (fault := _port(name, named=True)):
                yield found(self.name, document, (*here, "name"), "kubernetes/port", f"port name {fault}")
            if isinstance(name, str) and name in names:
                said = f"two ports of the container are named {shown(name)}"
                yield found(self.name, document, (*here, "name"), "kubernetes/port", said, remedy="rename one of them")
            if isinstance(name, str):
                names.add(name)

    def _variables(self, document: Document, path: Path, container: dict[str, Any]) -> Findings:
        seen: set[str] = set()
        for below, variable in entries(container, "env"):
            name = text(variable.get("name"))
            here = (*path, *below, "name")
            if name and ("=" in name or not name.isprintable()):
                said = f"variable name {shown(name)} holds a character that none may have"
                yield found(self.name, document, here, "kubernetes/name", said)
            if name in seen and name:
                said = f"the variable {name} is set twice: the last one wins"
                yield found(
                    self.name, document, here, "kubernetes/duplicate-variable", said, remedy="remove one of the two"
                )
            seen.add(name)

    def _service(self, document: Document) -> Findings:
        ports = list(entries(document.data.get("spec"), "ports"))
        names: set[str] = set()
        for below, port in ports:
            here, name = ("spec", *below), port.get("name")
            for field in ("port", "nodePort"):
                if fault := _port(port.get(field), named=False):
                    yield found(self.name, document, (*here, field), "kubernetes/port", f"{field} {fault}")
            target = port.get("targetPort")
            if fault := _port(target, named=isinstance(target, str)):
                yield found(self.name, document, (*here, "targetPort"), "kubernetes/port", f"targetPort {fault}")
            if len(ports) > 1 and not name:
                said = "a service with several ports must name each of them"
                yield found(self.name, document, here, "kubernetes/port", said, remedy="add name")
            if isinstance(name, str) and name in names:
                said = f"two ports of the service are named {shown(name)}"
                yield found(self.name, document, (*here, "name"), "kubernetes/port", said, remedy="rename one of them")
            if isinstance(name, str) and name:
                names.add(name)

    def _secret(self, document: Document) -> Findings:
        for key, value in mapping(document.data.get("data")).items():
            if isinstance(value, str) and not _is_base64(value):
                said = f"data[{key!r}] is no base64"
                remedy = "put it under stringData as it is, or encode it"
                yield found(self.name, document, ("data", key), "kubernetes/base64", said, remedy=remedy)


def _object_name(document: Document, name: str) -> str:
    """What is wrong with the name of an object of its kind; empty where nothing is."""
    if document.api_version.startswith(_RBAC):
        wrong = name in (".", "..") or "/" in name or "%" in name
        return f"metadata.name {shown(name)} cannot be a part of a URL" if wrong else ""
    longest = _LONGEST.get(document.kind, _SUBDOMAIN_SIZE)
    if len(name) > longest:
        return f"metadata.name has {len(name)} characters, a {document.kind} may have {longest}"
    shape = _LABELS.get(document.kind, SUBDOMAIN)
    if shape.fullmatch(name):
        return ""
    if document.kind == "Service":
        return f"metadata.name {shown(name)} is no DNS label that begins with a letter (RFC 1035)"
    return f"metadata.name {shown(name)} is no DNS {'label' if shape is LABEL else 'subdomain'} (RFC 1123)"


def _advice(name: str) -> str:
    """The nearest name that is allowed."""
    near = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:_LABEL_SIZE].strip("-")
    return f"write {near}" if LABEL.fullmatch(near) and near != name else "lower-case letters, digits and '-'"


def _is(shape: re.Pattern[str], value: str, longest: int) -> bool:
    return len(value) <= longest and shape.fullmatch(value) is not None


def _key(key: str) -> str:
    """What is wrong with the key of a label or annotation; empty where nothing is."""
    prefix, slash, name = key.rpartition("/")
    if slash and not _is(SUBDOMAIN, prefix, _SUBDOMAIN_SIZE):
        return "has a prefix that is no DNS subdomain"
    if not _is(_QUALIFIED, name, _LABEL_SIZE):
        return "is not made of letters, digits, '-', '_' and '.', at most 63, with letters or digits at both ends"
    return ""


def _port(value: Any, *, named: bool) -> str:
    """What is wrong with a port; empty where nothing is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "" if value in _PORTS else f"is {value}, expected 1 to 65535"
    if named and isinstance(value, str) and not _is(_PORT_NAME, value, _PORT_NAME_SIZE):
        return (
            f"{shown(value)} is no port name: at most 15 lower-case letters (one at least), digits and '-' (RFC 6335)"
        )
    return ""


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
