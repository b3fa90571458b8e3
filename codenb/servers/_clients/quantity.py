"""Kubernetes' way to write amounts, as numbers.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal

from codenb.errors import BadInput

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E))?")
_BINARY = {unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
_DECIMAL = {
    unit: Decimal(1000) ** power
    for power, unit in zip((-3, -2, -1, 1, 2, 3, 4, 5, 6), ("n", "u", "m", "k", "M", "G", "T", "P", "E"), strict=True)
}


def quantity(text: str) -> Decimal:
    """The amount that a quantity such as `128Mi` or `500m` stands for.

    Raises:
        BadInput: It is no quantity.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if not match:
        raise BadInput(f"{text[:40]!r} is no quantity: write it like 250m, 0.5, 128Mi or 1Gi")
    number, exponent, unit = Decimal(match[1]), match[2], match[3]
    if exponent:
        return number * Decimal(10) ** int(exponent)
    return number * (_BINARY | _DECIMAL).get(unit, Decimal(1)) if unit else number
