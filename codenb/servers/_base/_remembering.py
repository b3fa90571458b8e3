"""The memory as its callers see it: three tools and two resources that every server has."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mcp.server.mcpserver import ResourceSecurity
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from pydantic import JsonValue

from codenb.access import Principal
from codenb.errors import BadInput, CodenbError
from codenb.redaction import Redactor
from codenb.servers._base._caller import caller
from codenb.servers._base._hiding import hidden
from codenb.servers._base._marks import reads, remembers
from codenb.servers._base._memory import Forgotten, Memory, Note

if TYPE_CHECKING:
    from codenb.servers._base._server import Server

_JSON = "application/json"
_LIVE_S = 2
"""For how long an answer of `recall` may be kept: another process may remember meanwhile."""


def offer(memory: Memory, server: Server, redactor: Callable[[], Redactor]) -> None:
    """Give a server the tools and resources of its memory.

    Args:
        memory: Its own.
        server: Gets them.
        redactor: What may not be kept.
    """

    @remembers
    async def remember(key: str, value: JsonValue) -> Note:
        """Keep a note, up to 64 KB, in this server's memory, shared by all its callers; replaces the key's last."""
        return await memory.remember(key, value, by=caller().name, hides=hidden(redactor()))

    @reads(ttl_s=_LIVE_S)
    async def recall(key: str) -> Note:
        """A note; outcome/REFERENCE is what came of a change, memory://SERVER lists all."""
        return await memory.recall(key)

    @remembers
    async def forget(key: str) -> Forgotten:
        """Drop a note."""
        return await memory.forget(key)

    for tool in (remember, recall, forget):
        server.add(tool)

    async def listed() -> str:
        """The keys of this server's memory, newest first."""
        try:
            return json.dumps(await memory.keys())
        except CodenbError as error:
            raise ResourceError(str(error)) from error

    async def noted(key: str) -> str:
        """A note of this server's memory."""
        may_know = partial(_may_know, caller(), memory.server)
        try:
            return json.dumps((await memory.recall(key, may_know=may_know)).to_dict())
        except BadInput as error:
            raise ResourceNotFoundError(str(error)) from error
        except CodenbError as error:
            raise ResourceError(str(error)) from error

    root = f"memory://{memory.server}"
    server.mcp.resource(root, name="memory", mime_type=_JSON)(listed)
    # A key is looked up as it is and is no path, so it may hold slashes and dots.
    anything = ResourceSecurity(exempt_params={"key"})
    server.mcp.resource(f"{root}/{{+key}}", name="note", mime_type=_JSON, security=anything)(noted)


def _may_know(principal: Principal, server: str, key: str) -> bool:
    """Whether a permit reaches a note: its name alone may tell what it is about."""
    return principal.may_read(server, f"memory://{server}/{key}")
