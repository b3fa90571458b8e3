"""Asking a server what it offers, page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mcp import Client, MCPError
from mcp_types import METHOD_NOT_FOUND, Tool

from codenb.host._deadline import Deadline
from codenb.host._listing import PromptInfo, ResourceInfo

if TYPE_CHECKING:
    from codenb.host._peer import Peer

_MOST_PAGES = 100


async def listed_tools(client: Client) -> list[Tool]:
    """The tools, as the SDK gives them."""
    return await _pages(client.list_tools, "tools")


async def resources_of(peer: Peer) -> list[ResourceInfo]:
    """A server's resources, then its resource templates."""

    async def fetch(client: Client) -> list[ResourceInfo]:
        plain = await _pages(client.list_resources, "resources")
        templates = await _pages(client.list_resource_templates, "resource_templates")
        return [_resource(peer, one, str(one.uri)) for one in plain] + [
            _resource(peer, one, one.uri_template, template=True) for one in templates
        ]

    return await peer.ask(f"{peer.name} resources/list", fetch, Deadline.within(peer.timeout_s))


async def prompts_of(peer: Peer) -> list[PromptInfo]:
    """A server's prompts."""

    async def fetch(client: Client) -> list[PromptInfo]:
        return [
            PromptInfo(
                server=peer.name,
                name=one.name,
                description=peer.redactor.text(one.description or ""),
                arguments=tuple(f"{arg.name}{'*' if arg.required else ''}" for arg in one.arguments or ()),
            )
            for one in await _pages(client.list_prompts, "prompts")
        ]

    return await peer.ask(f"{peer.name} prompts/list", fetch, Deadline.within(peer.timeout_s))


async def _pages(fetch: Callable[..., Awaitable[Any]], field: str) -> list[Any]:
    """Every page of a list, a hundred at most; nothing where the server does not offer such a list."""
    items: list[Any] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        try:
            page = await fetch(cursor=cursor)
        except MCPError as error:
            if error.code == METHOD_NOT_FOUND:
                return items
            raise
        items += getattr(page, field)
        cursor = page.next_cursor
        if cursor is None:
            break
    return items


def _resource(peer: Peer, one: Any, uri: str, *, template: bool = False) -> ResourceInfo:
    return ResourceInfo(
        server=peer.name,
        uri=uri,
        name=one.name,
        description=peer.redactor.text(one.description or ""),
        mime_type=one.mime_type or "",
        template=template,
    )
