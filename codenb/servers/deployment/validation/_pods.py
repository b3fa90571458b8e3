"""Pods inside of workloads, and plain data that may have any shape, walked without a care."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codenb.servers._manifests import Document
from codenb.servers._manifests._document import Path

_TEMPLATES: dict[str, Path] = dict.fromkeys(
    ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"), ("spec", "template")
)
_TEMPLATES |= {"Pod": (), "CronJob": ("spec", "jobTemplate", "spec", "template"), "PodTemplate": ("template",)}
_GROUPS = {"", "apps", "batch", "extensions"}
LISTS = ("containers", "initContainers", "ephemeralContainers")


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods that an object makes.

    Attributes:
        document: The object.
        path: Where its pod template is; empty for a Pod.
        spec: The pod's `spec`.
        labels: The pod's labels.
    """

    document: Document
    path: Path
    spec: dict[str, Any]
    labels: dict[str, Any]

    def at(self, *path: str | int) -> Path:
        """The path of something in the pod's `spec`."""
        return (*self.path, "spec", *path)

    def containers(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Every container, with its path."""
        for field in LISTS:
            for index, container in enumerate(items(self.spec.get(field))):
                yield self.at(field, index), mapping(container)


def pods(document: Document) -> Pods | None:
    """The pods that an object makes; None where it makes none."""
    if document.kind not in _TEMPLATES or document.api_version.rpartition("/")[0] not in _GROUPS:
        return None
    path = _TEMPLATES[document.kind]
    template = mapping(get(document.data, *path))
    return Pods(document, path, mapping(template.get("spec")), mapping(get(template, "metadata", "labels")))


def get(value: Any, *path: str | int) -> Any:
    """A member, however deep; None where there is none."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value where it is text, else none."""
    return value if isinstance(value, str) else ""


def entries(value: Any, field: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The mappings of a list in a mapping, each with its path from there."""
    for index, item in enumerate(items(mapping(value).get(field))):
        if isinstance(item, dict):
            yield (field, index), item


def matches(selector: Any, labels: dict[str, Any]) -> bool:
    """Whether a label selector selects some labels.

    Args:
        selector: `matchLabels` and `matchExpressions`; an empty one selects everything.
        labels: Of the object.
    """
    wanted = mapping(selector)
    for key, value in mapping(wanted.get("matchLabels")).items():
        if key not in labels or labels[key] != value:
            return False
    for expression in items(wanted.get("matchExpressions")):
        key, operator = text(get(expression, "key")), get(expression, "operator")
        values = items(get(expression, "values"))
        has = key in labels
        fits = {
            "In": has and labels.get(key) in values,
            "NotIn": not has or labels.get(key) not in values,
            "Exists": has,
            "DoesNotExist": not has,
        }
        if not fits.get(operator if isinstance(operator, str) else "", True):
            return False
    return True
