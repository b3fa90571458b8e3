"""Whose signature approves: the public keys under `[approval.keys]` in `codenb.toml`.

    [approval.keys]
    "alice@example.org" = "keys/alice.pub"
    "bob@example.org" = ["keys/bob-laptop.pub", "keys/bob-token.pub"]

    [approval]
    revoked = ["9f86d081884c7d65..."]

Where there is such a table, a server takes no unsigned approval; only what its own `auto_approve` names is asked of
nobody. The table is read when a server starts, the files at each approval. A name stands for whoever holds one of its
keys; a key is known by its fingerprint, the SHA-256 of its public half (SubjectPublicKeyInfo, RFC 5280, in DER).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codenb.access._keys import VerifyingKey, read_public
from codenb.config import Settings
from codenb.config._table import Table
from codenb.errors import ConfigError

APPROVAL_KEYS = ("keys", "policies", "revoked")
"""What `[approval]` may say; `policies` are read by `codenb.policy`."""

APPROVAL_ALGORITHMS = ("EdDSA", "ES256")
"""What approvals are signed with: Ed25519 and P-256."""

_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ApprovalKey:
    """One public key.

    Attributes:
        name: Of whoever holds the private half.
        key: It.
        revoked: Whether it counts no longer; it is kept so that a refusal can say that.
    """

    name: str
    key: VerifyingKey
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalKeys:
    """The keys of those who may approve.

    Attributes:
        where: The setting that names them, for messages.
        by_fingerprint: The keys.
    """

    where: str
    by_fingerprint: Mapping[str, ApprovalKey]

    @classmethod
    def of(cls, settings: Settings) -> ApprovalKeys | None:
        """Read the configured keys from their files.

        Args:
            settings: With the table `[approval]` as it stands in the file.

        Returns:
            None where no key is configured: approvals need no signature then.

        Raises:
            ConfigError: A key cannot be used, or the table says something else that cannot be.
        """
        file = settings.home / "codenb.toml"
        table = Table.of(dict(settings.approval), file, "approval")
        table.known.update(APPROVAL_KEYS)
        table.done()
        if not table.has("keys"):
            if table.has("revoked"):
                raise table.wrong("revoked", "revokes keys where there are none: name them under [approval.keys]")
            return None
        where, revoked = f"[approval.keys] in {file}", set(table.texts("revoked"))
        found: dict[str, ApprovalKey] = {}
        for name, path, place in _named(table.table("keys")):
            key = _read(settings.home / path, place)
            mark = fingerprint(key)
            if mark in found:
                raise ConfigError(f"{place}: the same key stands under {found[mark].name!r} as well: keep one of them")
            found[mark] = ApprovalKey(name, key, revoked=mark in revoked)
        if not found:
            raise ConfigError(f"{where} names nobody, so nothing could be approved: name a key, or leave it out")
        if unknown := sorted(revoked - set(found)):
            raise table.wrong("revoked", f"has {unknown[0][:80]!r}, the fingerprint of none of the keys")
        return cls(where, found)


def fingerprint(key: VerifyingKey) -> str:
    """SHA-256 of a public key's DER form (SubjectPublicKeyInfo), in hexadecimal."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  heavy

    return hashlib.sha256(key.material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _named(keys: Table) -> Iterator[tuple[str, Path, str]]:
    """Every file, with whose it is and where it is named."""
    for name, value in keys.data.items():
        if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise keys.wrong(name[:_LONGEST_NAME], "is no name: write who holds the key, such as an address")
        paths = keys.texts(name) if isinstance(value, list) else [keys.text(name)]
        if not paths or not all(paths):
            raise keys.wrong(name, "names no file")
        for path in paths:
            yield name, Path(path), f"{keys.file}: {keys.at(name)}"


def _read(path: Path, place: str) -> VerifyingKey:
    try:
        key, mode = read_public(path, "approver"), path.stat().st_mode
    except (ConfigError, OSError) as error:
        raise ConfigError(f"{place}: {error}") from error
    if os.name == "posix" and mode & stat.S_IWOTH:
        raise ConfigError(f"{place}: everybody may write {path}, and so approve anything: chmod o-w {path}")
    if key.algorithm not in APPROVAL_ALGORITHMS:
        raise ConfigError(f"{place}: {path} is a key for {key.algorithm}; approvals are signed with Ed25519 or P-256")
    return key
