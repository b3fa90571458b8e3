"""Who is let in, and with which permits: what turns a token into a principal.

The same object stands before a host and before an HTTP server, so that what a token may do is said in one place.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, Self

from codenb.access._keys import SigningKey, VerifyingKey, new_key
from codenb.access._principal import EVERYBODY, NOBODY, Permits, Principal, name_problem
from codenb.access._tokens import MAX_LEEWAY_S, signed, verified
from codenb.errors import BadInput, CredentialsRejected
from codenb.views import Badge, Block, Field, Shown, Table, Tone, View

if TYPE_CHECKING:
    from codenb.config import Settings

TOOLS_CLAIM, RESOURCES_CLAIM = "codenb_tools", "codenb_resources"
"""Claims with which a token itself says what may be done with it."""

MAX_TTL_S = 24 * 3600

_OWN_ISSUER = "codenb:own"
_OWN_AUDIENCE = "codenb"


class _Permitting(Protocol):
    """What `permit` is, on the class and on an access."""

    def __call__(self, principal: str, *tools: str, resources: Iterable[str] = ()) -> Access:
        """Let a principal call tools and read resources."""


class _Permit:
    """`permit` on the class begins an access of one's own, and on an access goes on with it.

    A class method could only ever begin anew, so that of a chain of two the first would be dropped in silence.
    """

    def __get__(self, access: Access | None, owner: type[Access]) -> _Permitting:
        def permit(principal: str, *tools: str, resources: Iterable[str] = ()) -> Access:
            """Let a principal call tools and read resources, in addition to what it may already.

            Args:
                principal: Its name as the token says it, or `*` for everybody who has a token.
                *tools: Patterns over `server/tool`, such as `deployment/validate_*`.
                resources: Patterns over `server/uri`, such as `deployment/memory://*`.

            Returns:
                A new access; this one stays as it is.

            Raises:
                BadInput: A name that no token can prove, or a pattern without a server.
            """
            if isinstance(resources, str):
                raise BadInput(f"resources is the text {resources!r}: give a list of patterns")
            if principal != EVERYBODY:
                _require_name(principal)
            before = access or owner.own()
            all_of_it = before.permits.get(principal, Permits()).and_also(Permits(tools, tuple(resources)))
            return replace(before, permits=MappingProxyType({**before.permits, principal: all_of_it}))

        return permit


@dataclass(frozen=True)
class Access(Shown):
    """Who may call what; made from `[access]` in `codenb.toml` by `of`, or in code by `permit`.

        access = codenb.Access.permit("ci", "deployment/validate_*").permit("ops", "*/*", resources=["*/*"])
        nb = await codenb.connect(access=access, token=access.token("ci"))

    Attributes:
        keys: What tokens are checked with, by key id.
        issuer: Who has to have made a token.
        audiences: Whom a token has to be for: one of these.
        principal_claim: Which claim says who calls.
        leeway_s: Seconds that clocks may differ, 120 at most.
        permits: By principal; `*` is everybody.
        signing: The key of an access that was made in code, which signs its own tokens.
    """

    keys: Mapping[str, VerifyingKey]
    issuer: str
    audiences: tuple[str, ...]
    principal_claim: str = "sub"
    leeway_s: float = 30.0
    permits: Mapping[str, Permits] = field(default_factory=lambda: MappingProxyType({}))
    signing: SigningKey | None = field(default=None, repr=False)

    permit = _Permit()

    def __post_init__(self) -> None:
        """Complain about what would let the wrong ones in.

        Raises:
            BadInput: No audience, no issuer, or a leeway out of bounds.
        """
        if not _are_names(self.audiences):
            raise BadInput("audiences is a tuple of names, at least one: whom tokens have to be for")
        if not self.issuer:
            raise BadInput("issuer is empty: say who has to have made a token")
        if not 0 <= self.leeway_s <= MAX_LEEWAY_S:
            raise BadInput(f"leeway_s is {self.leeway_s!r}: give 0 to {MAX_LEEWAY_S} seconds")

    @classmethod
    def of(cls, settings: Settings, env: Mapping[str, str] | None = None) -> Self | None:
        """What `[access]` in `codenb.toml` says.

        Args:
            settings: What is configured.
            env: Where shared secrets are; the process's environment by default.

        Returns:
            None where there is no `[access]`: then nobody is asked for a token.

        Raises:
            ConfigError: It cannot be used; the message names the file and the key.
        """
        from codenb.access._settings import configured  # noqa: PLC0415  most projects have none

        told = configured(settings, os.environ if env is None else env)
        return None if told is None else cls(**told)

    @classmethod
    def own(cls) -> Self:
        """An access with a key of its own, random and kept in memory only, that nobody has a permit for yet."""
        key = new_key("own")
        return cls({key.name: key.verifying}, _OWN_ISSUER, (_OWN_AUDIENCE,), signing=key)

    def authenticate(self, token: object, *, audience: str | None = None) -> Principal:
        """Find out who calls.

        Args:
            token: As it came, without the word Bearer.
            audience: Whom it has to be for, in place of `audiences`.

        Returns:
            The principal with its permits. Where both the configuration and the token say what it may do, both have
            to allow a call; where neither does, it may do nothing.

        Raises:
            CredentialsRejected: One line with the one reason; it never holds the token.
        """
        required = dict.fromkeys(("exp", "aud", "iss", self.principal_claim))
        claims = verified(
            token,
            self.keys,
            audience=self.audiences if audience is None else audience,
            issuer=self.issuer,
            leeway_s=self.leeway_s,
            required=required,
        )
        name = claims[self.principal_claim]
        if problem := name_problem(name):
            raise CredentialsRejected(f"the token is not accepted: its {self.principal_claim} {problem}")
        until = datetime.fromtimestamp(claims["exp"], UTC) + timedelta(seconds=self.leeway_s)
        return Principal(name, "token", self._permits(name, claims), until)

    def nobody(self) -> Principal:
        """Who has shown no token: may do nothing, and is told so."""
        one = "access.token(NAME)" if self.signing else f"one that {self.issuer} made"
        told = f"nothing may be called without a token: give codenb.connect(token=...) {one}, or set CODENB_TOKEN"
        return Principal(NOBODY, "token", Permits(), problem=told)

    def token(
        self,
        principal: str,
        *,
        tools: Iterable[str] | None = None,
        resources: Iterable[str] | None = None,
        ttl_s: float = 3600,
    ) -> str:
        """Sign a token, where this access was made in code.

        Args:
            principal: Whom it names.
            tools: Patterns over `server/tool` that it is good for, at most; None leaves that to the permits.
            resources: Likewise over `server/uri`.
            ttl_s: Seconds that it lives, 86,400 at most.

        Raises:
            BadInput: This access checks tokens of others, or what was given cannot be.
        """
        if self.signing is None:
            raise BadInput(f"this access takes tokens that {self.issuer} makes, and has no key to sign with")
        return signed(
            claims_for(
                principal,
                claim=self.principal_claim,
                issuer=self.issuer,
                audience=self.audiences[0],
                tools=tools,
                resources=resources,
                ttl_s=ttl_s,
            ),
            self.signing,
        )

    def view(self) -> View:
        """Whose tokens are taken, and who may do what."""
        rows = [
            ("everybody with a token" if name == EVERYBODY else name, ", ".join(one.tools), ", ".join(one.resources))
            for name, one in self.permits.items()
        ]
        keys = ", ".join(f"{key.name} ({key.algorithm})" for key in self.keys.values())
        blocks: list[Block] = [
            Field("tokens from", self.issuer),
            Field("for", ", ".join(self.audiences)),
            Field("keys", keys or "none: no token is taken"),
            Table(["who", "tools", "resources"], rows, caption="Permits"),
        ]
        return View(title="Access", badges=[Badge("denied unless permitted", Tone.GOOD)], blocks=blocks)

    def _permits(self, name: str, claims: Mapping[str, Any]) -> Permits:
        named = [self.permits[one] for one in (EVERYBODY, name) if one in self.permits]
        configured = reduce(Permits.and_also, named) if named else None
        if not claims.keys() & {TOOLS_CLAIM, RESOURCES_CLAIM}:
            return configured or Permits()
        patterns = (_patterns(claims, TOOLS_CLAIM), _patterns(claims, RESOURCES_CLAIM))
        try:
            return Permits(*patterns, within=configured)
        except BadInput as error:
            raise CredentialsRejected(f"the token is not accepted: {error}") from error


def claims_for(
    principal: str,
    *,
    issuer: str,
    audience: str,
    ttl_s: float,
    claim: str = "sub",
    tools: Iterable[str] | None = None,
    resources: Iterable[str] | None = None,
) -> dict[str, Any]:
    """What a token says that is issued now.

    Args:
        principal: Whom it names.
        issuer: Who makes it.
        audience: Whom it is for.
        ttl_s: Seconds that it lives, 86,400 at most.
        claim: Which claim names the principal.
        tools: Patterns over `server/tool` that it is good for, at most.
        resources: Likewise over `server/uri`.

    Raises:
        BadInput: A name that would not be accepted, a pattern without a server, or a lifetime out of bounds.
    """
    _require_name(principal)
    if isinstance(ttl_s, bool) or not 0 < ttl_s <= MAX_TTL_S:
        raise BadInput(f"a token lives more than 0 and at most {MAX_TTL_S:,} seconds (24 h), not {ttl_s:,}")
    if isinstance(tools, str) or isinstance(resources, str):
        raise BadInput("tools and resources are lists of patterns, not one text")
    now = time.time()
    claims: dict[str, Any] = {"iss": issuer, "sub": principal, claim: principal, "aud": audience}
    claims |= {"iat": int(now), "exp": int(now + ttl_s)}
    if tools is not None or resources is not None:
        permits = Permits(tuple(tools or ()), tuple(resources or ()))
        claims |= {TOOLS_CLAIM: list(permits.tools), RESOURCES_CLAIM: list(permits.resources)}
    return claims


def _require_name(principal: str) -> None:
    if problem := name_problem(principal):
        raise BadInput(f"{ascii(principal)[:80]} can be nobody's name: it {problem}")


def _are_names(given: object) -> bool:
    return isinstance(given, tuple) and bool(given) and all(isinstance(one, str) and one for one in given)


def _patterns(claims: Mapping[str, Any], claim: str) -> tuple[str, ...]:
    told = claims.get(claim, [])
    if not isinstance(told, list):
        raise CredentialsRejected(f"the token is not accepted: its {claim} is no list of patterns")
    return tuple(told)
