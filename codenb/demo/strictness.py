"""Unknown fields, for requests that ask for strictness (`fieldValidation=Strict`, as kubectl does).

Of built-in kinds only the specs of deployments, replica sets, pods and containers are known well enough to say what
does not belong, by the API reference of Kubernetes 1.37; of custom resources all that their schema says.
"""

from __future__ import annotations

from collections.abc import Iterator

from codenb.demo.custom import resources
from codenb.demo.kinds import Kind
from codenb.demo.objects import Obj
from codenb.demo.status import bad_request
from codenb.demo.validation import containers_of, pod_spec


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPECS = {
    "Deployment": _words(
        """minReadySeconds paused progressDeadlineSeconds replicas revisionHistoryLimit selector strategy template"""
    ),
    "ReplicaSet": _words("minReadySeconds replicas selector template"),
}
_POD = _words(
    """activeDeadlineSeconds affinity automountServiceAccountToken containers dnsConfig dnsPolicy enableServiceLinks
    ephemeralContainers hostAliases hostIPC hostNetwork hostPID hostUsers hostname hostnameOverride imagePullSecrets
    initContainers nodeName nodeSelector os overhead preemptionPolicy priority priorityClassName readinessGates
    resourceClaims resources restartPolicy runtimeClassName schedulerName schedulingGates schedulingGroup
    securityContext serviceAccount serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain
    terminationGracePeriodSeconds tolerations topologySpreadConstraints volumes workloadRef"""
)
_CONTAINER = _words(
    """args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe resizePolicy
    resources restartPolicy restartPolicyRules securityContext startupProbe stdin stdinOnce terminationMessagePath
    terminationMessagePolicy tty volumeDevices volumeMounts workingDir"""
)


def check(kind: Kind, obj: Obj) -> None:
    """Refuse fields that the API does not know.

    Args:
        kind: Of the object.
        obj: The object as it was sent.

    Raises:
        ApiError: 400.
    """
    unknown = list(unknown_fields(kind, obj))
    if unknown:
        found = ", ".join(f'unknown field "{field}"' for field in unknown)
        what = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
        raise bad_request(f"{what}: strict decoding error: {found}")


def unknown_fields(kind: Kind, obj: Obj) -> Iterator[str]:
    """The paths of the fields of an object that the API does not know."""
    if kind.custom is not None:
        yield from resources.prune(obj, kind.custom.schema)[1]
        return
    spec = obj.get("spec") or {}
    if kind.kind in _SPECS:
        yield from (f"spec.{field}" for field in spec if field not in _SPECS[kind.kind])
    path, pod = pod_spec(kind, obj)
    yield from (f"{path}.{field}" for field in pod if field not in _POD)
    for at, container in containers_of(path, pod):
        yield from (f"{at}.{field}" for field in container if field not in _CONTAINER)
