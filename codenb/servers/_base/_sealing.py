"""Secrets in a digest: a value that stands for the secret, is equal in every process, and cannot be guessed back.

A plain hash of a password can be tried against a list of passwords by whoever reads a preview. A keyed one cannot,
and unlike a pseudonym of the redactor it lasts, so that what was approved in one process can be compared in another.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from codenb.config import Settings
from codenb.errors import ConfigError

PREFIX = "hmac-sha256:"
VARIABLE = "CODENB_DIGEST_KEY"

_FILE = "digest.key"
_KEY_BYTES = 32
_SHOWN_CHARS = 32
_FEWEST_CHARS = 16


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals values under one key.

    Attributes:
        key: Never shown.
    """

    key: bytes = field(default_factory=lambda: secrets.token_bytes(_KEY_BYTES), repr=False)

    @classmethod
    def of(cls, settings: Settings, environment: Mapping[str, str] | None = None) -> Self:
        """The sealer of a project: `CODENB_DIGEST_KEY`, else a key file in the state folder, made when first needed.

        Args:
            settings: Say where the state folder is.
            environment: None is the process's.

        Raises:
            ConfigError: The key is too short, or its file cannot be read or made.
        """
        given = (os.environ if environment is None else environment).get(VARIABLE, "")
        if given:
            if len(given) < _FEWEST_CHARS:
                raise ConfigError(
                    f"{VARIABLE} has {len(given)} characters: give it {_FEWEST_CHARS} or more, such as "
                    f"`openssl rand -hex 32` prints"
                )
            return cls(given.encode())
        return cls(_kept(settings.state_dir / _FILE))

    def seal(self, value: str | bytes) -> str:
        """What stands for a secret: `hmac-sha256:` and 128 bits of its HMAC in hexadecimal."""
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        return PREFIX + hmac.digest(self.key, data, "sha256").hex()[:_SHOWN_CHARS]


def _kept(path: Path) -> bytes:
    """The key in a file; a new one is written whole under another name first, so that no reader sees half of it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            return _checked(path)
        made = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key is the one
            os.link(made, path)
        made.unlink()
        return _checked(path)
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be used ({error}): set {VARIABLE} instead") from error


def _checked(path: Path) -> bytes:
    key = path.read_text("utf-8", "replace").strip()
    if len(key) < _FEWEST_CHARS:
        raise ConfigError(f"the key file {path} holds no key: delete it, and a new one is made")
    return key.encode()
