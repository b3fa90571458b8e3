"""Who else wants a field, in words: the names of field managers mean little to who has not written a controller."""

from __future__ import annotations

from collections.abc import Sequence

from codenb.models import Owner
from codenb.servers._clients.applying import FieldConflict
from codenb.servers.deployment.kubernetes._models import FieldOwner

_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "helm": "Helm",
    "kubectl-client-side-apply": "kubectl apply",
    "kubectl-edit": "kubectl edit",
    "kubectl-patch": "kubectl patch",
    "kubectl-set": "kubectl set",
    "kubectl-scale": "kubectl scale",
    "kubectl-rollout": "kubectl rollout",
    "kubectl": "kubectl apply --server-side",
    "vpa-recommender": "a VerticalPodAutoscaler",
    "vpa-updater": "a VerticalPodAutoscaler",
}
_CONTROLLER = "kube-controller-manager"
_REPLICAS = ".spec.replicas"


def owners_of(conflicts: Sequence[FieldConflict], scaler: Owner | None) -> tuple[FieldOwner, ...]:
    """The conflicts of one object, with who stands behind each manager.

    Args:
        conflicts: As the API server names them.
        scaler: The autoscaler that sets its replicas.
    """
    return tuple(
        FieldOwner(
            field=one.field.removeprefix("."),
            manager=one.manager,
            known_as=_known(one, scaler),
        )
        for one in conflicts
    )


def _known(conflict: FieldConflict, scaler: Owner | None) -> str:
    through_scale = conflict.subresource == "scale" or conflict.manager == _CONTROLLER
    if conflict.field == _REPLICAS and through_scale and scaler is not None:
        return scaler.manager
    known = _MANAGERS.get(conflict.manager, "")
    if known:
        return known
    if conflict.manager == _CONTROLLER:
        return "a controller of Kubernetes" + (" through the scale subresource" if conflict.subresource else "")
    return ""
