"""The closed vocabulary of causes.

Experts vote in it, so that opinions can be counted without comparing prose. Each code has one line of definition; the
same line goes into prompts. Symptoms are what one sees of a cause beneath: a vote for a symptom loses to a vote for a
cause where both stand on evidence.
"""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """What can be wrong with a workload. `definition` says what each code means."""

    IMAGE_PULL = "ImagePull"
    CRASH_COMMAND = "CrashCommand"
    CRASH_APPLICATION = "CrashApplication"
    MISSING_ENV = "MissingEnv"
    MISSING_CONFIG = "MissingConfig"
    MISSING_SECRET = "MissingSecret"  # noqa: S105  the name of a cause, not a secret
    MISSING_SERVICE_ACCOUNT = "MissingServiceAccount"
    MISSING_REQUESTS = "MissingRequests"
    OOM_KILLED = "OOMKilled"
    PROBE_WRONG = "ProbeWrong"
    UNSCHEDULABLE = "Unschedulable"
    QUOTA_EXCEEDED = "QuotaExceeded"
    STORAGE_CLASS_MISSING = "StorageClassMissing"
    VOLUME_MISSING = "VolumeMissing"
    VOLUME_MOUNT_FAILED = "VolumeMountFailed"
    SELECTOR_MISMATCH = "SelectorMismatch"
    PORT_MISMATCH = "PortMismatch"
    INGRESS_BACKEND_MISSING = "IngressBackendMissing"
    NETWORK_POLICY_BLOCKS = "NetworkPolicyBlocks"
    DNS_BLOCKED = "DnsBlocked"
    RBAC_DENIED = "RbacDenied"
    ADMISSION_DENIED = "AdmissionDenied"
    NODE_NOT_READY = "NodeNotReady"
    NODE_PRESSURE = "NodePressure"
    EVICTED = "Evicted"
    DISRUPTION_BLOCKED = "DisruptionBlocked"
    SCALED_TO_ZERO = "ScaledToZero"
    AUTOSCALER_LIMIT = "AutoscalerLimit"
    JOB_FAILED = "JobFailed"
    VERSION_REGRESSION = "VersionRegression"
    CONFIG_CHANGE = "ConfigChange"
    DEPENDENCY_DOWN = "DependencyDown"
    POOL_EXHAUSTED = "PoolExhausted"
    CAPACITY_SHORT = "CapacityShort"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    DISK_FULL = "DiskFull"
    ROLLOUT_STUCK = "RolloutStuck"
    NO_ENDPOINTS = "NoEndpoints"
    CRASH_LOOP = "CrashLoop"
    HEALTHY = "Healthy"
    UNKNOWN = "Unknown"

    @property
    def definition(self) -> str:
        """One line: when this code is the right one."""
        return _DEFINITIONS[self]

    @property
    def symptom(self) -> bool:
        """Whether this is what one sees of another cause, rather than a cause."""
        return self in _SYMPTOMS


_SYMPTOMS = frozenset({Cause.ROLLOUT_STUCK, Cause.NO_ENDPOINTS, Cause.CRASH_LOOP, Cause.UNKNOWN})

_DEFINITIONS: dict[Cause, str] = {
    Cause.IMAGE_PULL: "an image cannot be pulled: name, tag, registry or credentials",
    Cause.CRASH_COMMAND: "a container's command or arguments cannot run in its image, or are misspelt",
    Cause.CRASH_APPLICATION: "the program ends with an error of its own that no other code explains",
    Cause.MISSING_ENV: "the program ends because an environment variable it needs is not set",
    Cause.MISSING_CONFIG: "a ConfigMap, or a key in one, is referenced and does not exist",
    Cause.MISSING_SECRET: "a Secret, or a key in one, is referenced and does not exist",
    Cause.MISSING_SERVICE_ACCOUNT: "the pod's service account does not exist",
    Cause.MISSING_REQUESTS: "something needs resource requests that the containers do not state, such as an autoscaler",
    Cause.OOM_KILLED: "a container is killed for using more memory than its limit",
    Cause.PROBE_WRONG: "a probe asks the wrong port, path or moment, while the program itself works",
    Cause.UNSCHEDULABLE: "no node satisfies a pod's selectors, tolerations, affinity or devices",
    Cause.QUOTA_EXCEEDED: "a resource quota or limit range refuses the pods",
    Cause.STORAGE_CLASS_MISSING: "a volume claim names a storage class that does not exist",
    Cause.VOLUME_MISSING: "a pod uses a volume claim that does not exist or cannot be bound for another reason",
    Cause.VOLUME_MOUNT_FAILED: "a bound volume cannot be attached or mounted",
    Cause.SELECTOR_MISMATCH: "a service's selector matches no pod's labels",
    Cause.PORT_MISMATCH: "a service's target port is not one that the containers serve",
    Cause.INGRESS_BACKEND_MISSING: "an ingress names a service or port that does not exist",
    Cause.NETWORK_POLICY_BLOCKS: "a network policy denies traffic that the workload needs",
    Cause.DNS_BLOCKED: "names cannot be resolved, because a policy or the resolver denies it",
    Cause.RBAC_DENIED: "the workload's service account may not do what the program asks of the API server",
    Cause.ADMISSION_DENIED: "an admission webhook or policy refuses the objects",
    Cause.NODE_NOT_READY: "the node that runs the pods is not ready",
    Cause.NODE_PRESSURE: "a node is short of memory, disk or process ids and acts on it",
    Cause.EVICTED: "pods were evicted",
    Cause.DISRUPTION_BLOCKED: "a disruption budget leaves no room for a change",
    Cause.SCALED_TO_ZERO: "the workload is set to run no replicas",
    Cause.AUTOSCALER_LIMIT: "an autoscaler is at its maximum and wants more",
    Cause.JOB_FAILED: "a job reached its back-off limit or deadline",
    Cause.VERSION_REGRESSION: "a new version runs, and is worse than the one before it",
    Cause.CONFIG_CHANGE: "a change of configuration, not of version, made it worse",
    Cause.DEPENDENCY_DOWN: "the workload fails because another service that it needs does not answer",
    Cause.POOL_EXHAUSTED: "a pool of connections or workers is used up",
    Cause.CAPACITY_SHORT: "the nodes or replicas there are cannot carry the load or the requests",
    Cause.CERTIFICATE_EXPIRED: "a certificate is expired or not yet valid",
    Cause.DISK_FULL: "a volume or a file system is full",
    Cause.ROLLOUT_STUCK: "symptom: a rollout makes no progress",
    Cause.NO_ENDPOINTS: "symptom: a service has no ready endpoints",
    Cause.CRASH_LOOP: "symptom: a container starts and ends over and over",
    Cause.HEALTHY: "nothing is wrong, and nothing changed for the worse",
    Cause.UNKNOWN: "something is wrong, and the evidence at hand does not say what",
}
