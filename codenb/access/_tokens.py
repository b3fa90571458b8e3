"""Signing and checking JSON Web Tokens (RFC 7519), as RFC 8725 advises.

PyJWT does both; here is what it leaves to its caller: the key is chosen by its id and decides the algorithm, the kind
of token is looked at so that a grant is never taken for an access token, and every refusal has one reason of its own
in words for a person. No refusal holds the token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from codenb.access._keys import SigningKey, VerifyingKey
from codenb.errors import BadInput, CredentialsRejected

MAX_TOKEN = 8 * 1024
"""Bytes; what common servers take as one header."""

MAX_LEEWAY_S = 120
_TYPES = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})
"""Values of `typ` of an access token, lower case (RFC 9068, section 4); many issuers leave it out, which is None."""

_OURS = "at+jwt"
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_TIMES = ("exp", "nbf", "iat")
_LATEST = 253_402_214_400  # the last day of the year 9999; after it there is no time to add a leeway to
_QUOTED = 60


def signed(claims: Mapping[str, Any], key: SigningKey) -> str:
    """Make a token.

    Args:
        claims: What it says, as JSON data.
        key: Signs it; its name becomes the `kid`.

    Raises:
        BadInput: It would be too large to be taken.
    """
    import jwt  # noqa: PLC0415  loads cryptography

    token = jwt.encode(dict(claims), key.material, algorithm=key.algorithm, headers={"kid": key.name, "typ": _OURS})
    if len(token) > MAX_TOKEN:
        raise BadInput(f"the token would have {len(token):,} bytes; at most {MAX_TOKEN:,} are taken: say less in it")
    return token


def verified(
    token: object,
    keys: Mapping[str, VerifyingKey],
    *,
    audience: str | Iterable[str],
    issuer: str,
    leeway_s: float = 0,
    required: Iterable[str] = ("exp", "aud", "iss", "sub"),
) -> dict[str, Any]:
    """Check a token.

    Args:
        token: As it came.
        keys: By id; each is used with its own algorithm only.
        audience: Whom it has to be for: one of these.
        issuer: Who has to have made it.
        leeway_s: Seconds that clocks may differ, 120 at most.
        required: Claims that have to be there.

    Returns:
        Its claims; `exp`, `nbf` and `iat`, where they are there, are numbers.

    Raises:
        CredentialsRejected: One line with the one reason.
    """
    import jwt  # noqa: PLC0415  loads cryptography

    def refuse(reason: str) -> NoReturn:
        # Without its cause: what PyJWT raises may hold parts of the token.
        raise CredentialsRejected(f"the token is not accepted: {reason}") from None

    if not isinstance(token, str) or not token:
        refuse("it is empty" if token in ("", None) else "it is not text")
    if len(token) > MAX_TOKEN:
        refuse(f"it has {len(token):,} characters, and at most {MAX_TOKEN:,} are taken")
    if token.lower().startswith("bearer "):
        refuse("it begins with the word Bearer, which belongs to the header, not to the token")
    if not _COMPACT.fullmatch(token):
        refuse("it is malformed: a JWT is three parts of base64url with dots between")
    key = _key(token, keys, refuse)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.material,
            algorithms=[key.algorithm],
            audience=[audience] if isinstance(audience, str) else list(audience),
            issuer=issuer,
            leeway=min(max(leeway_s, 0), MAX_LEEWAY_S),
            options={"require": list(required)},
        )
    except (jwt.PyJWTError, ValueError, RecursionError, OverflowError) as error:
        refuse(_reason(error, _unchecked(token), audience, issuer))
    for name in _TIMES:
        if name in claims and not _is_time(claims[name]):
            refuse(f"its {name} is no time")
    return claims


def _key(token: str, keys: Mapping[str, VerifyingKey], refuse: Callable[[str], NoReturn]) -> VerifyingKey:
    """The key that the token names, once everything that its header says of itself is as it has to be."""
    import jwt  # noqa: PLC0415

    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        refuse(f"it is malformed: {_damaged(str(error))}")
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str):
        refuse("it is malformed: its header names no algorithm")
    if algorithm.lower() == "none":
        refuse("it is not signed (alg none)")
    if not (typ is None or isinstance(typ, str)) or (typ and typ.lower()) not in _TYPES:
        refuse(f"it is of another kind (typ {_quoted(typ)})")
    if kid is None and len(keys) != 1:
        refuse("it names no key (kid), and there are several" if keys else "there is no key to check it with")
    key = next(iter(keys.values())) if kid is None else keys.get(kid)
    if key is None:
        refuse(f"its key id {_quoted(kid)} is not known")
    if algorithm != key.algorithm:
        refuse(f"it is signed with {_quoted(algorithm)}, and {key.algorithm} is the one that is taken")
    return key


def _damaged(said: str) -> str:
    """Which part PyJWT could not read."""
    if "Key ID" in said:
        return "its key id is not text"
    if "crypto" in said:
        return "its signature is cut or damaged"
    return f"its {'claims' if 'payload' in said else 'header'} cannot be read"


def _reason(error: Exception, claims: Mapping[str, Any], audience: str | Iterable[str], issuer: str) -> str:
    """What PyJWT found wrong, in our words."""
    from jwt import exceptions as said  # noqa: PLC0415

    early = "iat" if "(iat)" in str(error) else "nbf"
    audiences = " or ".join(_quoted(one) for one in ([audience] if isinstance(audience, str) else audience))
    no_time = next((name for name in _TIMES if f"({name})" in str(error)), "")
    reasons: dict[type[Exception], str] = {
        said.InvalidSignatureError: "its signature is wrong: it was altered, or made with another key",
        said.MissingRequiredClaimError: f"the claim {getattr(error, 'claim', '')} is missing",
        said.ExpiredSignatureError: f"it expired at {_when(claims['exp'])}"
        if _is_time(claims.get("exp"))
        else "its exp is no time",
        said.ImmatureSignatureError: f"it is not valid before {_when(claims.get(early))} ({early})",
        said.InvalidAudienceError: f"it is for another audience ({_quoted(claims.get('aud'))}), not {audiences}",
        said.InvalidIssuerError: f"it is from another issuer ({_quoted(claims.get('iss'))}), not {_quoted(issuer)}",
        said.InvalidIssuedAtError: "its iat is no time",
        said.InvalidSubjectError: "its sub is not text",
        said.InvalidJTIError: "its jti is not text",
    }
    if type(error) is said.DecodeError and no_time:
        return f"its {no_time} is no time"
    return reasons.get(type(error), "it is malformed: its claims cannot be read")


def _unchecked(token: str) -> Mapping[str, Any]:
    """The claims for the words of a refusal; PyJWT complains of them only after the signature was found right."""
    import jwt  # noqa: PLC0415

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError, OverflowError):
        return {}
    return claims


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LATEST


def _when(seconds: object) -> str:
    """A time of a token in words; seconds since 1970."""
    if not isinstance(seconds, int | float) or not _is_time(seconds):
        return "no time that there is"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _quoted(value: object) -> str:
    """A value out of a token, safe and short enough for a message and for an HTTP header."""
    text = ascii(value).replace('"', "'").replace("\\", "/")
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."
