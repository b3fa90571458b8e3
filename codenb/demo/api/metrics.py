"""`metrics.k8s.io`: what pods and nodes take, as a metrics server answers `kubectl top`.

https://github.com/kubernetes/metrics/blob/master/pkg/apis/metrics/v1beta1/types.go
"""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import add

from codenb.demo.api import lists
from codenb.demo.api.requests import HttpRequest, Target
from codenb.demo.auth import User, allowed, refusal
from codenb.demo.kinds import NODE, POD, Kind
from codenb.demo.live import Live
from codenb.demo.objects import Obj, dig, labels_of, name_of, namespace_of, pruned
from codenb.demo.status import forbidden, method_not_allowed, no_such_path, not_found
from codenb.demo.usage import WINDOW_S, Usage, measured

_ROOT = ["apis", "metrics.k8s.io", "v1beta1"]
_OF_PODS = Kind("metrics.k8s.io", "v1beta1", "pods", "PodMetrics")
_OF_NODES = Kind("metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", namespaced=False)
_SYSTEM = Usage(Decimal("0.18"), Decimal(700 * 2**20))  # what a node takes besides its pods


def answer(live: Live, http: HttpRequest, user: User) -> Obj | None:
    """Answer one of its requests; None where the path is not one of it, or nobody measures this world.

    Args:
        live: The world.
        http: The request.
        user: Who asks.

    Raises:
        ApiError: 403, 404 for what was not measured (yet), 405 for anything but reading.
    """
    parts = [part for part in http.path.split("/") if part]
    if not live.metrics or parts[:3] != _ROOT or len(parts) == len(_ROOT):
        return None
    target = _target(parts[3:])
    if not allowed(user, target.attributes):
        raise forbidden(target.kind, target.name, refusal(user, target.attributes))
    if http.method not in ("GET", "HEAD") or http.flag("watch"):
        raise method_not_allowed()
    kept_as = POD if target.kind is _OF_PODS else NODE
    about = Target(kept_as, target.namespace, target.name, "", target.verb)
    found = [_metrics(live, target.kind, one) for one in lists.select(live.sim.store, about, http)]
    measured_ones = [one for one in found if one is not None]
    if not target.name:
        return {
            "kind": f"{target.kind.kind}List",
            "apiVersion": target.kind.api_version,
            "metadata": {},
            "items": measured_ones,
        }
    if not measured_ones:
        raise not_found(target.kind, "/".join(filter(None, (target.namespace, target.name))))
    return {"kind": target.kind.kind, "apiVersion": target.kind.api_version} | measured_ones[0]


def _target(rest: list[str]) -> Target:
    match rest:
        case ["nodes", *name] if len(name) < 2:  # noqa: PLR2004 - a name or none
            kind, namespace = _OF_NODES, ""
        case ["pods"]:
            kind, namespace, name = _OF_PODS, "", []
        case ["namespaces", namespace, "pods", *name] if len(name) < 2:  # noqa: PLR2004 - a name or none
            kind = _OF_PODS
        case _:
            raise no_such_path()
    return Target(kind, namespace, "".join(name), "", "get" if name else "list")


def _metrics(live: Live, kind: Kind, obj: Obj) -> Obj | None:
    """What was measured of a pod or a node in the last whole window; None where nothing was."""
    moment = live.sim.clock.now // WINDOW_S * WINDOW_S
    if kind is _OF_PODS:
        usages = _containers(live, obj, moment)
        rows = [{"name": name, "usage": usage.shown} for name, usage in usages.items()]
        found: Obj = {"containers": rows} if rows else {}
    else:
        here = [pod for pod in live.sim.store.all(POD) if dig(pod, "spec", "nodeName") == name_of(obj)]
        taken = [usage for pod in here for usage in _containers(live, pod, moment).values()]
        found = {"usage": reduce(add, taken, _SYSTEM).shown}
    if not found:
        return None
    stamp = live.sim.clock.stamp(moment)
    names = {"name": name_of(obj), "namespace": namespace_of(obj) or None, "labels": labels_of(obj) or None}
    head = pruned(names) | {"creationTimestamp": stamp}
    return {"metadata": head, "timestamp": stamp, "window": f"{WINDOW_S}s"} | found


def _containers(live: Live, pod: Obj, moment: float) -> dict[str, Usage]:
    worker = live.kubelet.worker(pod)
    if worker is None:
        return {}
    found = {}
    for container in pod["spec"]["containers"]:
        run, _ = worker.runs(container["name"]) or (None, None)
        usage = measured(run, container, moment) if run is not None else None
        if usage is not None:
            found[container["name"]] = usage
    return found
