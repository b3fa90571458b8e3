"""Quantities: whether they are any, whether a request stays below its limit, and what is surely a slip.

Format: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from codenb.errors import BadInput
from codenb.servers._manifests import Document
from codenb.servers._manifests._document import Path
from codenb.servers.deployment.validation._pods import Pods, entries, get, mapping
from codenb.servers.deployment.validation._rules import dotted, shown
from codenb.servers.kubernetes.units import quantity

Fault = tuple[Path, str, str, str]
"""Where, the sentence, the rule, the remedy."""

_SMALLEST_MEMORY = 1024 * 1024
_MOST_CPU = 512


def faults(document: Document, made: Pods | None) -> Iterator[Fault]:
    """What is wrong with an object's quantities."""
    for path, resources in _resources(document, made):
        limits, requests = mapping(resources.get("limits")), mapping(resources.get("requests"))
        amounts: dict[tuple[str, str], Decimal] = {}
        for field, values in (("limits", limits), ("requests", requests)):
            for name, value in values.items():
                amount = _amount(value)
                here = (*path, field, name)
                if isinstance(amount, str):
                    yield (
                        here,
                        f"{dotted(here[-2:])} {amount}",
                        "kubernetes/quantity",
                        "write it like 250m, 0.5, 128Mi or 1Gi",
                    )
                elif amount is not None:
                    amounts[field, name] = amount
                    yield from _slip(here, name, value, amount)
        for name in requests:
            request, limit = amounts.get(("requests", name)), amounts.get(("limits", name))
            if request is not None and limit is not None and request > limit:
                said = f"requests.{name} {shown(requests[name])} is over limits.{name} {shown(limits[name])}"
                yield (
                    (*path, "requests", name),
                    said,
                    "kubernetes/request-over-limit",
                    "raise the limit or lower the request",
                )
    for path in _single(document):
        value = get(document.data, *path)
        if isinstance(amount := _amount(value), str):
            yield path, f"{dotted(path)} {amount}", "kubernetes/quantity", "write it like 250m, 0.5, 128Mi or 1Gi"


def _resources(document: Document, made: Pods | None) -> Iterator[tuple[Path, dict[str, Any]]]:
    if made:
        for path, container in made.containers():
            yield (*path, "resources"), mapping(container.get("resources"))
        yield made.at("resources"), mapping(made.spec.get("resources"))
    if document.kind == "PersistentVolumeClaim":
        yield ("spec", "resources"), mapping(get(document.data, "spec", "resources"))
    if document.kind == "StatefulSet":
        for below, claim in entries(document.data.get("spec"), "volumeClaimTemplates"):
            yield ("spec", *below, "spec", "resources"), mapping(get(claim, "spec", "resources"))


def _single(document: Document) -> Iterator[Path]:
    """Maps of names to quantities that stand alone, one path a quantity."""
    bases: dict[str, tuple[Path, ...]] = {
        "ResourceQuota": (("spec", "hard"),),
        "PersistentVolume": (("spec", "capacity"),),
    }
    for base in bases.get(document.kind, ()):
        for name in mapping(get(document.data, *base)):
            yield (*base, name)


def _amount(value: Any) -> Decimal | str | None:
    """The amount, or what is wrong with it; None for what the schema speaks of."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = quantity(str(value))
    except BadInput:
        near = _near(str(value))
        return f"{shown(value)} is no quantity" + (f": did you mean {near}?" if near else "")
    return f"{shown(value)} is negative" if amount < 0 else amount


def _near(value: str) -> str:
    """What is often meant by units that Kubernetes does not have."""
    number = value.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = value[len(number) :].strip()
    meant = {"mb": "M", "gb": "G", "kb": "k", "tb": "T", "mib": "Mi", "gib": "Gi", "kib": "Ki", "mi": "Mi", "gi": "Gi"}
    meant |= {
        "ki": "Ki",
        "ti": "Ti",
        "g": "G",
        "t": "T",
        "cpu": "",
        "cores": "",
        "core": "",
        "vcpu": "",
        "b": "",
        "millicores": "m",
    }
    found = meant.get(unit.lower())
    return f"{number.strip()}{found}" if found is not None and number.strip() else ""


def _slip(path: Path, name: str, value: Any, amount: Decimal) -> Iterator[Fault]:
    """A quantity that is one, and surely not the one that was meant."""
    said = f"{dotted(path[-2:])} {shown(value)}"
    rule = "kubernetes/small-quantity"
    if name in ("memory", "ephemeral-storage", "storage") and 0 < amount < _SMALLEST_MEMORY:
        written = str(value)
        if written.endswith("m"):
            yield path, f"{said} is {amount} bytes: m means thousandths", rule, f"write {written[:-1]}Mi"
        else:
            yield path, f"{said} is {amount} bytes", rule, "name a unit, such as Mi"
    elif name == "cpu" and amount > _MOST_CPU:
        yield path, f"{said} is {amount} cores", rule, f"write {value}m if thousandths of a core are meant"
