"""APIs that Kubernetes deprecated or removed, with the version of each step and what takes their place.

Source: https://kubernetes.io/docs/reference/using-api/deprecation-guide/ and the `prerelease-lifecycle` marks of
`k8s.io/api`, from which that page is made.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deprecation:
    """What happens to a kind of one API version.

    Attributes:
        deprecated: Version from which on the API server warns.
        removed: Version from which on it is no longer served; empty where that is not announced.
        replacement: API version, or what else, to use.
        note: What changes beside the version.
    """

    deprecated: str
    removed: str
    replacement: str
    note: str = ""


_HPA2 = "targets are written as metrics[].resource.target"
_INGRESS = "backends are written as service.name and service.port, and pathType is required"
_CRD = "the schema moves to versions[] and must be structural"
_WEBHOOK = "sideEffects and admissionReviewVersions are required"
_GONE = "Pod Security Admission: the label pod-security.kubernetes.io/enforce of the namespace"


def _rows() -> dict[tuple[str, str], Deprecation]:
    rows: dict[tuple[str, str], Deprecation] = {}

    def add(  # noqa: PLR0917  a row of the table
        api: str, kinds: str, deprecated: str, removed: str, replacement: str, note: str = ""
    ) -> None:
        for kind in kinds.split():
            rows[api, kind] = Deprecation(deprecated, removed, replacement, note)

    selector = "spec.selector is required and cannot be changed afterwards"
    add("extensions/v1beta1", "Deployment DaemonSet ReplicaSet", "1.8", "1.16", "apps/v1", selector)
    add("extensions/v1beta1", "NetworkPolicy", "1.9", "1.16", "networking.k8s.io/v1")
    add("extensions/v1beta1", "PodSecurityPolicy", "1.10", "1.16", _GONE)
    add("extensions/v1beta1", "Ingress", "1.14", "1.22", "networking.k8s.io/v1", _INGRESS)
    add("apps/v1beta1", "Deployment StatefulSet ControllerRevision", "1.9", "1.16", "apps/v1", selector)
    add(
        "apps/v1beta2",
        "Deployment StatefulSet DaemonSet ReplicaSet ControllerRevision",
        "1.9",
        "1.16",
        "apps/v1",
        selector,
    )
    hooks = "MutatingWebhookConfiguration ValidatingWebhookConfiguration"
    add("admissionregistration.k8s.io/v1beta1", hooks, "1.16", "1.22", "admissionregistration.k8s.io/v1", _WEBHOOK)
    policies = "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding"
    add("admissionregistration.k8s.io/v1beta1", policies, "1.31", "1.34", "admissionregistration.k8s.io/v1")
    add("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "1.16", "1.22", "apiextensions.k8s.io/v1", _CRD)
    add("apiregistration.k8s.io/v1beta1", "APIService", "1.19", "1.22", "apiregistration.k8s.io/v1")
    add("authentication.k8s.io/v1beta1", "TokenReview", "1.19", "1.22", "authentication.k8s.io/v1")
    reviews = "LocalSubjectAccessReview SelfSubjectAccessReview SubjectAccessReview SelfSubjectRulesReview"
    add("authorization.k8s.io/v1beta1", reviews, "1.19", "1.22", "authorization.k8s.io/v1")
    signing = "spec.signerName is required"
    add("certificates.k8s.io/v1beta1", "CertificateSigningRequest", "1.19", "1.22", "certificates.k8s.io/v1", signing)
    add("coordination.k8s.io/v1beta1", "Lease", "1.19", "1.22", "coordination.k8s.io/v1")
    add("networking.k8s.io/v1beta1", "Ingress", "1.19", "1.22", "networking.k8s.io/v1", _INGRESS)
    add("networking.k8s.io/v1beta1", "IngressClass", "1.19", "1.22", "networking.k8s.io/v1")
    roles = "ClusterRole ClusterRoleBinding Role RoleBinding"
    add("rbac.authorization.k8s.io/v1beta1", roles, "1.17", "1.22", "rbac.authorization.k8s.io/v1")
    add("rbac.authorization.k8s.io/v1alpha1", roles, "1.17", "1.23", "rbac.authorization.k8s.io/v1")
    add("scheduling.k8s.io/v1beta1", "PriorityClass", "1.14", "1.22", "scheduling.k8s.io/v1")
    add("scheduling.k8s.io/v1alpha1", "PriorityClass", "1.14", "1.22", "scheduling.k8s.io/v1")
    add(
        "storage.k8s.io/v1beta1", "StorageClass VolumeAttachment CSIDriver CSINode", "1.19", "1.22", "storage.k8s.io/v1"
    )
    add("storage.k8s.io/v1beta1", "CSIStorageCapacity", "1.24", "1.27", "storage.k8s.io/v1")
    add("batch/v1beta1", "CronJob", "1.21", "1.25", "batch/v1")
    slices = "topology moves to endpoints[].zone and nodeName"
    add("discovery.k8s.io/v1beta1", "EndpointSlice", "1.21", "1.25", "discovery.k8s.io/v1", slices)
    add("events.k8s.io/v1beta1", "Event", "1.19", "1.25", "events.k8s.io/v1")
    add("autoscaling/v2beta1", "HorizontalPodAutoscaler", "1.22", "1.25", "autoscaling/v2", _HPA2)
    add("autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.23", "1.26", "autoscaling/v2", _HPA2)
    empty = "an empty selector selects every pod of the namespace there"
    add("policy/v1beta1", "PodDisruptionBudget", "1.21", "1.25", "policy/v1", empty)
    add("policy/v1beta1", "PodSecurityPolicy", "1.21", "1.25", _GONE)
    add("node.k8s.io/v1beta1", "RuntimeClass", "1.22", "1.25", "node.k8s.io/v1")
    flow, levels = "flowcontrol.apiserver.k8s.io", "FlowSchema PriorityLevelConfiguration"
    add(f"{flow}/v1beta1", levels, "1.23", "1.26", f"{flow}/v1")
    add(f"{flow}/v1beta2", levels, "1.26", "1.29", f"{flow}/v1")
    shares = "limited.assuredConcurrencyShares is limited.nominalConcurrencyShares there"
    add(f"{flow}/v1beta3", levels, "1.29", "1.32", f"{flow}/v1", shares)
    add("v1", "Endpoints", "1.33", "", "EndpointSlice in discovery.k8s.io/v1")
    add("v1", "ComponentStatus", "1.19", "", "the API server's /readyz")
    return rows


TABLE = _rows()
