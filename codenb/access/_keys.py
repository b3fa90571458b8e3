"""Keys that tokens and grants are signed and checked with: read, made, and tied to one algorithm each.

Which algorithm checks a signature is a property of the key and never of what is checked (RFC 8725, section 3.1): a
token that names another is refused before anything is computed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

from codenb.errors import BadInput, CodenbError, ConfigError

Algorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)

MIN_SECRET = 32
"""Bytes of a shared secret: as long as the hash of HS256 (RFC 7518, section 3.2)."""

_MIN_RSA = 2048
_MAX_FILE = 16 * 1024
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,127}")
_NEW = "`codenb token --new-key DIR` makes a pair"


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """What signatures are checked with.

    Attributes:
        name: The key's id (`kid`).
        algorithm: The only one that it is used with.
        material: A public key, or the bytes of a shared secret.
    """

    name: str
    algorithm: Algorithm
    material: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What is signed with; it never leaves the process that read it.

    Attributes:
        name: The key's id (`kid`).
        algorithm: The only one that it is used with.
        material: A private key, or the bytes of a shared secret.
    """

    name: str
    algorithm: Algorithm
    material: Any = field(repr=False)

    @property
    def verifying(self) -> VerifyingKey:
        """The half that may be handed on; of a shared secret it is the secret itself."""
        public = self.material if self.algorithm == "HS256" else self.material.public_key()
        return VerifyingKey(self.name, self.algorithm, public)


class KeyFiles(NamedTuple):
    """Where a new pair was written."""

    private: Path
    public: Path


def new_key(name: str, algorithm: Algorithm = "EdDSA") -> SigningKey:
    """Make a key of one's own, in memory.

    Args:
        name: Its id, as `kid` says it.
        algorithm: `EdDSA` (Ed25519), `ES256` (P-256), or `HS256` (a random secret of 32 bytes).

    Raises:
        BadInput: A name that is no id, or an algorithm that no key is made for.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415  heavy, and seldom needed

    _require_name(name)
    makers: Mapping[str, Callable[[], Any]] = {
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "HS256": lambda: os.urandom(MIN_SECRET),
    }
    if algorithm not in makers:
        raise BadInput(f"no key is made for {algorithm!r}: choose {', '.join(makers)}")
    return SigningKey(name, algorithm, makers[algorithm]())


def write_pair(folder: Path, name: str, algorithm: Algorithm = "EdDSA") -> KeyFiles:
    """Make a pair and write it as PEM: `NAME.key` (PKCS #8, for its owner's eyes only) and `NAME.pub`.

    Args:
        folder: Made where there is none.
        name: Of the key: the file names, and the `kid`.
        algorithm: `EdDSA` or `ES256`.

    Raises:
        BadInput: A file of that name exists, or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization as pem  # noqa: PLC0415

    if algorithm == "HS256":
        raise BadInput("a shared secret has no public half: put it into an environment variable")
    key = new_key(name, algorithm)
    private = key.material.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    public = key.verifying.material.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    files = KeyFiles(folder / f"{name}.key", folder / f"{name}.pub")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(files.private, private, 0o600)
        try:
            _create(files.public, public, 0o644)
        except OSError:
            files.private.unlink()
            raise
    except FileExistsError as error:
        raise BadInput(f"{error.filename} exists: choose another name, or remove it first") from error
    except OSError as error:
        raise BadInput(f"{error.filename} cannot be written: {error.strerror}") from error
    return files


def read_public(path: Path, name: str, algorithm: Algorithm | None = None) -> VerifyingKey:
    """Read a public key.

    Args:
        path: A PEM file (`BEGIN PUBLIC KEY`).
        name: Its id, as `kid` says it.
        algorithm: What it has to be for; None takes what it is.

    Raises:
        ConfigError: It is no public key, a private one, too short, or one for another algorithm.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    data = _read(path, ConfigError)
    if b"PRIVATE KEY" in data:
        raise ConfigError(f"{path} is a private key: name the public one, and keep this away from servers")
    try:
        key = load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path} is no public key in PEM (BEGIN PUBLIC KEY): {_NEW}") from error
    return VerifyingKey(name, _algorithm(key, path, algorithm, ConfigError), key)


def read_private(path: Path, *, name: str | None = None, passphrase: Callable[[], str] | None = None) -> SigningKey:
    """Read a private key.

    Args:
        path: A PEM file that nobody else may read.
        name: Its id, as `kid` says it; by default the file's name without its suffix.
        passphrase: Asked where the key is encrypted.

    Raises:
        BadInput: It is no private key, others may read it, the passphrase is wrong, or no token is signed with such.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    data = _read(path, BadInput)
    if b"PRIVATE KEY" not in data:
        raise BadInput(f"{path} is no private key in PEM: {_NEW}")
    if os.name == "posix" and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        raise BadInput(f"{path} may be read or written by others (mode {mode:04o}): chmod 600 {path}")
    encrypted = b"ENCRYPTED" in data
    if encrypted and passphrase is None:
        raise BadInput(f"{path} is encrypted, and nobody can be asked for the passphrase here")
    try:
        key = load_pem_private_key(data, passphrase().encode() if encrypted and passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        why = "the passphrase is wrong, or it is damaged" if encrypted else f"it is damaged: {_NEW}"
        raise BadInput(f"{path} cannot be opened: {why}") from error
    kid = path.stem if name is None else name
    _require_name(kid)
    return SigningKey(kid, _algorithm(key.public_key(), path, None, BadInput), key)


def read_secret(
    variable: str, name: str, env: Mapping[str, str], *, where: str, fault: type[CodenbError] = ConfigError
) -> SigningKey:
    """Take a shared secret from the environment.

    Args:
        variable: Which holds it. It is not repeated in messages: people put the secret itself there.
        name: Its id, as `kid` says it.
        env: The environment.
        where: Which setting names the variable, for messages.
        fault: The class of the error.

    Raises:
        CodenbError: It is not set, too short, or a key of another kind.
    """
    if not _VARIABLE.fullmatch(variable):
        raise fault(f"{where} is no name of an environment variable (A-Z, 0-9, _): the secret itself belongs there")
    if not (text := env.get(variable, "")):
        raise fault(f"{where} names an environment variable that is not set: put the secret there")
    secret = text.encode("utf-8", "surrogateescape")
    if b"-----BEGIN" in secret:
        raise fault(f"{where} names an environment variable with a PEM key: HS256 takes a random secret")
    if len(secret) < MIN_SECRET:
        raise fault(f"{where} names a secret of {len(secret)} bytes: HS256 takes {MIN_SECRET} or more, random ones")
    return SigningKey(name, "HS256", secret)


def _algorithm(key: object, path: Path, wanted: Algorithm | None, fault: type[CodenbError]) -> Algorithm:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415

    match key:
        case ed25519.Ed25519PublicKey():
            is_for: Algorithm = "EdDSA"
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            is_for = "ES256"
        case rsa.RSAPublicKey(key_size=bits):
            if bits < _MIN_RSA:
                raise fault(f"{path} is an RSA key of {bits} bits: RS256 takes {_MIN_RSA} or more")
            is_for = "RS256"
        case _:
            raise fault(f"{path} is a key of a kind that is not used: take Ed25519, P-256 or RSA")
    if wanted is not None and is_for != wanted:
        raise fault(f"{path} is a key for {is_for}, not for {wanted}: name another file, or the right algorithm")
    return is_for


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name[:80]!r} is no name for a key: use up to 64 letters, digits and . _ @ -")


def _read(path: Path, fault: type[CodenbError]) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise fault(f"{path} is not a file: name a PEM file")
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as error:
        why = cast("str", getattr(error, "strerror", None)) or str(error)
        raise fault(f"the key {path} cannot be read: {why}") from error
    if len(data) > _MAX_FILE:
        raise fault(f"{path} has over {_MAX_FILE:,} bytes: no key is that large")
    return data


def _create(path: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
