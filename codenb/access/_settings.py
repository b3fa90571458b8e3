"""`[access]` of `codenb.toml`: whose tokens are taken, and who may do what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from codenb.access._keys import ALGORITHMS, Algorithm, VerifyingKey, read_public, read_secret
from codenb.access._principal import EVERYBODY, Permits, name_problem
from codenb.access._tokens import MAX_LEEWAY_S
from codenb.config._table import Table
from codenb.errors import BadInput, ConfigError

if TYPE_CHECKING:
    from codenb.config import Settings


def configured(settings: Settings, env: Mapping[str, str]) -> dict[str, Any] | None:
    """What `Access` is made of; None where there is no `[access]`.

    Raises:
        ConfigError: It cannot be used; the message names the file and the key.
    """
    if settings.access is None:
        return None
    table = Table.of(dict(settings.access), settings.home / "codenb.toml", "access")
    algorithm = _required(table, "algorithm", table.text("algorithm"), f"one of {', '.join(ALGORITHMS)}")
    if algorithm not in ALGORITHMS:
        raise table.wrong("algorithm", f"is {algorithm!r}, not one of {', '.join(ALGORITHMS)}")
    told = {
        "issuer": _required(table, "issuer", table.text("issuer"), "who makes the tokens, as their iss says it"),
        "audiences": _required(table, "audience", _audiences(table), "whom tokens have to be for, as their aud says"),
        "principal_claim": _required(
            table, "principal_claim", table.text("principal_claim", "sub"), "which claim it is"
        ),
        "leeway_s": table.number("leeway_s", 30, low=0, high=MAX_LEEWAY_S),
        "keys": MappingProxyType(_keys(table, settings.home, algorithm, env)),
        "permits": MappingProxyType(_permits(table)),
    }
    table.done()
    return told


def _public_keys(table: Table, home: Path, algorithm: Algorithm) -> dict[str, VerifyingKey]:
    """The public keys of a table of `ID = "FILE"`, by id.

    Args:
        table: Its values are paths of PEM files, from the project folder where they are relative.
        home: The project folder.
        algorithm: What each has to be for.

    Raises:
        ConfigError: A file holds no such key; the message names the file and the key.
    """
    keys = {}
    for name in table.data:
        path = home / _required(table, name, table.text(name), "the path of a public key in PEM")
        try:
            keys[name] = read_public(path, name, algorithm)
        except ConfigError as error:
            raise ConfigError(f"{table.file}: {table.at(name)}: {error}") from error
    return keys


def _keys(table: Table, home: Path, algorithm: Algorithm, env: Mapping[str, str]) -> dict[str, VerifyingKey]:
    shared = algorithm == "HS256"
    wanted, other = ("secrets", "keys") if shared else ("keys", "secrets")
    if table.has(other):
        raise table.wrong(other, f"is for other algorithms than {algorithm}: use {table.at(wanted)}")
    inner = table.table(wanted)
    of_what = "{ ID = VARIABLE } with an environment variable" if shared else "{ ID = FILE } with a public key in PEM"
    _required(table, wanted, inner.data, of_what)
    if not shared:
        return _public_keys(inner, home, algorithm)
    return {
        name: read_secret(inner.text(name), name, env, where=f"{inner.file}: {inner.at(name)}").verifying
        for name in inner.data
    }


def _permits(table: Table) -> dict[str, Permits]:
    permits: dict[str, Permits] = {}
    for one in table.tables("permits"):
        principal = _required(one, "principal", one.text("principal"), "who it is for, or * for everybody")
        if "*" in principal and principal != EVERYBODY:
            raise one.wrong("principal", f"is {principal!r}: write a whole name, or * for everybody who has a token")
        if principal != EVERYBODY and (problem := name_problem(principal)):
            raise one.wrong("principal", f"is {principal!r}, which can be nobody's name: it {problem}")
        tools, resources = tuple(one.texts("tools")), tuple(one.texts("resources"))
        one.done()
        try:
            permits[principal] = permits.get(principal, Permits()).and_also(Permits(tools, resources))
        except BadInput as error:
            raise ConfigError(f"{one.file}: {one.place}: {error}") from error
    return permits


def _audiences(table: Table) -> tuple[str, ...]:
    if isinstance(table.data.get("audience"), list):
        return tuple(table.texts("audience"))
    return (table.text("audience"),) if table.text("audience") else ()


def _required(table: Table, key: str, value: Any, meaning: str) -> Any:
    if not value or (isinstance(value, tuple) and not all(value)):
        raise table.wrong(key, f"is missing: say {meaning}")
    return value
