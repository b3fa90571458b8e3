"""A world in a thread, for tests that drive its clock.

The same application as in the process, reached over HTTP in the same way; besides that, what a test needs to know and
to move directly.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from codenb.demo import scenarios
from codenb.demo.scenarios import Scenario
from codenb.errors import WorldError

if TYPE_CHECKING:
    from codenb.demo.serving import Served

T = TypeVar("T")

_START_S = 30.0


class WorldThread:
    """An embedded world served from a thread; a context manager.

    Args:
        scenario: One of `codenb.demo.scenarios.names()`.
        seed: Equal seeds give equal names and uids.
        foreign: Count as a cluster that is not embedded.
        frozen: Let time stand still until `advance` moves it.
        metrics: Have a metrics server.
    """

    def __init__(
        self,
        scenario: str = "oom",
        *,
        seed: int = 1,
        foreign: bool = False,
        frozen: bool = False,
        metrics: bool = True,
    ) -> None:
        self.scenario: Scenario = scenarios.load(scenario)
        self._seed = seed
        self._foreign = foreign
        self._frozen = frozen
        self._metrics = metrics
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"codenb-demo-{scenario}", daemon=True)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="codenb-demo-")
        self.kubeconfig = Path(self._folder.name) / "kubeconfig"
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise WorldError(f"the embedded world was not ready after {_START_S:g} s: is the machine busy?")
        if self._failure is not None:
            self._folder.cleanup()
            raise self._failure
        self.server = self._served.server
        self.uid = self._served.live.uid
        self.context = self._served.context
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._folder.cleanup()

    def advance(self, seconds: float) -> None:
        """Move the world's clock ahead; all that falls due happens before this returns.

        Args:
            seconds: How far; not negative.
        """
        self._on_loop(lambda: self._served.live.skip(seconds))

    @property
    def now(self) -> datetime:
        """The world's time."""
        return self._on_loop(self._served.live.sim.clock.date)

    def writes(self, resource: str, name: str) -> int:
        """How many writes of one object came over HTTP, succeeded, and were no dry run.

        Args:
            resource: For example `deployments` or `deployments/scale`.
            name: Of the object.
        """
        return self._on_loop(lambda: self._served.live.writes[resource, name])

    def _on_loop(self, do: Callable[[], T]) -> T:
        async def call() -> T:
            return do()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        from codenb.demo.serving import serve  # noqa: PLC0415 - the web server is loaded when one is served

        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        try:
            async with serve(
                self.scenario.name,
                self.kubeconfig,
                seed=self._seed,
                foreign=self._foreign,
                frozen=self._frozen,
                metrics=self._metrics,
            ) as served:
                self._served: Served = served
                self._ready.set()
                await self._over.wait()
        except Exception as error:  # noqa: BLE001 - handed to the thread that started this one
            self._failure = error
            self._ready.set()
