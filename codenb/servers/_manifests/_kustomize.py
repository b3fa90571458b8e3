"""Which files a kustomization patches with: they hold parts of objects and would fail every schema."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from codenb.servers._manifests._parse import parse


def patches_of(raw: bytes) -> set[str]:
    """Names in the kustomization's own folder that are patches, or files that it makes config maps and values of.

    Args:
        raw: Text of a `kustomization.yaml`.

    Fields: https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
    """
    named: list[Any] = []
    for document in parse(raw).documents:
        data = document.data
        parts = _entries(data, "patches") + _entries(data, "patchesJson6902") + _entries(data, "replacements")
        named += [part.get("path") for part in parts if isinstance(part, dict)]
        named += _entries(data, "patchesStrategicMerge") + _entries(data, "configurations") + _entries(data, "crds")
        named += _entries(data, "transformers") + _entries(data, "generators")
        named += [chart.get("valuesFile") for chart in _entries(data, "helmCharts") if isinstance(chart, dict)]
        for made in _entries(data, "configMapGenerator") + _entries(data, "secretGenerator"):
            files = _entries(made, "files") if isinstance(made, dict) else []
            named += [name.rpartition("=")[2] for name in files if isinstance(name, str)]
    paths = [PurePosixPath(name) for name in named if isinstance(name, str) and "\n" not in name]
    return {path.name for path in paths if str(path) == path.name}


def _entries(data: dict[str, Any], field: str) -> list[Any]:
    entries = data.get(field)
    return entries if isinstance(entries, list) else []
