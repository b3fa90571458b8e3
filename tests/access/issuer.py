"""An issuer of tokens, honest or not: what a real one signs, and whatever somebody else might send."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

import jwt

from codenb.access import Access
from codenb.access._keys import SigningKey, new_key

ISSUER, AUDIENCE = "https://login.example.org", "codenb"
WITHOUT = object()
"""In place of a value: the claim or header is left out."""


def part(value: object) -> str:
    """One part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Issuer:
    """Signs tokens."""

    key: SigningKey = field(default_factory=lambda: new_key("2026-11"))

    def access(self, *others: SigningKey, **more: Any) -> Access:
        """An access that takes its tokens, and those of other keys."""
        keys = {key.name: key.verifying for key in (self.key, *others)}
        return Access(keys, ISSUER, (AUDIENCE,), **more).permit("ci", "deployment/validate_*")

    def claims(self, **more: Any) -> dict[str, Any]:
        """Those of a good token, changed; times are seconds from now."""
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "ci", "aud": AUDIENCE, "iat": now, "exp": now + 600} | more
        return {name: value for name, value in claims.items() if value is not WITHOUT}

    def header(self, **more: Any) -> dict[str, Any]:
        """That of a good token, changed."""
        header = {"alg": self.key.algorithm, "kid": self.key.name, "typ": "at+jwt"} | more
        return {name: value for name, value in header.items() if value is not WITHOUT}

    def sign(self, header: dict[str, Any], claims: object) -> str:
        """Sign a header and claims, whatever they are."""
        signed = f"{part(header)}.{part(claims)}"
        algorithm = jwt.get_algorithm_by_name(self.key.algorithm)
        signature = algorithm.sign(signed.encode(), algorithm.prepare_key(self.key.material))
        return f"{signed}.{part(signature)}"

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A good token, changed."""
        return self.sign(self.header(**header or {}), self.claims(**claims))
