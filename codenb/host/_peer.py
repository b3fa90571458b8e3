"""One configured server, as the host sees it: its connections, its tools, how it is.

Reads share the connections of a pool. A change has a connection of its own, so that its questions can only reach
whoever approves that change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

from mcp import Client
from mcp.client.session import ElicitationFnT
from mcp.server import MCPServer
from mcp_types import Tool

from codenb.access import LOCAL, Principal
from codenb.config import Limits, Retries, ServerSettings
from codenb.errors import CodenbError, ConfigError, ConnectFailed, DeadlineExceeded, UnknownTool
from codenb.host._breaker import Breaker
from codenb.host._connection import Connection, Link
from codenb.host._deadline import Deadline
from codenb.host._faults import Explains
from codenb.host._http import HttpLink
from codenb.host._lifetime import hinted
from codenb.host._listing import ServerStatus, ToolInfo, ToolKind
from codenb.host._logs import ServerLog
from codenb.host._offers import listed_tools
from codenb.host._pool import Pool
from codenb.host._retry import Retry
from codenb.host._stdio import StdioLink
from codenb.redaction import Redactor
from codenb.servers._base._caller import called_by

T = TypeVar("T")

Factory = Callable[[], MCPServer]

_TRANSPORTS: dict[str, Literal["in process", "stdio", "http"]] = {"builtin": "in process"}
_HEAR_OF_IT_S = 30.0
_MOST_OVER_HTTP = 10
_LOOK_S = 10.0
_KINDS: dict[Any, ToolKind] = {"reads": "reads", "changes": "changes", "memory": "memory"}


class Peer:
    """One server and everything that is open to it.

    Attributes:
        breaker: Whether the server is asked at all.
        retry: Makes reads, again where they fail on the way.
        offered: The names of all tools that it ever listed.
    """

    def __init__(
        self,
        settings: ServerSettings,
        *,
        home: Path,
        limits: Limits,
        redactor: Redactor,
        retries: Retries,
        factory: Factory | None = None,
        principal: Principal = LOCAL,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            settings: How it is reached.
            home: The project folder.
            limits: For what the server's own settings leave open.
            redactor: For what is quoted and logged.
            retries: How often reads are tried, and when the server is paused.
            factory: Makes the server, where it runs in process.
            principal: Who calls, for a server in process; any other asks for credentials of its own.
        """
        self.name = settings.name
        self.settings = settings
        self.timeout_s = settings.timeout_s or limits.timeout_s
        self.change_timeout_s = max(self.timeout_s, limits.change_timeout_s) + _HEAR_OF_IT_S
        self.limit = limits.answer_bytes
        self._home = home
        self.redactor = redactor
        self._factory = factory
        self._principal = principal
        self._connections: set[Connection] = set()
        self._doubted: dict[Connection, asyncio.Task[None]] = {}
        self._idle_s = limits.idle_s
        self._pool = self._new_pool()
        self._tools: tuple[ToolInfo, ...] | None = None
        self.offered: frozenset[str] = frozenset()
        self._tools_of = 0
        self._listing: asyncio.Task[tuple[ToolInfo, ...]] | None = None
        self._problem = settings.problem or ""
        self.breaker = Breaker(self.name, retries)
        self.retry = Retry(retries, useless=lambda: self.breaker.open or self._pool.closed)

    @property
    def builtin(self) -> bool:
        """Whether it runs in process, so that what it says of its tools is our own word."""
        return self.settings.transport == "builtin"

    async def open(self) -> None:
        """Open a connection and list the tools, so that the first call need not; also after `close`."""
        if self._pool.closed:
            self._pool = self._new_pool()
            self.breaker.reset()
        await self.tools(None)

    async def ask(self, what: str, request: Callable[[Client], Awaitable[T]], deadline: Deadline) -> T:
        """Make one request, once, over a connection of the pool.

        Args:
            what: What is asked, for messages.
            request: Makes it with the SDK's client.
            deadline: Waiting for a place and opening count.

        Raises:
            Unavailable: The server is paused, or says that it cannot answer now.
            DeadlineExceeded: No place was free, or no answer came, in time.
            CodenbError: What else the server or the transport said; see `Connection.ask`.
        """
        pool = self._pool
        try:
            with self.breaker.watching():
                connection = await self._place(pool, what, deadline)
                try:
                    answer = await connection.ask(what, request, deadline)
                except DeadlineExceeded:
                    self._doubt(connection)
                    raise
                finally:
                    pool.give_back(connection)
        except CodenbError as error:
            if not pool.connections:
                self._problem = str(error)
            raise
        self._problem = ""
        return answer

    def own_connection(self, elicit: ElicitationFnT) -> Connection:
        """A connection for one change; whoever takes it ends it."""
        if self._pool.closed:
            raise ConnectFailed("this session is closed: connect again")
        return self._connected(elicit)

    @property
    def lists_tools(self) -> bool:
        """Whether its list of tools is at hand, so that asking for it is no call."""
        return self._tools is not None and self._tools_of == self._pool.beginnings and bool(self._pool.connections)

    async def tools(self, until: float | None) -> tuple[ToolInfo, ...]:
        """What it offers, asked once a connection however many wait for it.

        Args:
            until: Loop time; None is the server's own time-out.
        """
        if self._tools is not None and self.lists_tools:
            return self._tools
        if self._listing is None:
            self._listing = asyncio.ensure_future(self._list())
            self._listing.add_done_callback(self._listed)
        try:
            async with asyncio.timeout_at(until):
                return await asyncio.shield(self._listing)
        except TimeoutError as error:
            known = next((one.explain_opening(error) for one in self._pool.connections), None)
            raise known or DeadlineExceeded(f"{self.name} did not answer in time: allow more time") from error

    async def tool(self, name: str, until: float | None) -> ToolInfo:
        """One tool; a name that is not in the list is looked up in a fresh one.

        Args:
            name: Of the tool.
            until: Loop time; None is the server's own time-out.

        Raises:
            UnknownTool: The message names the nearest.
        """
        known = self._tools is not None
        tools = await self.tools(until)
        for tool in tools:
            if tool.name == name:
                return tool
        if known:
            self._tools = None
            return await self.tool(name, until)
        near = get_close_matches(name, [tool.name for tool in tools], n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}?" if near else "see nb.tools()"
        if self.settings.transport == "http" and self.settings.headers:  # such a server lists what its caller may call
            hint = f"it has none, or not for these credentials; {hint}"
        raise UnknownTool(f"{self.name} has no tool {name!r}: {hint}")

    def status(self) -> ServerStatus:
        """How it is right now; asks nobody."""
        protocols = [one.protocol for one in self._pool.connections if one.protocol]
        return ServerStatus(
            server=self.name,
            transport=_TRANSPORTS.get(self.settings.transport) or self.settings.transport,
            state="paused" if self.breaker.open else "open" if protocols else "failed" if self._problem else "closed",
            tools=None if self._tools is None else len(self._tools),
            needs_approval=None if self._tools is None else sum(not tool.callable for tool in self._tools),
            connections=len(protocols),
            protocol=next(iter(protocols), ""),
            paused_until=self.breaker.until,
            problem=self.breaker.why or self._problem,
        )

    async def close(self) -> None:
        """End every connection and wait until they have ended; nothing is opened any more."""
        self._pool.close()
        for connection in tuple(self._connections):
            connection.end()
        await asyncio.gather(*(connection.ended() for connection in tuple(self._connections)))
        self._connections.clear()
        self._tools = None

    async def _place(self, pool: Pool, what: str, deadline: Deadline) -> Connection:
        if (connection := pool.at_once()) is not None:  # nearly always, and then there is nothing to time
            return connection
        started = asyncio.get_running_loop().time()
        try:
            async with deadline:
                return await pool.take()
        except TimeoutError as error:
            waited = asyncio.get_running_loop().time() - started
            more = "" if self.builtin else f", or raise max_connections under [servers.{self.name}] in codenb.toml"
            raise DeadlineExceeded(
                f"{what}: no connection was free within {waited:.1f} s, because {pool.busy} calls are under way and "
                f"{pool.waiting} more wait: allow more time{more}"
            ) from error

    def _doubt(self, connection: Connection) -> None:
        """See whether a process that did not answer in time still answers anything; if not, the next call has another.

        Requests over HTTP stand alone, and in process it is our own loop that would hang.
        """
        if self.settings.transport != "stdio" or not connection.opened or connection in self._doubted:
            return
        looking = self._doubted[connection] = asyncio.ensure_future(self._look(connection))
        looking.add_done_callback(lambda _: self._doubted.pop(connection))

    async def _look(self, connection: Connection) -> None:
        try:
            await connection.ask(
                f"{self.name} tools/list", lambda client: client.list_tools(), Deadline.within(_LOOK_S)
            )
        except DeadlineExceeded:
            connection.retire()  # calls under way may still be answered; it ends after the last of them
        except CodenbError:
            pass  # it answers, or whoever uses it next learns that it does not

    def _new_pool(self) -> Pool:
        usual = _MOST_OVER_HTTP if self.settings.transport == "http" else 1
        most = 1 if self.builtin else self.settings.max_connections or usual
        return Pool(lambda: self._connected(None), most=most, idle_s=self._idle_s)

    def _connected(self, elicit: ElicitationFnT | None) -> Connection:
        self._connections = {one for one in self._connections if not one.over}
        connection = Connection(self.name, self._link(), mode=self.settings.mode, open_s=self.timeout_s, elicit=elicit)
        self._connections.add(connection)
        return connection

    def _link(self) -> Link:
        settings = self.settings
        if settings.problem:
            raise ConfigError(settings.problem)
        where = f"mcpServers.{self.name} in {self._home / '.mcp.json'}"
        if settings.transport == "builtin":
            if self._factory is None:
                raise ConnectFailed(f"{self.name} is no built-in server of this session: mend {where}")
            return _InProcess(self.name, self._factory, self._principal)
        if settings.transport == "http":
            return HttpLink(
                self.name,
                settings.url,
                headers=settings.headers,
                limit=self.limit,
                redactor=self.redactor,
                where=where,
            )
        log = ServerLog(self._home / ".mcp" / "logs" / f"{_file_name(self.name)}.log", self.redactor)
        return StdioLink(
            self.name,
            settings.command,
            settings.args,
            env=settings.env,
            cwd=settings.cwd,
            limit=settings.line_limit_bytes,
            log=log,
            redactor=self.redactor,
            where=where,
        )

    async def _list(self) -> tuple[ToolInfo, ...]:
        listed = await self.ask(f"{self.name} tools/list", listed_tools, Deadline.within(self.timeout_s))
        self._tools = tools = tuple(self._info(tool) for tool in listed)
        self.offered |= {tool.name for tool in tools}
        self._tools_of = self._pool.beginnings
        return tools

    def _listed(self, listing: asyncio.Task[tuple[ToolInfo, ...]]) -> None:
        self._listing = None
        if not listing.cancelled():
            listing.exception()  # also where nobody waits for it any more

    def _info(self, tool: Tool) -> ToolInfo:
        meta = tool.meta or {}
        said = _KINDS.get(meta.get("codenb/kind"), "third-party")
        # Of a server that is not ours only the word that costs it something is taken: that it changes things.
        kind: ToolKind = said if self.builtin or said == "changes" else "third-party"
        return ToolInfo(
            server=self.name,
            name=tool.name,
            title=self.redactor.text(tool.title or ""),
            description=self.redactor.text(tool.description or ""),
            kind=kind,
            read_only=kind == "reads" if self.builtin else kind != "changes" and self.settings.is_read_only(tool.name),
            input_schema=tool.input_schema,
            version=str(meta.get("codenb/version", "")),
            ttl_s=hinted(meta.get("codenb/ttl_s")),
        )


class _InProcess:
    """A server that runs in this process; made anew for every connection."""

    def __init__(self, server: str, factory: Factory, principal: Principal) -> None:
        self._server = server
        self._factory = factory
        self._principal = principal
        self.broken = False

    def spare(self) -> None:
        """Nothing to do: what the server has begun does not end with this connection."""

    def target(self) -> MCPServer:
        try:
            return self._factory()
        except CodenbError:
            raise
        except Exception as error:
            raise ConnectFailed(f"{self._server} could not be made: {error}") from error

    def watch(self) -> Explains:
        called_by(self._principal)  # in the task of the request, or of the connection's owner: it ends with that
        return lambda error: None  # noqa: ARG005  there is nothing between, so there is nothing to know


def _file_name(server: str) -> str:
    return "".join(char if char.isalnum() or char in "-_" else "_" for char in server)
