"""Everything that is configured, in one frozen value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codenb.config._servers import ServerSettings, nothing
from codenb.errors import ConfigError
from codenb.models.embedded import EMBEDDED_UID
from codenb.redaction import Redactor


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for everything that has none of its own."""

    timeout_s: float = 60.0
    """For one call."""
    change_timeout_s: float = 600.0
    """For carrying out one change, once it is approved."""
    gather_timeout_s: float = 20.0
    """For a whole gather; who has not answered by then is missing."""
    answer_bytes: int = 8 * 1024 * 1024
    """For one server's answer."""
    context_tokens: int = 24_000
    """For a context bundle, about."""
    idle_s: float = 300.0
    """For a connection that nobody uses; then it is closed, and its process ends."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                raise ConfigError(f"the limit {name} is {value!r}: give a number over 0")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call that failed on its way is made again, and when a server is not asked for a while."""

    attempts: int = 5
    """For one read, the first one counted; a change has always one."""
    pause_after_s: float = 10.0
    """How long every attempt has to fail before a server is paused."""
    pause_s: float = 30.0
    """For how long it is then not asked; after that one call tries."""


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much is kept of the answers of servers; for how long is said by `ttl` of each server."""

    entries: int = 2_000
    """Most answers; 0 keeps none, and equal calls at one time still are one."""
    bytes: int = 64 * 1024 * 1024
    """For all of them together, with what they answer."""
    stale_while_error_s: float = 0.0
    """How much longer than it should an answer may serve while its server cannot be asked; it is then marked."""


@dataclass(frozen=True)
class Settings:
    """What `load` found."""

    home: Path
    """The project folder, absolute."""
    servers: Mapping[str, ServerSettings] = field(default_factory=nothing)
    """The servers that are enabled, by name, in the order of the files, built-in ones first."""
    disabled: tuple[str, ...] = ()
    """The names of those that are not."""
    changes: Mapping[str, tuple[str, ...]] = field(default_factory=nothing)
    """Namespaces that may be changed, by cluster identity; `*` stands for all namespaces of the cluster."""
    read_only_env: bool = False
    """`CODENB_READ_ONLY=1`: nothing may be changed, whatever the rest says."""
    connect: str | None = None
    """`CODENB_CONNECT`: what `connect()` without an argument means."""
    decisions: Path | None = None
    """`CODENB_DECISIONS`: a file of decisions made beforehand."""
    experts: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    approval: Mapping[str, Any] = field(default_factory=nothing, repr=False)
    access: Mapping[str, Any] | None = field(default=None, repr=False)
    """None where there is no `[access]`; an empty one is a mistake that must not let everybody in."""
    redaction_patterns: tuple[str, ...] = ()
    redaction_key: bytes | None = field(default=None, repr=False)
    """`CODENB_REDACTION_KEY`: makes pseudonyms equal across processes; a random one a process otherwise."""
    limits: Limits = Limits()
    retry: Retries = Retries()
    cache: CacheLimits = CacheLimits()
    notes: tuple[str, ...] = ()
    """What was read and is not used, one line each."""

    @property
    def state_dir(self) -> Path:
        """Where state is kept; made by whoever first writes there."""
        return self.home / ".mcp"

    def may_change(self, cluster_uid: str, namespace: str | None, *, kind: str = "cluster") -> tuple[bool, str]:
        """Whether something in a namespace of a cluster may be changed.

        Args:
            cluster_uid: The cluster's identity: the uid of its kube-system namespace, or what stands for it.
            namespace: None for what belongs to no namespace; only `*` allows that.
            kind: What the identity is of, for the words: `cluster`, `server` and the like.

        Returns:
            Whether, and if not, one line that names the setting which would allow it.
        """
        if self.read_only_env:
            return False, "changes are off everywhere: CODENB_READ_ONLY is set; unset it to use [changes]"
        if cluster_uid == EMBEDDED_UID:
            return True, ""
        if not cluster_uid:
            return False, f"changes are off: the {kind} did not tell its identity, so no setting can name it"
        allowed = self.changes.get(cluster_uid, ())
        if "*" in allowed or (namespace and namespace in allowed):
            return True, ""
        file, uid, wanted = self.home / "codenb.toml", json.dumps(cluster_uid), json.dumps(namespace or "*")
        which = f"{kind} {cluster_uid.removeprefix(f'{kind}:')}"
        if not allowed:
            return False, f"changes are off for {which}: add {uid} = [{wanted}] under [changes] in {file}"
        place = f"namespace {wanted}" if namespace else "what is in no namespace"
        return (
            False,
            f"changes are off for {place} of {which}: add {wanted} to {uid} under [changes] in {file}",
        )

    def redactor(self, *, emails: bool = False) -> Redactor:
        """The redactor with the configured patterns.

        Args:
            emails: Also hide e-mail addresses, as prompts do.
        """
        return Redactor(self.redaction_patterns, self.redaction_key, emails=emails)
