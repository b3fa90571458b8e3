"""What people hand over to be priced, told apart: a plan, manifests, items, text with one of these, or a path to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from codenb.errors import BadInput
from codenb.models import Severity
from codenb.servers.cost import items, terraform, workloads
from codenb.servers.cost.book import PriceBook
from codenb.servers.cost.usage import Demand

if TYPE_CHECKING:
    from codenb.servers._base._paths import Roots
    from codenb.servers._manifests import Manifests

_LARGEST_FILE = 64 * 1024 * 1024  # a plan of some thousand resources
_MOST_PROBLEMS = 20


def demand(
    given: Mapping[str, Any] | Sequence[Any] | str | Manifests,
    book: PriceBook,
    *,
    roots: Roots | None = None,
    nodes: int | None = None,
) -> Demand:
    """Read what is used.

    Args:
        given: A plan's JSON, manifests, items, or text or paths of these.
        book: Says how the SKUs of items are counted.
        roots: Where paths may lead; None refuses them.
        nodes: On how many nodes a DaemonSet runs; None is unknown.

    Raises:
        BadInput: It is none of these, or says what cannot be.
    """
    if isinstance(given, str):
        return _written(given, book, roots, nodes)
    if isinstance(given, Mapping):
        return _told(given, book, nodes)
    if hasattr(given, "documents"):
        return _read(cast("Manifests", given), nodes)
    if isinstance(given, bytes | bytearray) or not isinstance(given, Sequence):
        raise BadInput(
            f"infrastructure is a plan's JSON, manifests or a list of items, "
            f"not a value of type {type(given).__name__}: give one of these"
        )
    if not given:
        raise BadInput("the infrastructure is empty: give a plan's JSON, manifests or items")
    if all(isinstance(one, str) for one in given):
        return Demand.of(_written(one, book, roots, nodes) for one in given)
    if all(isinstance(one, Mapping) and _is_object(one) for one in given):
        return _objects(given, nodes)
    return items.demand(given, book)


def _told(given: Mapping[str, Any], book: PriceBook, nodes: int | None) -> Demand:
    if terraform.is_plan(given):
        return terraform.planned(given)
    return _objects([given], nodes) if _is_object(given) else items.demand(items.listed(given), book)


def _written(text: str, book: PriceBook, roots: Roots | None, nodes: int | None) -> Demand:
    """JSON or YAML text, or a path."""
    from codenb.servers import _manifests  # noqa: PLC0415  reads YAML, which items and plans do without

    if not text.strip():
        raise BadInput("the infrastructure is empty: give a plan's JSON, manifests, items, or a path")
    if text.lstrip()[:1] in "{[":
        return demand(_json(text, "the text"), book, nodes=nodes)
    if "\n" in text.strip():
        return _read(_manifests.parse(text), nodes)
    if roots is None:
        raise BadInput(f"{text[:80]!r} is a path, and no folder is open here: give the text of the file")
    path = roots.resolve(text, what="infrastructure")
    if path.suffix != ".json" or not path.is_file():
        return _read(_manifests.read([text], roots), nodes)
    shown = roots.shown(path)
    try:
        content = path.read_text("utf-8") if path.stat().st_size <= _LARGEST_FILE else None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{shown} cannot be read as text: {' '.join(str(error).split())}: correct it") from error
    if content is None:
        raise BadInput(f"{shown} is larger than {_LARGEST_FILE:,} bytes: give a part of it")
    return demand(_json(content, shown), book, nodes=nodes)


def _read(manifests: Manifests, nodes: int | None) -> Demand:
    """Manifests; a file that could not be read may hold anything, so it makes the total a lower bound."""
    found = [one.data for one in manifests.documents if _is_object(one.data)]
    if not found:
        why = f": {manifests.problems[0].message}" if manifests.problems else ""
        raise BadInput(f"there is no Kubernetes object in it{why}: give manifests, a plan's JSON or items")
    made = _objects(found, nodes)
    unread = tuple(
        f"{one.file}{f':{one.line}' if one.line else ''}: {one.message}"
        for one in manifests.problems
        if one.severity >= Severity.HIGH
    )
    return Demand(made.usages, (*made.unknown, *unread[:_MOST_PROBLEMS]), made.notes)


def _objects(objects: Sequence[Any], nodes: int | None) -> Demand:
    flat: list[Mapping[str, Any]] = []
    for one in objects:
        held = one.get("items")
        flat += [part for part in held if isinstance(part, Mapping)] if isinstance(held, list) else [one]
    return workloads.demand(flat, nodes=nodes)


def _is_object(told: Mapping[str, Any]) -> bool:
    return "kind" in told and "apiVersion" in told


def _json(text: str, what: str) -> Any:
    def no_number(name: str) -> Any:
        raise BadInput(f"{what} holds {name}, which is no number: correct it")

    try:
        return json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError) as error:  # a ValueError is also an integer of too many digits
        raise BadInput(f"{what} is not JSON: {' '.join(str(error).split())}: correct it") from error
