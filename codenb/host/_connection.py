"""One connection to one server, held by a task of its own.

The SDK's client must be left by the task that entered it, and a notebook opens in one cell and closes in another. So
an owner task enters it, waits, and leaves it. Everybody else only sends requests, from any task and cell.

Each request is a task of its own as well: a cell that is interrupted leaves at once, while the news of it still
travels to the server; and the owner can end what is under way before it leaves.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol, TypeVar

import anyio
from mcp import Client
from mcp.client import Transport
from mcp.client.session import ElicitationFnT
from mcp.server import MCPServer

from codenb.errors import CodenbError, ConnectionLost, DeadlineExceeded
from codenb.host._deadline import Deadline
from codenb.host._faults import Explains, is_closed, leaf, opening_failed, translated

T = TypeVar("T")

_CANCEL_S = 0.2
_DRAIN_S = 2.0
_REASON_S = 5.0


class Link(Protocol):
    """One way to reach a server."""

    @property
    def broken(self) -> bool:
        """Whether the other side is known to be gone."""

    def target(self) -> MCPServer | Transport:
        """What the SDK's client connects to."""

    def watch(self) -> Explains:
        """Begin one request, in its own task; the returned function explains its failure."""

    def spare(self) -> None:
        """Leave the other side the time to end what it has begun."""


class Connection:
    """Opened by the first who needs it; of no further use once `usable` is false.

    Attributes:
        fault: What ended it, where something went wrong.
        explain_opening: What the transport knows of why opening fails or takes so long.
    """

    def __init__(
        self,
        server: str,
        link: Link,
        *,
        mode: Literal["auto", "legacy"],
        open_s: float,
        elicit: ElicitationFnT | None = None,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            server: Its name, for messages.
            link: How it is reached.
            mode: `auto` speaks the newest protocol that the server speaks, `legacy` the handshake one.
            open_s: How long opening may take, in seconds.
            elicit: Answers the server's questions; None says that nobody does.
        """
        self._server = server
        self._link = link
        self._mode: Literal["auto", "legacy"] = mode
        self._open_s = open_s
        self._elicit = elicit
        self._owner: asyncio.Task[None] | None = None
        self._client: asyncio.Future[Client] | None = None
        self._leave = asyncio.Event()
        self._requests: set[asyncio.Task[Any]] = set()
        self._retired = False
        self.explain_opening: Explains = lambda error: None  # noqa: ARG005  nothing is known before it is tried
        self.fault: CodenbError | None = None

    @property
    def usable(self) -> bool:
        """Whether requests may still be made."""
        return not self._retired and not self._link.broken

    @property
    def running(self) -> bool:
        """Whether there is still something to wait for when closing."""
        return self._owner is not None and not self._owner.done()

    @property
    def over(self) -> bool:
        """Whether it has ended, or was given up before it was opened."""
        return self._owner.done() if self._owner else self._retired

    @property
    def opened(self) -> bool:
        """Whether it was ever open."""
        client = self._client
        return client is not None and client.done() and not client.cancelled() and not client.exception()

    @property
    def protocol(self) -> str:
        """The negotiated protocol version; empty until it is open."""
        return self._client.result().protocol_version if self._client and self.opened and self.usable else ""

    async def open(self) -> Client:
        """Open it, or wait until whoever opens it is done.

        Raises:
            ConnectFailed: It cannot be reached, or is no MCP server.
            CodenbError: What else is known to be wrong, such as credentials.
        """
        if self._client is None:
            if self._retired:
                raise ConnectionLost(f"{self._server}: the connection was closed before it was opened")
            self._client = asyncio.get_running_loop().create_future()
            self._owner = asyncio.ensure_future(self._own(self._client))
        return await asyncio.shield(self._client)

    async def ask(self, what: str, request: Callable[[Client], Awaitable[T]], deadline: Deadline) -> T:
        """Make one request.

        Args:
            what: What is asked, for messages.
            request: Makes it with the SDK's client.
            deadline: Opening counts.

        Raises:
            ConnectionLost: The connection broke, or was closed, while the answer was awaited.
            DeadlineExceeded: It did not come in time.
            CodenbError: What else the server or the transport said.
        """
        sent: list[Explains] = []
        loop = asyncio.get_running_loop()
        started = loop.time()

        async def send() -> T:
            sent.append(self._link.watch())
            return await request(client)

        try:
            async with deadline:
                client = await self.open()
                return await self._outcome(what, loop.create_task(send()), sent)
        except TimeoutError as error:
            if known := (sent[0] if sent else self.explain_opening)(error):
                raise known from error
            waited = loop.time() - started
            raise DeadlineExceeded(f"{what} did not answer within {waited:.1f} s: allow more time") from error

    def retire(self) -> None:
        """Take no further requests; leave once those under way are done."""
        self._retired = True
        if not self._requests:
            self._leave.set()

    def end(self, *, spare: bool = False) -> None:
        """Leave now, ending what is under way; returns at once.

        Args:
            spare: Whether the server is left the time to end a change that it has begun.
        """
        if spare:
            self._link.spare()
        self._retired = True
        self._leave.set()

    async def ended(self) -> None:
        """Wait until the owner has left; what went wrong with it is in `fault`."""
        if self._owner:
            await asyncio.wait({self._owner})

    async def _outcome(self, what: str, task: asyncio.Task[T], sent: list[Explains]) -> T:
        self._requests.add(task)
        task.add_done_callback(self._answered)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=_CANCEL_S)  # the server is told meanwhile; the cell need not wait longer
            raise
        if task.cancelled():
            raise self.fault or ConnectionLost(f"{what}: the connection was closed before the answer came")
        error = task.exception()
        if error is None:
            return task.result()
        if is_closed(leaf(error)) or not self.running:
            self.retire()
            if (known := sent[0](error)) or (known := await self._reason()):
                raise known from error
            raise ConnectionLost(f"{what}: the connection closed before the answer came") from error
        raise translated(what, error, sent[0]) from error

    def _answered(self, task: asyncio.Task[Any]) -> None:
        self._requests.discard(task)
        if self._retired and not self._requests:
            self._leave.set()

    async def _reason(self) -> CodenbError | None:
        """What ended the connection, which the owner learns a moment after the requests do."""
        if self._owner:
            await asyncio.wait({self._owner}, timeout=_REASON_S)
        return self.fault

    async def _own(self, opened: asyncio.Future[Client]) -> None:
        explain = self.explain_opening = self._link.watch()
        try:
            with anyio.fail_after(self._open_s) as opening:
                async with Client(
                    self._link.target(), mode=self._mode, cache=None, elicitation_callback=self._elicit
                ) as client:
                    opening.deadline = math.inf
                    opened.set_result(client)
                    await self._leave.wait()
                    await self._drain()
        except Exception as error:  # noqa: BLE001  whatever a transport raises becomes one of ours
            if opened.done():
                self.fault = translated(self._server, error, explain)
            else:
                self.fault = opening_failed(self._server, error, explain, self._open_s)
        finally:
            self._retired = True
            if not opened.done():
                opened.set_exception(self.fault or ConnectionLost(f"{self._server}: connecting was stopped"))
                opened.exception()  # also where nobody waits any more

    async def _drain(self) -> None:
        self._retired = True
        for task in self._requests:
            task.cancel()
        if self._requests:
            await asyncio.wait(self._requests, timeout=_DRAIN_S)
