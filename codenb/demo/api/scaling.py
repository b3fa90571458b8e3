"""The `scale` subresource: how many replicas, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codenb.demo import shapes
from codenb.demo.api.requests import Request
from codenb.demo.kinds import Kind
from codenb.demo.live import Live
from codenb.demo.objects import Obj, clone, dig, pruned, without_nulls
from codenb.demo.selecting import as_text
from codenb.demo.status import Cause, conflict, invalid
from codenb.demo.validation import check_size


def read(obj: Obj) -> Obj:
    """An object's scale."""
    metadata = {field: obj["metadata"].get(field) for field in ("name", "namespace", "uid")}
    metadata |= {field: obj["metadata"].get(field) for field in ("resourceVersion", "creationTimestamp")}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": pruned(metadata),
        "spec": {"replicas": obj["spec"]["replicas"]},
        "status": {
            "replicas": dig(obj, "status", "replicas", default=0),
            "selector": as_text(obj["spec"].get("selector")),
        },
    }


def write(live: Live, request: Request, change: Callable[[Obj], Any]) -> Obj:
    """Set the replicas from a changed scale; answers the new scale.

    Args:
        live: The world.
        request: Says which object.
        change: Makes the wanted scale from the present one.
    """
    target = request.target
    before = live.sim.store.get(target.kind, target.namespace, target.name)
    wanted = without_nulls(change(read(before)))
    shapes.check(_SCALE, wanted)
    replicas = dig(wanted, "spec", "replicas", default=0)
    check_size(replicas)
    if replicas < 0:
        cause = Cause(
            "FieldValueInvalid", f"Invalid value: {replicas}: must be greater than or equal to 0", "spec.replicas"
        )
        raise invalid(_SCALE, target.name, [cause])
    version = dig(wanted, "metadata", "resourceVersion")
    if version not in (None, "", before["metadata"]["resourceVersion"]):
        raise conflict(target.kind, target.name)
    changed: Obj = clone(before)
    changed["spec"]["replicas"] = replicas
    stored = live.sim.store.update(target.kind, changed, request.manager, subresource="scale", keep=not request.dry_run)
    return read(stored)


_SCALE = Kind("autoscaling", "v1", "scales", "Scale")
