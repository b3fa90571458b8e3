"""Where the pods of an object stand in it, and values of plain data that may have any shape."""

from __future__ import annotations

from typing import Any

Path = tuple[str | int, ...]

LONGEST = 5
"""Keys above the deepest pod."""

_TEMPLATES: dict[str, Path] = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}


def pod_of(kind: str) -> Path:
    """Where a pod's `spec` is in an object of a kind, or would be."""
    return _TEMPLATES.get(kind, ("spec", "template", "spec"))


def get(data: Any, path: Path) -> Any:
    """A member, however deep; None where there is none."""
    for part in path:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and 0 <= part < len(data):
            data = data[part]
        else:
            return None
    return data
