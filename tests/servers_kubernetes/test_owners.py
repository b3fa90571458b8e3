"""Who else manages an object, told by the marks that their tools leave."""

from __future__ import annotations

from typing import Any

import pytest

from codenb.servers.kubernetes.owners import autoscaled, owner_of


@pytest.mark.parametrize(
    ("metadata", "manager"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}, "Argo CD"),
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "Argo CD"),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "Flux"),
        ({"managedFields": [{"manager": "kustomize-controller"}]}, "Flux"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
        ({"annotations": {"meta.helm.sh/release-name": "shop"}}, "Helm"),
        ({"ownerReferences": [{"kind": "Rollout", "name": "web", "controller": True}]}, "Rollout web"),
    ],
)
def test_a_manager_is_known_by_its_marks(metadata: dict[str, Any], manager: str) -> None:
    """A person who approves must know that somebody will take the change back."""
    owner = owner_of({"metadata": metadata})

    assert owner is not None
    assert (owner.manager, bool(owner.note)) == (manager, True)


def test_what_nobody_manages_has_no_owner() -> None:
    """Kubectl's own marks are not a manager."""
    told = {"labels": {"app": "web"}, "managedFields": [{"manager": "kubectl-client-side-apply"}]}

    assert owner_of({"metadata": told}) is None


def test_an_autoscaler_owns_the_replicas_of_its_target_only() -> None:
    """Scaling by hand under an autoscaler lasts fifteen seconds."""
    scaler = {
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 9},
    }

    owner = autoscaled([scaler], "Deployment", "web")

    assert owner is not None
    assert owner.fields == ("spec.replicas",)
    assert "between 2 and 9" in owner.note
    assert autoscaled([scaler], "Deployment", "api") is None
