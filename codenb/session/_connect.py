"""Ways to connect: to a project's servers, or to the embedded world.

What is heavy is imported here and off the event loop, while the embedded world, a process of its own, comes up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from codenb import config
from codenb.errors import BadInput, CodenbError
from codenb.models import Place, ServerAbout
from codenb.session._replay import project_of, recorded, replayed
from codenb.session._session import Session
from codenb.session._who import principal

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from codenb.access import Access, Principal
    from codenb.config import Settings
    from codenb.host import Host

    Who = Callable[[Settings], Principal]

_ABOUT_S = 15.0
"""How long connecting waits for a server to say which cluster it acts on, in seconds."""


class _NotConnected(BadInput, AttributeError):
    """A session is used that nobody waited for."""


class Connecting:
    """What `connect` returns: await it, or enter it with `async with`."""

    def __init__(self, open_session: Callable[[], Any]) -> None:
        self._open = open_session
        self._session: Session | None = None

    def __await__(self) -> Generator[Any, None, Session]:
        return self._open().__await__()  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(Session, name):
            raise _NotConnected(f"this is not connected yet, so it has no {name!r}: await codenb.connect() first")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __repr__(self) -> str:
        return "<not connected yet: await it>"

    async def __aenter__(self) -> Session:
        self._session = await self._open()
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()


def connect(
    where: str | Path | None = None,
    *,
    home: str | Path | None = None,
    record: str | Path | None = None,
    replay: str | Path | None = None,
    token: str | None = None,
    access: Access | None = None,
) -> Connecting:
    """Connect to the servers of a project, or to the embedded world; or to a recording of either.

    A recording holds every call and its answer as this session had them, without secrets. Played back, no connection
    is opened, no process started and nothing changed: what it does not hold is an error. Approvers are asked again and
    have to decide as then. `nb.calls` of a replay tells when a call was played, and how long it took when it was
    recorded, what it cost then and which part a cache had in it.

    Args:
        where: A project folder; or `demo`, or `demo:SCENARIO`, for the embedded world with the built-in servers.
            None takes `CODENB_CONNECT` where it is set, else `home`, else the project folder found upward from here.
        home: The project folder; with `demo`, one whose servers take part as well.
        record: A file to write every call to, from now on until the session is closed; a recording that is there is
            replaced. None takes `CODENB_RECORD` where it is set.
        replay: A recording to answer from. None takes `CODENB_REPLAY` where it is set. With `record`, what is used of
            it is written there again, byte for byte.
        token: Says who calls, where `[access]` in `codenb.toml` or `access` asks for it. None takes `CODENB_TOKEN`
            where it is set; without either, every call is denied. A replay is by whom the recording was, by default.
        access: Who may call what, in place of `[access]` in `codenb.toml`.

    Returns:
        Await it for a `Session`, or use it with `async with`.

    Raises:
        ConfigError: No such folder, or a configuration that cannot be used (when awaited).
        BadInput: No such scenario, two folders, or a token that nothing checks (when awaited).
        CredentialsRejected: The token is not accepted; the message says why (when awaited).
        CassetteError: A file that cannot be recorded to, or played back (when awaited).
    """

    async def opened() -> Session:
        chosen = str(where) if where is not None else os.environ.get("CODENB_CONNECT", "")
        kind, _, scenario = chosen.partition(":")
        if kind != "demo" and chosen and home:
            raise BadInput(f"two project folders, {chosen} and {home}: name the one that is meant")
        project = home if kind == "demo" else chosen or home
        written, played = _file(record, "CODENB_RECORD"), _file(replay, "CODENB_REPLAY")
        if played is not None:
            meant = str(where) if where is not None else ""
            folder = project_of(project)
            caller = None
            if token is not None or access is not None:
                caller = await asyncio.to_thread(lambda: principal(config.load(folder), token, access))
            return await replayed(played, where=meant, project=folder, record=written, principal=caller)
        who = partial(principal, token=token, access=access)
        connecting = _connect_demo(scenario or "oom", home, who) if kind == "demo" else _connect_project(project, who)
        session = await connecting
        if written is not None:
            try:
                await recorded(session, written, project_of(project))
            except BaseException:
                await session.close()
                raise
        return session

    return Connecting(opened)


def _file(given: str | Path | None, variable: str) -> Path | None:
    """A file that is named by an argument, or else by the environment.

    Raises:
        BadInput: It is no path.
    """
    named = os.environ.get(variable) or None if given is None else given
    if named is None:
        return None
    if not isinstance(named, str | Path) or not str(named).strip():
        raise BadInput(f"a recording is named by its path, not by {named!r}")
    return Path(named).expanduser()


async def _connect_demo(scenario: str, home: str | Path | None, who: Who) -> Session:
    from codenb.demo import World  # noqa: PLC0415  a notebook on real servers never needs it

    # The world comes up in a process of its own while this one imports what talks to it.
    loading = asyncio.create_task(asyncio.to_thread(_load_servers))
    started = await World.start(scenario)
    try:
        await loading
        # Without a home of its own, the session keeps its state where the world does, and both go together.
        kubeconfig = Path(started.kubeconfig)
        settings = config.load(Path(home)) if home else _around(config.load(kubeconfig.parent))
        host = await _opened(settings, kubeconfig, started.context, who)
    except BaseException:
        await started.stop()
        raise
    place = Place(name=started.context, address=started.server, identity=started.uid)
    may, reason = settings.may_change(place.identity, started.scenario.namespace)
    changes = ("*",) if may else ()
    about = [
        ServerAbout(name=name, version="", place=place, changes=changes, changes_reason=reason)
        for name in _own(settings)
    ]
    return Session(host, settings, about, started)


async def _connect_project(folder: str | Path | None, who: Who) -> Session:
    settings = await asyncio.to_thread(config.load, Path(folder) if folder else None)
    await asyncio.to_thread(_load_servers)
    host = await _opened(settings, None, None, who)
    return Session(host, settings, await asyncio.gather(*(_about(host, name) for name in _own(settings))))


def _own(settings: Settings) -> list[str]:
    return [name for name, server in settings.servers.items() if server.transport == "builtin"]


def _around(settings: Settings) -> Settings:
    """Settings of the world's own folder, with the files of the notebook in reach: it is there that they are."""
    deployment = replace(settings.servers["deployment"], roots=(config.project_folder(),))
    return replace(settings, servers={**settings.servers, "deployment": deployment})


async def _opened(settings: Settings, kubeconfig: Path | None, context_name: str | None, who: Who) -> Host:
    from codenb.host import Host  # noqa: PLC0415  loaded by now, off the event loop

    made = {"kubernetes": _kubernetes, "deployment": _deployment}
    own = {name: partial(made[name], settings, kubeconfig, context_name) for name in _own(settings)}
    host = Host(settings, servers=own, principal=await asyncio.to_thread(who, settings))
    try:
        await host.open()
    except BaseException:
        await host.close()
        raise
    return host


async def _about(host: Host, server: str) -> ServerAbout:
    try:
        async with asyncio.timeout(_ABOUT_S):
            answer = await host.read(server, "about://server")
    except TimeoutError:
        return ServerAbout(name=server, version="", place_problem=f"{server} did not answer within {_ABOUT_S:.0f} s")
    except CodenbError as error:
        return ServerAbout(name=server, version="", place_problem=str(error))
    return ServerAbout.from_dict(answer.data, what=f"about://server of {server}")


def _load_servers() -> None:
    """Import what is heavy: the SDK, and the servers that run in process."""
    import codenb.host  # noqa: PLC0415
    import codenb.servers.deployment.server  # noqa: PLC0415
    import codenb.servers.kubernetes.server  # noqa: F401, PLC0415


def _kubernetes(settings: Settings, kubeconfig: Path | None, context_name: str | None) -> MCPServer:
    from codenb.servers.kubernetes.server import server  # noqa: PLC0415

    return server(settings, kubeconfig=kubeconfig, context=context_name).mcp


def _deployment(settings: Settings, kubeconfig: Path | None, context_name: str | None) -> MCPServer:
    from codenb.servers.deployment.server import server  # noqa: PLC0415

    return server(settings, kubeconfig=kubeconfig, context=context_name).mcp
