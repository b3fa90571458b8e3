"""Kubernetes versions whose schemas are at hand, and the one that is meant."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from codenb.errors import BadInput, PartMissing

if TYPE_CHECKING:
    from codenb.servers._clients.cluster import Cluster

_VERSION = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:[.+-].*)?")
_FOLDER = re.compile(r"v(\d+\.\d+)\.\d+-local-strict")


@cache
def folders() -> dict[str, Path]:
    """Where the schemas of each version are, oldest first.

    Raises:
        PartMissing: They are not installed.
    """
    try:
        import kubernetes_validate  # type: ignore[import-untyped]  # noqa: PLC0415  an extra
    except ImportError as error:
        raise PartMissing("Kubernetes schemas are not installed: pip install 'codenb[deploy]'") from error
    top = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    found = {match[1]: path for path in top.iterdir() if (match := _FOLDER.fullmatch(path.name))}
    return dict(sorted(found.items(), key=lambda pair: number(pair[0])))


def number(version: str) -> tuple[int, int]:
    """A version such as `1.37` as numbers that compare.

    Raises:
        BadInput: It is none.
    """
    match = _VERSION.fullmatch(version.strip())
    if not match:
        raise BadInput(f"{version[:40]!r} is no Kubernetes version: write it like 1.37")
    return int(match[1]), int(match[2])


async def chosen(wanted: str | None, cluster: Cluster | None) -> str:
    """The version to validate for, such as `1.37`; empty where none can be told, since no schemas are installed.

    Args:
        wanted: What the caller asked for.
        cluster: Whose version it is, where the caller did not ask for one.

    Raises:
        BadInput: There are no schemas of the version that was asked for.
    """
    try:
        known = list(folders())
    except PartMissing:
        return ""  # the schema checker says so, and the report is incomplete
    if wanted:
        major, minor = number(wanted)
        version = f"{major}.{minor}"
        if version not in known:
            raise BadInput(f"there are no schemas of Kubernetes {version}: choose from {known[0]} to {known[-1]}")
        return version
    if cluster is None:
        return known[-1]
    told = await cluster.request("GET", "/version", doing="ask for the version")
    major, minor = number(f"{told.get('major')}.{str(told.get('minor')).rstrip('+')}")
    return f"{major}.{minor}"
