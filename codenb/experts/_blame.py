"""Which changed field can bring about which trouble, and what that is called.

The table is read from the top: what ties a field to a trouble by its nature (a lowered limit and an OOM kill) comes
before what only time ties together (a new image, and something is worse).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codenb.errors import BadInput
from codenb.experts._signals import Signal, SignalKind
from codenb.models import Cause
from codenb.servers.kubernetes.snapshot import ABSENT, HIDDEN
from codenb.servers.kubernetes.units import quantity

_LINE = re.compile(r"(?P<path>\S(?:.*?\S)?): (?P<before>.*?) -> (?P<after>.*)", re.DOTALL)
_CONTAINER = re.compile(r"(?:init|ephemeral)?[cC]ontainers\[([^\]]+)\]")


@dataclass(frozen=True, slots=True)
class Changed:
    """One line of what a revision changed.

    Attributes:
        line: As the snapshot words it.
        path: The field.
        before: Its value before; `(absent)` for none.
        after: Its value since.
    """

    line: str
    path: str
    before: str
    after: str

    @property
    def container(self) -> str:
        """The container that it concerns; empty for the pod."""
        found = _CONTAINER.match(self.path)
        return found[1] if found else ""

    @property
    def variable(self) -> str:
        """The environment variable that it concerns; empty for other fields."""
        found = re.search(r"\.env\[([^\]]+)\]$", self.path)
        return found[1] if found else ""

    @property
    def taken_back(self) -> str:
        """What would take it back, in words."""
        if self.before == ABSENT:
            return f"take {self.path} out again"
        if self.before == HIDDEN:
            return f"give {self.path} the value that it had"
        return f"set {self.path} back to {self.before}"

    @property
    def removed(self) -> bool:
        """Whether the field is gone."""
        return self.after == ABSENT

    @property
    def lowered(self) -> bool:
        """Whether an amount became less, or a bound appeared where none was."""
        if self.removed:
            return False
        try:
            return self.before == ABSENT or quantity(self.after) < quantity(self.before)
        except BadInput:
            return False

    def names(self, what: str) -> bool:
        """Whether the field, or its new value, refers to an object of this kind."""
        return what.lower() in f"{self.path} {self.after}".lower()


def changed(line: str) -> Changed | None:
    """Read a line such as `containers[app].image: app:1 -> app:2`; None for any other text."""
    found = _LINE.fullmatch(line)
    return Changed(line, found["path"], found["before"], found["after"]) if found else None


@dataclass(frozen=True, slots=True)
class Blame:
    """A line of the table.

    Attributes:
        field: The end of the path that changed.
        seen: Troubles that it can bring about, the most telling first.
        cause: What that is called.
        when: What else has to hold of the change.
        by_time: Whether only time ties them together, so that it has to be near.
    """

    field: re.Pattern[str]
    seen: tuple[SignalKind, ...]
    cause: Cause
    when: Callable[[Changed], bool] = lambda _: True
    by_time: bool = False

    def matches(self, change: Changed, signal: Signal) -> bool:
        """Whether this change can have brought about this trouble."""
        same_container = not change.container or not signal.container or change.container == signal.container
        return (
            same_container
            and signal.kind in self.seen
            and self.field.search(change.path) is not None
            and self.when(change)
        )


def _blame(
    field: str,
    seen: Sequence[SignalKind],
    cause: Cause,
    when: Callable[[Changed], bool] = lambda _: True,
    *,
    by_time: bool = False,
) -> Blame:
    return Blame(re.compile(field), tuple(seen), cause, when, by_time)


_WORSE: tuple[SignalKind, ...] = ("unhealthy", "crash", "start", "oom", "log")
_DEVICE = r"resources\.(requests|limits)\[[^\]]+/[^\]]+\]$"

BLAMES: tuple[Blame, ...] = (
    _blame(r"resources\.limits\.memory$", ["oom"], Cause.OOM_KILLED, lambda it: it.lowered),
    _blame(r"\.(image|imagePullPolicy)$|^imagePullSecrets", ["pull"], Cause.IMAGE_PULL),
    _blame(r"\.(command|args|workingDir)$", ["start", "crash"], Cause.CRASH_COMMAND),
    _blame(r"\.env\[[^\]]+\]$", ["crash"], Cause.MISSING_ENV, lambda it: it.removed),
    _blame(r"\.(readiness|liveness|startup)Probe\b", ["unhealthy"], Cause.PROBE_WRONG, lambda it: not it.removed),
    _blame(
        r"^(nodeSelector|nodeName|affinity|tolerations|topologySpreadConstraints)\b", ["pending"], Cause.UNSCHEDULABLE
    ),
    _blame(_DEVICE, ["pending"], Cause.UNSCHEDULABLE),
    _blame(r"resources\.requests\b", ["short"], Cause.CAPACITY_SHORT),
    _blame(r"resources\.(requests|limits)\b", ["create"], Cause.QUOTA_EXCEEDED),
    _blame(r"^serviceAccount(Name)?$", ["create"], Cause.MISSING_SERVICE_ACCOUNT),
    _blame(r"\.env|^volumes\b", ["config", "mount"], Cause.MISSING_CONFIG, lambda it: it.names("configMap")),
    _blame(r"\.env|^volumes\b", ["config", "mount"], Cause.MISSING_SECRET, lambda it: it.names("secret")),
    _blame(r"^volumes\b.*persistentVolumeClaim", ["pending", "mount"], Cause.VOLUME_MISSING),
    _blame(r"^volumes\b|\.volumeMounts\b", ["mount"], Cause.VOLUME_MOUNT_FAILED),
    _blame(r"\.env|^metadata\.annotations\[checksum/", _WORSE, Cause.CONFIG_CHANGE, by_time=True),
    _blame(r"\.image$", _WORSE, Cause.VERSION_REGRESSION, lambda it: it.before != ABSENT, by_time=True),
)
