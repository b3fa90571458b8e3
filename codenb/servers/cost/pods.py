"""What a pod asks for, as the scheduler counts it.

Rules: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers and
https://kubernetes.io/docs/concepts/scheduling-eviction/pod-overhead/. Prices are per what is reserved, as in OpenCost;
a GB of memory is 2^30 bytes there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from codenb.errors import BadInput
from codenb.servers._clients.quantity import quantity
from codenb.servers.cost.usage import EXACT, LARGEST

GIBI = Decimal(2) ** 30

_GPUS = ("nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/i915", "gpu.intel.com/xe")
_LIMITS = {"cpu": LARGEST["cores"], "memory": LARGEST["GB"] * GIBI, "gpu": LARGEST["instances"]}
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Share:
    """What one pod reserves.

    Attributes:
        cpu: Cores.
        memory: Bytes.
        gpu: Devices.
        by_limits: Which of these are counted by limits, because containers have no requests.
        unknown: What cannot be counted, and why.
    """

    cpu: Decimal
    memory: Decimal
    gpu: Decimal
    by_limits: tuple[str, ...]
    unknown: tuple[str, ...]


def share(spec: Mapping[str, Any]) -> Share:
    """Read a pod's spec."""
    reading = _Reading()
    amounts = {what: reading.of(spec, what) for what in ("cpu", "memory", "gpu")}
    return Share(
        **amounts, by_limits=tuple(dict.fromkeys(reading.by_limits)), unknown=tuple(dict.fromkeys(reading.unknown))
    )


def storage(asked: Any) -> Decimal | None:
    """GB of a claim's request; None where it is no quantity that can be counted."""
    amount = _amount(asked, LARGEST["GB"] * GIBI)
    return None if amount is None else EXACT.divide(amount, GIBI)


class _Reading:
    """One pass over a pod, and what was noticed on the way."""

    def __init__(self) -> None:
        self.by_limits: list[str] = []
        self.unknown: list[str] = []

    def of(self, spec: Mapping[str, Any], what: str) -> Decimal:
        """The pod's own request where it has one, else that of its containers; with the runtime's overhead."""
        whole = spec.get("resources")
        if what != "gpu" and isinstance(whole, Mapping) and _asked(whole, what) is not None:
            reserved = self._container(spec, what, "the pod")
        else:
            reserved = self._containers(spec, what)
        overhead = spec.get("overhead")
        return reserved + (_amount(_first(overhead, what), _LIMITS[what]) or 0)

    def _containers(self, spec: Mapping[str, Any], what: str) -> Decimal:
        """Containers and sidecars run together; an init container runs beside the sidecars that began before it."""
        beside, first = Decimal(0), Decimal(0)
        for one in _boxes(spec, "initContainers"):
            # An init container without a request takes no more than those that run after it.
            sidecar = one.get("restartPolicy") == "Always"
            told = self._container(one, what, f"container {one.get('name')}", required=sidecar)
            first = max(first, beside + told)
            beside += told if sidecar else 0
        running = sum(
            (self._container(one, what, f"container {one.get('name')}") for one in _boxes(spec, "containers")), beside
        )
        return max(first, running)

    def _container(self, box: Mapping[str, Any], what: str, named: str, *, required: bool = True) -> Decimal:
        resources = box.get("resources")
        asked = _asked(resources, what) if isinstance(resources, Mapping) else None
        if asked is None:
            if required and what != "gpu":
                self.unknown.append(f"{named} has neither a request nor a limit of {what}")
            return Decimal(0)
        source, text = asked
        amount = _amount(text, _LIMITS[what])
        if amount is None:
            self.unknown.append(f"{named} asks for {str(text)[:_LONGEST]!r} of {what}, which cannot be counted")
            return Decimal(0)
        if source == "limits" and what != "gpu":  # devices are asked for by limits
            self.by_limits.append(what)
        return amount


def _asked(resources: Mapping[str, Any], what: str) -> tuple[str, Any] | None:
    """The request; where there is none the limit, as the API server does it."""
    for source in ("requests", "limits"):
        if (value := _first(resources.get(source), what)) is not None:
            return source, value
    return None


def _first(told: Any, what: str) -> Any:
    keys = _GPUS if what == "gpu" else (what,)
    return next((told[key] for key in keys if told.get(key) is not None), None) if isinstance(told, Mapping) else None


def _amount(value: Any, largest: Decimal) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > _LONGEST:
        return None
    try:
        amount = quantity(str(value))
    except BadInput:
        return None
    return amount if 0 <= amount <= largest else None


def _boxes(spec: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    listed = spec.get(key)
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
