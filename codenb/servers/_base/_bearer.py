"""Whose request it is: the token in its header, checked on every request.

The SDK decides what belongs to whom (a session, an answer to a question) by the identity that its verifier tells; what
may be called, our own servers decide by the principal, which is kept for them while the request is served. A token is
never kept, and no refusal holds one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend
from mcp.server.auth.provider import AccessToken, TokenVerifier
from pydantic import ConfigDict, Field
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from codenb.access import LOCAL, Principal
from codenb.canonical import digest
from codenb.errors import CredentialsRejected
from codenb.servers._base._caller import calling
from codenb.servers._base._guard import is_endless, refuse

Authenticate = Callable[[str], Principal]
"""Who a token names; raises `CredentialsRejected` with the reason."""

_CHALLENGE = 'Bearer realm="codenb"'
_MISSING = "this server asks for a token: send it as `Authorization: Bearer TOKEN`"


class Proven(AccessToken):
    """An access token that was checked, without the token."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    principal: Annotated[Principal, Field(exclude=True, repr=False)]


class Verifier(TokenVerifier):
    """The SDK's door for whoever checks tokens."""

    def __init__(self, authenticate: Authenticate) -> None:
        """Check with this."""
        self._authenticate = authenticate

    async def verify_token(self, token: str) -> Proven:
        """Who it names; when it ends was looked at, with the leeway that is configured.

        Raises:
            CredentialsRejected: With the one reason; the SDK's own way, None, has none.
        """
        principal = self._authenticate(token)
        # Sessions and rounds go on with tokens of the same principal that are good for the same, and with no others.
        same = digest([principal.name, asdict(principal.permits) if principal.permits else None])
        return Proven(token="", client_id=same, subject=principal.name, scopes=[], principal=principal)


class Bearer:
    """Lets a request pass that has a token which is accepted, as the principal that the token names."""

    def __init__(self, app: ASGIApp, authenticate: Authenticate | None) -> None:
        """Stand before an application.

        Args:
            app: What answers.
            authenticate: None where no access is configured; everybody is the local principal then.
        """
        self._app = app
        self._as_user = AuthContextMiddleware(app)
        self._backend = BearerAuthBackend(Verifier(authenticate)) if authenticate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._backend is None:
            with calling(LOCAL):
                await self._app(scope, receive, send)
            return
        try:
            known = await self._backend.authenticate(HTTPConnection(scope))
        except CredentialsRejected as error:
            challenge = f'{_CHALLENGE}, error="invalid_token", error_description="{_quotable(str(error))}"'
            refusal = refuse(HTTPStatus.UNAUTHORIZED, str(error), www_authenticate=challenge)
            await refusal(scope, receive, send)
            return
        if known is None:  # nothing was sent, so there is no error to name (RFC 6750, section 3.1)
            await refuse(HTTPStatus.UNAUTHORIZED, _MISSING, www_authenticate=_CHALLENGE)(scope, receive, send)
            return
        scope["auth"], scope["user"] = known
        principal = _proven(known[1])
        scope["codenb.caller"] = principal.name
        ends = principal.expires_at if is_endless(scope) else None
        with calling(principal):
            await _until(ends, self._as_user, scope, receive, send)


async def _until(ends: datetime | None, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request; a stream without end ends with the token that it was asked for with."""
    open_still = False

    async def noted(message: Message) -> None:
        nonlocal open_still
        open_still = message["type"] == "http.response.start" or message.get("more_body", False)
        await send(message)

    left = None if ends is None else (ends - datetime.now(UTC)).total_seconds()
    try:
        async with asyncio.timeout(left) as deadline:
            await app(scope, receive, noted)
    except TimeoutError:
        if not deadline.expired():
            raise
        if open_still:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _proven(user: AuthenticatedUser) -> Principal:
    token = user.access_token
    assert isinstance(token, Proven)  # the verifier above makes no other
    return token.principal


def _quotable(text: str) -> str:
    """Text as RFC 6750 allows it in a description."""
    told = text.replace('"', "'").replace("\\", "/")
    return "".join(char if " " <= char <= "~" else "?" for char in told)
