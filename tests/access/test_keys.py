"""Keys: made for their owner alone, and read with suspicion."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from codenb.access._keys import Algorithm, new_key, read_private, read_public, read_secret, write_pair
from codenb.errors import BadInput, ConfigError

LONG = "0123456789abcdef0123456789abcdef"


def public_file(folder: Path, key: Any) -> Path:
    file = folder / "key.pub"
    file.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return file


def private_file(folder: Path, key: Any, passphrase: str = "") -> Path:
    file = folder / "my.key"
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    file.touch(0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return file


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_new_pair_is_for_its_owner_alone(tmp_path: Path, algorithm: Algorithm) -> None:
    """The private half is written 0600 into a 0700 folder, and both halves are read back as one pair."""
    files = write_pair(tmp_path / "keys", "alice", algorithm)

    private, public = read_private(files.private), read_public(files.public, "alice", algorithm)

    assert stat.S_IMODE(files.private.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.private.parent.stat().st_mode) == 0o700
    assert (private.name, private.algorithm, public.algorithm) == ("alice", algorithm, algorithm)
    assert private.verifying.material == public.material
    assert "PRIVATE" not in files.public.read_text()


@pytest.mark.parametrize("there", ["alice.key", "alice.pub"])
def test_no_key_is_written_over(tmp_path: Path, there: str) -> None:
    """A key that is in use is lost for good once it is overwritten; nothing is left of the attempt."""
    (tmp_path / there).write_text("mine")

    with pytest.raises(BadInput, match=rf"{there} exists: choose another name"):
        write_pair(tmp_path, "alice")

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(there, "mine")]


@pytest.mark.parametrize("name", ["", "../alice", "a/b", ".", "..", "-x", "a b", "a\n", "x" * 65, "é"])
def test_a_name_of_a_key_is_no_path(tmp_path: Path, name: str) -> None:
    """It becomes a file name and a header of each token."""
    with pytest.raises(BadInput, match="is no name for a key"):
        write_pair(tmp_path / "keys", name)

    assert list(tmp_path.iterdir()) == []


def test_a_pair_in_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "keys").write_text("")

    with pytest.raises(BadInput, match="keys exists: choose another name"):
        write_pair(tmp_path / "keys", "alice")
    with pytest.raises(BadInput, match="cannot be written: Not a directory"):
        write_pair(tmp_path / "keys" / "deeper", "alice")


def test_a_shared_secret_is_no_pair(tmp_path: Path) -> None:
    """It has no half that could be handed out."""
    with pytest.raises(BadInput, match="a shared secret has no public half"):
        write_pair(tmp_path, "alice", "HS256")


def test_a_private_key_is_refused_where_a_public_one_belongs(tmp_path: Path) -> None:
    """A server that holds the private key could sign for itself what it is to check."""
    files = write_pair(tmp_path, "alice")

    with pytest.raises(ConfigError, match=r"alice\.key is a private key: name the public one"):
        read_public(files.private, "alice")


def test_a_file_with_both_halves_is_private(tmp_path: Path) -> None:
    """The public half first does not make the file a public one."""
    files = write_pair(tmp_path, "alice")
    both = tmp_path / "both.pub"
    both.write_bytes(files.public.read_bytes() + files.private.read_bytes())

    with pytest.raises(ConfigError, match="is a private key"):
        read_public(both, "alice")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), "is an RSA key of 1024 bits: RS256 takes 2048 or more"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "is a key of a kind that is not used"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "is a key of a kind that is not used"),
        (ed448.Ed448PrivateKey.generate, "is a key of a kind that is not used"),
    ],
)
def test_weak_and_odd_keys_are_refused(tmp_path: Path, make: Any, why: str) -> None:
    """Short RSA keys and other curves are refused when they are read, public or private."""
    key = make()

    with pytest.raises(ConfigError, match=why):
        read_public(public_file(tmp_path, key), "k")
    with pytest.raises(BadInput, match=why):
        read_private(private_file(tmp_path, key))


def test_a_key_for_another_algorithm_is_refused(tmp_path: Path) -> None:
    """The configuration pins the algorithm, and a key file cannot change that."""
    file = public_file(tmp_path, ed25519.Ed25519PrivateKey.generate())

    with pytest.raises(ConfigError, match="is a key for EdDSA, not for ES256"):
        read_public(file, "k", "ES256")


@pytest.mark.parametrize(
    "text", ["", "hello", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "\0" * 99]
)
def test_what_is_no_key_is_one_line(tmp_path: Path, text: str) -> None:
    """No library's exception comes out, and the file is named."""
    file = tmp_path / "key.pub"
    file.write_text(text)

    with pytest.raises(ConfigError, match=r"key\.pub is no public key in PEM"):
        read_public(file, "k")
    with pytest.raises(BadInput, match=r"key\.pub is no private key in PEM"):
        read_private(file)


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    """A path that is not there, a folder, a file of megabytes."""
    large = tmp_path / "large.pub"
    large.write_bytes(b"x" * 20_000)

    for path, why in (
        (tmp_path / "none", "cannot be read: No such file or directory"),
        (tmp_path, "is not a file"),
        (large, "has over 16,384 bytes"),
        (Path("a\0b"), "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=why):
            read_public(path, "k")


def test_a_damaged_private_key_is_one_line(tmp_path: Path) -> None:
    """The message holds nothing of the file."""
    file = tmp_path / "my.key"
    file.touch(0o600)
    file.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")

    with pytest.raises(BadInput, match="cannot be opened: it is damaged") as refused:
        read_private(file)

    assert "c2VjcmV0" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o604])
def test_a_private_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """As ssh does: whoever can read it can approve and call in its owner's name."""
    file = private_file(tmp_path, ed25519.Ed25519PrivateKey.generate())
    file.chmod(mode)

    with pytest.raises(BadInput, match=rf"may be read or written by others \(mode {mode:04o}\): chmod 600"):
        read_private(file)


def test_an_encrypted_key_asks_for_its_passphrase(tmp_path: Path) -> None:
    """The right one opens it; a wrong one, or nobody to ask, is one line."""
    file = private_file(tmp_path, ed25519.Ed25519PrivateKey.generate(), "open sesame")

    assert read_private(file, passphrase=lambda: "open sesame").name == "my"
    with pytest.raises(BadInput, match="the passphrase is wrong, or it is damaged"):
        read_private(file, passphrase=lambda: "open barley")
    with pytest.raises(BadInput, match="nobody can be asked for the passphrase"):
        read_private(file)


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("SECRET", "", "names an environment variable that is not set"),
        ("SECRET", LONG[:-1], "names a secret of 31 bytes: HS256 takes 32 or more"),
        ("SECRET", f"-----BEGIN PUBLIC KEY-----{LONG}", "names an environment variable with a PEM key"),
        (LONG, "", "is no name of an environment variable"),
        ("", "", "is no name of an environment variable"),
    ],
)
def test_a_bad_secret_is_refused_and_not_repeated(variable: str, value: str, why: str) -> None:
    """People write the secret itself where its variable belongs; it must not end in a log."""
    env = {variable: value} if value else {}

    with pytest.raises(ConfigError, match=why) as refused:
        read_secret(variable, "k", env, where="codenb.toml: access.secrets.k")

    assert LONG[:-1] not in str(refused.value)


def test_a_good_secret_is_taken_by_its_bytes() -> None:
    """Thirty-two bytes, not thirty-two characters."""
    key = read_secret("SECRET", "k", {"SECRET": "é" * 16}, where="here")

    assert key.verifying.material == "é".encode() * 16


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "HS256"])
def test_no_key_shows_its_material(algorithm: Algorithm) -> None:
    """A key is printed in tracebacks and notebooks; what shows is its name."""
    key = new_key("k", algorithm)

    assert repr(key) == f"SigningKey(name='k', algorithm='{algorithm}')"
    assert repr(key.verifying) == f"VerifyingKey(name='k', algorithm='{algorithm}')"


def test_no_rsa_key_is_made() -> None:
    """What is made here is short and modern; RSA is for issuers that have it."""
    with pytest.raises(BadInput, match="no key is made for 'RS256': choose EdDSA, ES256, HS256"):
        new_key("k", "RS256")
