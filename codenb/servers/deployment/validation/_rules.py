"""How bad each rule's findings are, in one place, and which are matters of style.

Syntax and schema are high: the API server would refuse the object, or `kubectl` before it. So is a reference that
cannot hold whatever else the cluster has, such as a port that the selected pods do not name. A reference to something
that is not among the files may be in the cluster already: it is high only where a connected cluster has it neither.
Policies have their own table, with the policies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from codenb.models import Severity, ValidationFinding
from codenb.servers._manifests import Document
from codenb.servers._manifests._document import Path
from codenb.servers._manifests._secrecy import HIDDEN, is_secret, quotable

HIGH, MEDIUM, LOW, INFO = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO
_DOCS = "https://kubernetes.io/docs"
_LINES = "https://kubernetes.io/docs/concepts/overview/working-with-objects"


@dataclass(frozen=True, slots=True)
class Rule:
    """What all findings of a rule share."""

    severity: Severity
    link: str = ""
    style: bool = False


RULES: dict[str, Rule] = {
    "kubernetes/no-kind": Rule(HIGH, f"{_LINES}/"),
    "kubernetes/unknown-kind": Rule(HIGH, f"{_DOCS}/reference/kubernetes-api/"),
    "kubernetes/unknown-field": Rule(HIGH, f"{_DOCS}/reference/kubernetes-api/"),
    "kubernetes/missing-field": Rule(HIGH, f"{_DOCS}/reference/kubernetes-api/"),
    "kubernetes/wrong-type": Rule(HIGH, f"{_DOCS}/reference/kubernetes-api/"),
    "kubernetes/wrong-value": Rule(HIGH, f"{_DOCS}/reference/kubernetes-api/"),
    "kubernetes/schema": Rule(HIGH, f"{_DOCS}/reference/kubernetes-api/"),
    "kubernetes/unchecked": Rule(INFO, f"{_DOCS}/concepts/extend-kubernetes/api-extension/custom-resources/"),
    "kubernetes/removed-api": Rule(HIGH, f"{_DOCS}/reference/using-api/deprecation-guide/"),
    "kubernetes/deprecated-api": Rule(MEDIUM, f"{_DOCS}/reference/using-api/deprecation-guide/"),
    "kubernetes/name": Rule(HIGH, f"{_LINES}/names/"),
    "kubernetes/label": Rule(HIGH, f"{_LINES}/labels/"),
    "kubernetes/annotation": Rule(HIGH, f"{_LINES}/annotations/"),
    "kubernetes/port": Rule(HIGH, f"{_DOCS}/concepts/services-networking/service/"),
    "kubernetes/quantity": Rule(HIGH, f"{_DOCS}/reference/kubernetes-api/common-definitions/quantity/"),
    "kubernetes/small-quantity": Rule(MEDIUM, f"{_DOCS}/concepts/configuration/manage-resources-containers/"),
    "kubernetes/request-over-limit": Rule(HIGH, f"{_DOCS}/concepts/configuration/manage-resources-containers/"),
    "kubernetes/file-mode": Rule(HIGH, f"{_DOCS}/concepts/configuration/secret/"),
    "kubernetes/base64": Rule(HIGH, f"{_DOCS}/concepts/configuration/secret/"),
    "kubernetes/schedule": Rule(HIGH, f"{_DOCS}/concepts/workloads/controllers/cron-jobs/"),
    "kubernetes/duplicate-variable": Rule(MEDIUM, f"{_DOCS}/tasks/inject-data-application/"),
    "kubernetes/label-style": Rule(LOW, f"{_LINES}/common-labels/", style=True),
    "kubernetes/duplicate-object": Rule(MEDIUM, f"{_LINES}/names/"),
    "kubernetes/selector": Rule(HIGH, f"{_LINES}/labels/"),
    "kubernetes/selects-nothing": Rule(INFO, f"{_LINES}/labels/"),
    "kubernetes/target-port": Rule(HIGH, f"{_DOCS}/concepts/services-networking/service/"),
    "kubernetes/undeclared-port": Rule(MEDIUM, f"{_DOCS}/concepts/services-networking/service/"),
    "kubernetes/service-port": Rule(HIGH, f"{_DOCS}/concepts/services-networking/ingress/"),
    "kubernetes/missing-volume": Rule(HIGH, f"{_DOCS}/concepts/storage/volumes/"),
    "kubernetes/missing-key": Rule(HIGH, f"{_DOCS}/concepts/configuration/configmap/"),
    "kubernetes/missing-object": Rule(INFO),
    "kubernetes/scale-without-request": Rule(MEDIUM, f"{_DOCS}/tasks/run-application/horizontal-pod-autoscale/"),
    "kubernetes/fixed-replicas": Rule(LOW, f"{_DOCS}/tasks/run-application/horizontal-pod-autoscale/", style=True),
    "kubernetes/blocks-drain": Rule(MEDIUM, f"{_DOCS}/tasks/run-application/configure-pdb/"),
}


def found(
    checker: str,
    document: Document,
    path: Path,
    rule: str,
    message: str,
    *,
    remedy: str = "",
    key: bool = False,
    severity: Severity | None = None,
) -> ValidationFinding:
    """A finding about a place of an object.

    Args:
        checker: Who found it.
        document: The object.
        path: What in it.
        rule: Of the table.
        message: One sentence.
        remedy: What mends it.
        key: Whether the key is meant rather than its value.
        severity: Where it is another than the rule's.
    """
    known = RULES[rule]
    place = document.at(path, key=key)
    return ValidationFinding(
        rule=rule,
        checker=checker,
        severity=known.severity if severity is None else severity,
        message=_without(document, path, message),
        file=document.file,
        line=place.line,
        column=place.column,
        object=str(document.entity).strip(),
        remedy=_without(document, path, remedy),
        link=known.link,
        source=source(document, place.line),
        style=known.style,
    )


def source(document: Document, line: int) -> str:
    """A line of an object's file, without secrets."""
    return quotable(document, line)[:_LONGEST_LINE]


def dotted(path: Path) -> str:
    """A path as people write it: `spec.containers[0].image`."""
    text = ""
    for part in path:
        plain = isinstance(part, str) and part.replace("_", "").replace("-", "").isalnum()
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if plain else f"[{part!r}]")
    return text.lstrip(".")


def shown(value: Any) -> str:
    """A value in a sentence: short, and on one line."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    word = {True: "true", False: "false", None: "null"}.get(value) if value is None or isinstance(value, bool) else None
    text = word or (repr(value) if isinstance(value, str) else str(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


_LONGEST_LINE = 500
_LONGEST_VALUE = 60


def _without(document: Document, path: Path, text: str) -> str:
    """A sentence about a value that does not repeat it where it is a secret."""
    if not text or not is_secret(document, path):
        return text
    value: Any = document.data
    for part in path:
        value = value[part]
    for form in sorted({shown(value), str(value), document.written(path) or str(value)}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", HIDDEN, text)
    return text
