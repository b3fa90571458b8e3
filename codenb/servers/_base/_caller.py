"""Who is being served.

The door through which a request came says who sends it; everything behind it asks here. Over stdio there is nobody to
tell apart: whoever runs the process is the caller. In process it is whoever the host works for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import replace

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import principal_components

from codenb.access import LOCAL, Principal
from codenb.canonical import digest

_CALLER: ContextVar[Principal | None] = ContextVar("codenb_caller", default=None)


def caller() -> Principal:
    """Who sent the request that is being served; `local` over stdio, and in process where no access is configured.

    Behind an application of one's own that checks tokens with the SDK's means, callers are told apart, and what each
    may call is for that application to say.
    """
    if (named := _CALLER.get()) is not None:
        return named
    token = get_access_token()
    return LOCAL if token is None else Principal(digest(list(principal_components(token))), proof="token")


@contextlib.contextmanager
def calling(principal: Principal) -> Iterator[None]:
    """Serve this caller inside of the block, and in the tasks that are begun there."""
    before = _CALLER.set(principal)
    try:
        yield
    finally:
        _CALLER.reset(before)


def called_by(principal: Principal) -> None:
    """Serve this caller from now on in the task that this is called in, and in those that it begins.

    For a host in the same process: it has asked for the permits already, so here only the name counts. Previews and
    notes are its own then, and the audit log says who it was.
    """
    if principal != LOCAL:  # then whoever is being served already, such as over HTTP, stays that
        _CALLER.set(replace(principal, permits=None, expires_at=None, problem=""))
