"""Grants: a yes that its server can check, because whoever gave it signed it.

A name in a file proves nothing. Where `[approval.keys]` names who may approve, a server takes a change only with a
JWT (RFC 7519) that one of those keys signed, about exactly this: the place, the server, the tool, its schema, the
arguments, the preview's digest, and all that was shown of the change. It holds for minutes and counts once, for all
processes that share a state folder. The private key stays with the person who approves; servers know the public half
only.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from codenb.access._approvers import APPROVAL_ALGORITHMS, ApprovalKey, ApprovalKeys, fingerprint
from codenb.access._keys import SigningKey
from codenb.canonical import digest
from codenb.errors import BadInput, GrantRejected
from codenb.models import Decision, Preview
from codenb.redaction import lasting

if TYPE_CHECKING:
    from jwt.types import Options

_TTL = timedelta(minutes=15)
LONGEST = timedelta(minutes=60)
"""How long a grant may hold, whatever it says of itself."""

_LEEWAY_S = 30
"""How far the clocks of who signs and who checks may be apart."""

_ISSUER = "codenb approve"
_TYPE = "codenb-grant+jwt"
"""Said in the header, so that no token that was signed for something else is taken for a grant (RFC 8725, 3.11)."""

_HEADER = frozenset({"alg", "kid", "typ"})
_BOUND = ("place", "tool", "schema", "arguments", "digest", "shown")
_REQUIRED = ["iss", "sub", "aud", "iat", "exp", "jti", *_BOUND]
_LARGEST = 8_192
_SHOWN = 120
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class Grant:
    """A signed approval that was checked.

    Attributes:
        id: Random; it counts once.
        by: Whose key signed it, as `[approval.keys]` says.
        at: When it was signed, UTC.
        expires_at: UTC.
        key: Fingerprint of the key.
    """

    id: str
    by: str
    at: datetime
    expires_at: datetime
    key: str

    def decision(self, preview: Preview) -> Decision:
        """The decision that it proves."""
        return Decision(
            approve=True,
            digest=preview.digest,
            by=self.by,
            proof="key",
            approver="grant",
            at=self.at,
            expires_at=self.expires_at,
        )


def sign_grant(
    preview: Preview, key: SigningKey, *, by: str = "", ttl: timedelta = _TTL, at: datetime | None = None
) -> str:
    """Approve a preview with one's key.

    Args:
        preview: What was shown to whoever approves.
        key: Theirs, for EdDSA or ES256.
        by: The name under which `[approval.keys]` has the public half; empty leaves that to the key.
        ttl: How long it holds, a minute to an hour; 15 minutes by default.
        at: From when; now by default.

    Returns:
        The grant, a JWT in compact form.

    Raises:
        BadInput: It would hold for too long or too short, or grants are not signed with a key of this kind.
    """
    if not timedelta(minutes=1) <= ttl <= LONGEST:
        raise BadInput("a grant holds between 1 and 60 minutes: give another time to live")
    if key.algorithm not in APPROVAL_ALGORITHMS:
        raise BadInput("a grant is signed with an Ed25519 or P-256 key: `codenb token --new-key DIR` makes one")
    from jwt import encode  # noqa: PLC0415  with cryptography it takes a tenth of a second

    begins = int((at or datetime.now(UTC)).timestamp())
    kid = fingerprint(key.verifying)
    claims = bound(preview) | {
        "iss": _ISSUER,
        "sub": by or kid,
        "iat": begins,
        "exp": begins + int(ttl.total_seconds()),
        "jti": secrets.token_hex(16),
    }
    return encode(claims, key.material, algorithm=key.algorithm, headers={"kid": kid, "typ": _TYPE})


def verify_grant(token: str, preview: Preview, keys: ApprovalKeys) -> Grant:
    """Check that a grant is one, for this preview; that it was not used before, the preview store says.

    Args:
        token: As it came with the answer.
        preview: As the server keeps it.
        keys: Of those who may approve.

    Raises:
        GrantRejected: It does not hold; the message says why.
    """
    if not token:
        tool = f"{preview.call.server}.{preview.call.tool}"
        raise GrantRejected(
            f"{tool} takes a signed approval only, by a key of {keys.where}; nothing was changed: run without an "
            f"approver, sign what waits with `codenb approve pending.json --key FILE`, then run with what that writes"
        )
    key, claims = _opened(token, keys, preview.call.server)
    kid = fingerprint(key.key)
    if claims["sub"] not in (key.name, kid):
        _reject(f"says that {str(claims['sub'])[:80]!r} approved, but it is signed with the key of {key.name}")
    if not _ID.fullmatch(str(claims["jti"])):
        _reject("has no id (jti) of the form that is written: 16 to 64 letters and digits")
    begins, ends = _times(claims)
    for name, value in bound(preview).items():
        if name != "aud" and claims[name] != value:
            _reject(_OTHER[name].format(claimed=str(claims[name])[:80], here=value, place=preview.place))
    return Grant(str(claims["jti"]), key.name, begins, ends, kid)


def bound(preview: Preview) -> dict[str, str]:
    """What a grant is for, as its claims say it; secrets are told apart by the digest of the preview."""
    return {
        "aud": preview.call.server,
        "place": preview.place.identity,
        "tool": preview.call.tool,
        "schema": preview.tool_schema,
        "arguments": digest(lasting(preview.call.arguments)),
        "digest": preview.digest,
        "shown": digest(lasting(_shown(preview))),
    }


_OTHER = {
    "place": "is for another place, {claimed}, and this is {place}",
    "tool": "is for another tool, {claimed}, and this is {here}",
    "schema": "was given before this tool changed (its input schema or its version): look at it and approve again",
    "arguments": "is for other arguments than these: look at them and approve again",
    "digest": "is for another change, because the state has moved since: look at it and approve again",
    "shown": "was given for something that was shown otherwise: what is kept here is not what was approved",
}


def _opened(token: str, keys: ApprovalKeys, server: str) -> tuple[ApprovalKey, Mapping[str, Any]]:
    """The claims of a grant whose signature and times hold, and whose key that is."""
    import jwt  # noqa: PLC0415  with cryptography it takes a tenth of a second

    if len(token) > _LARGEST:
        _reject(f"has {len(token):,} characters, and none has over {_LARGEST:,}")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        _reject(f"is not in the form of one (a JWT): {_line(error)}")
    key = _key(header, keys)
    options: Options = {"require": _REQUIRED, "strict_aud": True}
    try:
        claims = jwt.decode(
            token,
            key.key.material,
            algorithms=[key.key.algorithm],
            audience=server,
            issuer=_ISSUER,
            leeway=_LEEWAY_S,
            options=options,
        )
    except jwt.InvalidSignatureError:
        _reject(f"is forged or was altered: the key of {key.name} did not sign it")
    except jwt.ExpiredSignatureError:
        _reject("expired: approve again")
    except jwt.ImmatureSignatureError:
        _reject("is not valid yet: compare the clocks of who signed and of this server")
    except jwt.MissingRequiredClaimError as error:
        _reject(f"lacks the claim {error.claim!r}")
    except jwt.InvalidAudienceError:
        _reject(f"is for another server than {server}")
    except jwt.InvalidIssuerError:
        _reject("was not issued by `codenb approve`")
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        _reject(f"cannot be used: {_line(error)}")
    return key, claims


def _key(header: Mapping[str, Any], keys: ApprovalKeys) -> ApprovalKey:
    kid, algorithm = header.get("kid"), header.get("alg")
    if not isinstance(kid, str) or not kid:
        _reject("does not say which key signed it (kid)")
    key = keys.by_fingerprint.get(kid)
    if key is None:
        _reject(f"is by a key that {keys.where} does not name, with the fingerprint {kid[:64]!r}")
    if key.revoked:
        _reject(f"is by a key of {key.name} that was revoked: approve again with another")
    if algorithm != key.key.algorithm:
        _reject(f"names the algorithm {str(algorithm)[:20]!r}, and the key of {key.name} is for {key.key.algorithm}")
    if header.get("typ") != _TYPE:
        _reject("is a token of another kind, and no grant")
    if unknown := sorted(set(header) - _HEADER):
        _reject(f"has {unknown[0][:40]!r} in its header, which no grant has")
    return key


def _times(claims: Mapping[str, Any]) -> tuple[datetime, datetime]:
    begins, ends = claims["iat"], claims["exp"]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (begins, ends)):
        _reject("says its times otherwise than in seconds")
    if not 0 < ends - begins <= LONGEST.total_seconds():
        _reject("would hold for over 60 minutes, or for no time at all")
    return datetime.fromtimestamp(begins, UTC), datetime.fromtimestamp(ends, UTC)


def _shown(preview: Preview) -> dict[str, Any]:
    """All that is told of a change, except for what each preview settles anew, such as the time of a restart.

    Of the place its name and address as well: a person reads those, and nobody knows clusters by their uid.
    """
    change = preview.change.to_dict()
    del change["fixed"]
    return {"place": preview.place.to_dict(), "call": preview.call.to_dict(), "change": change}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:_SHOWN]


def _reject(why: str) -> NoReturn:
    raise GrantRejected(f"the signed approval {why}; nothing was changed")
