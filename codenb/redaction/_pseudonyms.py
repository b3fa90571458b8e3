"""What stands in the place of a secret: known again, and compared across processes.

Each process has a key of its own by default, so the same secret has another pseudonym elsewhere. Who compares what two
processes have shown has to look past that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PSEUDONYM = re.compile(r"<redacted:([a-z-]+):[0-9a-f]{8}>")
"""Its group is the kind of the secret."""


def lasting(value: Any) -> Any:
    """JSON data with pseudonyms that are equal in every process; of two secrets of one kind they are then the same."""
    if isinstance(value, str):
        return PSEUDONYM.sub(r"<redacted:\1>", value)
    if isinstance(value, Mapping):
        return {lasting(key): lasting(inner) for key, inner in value.items()}
    return [lasting(inner) for inner in value] if isinstance(value, list | tuple) else value
