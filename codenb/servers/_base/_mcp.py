"""The SDK's server with our manners: unknown arguments are errors, every answer is bounded, every error is one line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.context import Context
from mcp.server.mcpserver.tools import Tool
from mcp.server.request_state import RequestStateSecurity
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import ValidationError

from codenb.errors import AccessError, BadInput, CodenbError, ConfigError, UnknownTool
from codenb.redaction import Redactor
from codenb.redaction import redactor as default_redactor
from codenb.servers._base._answers import answer, refusal, wrong_argument
from codenb.servers._base._docs import described
from codenb.servers._base._hiding import Hiding, hiding
from codenb.servers._base._marks import Mark
from codenb.servers._base._metrics import OTHER, ToolMetrics
from codenb.servers._base._permitted import PermittedServer
from codenb.servers._base._progress import reporting
from codenb.servers._base._rounds import shared_rounds
from codenb.servers._base._schemas import shorten, shorten_answer

_SESSIONS = 1_000
"""Of the older protocol, at once; each is kept for half an hour after its last request."""


class KernelServer(PermittedServer):
    """An `MCPServer` whose tools are marked.

    Attributes:
        metrics: Where calls are counted; whoever serves sets it.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str,
        instructions: str | None,
        answer_bytes: int,
        redactor: Callable[[], Redactor],
        lifespan: Callable[[], contextlib.AbstractAsyncContextManager[None]],
        request_state_security: RequestStateSecurity | None,
    ) -> None:
        @contextlib.asynccontextmanager
        async def lived(_: MCPServer[None]) -> AsyncIterator[None]:
            async with lifespan():
                yield

        with _root_logger_untouched():
            super().__init__(
                name,
                version=version,
                instructions=instructions,
                lifespan=lived,
                request_state_security=request_state_security or shared_rounds(),
            )
        self._answer_bytes = answer_bytes
        self._redactor = redactor
        self._marks: dict[str, Mark] = {}
        self.metrics: ToolMetrics | None = None
        self.denied: Callable[[str, AccessError], Awaitable[None]] | None = None
        self._log = logging.getLogger(f"codenb.servers.{name}")

    def add(self, function: Callable[..., Any], mark: Mark, *, name: str, documented: Callable[..., Any]) -> None:
        """Register a function as a tool.

        Args:
            function: What is called.
            mark: What it is.
            name: Of the tool.
            documented: Whose docstring describes it.

        Raises:
            ConfigError: There is a tool of that name already.
        """
        if name in self._marks:
            raise ConfigError(f"server {self.name} has two tools named {name!r}: give one another name")
        description, arguments = described(documented)
        self.add_tool(
            function,
            name=name,
            description=description,
            annotations=ToolAnnotations(
                read_only_hint=mark.kind == "reads",
                destructive_hint=None if mark.kind == "reads" else mark.destructive,  # said of what writes only
            ),
            meta=mark.meta,
        )
        self._marks[name] = mark
        if mark.kind == "changes":
            self.changing.add(name)
        tool = self.registered(name)
        parameters = tool.parameters
        shorten(parameters)
        if tool.output_schema is not None:
            shorten_answer(tool.output_schema)
        for argument, text in arguments.items():
            if argument in parameters["properties"]:
                parameters["properties"][argument].setdefault("description", text)

    def registered(self, name: str) -> Tool:
        """The tool of this name.

        Raises:
            UnknownTool: There is none; the message names those that the caller may use.
        """
        tool = self._tool_manager.get_tool(name)
        if tool is None:
            known = sorted(filter(self.offers, self._marks))
            raise UnknownTool(f"server {self.name} has no tool {name!r}: it has {', '.join(known) or 'none for you'}")
        return tool

    def validated(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Arguments as the tool's function takes them, with defaults filled in.

        Raises:
            UnknownTool: There is no such tool.
            BadInput: An argument is unknown, missing or in the wrong form.
        """
        tool = self.registered(name)
        self._require_known(tool, arguments)
        try:
            return tool.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            raise wrong_argument(error, name) from error

    async def run_on_stdio(self, stdin: Any = None) -> None:
        """Serve one client on this process's standard streams until its input ends.

        Args:
            stdin: Lines to read in place of the standard input.
        """
        server = self._lowlevel_server
        async with stdio_server(stdin) as (read_stream, write_stream):
            await server.run(read_stream, write_stream, server.create_initialization_options())

    def sessions(self, *, body_bytes: int) -> StreamableHTTPSessionManager:
        """What answers HTTP requests to this server, in both eras; it can be run once.

        Args:
            body_bytes: Largest request.
        """
        return StreamableHTTPSessionManager(
            self._lowlevel_server,
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # seen to further out
            max_request_body_size=body_bytes,
            max_sessions=_SESSIONS,
        )

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool; whatever goes wrong becomes an answer that says what to do."""
        if self.metrics is None:
            return await self._called(name, arguments, context)
        with self.metrics.observing(self.name, name if name in self._marks else OTHER) as call:
            result = await self._called(name, arguments, context)
            call.answered(result)
        return result

    async def _called(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        try:
            redactor, problem = self._redactor(), None
        except CodenbError as error:  # what is wrong with the configuration is the answer
            redactor, problem = default_redactor(), error
        with hiding(redactor) as hides, self._progress(context, hides):
            if problem is not None:
                return self._refused(problem, hides, name)
            before = _cancellations()
            try:
                await self._require_permit(name, arguments)
                self._require_known(self.registered(name), arguments)
                result = await super().call_tool(name, arguments, context)
                if isinstance(result, CallToolResult):
                    return await answer(result, hides, name, self._answer_bytes)
            except MCPError:
                raise
            except Exception as error:  # noqa: BLE001  a tool may raise anything, and the caller must be told
                _forget_cancellations(before)
                return self._refused(error, hides, name)
            return result

    async def _require_permit(self, name: str, arguments: dict[str, Any]) -> None:
        try:
            self.require_call(name, arguments)
        except AccessError as error:
            if self.denied is not None:
                await self.denied(name, error)
            raise

    def _refused(self, error: Exception, hides: Hiding, name: str) -> CallToolResult:
        changes = name in self._marks and self._marks[name].kind == "changes"
        return refusal(error, hides, name, changes=changes, log=self._log)

    def _progress(self, context: Context[None, Any] | None, hides: Hiding) -> contextlib.AbstractContextManager[None]:
        if context is None:
            return contextlib.nullcontext()
        return reporting(context.report_progress, hides.text)

    def _require_known(self, tool: Tool, arguments: dict[str, Any]) -> None:
        known = tool.parameters["properties"]
        if unknown := [argument for argument in arguments if argument not in known]:
            raise BadInput(f"{tool.name} has no argument {unknown[0]!r}: it takes {', '.join(known) or 'none'}")


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _forget_cancellations(before: int) -> None:
    """Take back the cancellation that `asyncio.TaskGroup` leaves on its task in Python 3.11 when a child fails.

    In process a tool runs in the task of its caller, and there the next connection to close was "cancelled".
    """
    while (task := asyncio.current_task()) and task.cancelling() > before:
        task.uncancel()


@contextlib.contextmanager
def _root_logger_untouched() -> Iterator[None]:
    """The SDK calls `logging.basicConfig`, which does nothing where the root logger has a handler."""
    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addHandler(placeholder)
    try:
        yield
    finally:
        root.removeHandler(placeholder)
