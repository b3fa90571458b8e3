"""`codenb token`: tokens and keys for development, so that access can be tried before there is an issuer.

The token is all that standard output gets, for `CODENB_TOKEN=$(codenb token ...)`; what a person wants to know of it
goes to standard error.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codenb import config
from codenb.cli._durations import duration
from codenb.errors import BadInput, CodenbError

if TYPE_CHECKING:
    from codenb.access import Access
    from codenb.access._keys import SigningKey
    from codenb.config import Settings


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Say what may be typed."""
    parser = commands.add_parser(
        "token",
        help="make a token for development, or a pair of keys",
        description=(
            "Sign a token that says who calls, and at most what it may do. Issuer and audience are those of [access] in"
            " codenb.toml unless they are given. It is printed alone: CODENB_TOKEN=$(codenb token --sub ci)."
        ),
        epilog=(
            "example: codenb token --sub ci --tool 'deployment/validate_*' --ttl 1h --key keys/dev.key;"
            " exit codes: 0 done, 2 it could not run"
        ),
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--sub", metavar="NAME", help="whom the token names")
    what.add_argument("--new-key", metavar="DIR", help="make a pair of keys in this folder instead")
    parser.add_argument(
        "--tool",
        action="append",
        metavar="SERVER/TOOL",
        help="may call this, * for any text; once for each. Without --tool and --resource the permits of the"
        " configuration decide alone",
    )
    parser.add_argument("--resource", action="append", metavar="SERVER/URI", help="may read this; once for each")
    parser.add_argument("--ttl", default="1h", metavar="TIME", help="how long it is good for, up to 24h (default: 1h)")
    parser.add_argument("--aud", metavar="NAME", help="whom it is for (default: the first audience of [access])")
    parser.add_argument("--iss", metavar="NAME", help="who made it (default: the issuer of [access])")
    signing = parser.add_mutually_exclusive_group()
    signing.add_argument("--key", metavar="FILE", help="private key that signs: Ed25519, P-256 or RSA, in PEM")
    signing.add_argument(
        "--secret",
        metavar="VARIABLE",
        help="environment variable with the shared secret that signs (HS256; default: the one of [access.secrets])",
    )
    parser.add_argument("--kid", metavar="ID", help="id of the key (default: the name of its file)")
    parser.add_argument("--algorithm", choices=("EdDSA", "ES256"), help="of a new pair (default: EdDSA)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a token, or write a pair of keys.

    Raises:
        CodenbError: A word, a key or the configuration cannot be used; nothing was printed.
    """
    if arguments.new_key is not None:
        return _new_key(arguments)
    if arguments.algorithm:
        raise BadInput("--algorithm is for --new-key: a token is signed as its key says")
    ttl_s = _seconds(arguments.ttl)
    from codenb.access import Access  # noqa: PLC0415  each command loads what it needs
    from codenb.access._access import claims_for  # noqa: PLC0415
    from codenb.access._tokens import signed  # noqa: PLC0415

    settings = config.load()
    access = Access.of(settings) if settings.access is not None else None
    given = arguments.tool is not None or arguments.resource is not None
    claims = claims_for(
        arguments.sub,
        claim=access.principal_claim if access else "sub",
        issuer=_said(arguments.iss, "--iss", access.issuer if access else None, settings),
        audience=_said(arguments.aud, "--aud", access.audiences[0] if access else None, settings),
        tools=(arguments.tool or ()) if given else None,
        resources=(arguments.resource or ()) if given else None,
        ttl_s=ttl_s,
    )
    token = signed(claims, _key(arguments, access))
    print(token)
    _tell(token, access, settings)
    return 0


def _new_key(arguments: argparse.Namespace) -> int:
    for option in ("tool", "resource", "aud", "iss", "key", "secret"):
        if getattr(arguments, option) is not None:
            raise BadInput(f"--{option} is for a token: make the key first, then sign with it")
    from codenb.access._keys import write_pair  # noqa: PLC0415

    name = arguments.kid or "codenb"
    files = write_pair(Path(arguments.new_key), name, arguments.algorithm or "EdDSA")
    print(f"{files.private}  signs; it stays with whoever signs")
    print(f"{files.public}  checks; name it in codenb.toml, under [access.keys] or [approval.keys]")
    return 0


def _key(arguments: argparse.Namespace, access: Access | None) -> SigningKey:
    from codenb.access._keys import SigningKey, read_private, read_secret  # noqa: PLC0415

    if arguments.key:
        asked = _passphrase if sys.stdin.isatty() else None
        return read_private(Path(arguments.key), name=arguments.kid, passphrase=asked)
    if arguments.secret:
        name = arguments.kid or (next(iter(access.keys)) if access and len(access.keys) == 1 else "dev")
        return read_secret(arguments.secret, name, os.environ, where="--secret", fault=BadInput)
    shared = {name: key for name, key in access.keys.items() if key.algorithm == "HS256"} if access else {}
    if arguments.kid in shared or (arguments.kid is None and shared):
        key = shared[arguments.kid or next(iter(shared))]
        return SigningKey(key.name, key.algorithm, key.material)
    raise BadInput("nothing to sign with: give --key FILE (codenb token --new-key DIR makes one) or --secret VARIABLE")


def _passphrase() -> str:
    return getpass.getpass("Passphrase of the key: ", stream=sys.stderr)


def _said(given: str | None, option: str, configured: str | None, settings: Settings) -> str:
    if not (value := configured if given is None else given):
        raise BadInput(f"give {option}: there is no [access] in {settings.home / 'codenb.toml'} that says it")
    return value


def _seconds(text: str) -> int:
    if not (ttl := duration(text)):
        raise BadInput(f"--ttl is {text[:40]!r}: write a whole number and a unit, such as 90s, 30m or 1h")
    return int(ttl.total_seconds())


def _tell(token: str, access: Access | None, settings: Settings) -> None:
    """Say on standard error what the project would make of it."""
    if access is None:
        print("not tried: there is no [access] here that would check it", file=sys.stderr)
        return
    try:
        principal = access.authenticate(token)
    except CodenbError as error:
        print(f"{settings.home / 'codenb.toml'} would not take it: {error}", file=sys.stderr)
        return
    print(principal.summary, file=sys.stderr)
