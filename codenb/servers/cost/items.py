"""Lists of items: what a person writes down to know what it would cost.

    [{"provider": "aws", "type": "m5.large", "count": 3, "region": "us-east-1"}, {"type": "gp3", "gb": 100}]

Names that people use for the same thing are understood; what is misspelt, negative, not a number or absurdly large is
refused, because a wrong price is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from codenb.errors import BadInput
from codenb.servers.cost.book import ANY, PriceBook
from codenb.servers.cost.usage import LARGEST, UNITS, Demand, Dimension, Usage

AWS_REGION = "us-east-1"
"""Taken where nothing says one: the region that the embedded book knows."""

MOST_ITEMS = 10_000

_SAME: dict[str, tuple[str, ...]] = {
    "provider": ("cloud",),
    "sku": ("instance_type", "instance_class", "machine_type"),
    "type": (),
    "count": ("quantity", "instances", "replicas", "number"),
    "region": ("location",),
    "hours": ("duration_hours",),
    "gb": ("size_gb", "storage_gb", "disk_gb", "size", "data_gb", "transfer_gb", "gb_month"),
    "storage_type": ("volume_type", "disk_type"),
    "name": ("resource", "id", "label"),
    "about": ("service", "category", "kind", "description", "resource_type"),
}
_MEANT = {name: field for field, names in _SAME.items() for name in (field, *names)}

_GROUPS = (
    *("items", "resources", "infrastructure", "instances", "compute", "servers", "nodes", "storage", "volumes"),
    *("disks", "databases", "database", "load_balancers", "network", "networking", "data_transfer", "egress"),
)
"""Headings under which a dict may hold its items."""

_SKUS = {
    "alb": "application-load-balancer",
    "aws_lb": "application-load-balancer",
    "aws_alb": "application-load-balancer",
    "application load balancer": "application-load-balancer",
    "nat": "nat-gateway",
    "natgateway": "nat-gateway",
    "nat gateway": "nat-gateway",
    "nat_gateway": "nat-gateway",
    "aws_nat_gateway": "nat-gateway",
    "egress": "egress-internet",
    "internet_egress": "egress-internet",
    "data_transfer": "egress-internet",
    "data transfer": "egress-internet",
    "bandwidth": "egress-internet",
    "ram": "memory",
}
_DISK_WORDS = frozenset({"volume", "disk", "ebs", "storage", "aws_ebs_volume"})
_KUBERNETES = frozenset({"cpu", "memory", "gpu", "storage", "cpu-spot", "memory-spot"})
_VOLUMES = frozenset({"gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"})
_COMPONENTS: dict[Dimension, str] = {
    "time": "compute",
    "storage": "storage",
    "data": "data transfer",
    "cpu": "cpu",
    "memory": "memory",
    "gpu": "gpu",
}

_SIZED: tuple[Dimension, ...] = ("storage", "data")
_GB_HOURS = {"memory": True, "storage": False}
"""Both may be priced by GB-hours; whether the SKU is called memory tells them apart."""

_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?")


def demand(items: Iterable[Any], book: PriceBook) -> Demand:
    """What items use.

    Args:
        items: Dicts with `sku` (or `type`), and as far as they apply `provider` (aws where it is left out), `count` (1
            where it is left out), `region`, `hours` (of each, in place of the estimate's duration), `gb` (of each; of
            data a month), `storage_type` (of the disk of an instance), `name`.
        book: Says how a SKU of its own is counted.

    Raises:
        BadInput: An item is none, or says what cannot be.
    """
    listed = list(items)
    if len(listed) > MOST_ITEMS:
        raise BadInput(f"{len(listed):,} items are more than {MOST_ITEMS:,}: add equal ones up under `count`")
    return Demand.of(_item(one, number, book) for number, one in enumerate(listed, start=1))


def listed(told: Mapping[str, Any]) -> list[Any]:
    """The items in a dict: it is one itself, or holds them under headings such as `items` or `storage`.

    Raises:
        BadInput: It holds neither.
    """
    groups = [key for key in told if key in _GROUPS and isinstance(told[key], list | Mapping)]
    if not groups:
        return [told]
    rest = {key: value for key, value in told.items() if key not in groups}
    usual = {key: value for key, value in rest.items() if _MEANT.get(str(key)) in ("provider", "region", "hours")}
    if odd := [str(key) for key in rest if key not in usual]:
        raise BadInput(f"infrastructure has no field {odd[0][:40]!r} beside {groups[0]}: {_hint(odd[0], _GROUPS)}")
    found: list[Any] = []
    for group in groups:
        held = told[group]
        found += [
            {**_without(usual, one), **one} if isinstance(one, Mapping) else one
            for one in (held if isinstance(held, list) else [held])
        ]
    return found


def _without(usual: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields for all items that this one does not give itself, under whichever name."""
    own = {_MEANT.get(str(key)) for key in item}
    return {key: value for key, value in usual.items() if _MEANT[key] not in own}


def _item(given: Any, number: int, book: PriceBook) -> Demand:
    where = f"item {number}"
    if not isinstance(given, Mapping):
        raise BadInput(
            f"{where} is no dict of fields such as sku, count and region, but a {type(given).__name__}: give one"
        )
    told = _fields(given, where)
    sku, disk = _sku(told, where)
    provider = _text(told, "provider", where).lower() or ("kubernetes" if sku in _KUBERNETES else "aws")
    count = _number(told, "count", where, LARGEST["instances"]) if "count" in told else Decimal(1)
    gb = _number(told, "gb", where, LARGEST["GB"]) if "gb" in told else None
    hours = _number(told, "hours", where, LARGEST["hours"]) if "hours" in told else None
    region = _text(told, "region", where) or (AWS_REGION if provider == "aws" else ANY)
    assumed = provider == "aws" and not told.get("region")
    resource = _text(told, "name", where) or (f"{count:f} x {sku}" if count != 1 else sku)
    if count * (gb or 0) > LARGEST["GB"]:
        raise BadInput(f"{where}: count times gb is more than {LARGEST['GB']:,} GB: correct it")

    def usage(dimension: Dimension, skus: tuple[str, ...], amount: Decimal) -> Usage:
        return Usage(resource, _COMPONENTS[dimension], dimension, provider, skus, region, amount, hours)

    usages = []
    dimensions = _dimensions(provider, sku, book)
    if not dimensions:
        dimensions = ("storage",) if gb is not None and "count" not in told and not disk else ("time",)
    for dimension in dimensions:
        if dimension in _SIZED and gb is None and (dimension == "storage" or len(dimensions) == 1):
            raise BadInput(f"{where} ({sku}) says no size: give `gb`")
        if dimension not in _SIZED or gb is not None:
            sized = gb if gb is not None and dimension in (*_SIZED, "memory") else Decimal(1)
            usages.append(usage(dimension, (sku,), count * sized))
    if gb is not None and not {*_SIZED, "memory"}.intersection(dimensions):
        if provider == "kubernetes":
            raise BadInput(f"{where} ({sku}) is counted by `count`, not by `gb`: give that")
        usages.append(usage("storage", (disk,) if disk else (), count * gb))
    note = (f"where no region is given, prices are those of {AWS_REGION}",) if assumed else ()
    return Demand(tuple(usages), notes=note)


def _fields(given: Mapping[Any, Any], where: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, value in given.items():
        field = _MEANT.get(str(key).lower())
        if field is None:
            raise BadInput(f"{where} has an unknown field {str(key)[:40]!r}: {_hint(str(key), _MEANT)}")
        if value is None:
            continue
        if field in told and field != "about":
            raise BadInput(f"{where} says {field} twice, once as {str(key)[:40]!r}: say it once")
        told[field] = value
    return told


def _hint(name: str, known: Iterable[str]) -> str:
    listed = sorted(known)
    near = get_close_matches(name.lower(), listed, n=1)
    return f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(_SAME.keys() - {'about'}))}"


def _sku(told: Mapping[str, Any], where: str) -> tuple[str, str]:
    """What it is, and the type of its disk; `type` may be but the sort of thing, beside a field that says which one."""
    sku, sort, disk = (_text(told, field, where) for field in ("sku", "type", "storage_type"))
    if not sku and disk and (not sort or sort.lower() in _DISK_WORDS):
        sku, disk = disk, ""
    if not (sku or sort):
        raise BadInput(f"{where} does not say what it is: give `sku` or `type`, such as m5.large")
    return _SKUS.get((sku or sort).lower(), sku or sort), disk


def _text(told: Mapping[str, Any], field: str, where: str) -> str:
    value = told.get(field, "")
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():  # noqa: PLR2004  a name, not a book
        raise BadInput(f"{where}: {field} is no short text, but {_shown(value)}: correct it")
    return value.strip()


def _number(told: Mapping[str, Any], field: str, where: str, largest: Decimal) -> Decimal:
    value = told[field]
    written = (
        str(value).strip() if isinstance(value, int | float | Decimal | str) and not isinstance(value, bool) else ""
    )
    if not _NUMBER.fullmatch(written):
        raise BadInput(f"{where}: {field} is {_shown(value)}: give a number that is not negative, such as 3")
    number = Decimal(written)
    if number > largest:
        raise BadInput(f"{where}: {field} is {_shown(value)}, more than {largest:,}: correct it")
    return number


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004  a line has room for so much


def _dimensions(provider: str, sku: str, book: PriceBook) -> tuple[Dimension, ...]:
    """In what a SKU is counted: as the book prices it, else as its name says, else one cannot tell."""
    if priced := book.units_of(provider, sku):
        return tuple(
            dimension
            for dimension, units in UNITS.items()
            if priced.intersection(units)
            and (dimension not in _GB_HOURS or _GB_HOURS[dimension] is sku.startswith("memory"))
        )
    if sku.lower() in _VOLUMES:
        return ("storage",)
    return ("data",) if sku.lower().startswith("egress") else ()
