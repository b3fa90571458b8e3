"""Talking to a server over its standard input and output.

The SDK's own stdio client joins what it has read again for every chunk: an answer of 10 MB takes seconds and one of
50 MB kills the session. This one reads a line in linear time, refuses one over the limit, and keeps what the server
says on its standard error.

A line on the output that is not a message is a server's mistake (the protocol forbids it), but a common one: a banner,
a stray `print`. One that does not look like a message is noted in the server's log and passed over, up to a hundred of
them; if the server then falls silent or ends, the error quotes it. One that looks like a message and is none ends the
connection at once: whoever waits for it would wait for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client import Transport
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from codenb.errors import AnswerTooLarge, CodenbError, ConnectFailed, ConnectionLost, ProtocolFault, ServerError
from codenb.host._faults import is_closed
from codenb.host._logs import ServerLog
from codenb.host._process import end, spawn
from codenb.redaction import Redactor

_CHUNK = 64 * 1024
_QUOTED = 200
_MOST_STRAY = 100
_LAST_WORDS_S = 2.0
_WAITING_WRITES = 256
_SPARED_S = 60.0
_SIGNALLED = 128

_Incoming = SessionMessage | Exception


class StdioLink:
    """One process of one server; made anew for every connection."""

    def __init__(
        self,
        server: str,
        command: str,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None,
        limit: int,
        log: ServerLog,
        redactor: Redactor,
        where: str,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            server: Its name.
            command: A path, or a name on PATH.
            args: Passed as they are.
            env: Added to the few variables that every server gets (HOME, PATH, USER and the like).
            cwd: Working directory.
            limit: Bytes of one line.
            log: Keeps what it says on its standard error.
            redactor: For what is quoted.
            where: Which setting names it, for messages.
        """
        self._server = server
        self._command = command
        self._args = args
        self._env = env
        self._cwd = cwd
        self._limit = limit
        self._log = log
        self._redactor = redactor
        self._where = where
        self._stray = 0
        self._quote = ""
        self._fault: ServerError | None = None
        self._grace_s: float | None = None

    @property
    def broken(self) -> bool:
        """Whether the process is known to be gone or talking nonsense."""
        return self._fault is not None

    def spare(self) -> None:
        """Let the process end by itself: one of our kind leaves when its change is done, and its input at an end."""
        self._grace_s = _SPARED_S

    def target(self) -> Transport:
        """What the SDK's client connects to."""
        return self._streams()

    def watch(self) -> Callable[[BaseException], CodenbError | None]:
        """Begin one request; the returned function explains its failure, where the transport knows more."""
        before = self._stray

        def explain(error: BaseException) -> CodenbError | None:
            if not (isinstance(error, TimeoutError) or is_closed(error)):
                return None  # it answered, if only with an error
            if self._stray > before and (self._fault is None or isinstance(self._fault, ConnectionLost)):
                return ProtocolFault(
                    f"{self._server} wrote {self._quote} to its standard output, which is no MCP message, and then "
                    f"{'ended' if self._fault else 'fell silent'}: its own output belongs on standard error"
                )
            return self._fault if not isinstance(error, TimeoutError) else None

        return explain

    @asynccontextmanager
    async def _streams(
        self,
    ) -> AsyncIterator[tuple[MemoryObjectReceiveStream[_Incoming], MemoryObjectSendStream[SessionMessage]]]:
        process = await self._spawned()
        to_session, incoming = anyio.create_memory_object_stream[_Incoming](0)
        outgoing, from_session = anyio.create_memory_object_stream[SessionMessage](_WAITING_WRITES)
        errors = asyncio.ensure_future(self._keep_errors(process))
        reader = asyncio.ensure_future(self._read(process, to_session, errors))
        writer = asyncio.ensure_future(self._write(process, from_session, reader))
        try:
            yield incoming, outgoing
        finally:
            # In a task of its own: the owner may be cancelled, the process must end all the same.
            ending = asyncio.ensure_future(self._end(process, errors, reader, writer))
            for stream in (incoming, outgoing):
                stream.close()
            await asyncio.shield(ending)

    async def _spawned(self) -> asyncio.subprocess.Process:
        try:
            return await spawn(
                self._command,
                self._args,
                env=get_default_environment() | dict(self._env),
                cwd=self._cwd,
                limit=self._limit,
            )
        except FileNotFoundError as error:
            missing = self._cwd if self._cwd and not self._cwd.is_dir() else None
            what = f"the folder {missing} does not exist" if missing else f"there is no program {self._command!r}"
            raise ConnectFailed(f"{self._server}: {what}: install it, or mend {self._where}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConnectFailed(
                f"{self._server}: {self._command!r} cannot be started ({reason}): mend {self._where}"
            ) from error

    async def _read(
        self,
        process: asyncio.subprocess.Process,
        to_session: MemoryObjectSendStream[_Incoming],
        errors: asyncio.Task[None],
    ) -> None:
        assert process.stdout is not None
        try:
            async with to_session:
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the session left first
                    while message := await self._message(process.stdout):
                        await to_session.send(message)
                if self._fault is None:
                    self._fault = await self._last_words(process, errors)
            while await process.stdout.read(_CHUNK):  # a server stuck writing would not see that its input ended
                pass
        except OSError as error:
            self._fault = self._fault or ConnectionLost(f"{self._server}: its output cannot be read: {error}")

    async def _message(self, stdout: asyncio.StreamReader) -> SessionMessage | None:
        """The next message; None at the end of the output, or with `_fault` set."""
        while True:
            try:
                line = await stdout.readuntil(b"\n")
            except asyncio.IncompleteReadError as end_of_output:
                if end_of_output.partial.strip():
                    self._note_stray(end_of_output.partial)
                return None
            except asyncio.LimitOverrunError:
                self._fault = AnswerTooLarge(
                    f"{self._server} answered more than {self._limit:,} bytes in one message: ask for less, "
                    f"or raise line_limit_bytes under [servers.{self._server}] in codenb.toml"
                )
                return None
            if not line.strip():
                continue
            try:
                return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValueError:
                self._note_stray(line)
            if line.lstrip().startswith(b"{"):
                self._fault = ProtocolFault(
                    f"{self._server} sent {self._quote}, which is no MCP message: its server is broken, or the "
                    f"command in {self._where} is no MCP server"
                )
                return None
            if self._stray > _MOST_STRAY:
                self._fault = ProtocolFault(
                    f"{self._server} keeps writing what is no MCP message to its standard output, lately "
                    f"{self._quote}: its own output belongs on standard error"
                )
                return None

    def _note_stray(self, line: bytes) -> None:
        # Redacted before it is cut: half a secret would no longer be known as one.
        text = self._redactor.text(line[: 20 * _QUOTED].decode("utf-8", "replace").strip())
        self._quote = repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…")
        self._stray += 1
        if self._stray <= _MOST_STRAY:
            self._log.note(f"not an MCP message, on standard output: {self._quote}")

    async def _last_words(self, process: asyncio.subprocess.Process, errors: asyncio.Task[None]) -> ServerError:
        await asyncio.wait({errors}, timeout=_LAST_WORDS_S)
        for _ in range(200):  # on a busy machine it takes a while from its last words to its end
            if process.returncode is not None:
                break
            await asyncio.sleep(0.01)
        how = "closed its output" if process.returncode is None else f"ended with exit code {process.returncode}"
        said = f", its last words: {self._log.last!r}" if self._log.last else ""
        kept = f" (see {self._log.path})" if self._log.last and not self._log.problem else ""
        lost = ConnectionLost(f"{self._server} {how}{said}{kept}")
        # Killed from outside it has a negative code, or as a container or a shell reports it, one over 128.
        lost.ended_itself = process.returncode is not None and 0 <= process.returncode <= _SIGNALLED
        return lost

    async def _keep_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with suppress(OSError):
            while data := await process.stderr.read(_CHUNK):
                await asyncio.to_thread(self._log.write, data)  # a flood of it must not stop the loop
        self._log.close()

    async def _write(
        self,
        process: asyncio.subprocess.Process,
        from_session: MemoryObjectReceiveStream[SessionMessage],
        reader: asyncio.Task[None],
    ) -> None:
        assert process.stdin is not None
        async with from_session:
            async for message in from_session:
                data = message.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
                try:
                    process.stdin.write(data + b"\n")
                    await process.stdin.drain()
                except OSError:  # it closed its input; its output says what became of it, if it still has one
                    await asyncio.wait({reader}, timeout=_LAST_WORDS_S)
                    if not reader.done():
                        self._fault = self._fault or ConnectionLost(f"{self._server} closed its input")
                        reader.cancel()
                    return

    async def _end(
        self, process: asyncio.subprocess.Process, errors: asyncio.Task[None], *others: asyncio.Task[None]
    ) -> None:
        try:
            await end(process, grace_s=self._grace_s)
            await asyncio.wait({errors}, timeout=_LAST_WORDS_S)
        finally:
            for task in (errors, *others):
                task.cancel()
            await asyncio.gather(errors, *others, return_exceptions=True)
