"""One reference from an object to another by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from codenb.servers._manifests import Document
from codenb.servers._manifests._document import Path
from codenb.servers.deployment.validation._inventory import Wanted


@dataclass(frozen=True, slots=True)
class Link:
    """A reference.

    Attributes:
        document: Where it is written.
        path: The name that is referred to.
        wanted: What it leads to.
        key: A key that it must have; empty where none is named.
        key_path: Where the key is written.
        optional: Whether it may lead nowhere.
        meant: A near name among the files, where it leads to none.
    """

    document: Document
    path: Path
    wanted: Wanted
    key: str = ""
    key_path: Path = ()
    optional: bool = False
    meant: str = ""

    def near(self, name: str) -> Self:
        """The same with a name that may have been meant."""
        return replace(self, meant=name) if name else self
