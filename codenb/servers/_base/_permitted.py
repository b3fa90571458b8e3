"""What a caller may see and use of a server, decided on the server itself.

A host that leaves a tool out of its list is polite; the boundary is here, before the arguments of a call are looked
at, and it is the same for every client and in both eras of the protocol. What may not be called is not listed either,
and whether it exists is not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mcp.server import MCPServer
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver.context import Context
from mcp.shared.exceptions import MCPError
from mcp.types import GetPromptResult, InputRequiredResult, Prompt, Resource, ResourceTemplate, Tool
from pydantic import AnyUrl

from codenb.access import PREVIEW_TOOL
from codenb.errors import AccessError
from codenb.servers._base._caller import caller

DENIED = -32003
"""JSON-RPC's code for a refused resource or prompt, of the range that is left to servers."""

_PREVIEWS = "preview://"


class PermittedServer(MCPServer[None]):
    """An `MCPServer` that shows and does what the permits of its caller allow.

    Attributes:
        changing: Names of the tools that change something.
    """

    def __init__(self, name: str, **options: Any) -> None:
        """Make one; the options are those of `MCPServer`."""
        super().__init__(name, **options)
        self.changing: set[str] = set()

    def offers(self, tool: str) -> bool:
        """Whether the caller may call a tool, with whichever arguments."""
        return caller().may_call(self.name, tool) or (tool == PREVIEW_TOOL and self._may_preview_some())

    def require_call(self, tool: str, arguments: Mapping[str, Any]) -> None:
        """Complain where the caller may not call a tool.

        Raises:
            AccessError: The message names the permit that is missing.
        """
        caller().require_call(self.name, tool, arguments)

    def require_preview(self, tool: str, uri: str) -> None:
        """Complain where the caller may not read a preview: that takes a permit on it, or one on what it previews.

        Args:
            tool: What it previews.
            uri: Of the preview.

        Raises:
            MCPError: The refusal, naming the permit that is missing.
        """
        if not caller().may_call(self.name, PREVIEW_TOOL, {"tool": tool}):
            self._require_read(uri)

    async def list_tools(self) -> list[Tool]:
        """The tools that the caller may call."""
        return [tool for tool in await super().list_tools() if self.offers(tool.name)]

    async def list_resources(self) -> list[Resource]:
        """The resources that the caller may read."""
        return [one for one in await super().list_resources() if caller().may_read(self.name, str(one.uri))]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """The templates of which the caller may read something."""
        return [one for one in await super().list_resource_templates() if self._may_read_some(one.uri_template)]

    async def list_prompts(self) -> list[Prompt]:
        """The prompts that the caller may get: a permit names them as it names tools."""
        return [prompt for prompt in await super().list_prompts() if self.offers(prompt.name)]

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[None, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource that the caller may read."""
        if not (str(uri).startswith(_PREVIEWS) and self._may_preview_some()):
            self._require_read(str(uri))  # of previews the rest is decided where it is known what they are of
        return await super().read_resource(uri, context)

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[None, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        """Get a prompt that the caller may get."""
        try:
            self.require_call(name, {})
        except AccessError as error:
            raise _denied(error) from error
        return await super().get_prompt(name, arguments, context)

    def _require_read(self, uri: str) -> None:
        try:
            caller().require_read(self.name, uri)
        except AccessError as error:
            raise _denied(error) from error

    def _may_preview_some(self) -> bool:
        return any(caller().may_call(self.name, PREVIEW_TOOL, {"tool": tool}) for tool in self.changing)

    def _may_read_some(self, template: str) -> bool:
        permits = caller().permits
        own_previews = template.startswith(_PREVIEWS) and self._may_preview_some()
        return permits is None or own_previews or permits.reach_resources(self.name, template.partition("{")[0])


def _denied(error: AccessError) -> MCPError:
    return MCPError(DENIED, str(error), {"codenb/error": {"type": type(error).__name__}})
