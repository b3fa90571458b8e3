"""One cluster for many: connections in process come and go, and share what is open for as long as any of them lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from codenb.errors import ConnectFailed
from codenb.models import Place
from codenb.servers._clients.cluster import Cluster


class OnCluster:
    """The tools of a server that acts on one cluster; it is reached while a connection lives.

    Nothing is read or connected before a tool first asks for it, so a server also serves where there is no cluster.
    """

    def __init__(self, kubeconfig: str | Path | None, context: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, Cluster] = WeakKeyDictionary()

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Hold the cluster for one connection; the last one to leave closes it."""
        async with shared(self._kubeconfig, self._context) as held:
            self._held[asyncio.get_running_loop()] = held
            yield

    @property
    def cluster(self) -> Cluster:
        """The cluster of this event loop.

        Raises:
            ConnectFailed: No connection is open here.
        """
        held = self._held.get(asyncio.get_running_loop())
        if held is None:
            raise ConnectFailed("this server has no connection here: open one, then call")
        return held

    async def place(self) -> Place:
        """Which cluster."""
        return await self.cluster.place()


@dataclass(slots=True)
class _Shared:
    cluster: Cluster
    users: int = 0


_SHARED: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], _Shared]] = WeakKeyDictionary()


@asynccontextmanager
async def shared(kubeconfig: str | Path | None = None, context: str | None = None) -> AsyncIterator[Cluster]:
    """The cluster that all users of one event loop share; closed when the last one leaves.

    A server's lifespan runs once a connection in process, and connections of the client library belong to the loop
    that opened them.
    """
    mine = _SHARED.setdefault(asyncio.get_running_loop(), {})
    key = (str(kubeconfig or ""), context or "")
    entry = mine.setdefault(key, _Shared(Cluster(kubeconfig, context)))
    entry.users += 1
    try:
        yield entry.cluster
    finally:
        entry.users -= 1
        if entry.users == 0:
            del mine[key]
            await entry.cluster.close()
