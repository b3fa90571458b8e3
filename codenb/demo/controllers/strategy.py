"""How much a rolling update may add and take away at a time."""

from __future__ import annotations

import math
from typing import Any

from codenb.demo.objects import Obj, dig


def surge(deployment: Obj) -> int:
    """How many pods a rolling update may add beyond the wanted number; percentages are rounded up."""
    return _share(deployment, "maxSurge", up=True)


def unavailable(deployment: Obj) -> int:
    """How many pods may be missing during a rolling update; percentages are rounded down, both zero means one."""
    if dig(deployment, "spec", "strategy", "type") == "Recreate":
        return 0
    least = _share(deployment, "maxUnavailable", up=False)
    return max(least, 1) if not surge(deployment) else min(least, deployment["spec"]["replicas"])


def _share(deployment: Obj, field: str, *, up: bool) -> int:
    value: Any = dig(deployment, "spec", "strategy", "rollingUpdate", field, default=0)
    if isinstance(value, int):
        return int(value)
    exact: float = int(str(value).rstrip("%")) * deployment["spec"]["replicas"] / 100
    return math.ceil(exact) if up else math.floor(exact)
