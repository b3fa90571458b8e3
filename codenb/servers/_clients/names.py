"""Names of objects: checked before they become part of a URL, and as sentences say them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from codenb.errors import BadInput
from codenb.servers._clients.kinds import Kind

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.:]*[A-Za-z0-9])?")  # RBAC names may hold colons and capitals


def checked_namespace(name: str) -> str:
    """A namespace's name, checked (RFC 1123 label, at most 63 characters).

    Raises:
        BadInput: It can be none.
    """
    if len(name) > 63 or not _LABEL.fullmatch(name):  # noqa: PLR2004  RFC 1123
        raise BadInput(f"{name[:80]!r} is no namespace: lower-case letters, digits and '-', at most 63 characters")
    return name


def checked_name(name: str) -> str:
    """An object's name, checked, so that it cannot become another path.

    Raises:
        BadInput: It can be none.
    """
    if len(name) > 253 or not _NAME.fullmatch(name) or ".." in name:  # noqa: PLR2004  RFC 1123
        raise BadInput(f"{name[:80]!r} is no object's name: letters, digits, '-' and '.', at most 253 characters")
    return name


def named(kind: Kind, name: str, namespace: str | None) -> str:
    """An object as a sentence names it."""
    return f"{kind.kind} {namespace}/{name}" if namespace and kind.namespaced else f"{kind.kind} {name}"


def nearest(name: str, names: Iterable[str]) -> str:
    """How a sentence about a name that is not there ends: the nearest that is, or a few of them."""
    there = list(names)
    near = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    if near:
        return f": did you mean {near[0]!r}?"
    shown = sorted(there, key=lambda one: (not one.startswith(name), one))[:5]
    return f": there is {', '.join(shown)}" if shown else ": there is none at all"
