"""What a checker is given, and what it gives back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from codenb.models import CheckerRun, ConfigurationType, ValidationFinding
from codenb.servers._base._paths import Roots
from codenb.servers._manifests import Manifests

if TYPE_CHECKING:
    from codenb.config import Settings
    from codenb.servers._clients.cluster import Cluster

T = TypeVar("T")
_FEW = 20
_SMALL = 500  # values in one object


@dataclass(frozen=True)
class Job:
    """What is to be checked. All checkers of one type share one; none may change it.

    Attributes:
        type: Of configuration.
        roots: Where paths must lie.
        files: Text of each file of this type, by the name that findings give it.
        paths: Where each of these is on disk; what came as text is not in it.
        unread: Names of files that could not be read, and why, one line each.
        digest: Of the content, in hexadecimal: equal content, equal findings.
        manifests: The objects, where the type is `kubernetes`.
        kubernetes_version: Whose schemas, such as `1.37`; empty for other types.
        cluster: What to compare with, where one is connected.
        settings: What is configured, such as the `program` of Terraform; None is the defaults.
    """

    type: ConfigurationType
    roots: Roots
    files: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, Path] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    manifests: Manifests = field(default_factory=Manifests)
    kubernetes_version: str = ""
    cluster: Cluster | None = None
    settings: Settings | None = None


class Checker(Protocol):
    """One way to look at configuration.

    It reports what it finds with its own severity; the runner demotes what is of style, redacts and sorts. What keeps
    it from running is no exception but a `CheckerRun` that failed and says why: a `CodenbError` that leaves `run`
    becomes one, and so does any other exception, marked as a fault of the checker.
    """

    @property
    def name(self) -> str:
        """As reports show it, and as findings name it."""

    @property
    def keeps(self) -> bool:
        """Whether equal content gives equal findings, so that the answer may be kept."""

    async def run(self, job: Job) -> tuple[CheckerRun, list[ValidationFinding]]:
        """Look at everything; heavy work belongs in `asyncio.to_thread`. The runner fills in `duration_ms`."""


async def looked(job: Job, look: Callable[[Job], T]) -> T:
    """Look at a job's objects, in a thread where they are many.

    A manifest or two take some hundredths of a millisecond; handing them to a thread and back takes more.

    Args:
        job: The objects.
        look: What takes no longer than about 0.1 ms an object.
    """
    documents = job.manifests.documents
    few = len(documents) <= _FEW and all(document.node.weight <= _SMALL for document in documents)
    return look(job) if few else await asyncio.to_thread(look, job)
