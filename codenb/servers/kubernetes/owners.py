"""Who else manages an object: a change made behind a manager's back is taken back by it, or fights with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codenb.models import Owner

_PULL_REQUEST = "change it in Git: open a pull request, or this will be reverted at its next sync"
_ARGO = ("argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance")
_FLUX = ("kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name")


def owner_of(resource: Mapping[str, Any]) -> Owner | None:
    """Who manages an object, by its labels, annotations, managed fields and owner references.

    Args:
        resource: The object, with `metadata.managedFields` where they were read.

    Returns:
        The manager, or None where nobody else does.
    """
    told = resource.get("metadata") or {}
    marks: dict[str, Any] = {**(told.get("annotations") or {}), **(told.get("labels") or {})}
    managers = {str(one.get("manager", "")) for one in told.get("managedFields") or []}
    if name := _first(marks, _ARGO) or _named(managers, "argocd"):
        return Owner(manager="Argo CD", note=f"application {name.split(':')[0]}: {_PULL_REQUEST}")
    if name := _first(marks, _FLUX):
        return Owner(manager="Flux", note=f"{name}: {_PULL_REQUEST}")
    if managers & {"kustomize-controller", "helm-controller"}:
        return Owner(manager="Flux", note=_PULL_REQUEST)
    if marks.get("app.kubernetes.io/managed-by") == "Helm" or "meta.helm.sh/release-name" in marks:
        release = marks.get("meta.helm.sh/release-name") or marks.get("app.kubernetes.io/instance") or "?"
        return Owner(
            manager="Helm", note=f"release {release}: the next `helm upgrade` sets its values again; change the values"
        )
    for one in told.get("ownerReferences") or []:
        if one.get("controller"):
            named = f"{one.get('kind')} {one.get('name')}"
            return Owner(manager=named, note=f"{named} will set it back: change that instead")
    return None


def autoscaled(autoscalers: Iterable[Mapping[str, Any]], kind: str, name: str) -> Owner | None:
    """The autoscaler that sets a workload's replicas, where there is one."""
    for one in autoscalers:
        spec = one.get("spec") or {}
        target = spec.get("scaleTargetRef") or {}
        if (target.get("kind"), target.get("name")) == (kind, name):
            own = (one.get("metadata") or {}).get("name", "?")
            low, high = spec.get("minReplicas") or 1, spec.get("maxReplicas")
            return Owner(
                manager=f"HorizontalPodAutoscaler {own}",
                fields=("spec.replicas",),
                note=f"it keeps the replicas between {low} and {high} and will set them again: change its bounds",
            )
    return None


def _first(marks: Mapping[str, Any], keys: Iterable[str]) -> str:
    return next((str(marks[key]) for key in keys if marks.get(key)), "")


def _named(managers: Iterable[str], word: str) -> str:
    return next((manager for manager in managers if word in manager), "")
