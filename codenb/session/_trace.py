"""One trace id for the calls of one thing that a notebook does, so that its rows can be told from the others'."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def traced(method: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Give all calls below a coroutine function one trace id, unless a caller has given them one.

    The id has the form of a W3C trace id (Trace Context, section 3.2.2.3): 32 hexadecimal digits.
    """

    @functools.wraps(method)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        from codenb.host import TRACE_ID  # noqa: PLC0415  loaded by the connection that this runs on

        given = TRACE_ID.set(TRACE_ID.get() or secrets.token_hex(16))
        try:
            return await method(*args, **kwargs)
        finally:
            TRACE_ID.reset(given)

    return run
