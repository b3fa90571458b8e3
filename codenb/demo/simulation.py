"""The parts of one world, put together: store, clock, events, controllers.

All of it is plain synchronous code on one thread, run by a settling loop: a write wakes the controllers that care, and
they work until nobody has anything left to do. Given the same seed and the same requests, the same things happen in
the same order.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Protocol

from codenb.demo.clock import Clock
from codenb.demo.events import Recorder
from codenb.demo.identity import Identity
from codenb.demo.programs import Registry
from codenb.demo.store import Change, Store

Key = tuple[str, str]

_ROUNDS = 1000  # far more than any rollout needs
_NOTED = 100


class Controller(Protocol):
    """A loop that brings one kind of object to where it should be."""

    def observe(self, change: Change) -> None:
        """Take note of a write."""

    def work(self) -> bool:
        """Do what is due now; True where there was something."""


class Queue:
    """The objects that a controller has still to look at, each once.

    Args:
        sim: The world.
        reconcile: Brings one object, by namespace and name, to where it should be.
    """

    def __init__(self, sim: Simulation, reconcile: Callable[[Key], None]) -> None:
        self._sim = sim
        self._reconcile = reconcile
        self._keys: dict[Key, None] = {}

    def __bool__(self) -> bool:
        return bool(self._keys)

    def add(self, namespace: str, name: str) -> None:
        """Look at an object."""
        self._keys[namespace, name] = None

    def work(self) -> bool:
        """Look at all that is queued; True where there was something."""
        keys, self._keys = list(self._keys), {}
        for key in keys:
            self._sim.attempt(self._reconcile, key)
        return bool(keys)


class Simulation:
    """What the controllers of one world share.

    Args:
        epoch: The date of the world's first moment, in seconds since 1970.
        seed: Equal seeds give equal names and uids.
        registry: The images and what they do.

    Attributes:
        failures: What went wrong in a controller, which is a fault of this program; empty as a rule.
    """

    def __init__(self, epoch: int, seed: int, registry: Registry) -> None:
        self.clock = Clock(epoch)
        self.identity = Identity(seed)
        self.store = Store(self.clock, self.identity)
        self.events = Recorder(self.store, self.clock)
        self.registry = registry
        self.failures: set[str] = set()
        self._controllers: list[Controller] = []
        self.store.listen(self._tell)

    def add(self, *controllers: Controller) -> None:
        """Let controllers take part."""
        self._controllers += controllers

    def settle(self) -> None:
        """Let the controllers work until none has anything left to do."""
        for _ in range(_ROUNDS):
            if not any(self.attempt(controller.work) for controller in self._controllers):
                return
        self.note(RuntimeError(f"the controllers still had work after {_ROUNDS} rounds"))

    def run_until(self, moment: float) -> None:
        """Let the world live up to a moment."""
        self.settle()
        self.clock.run_until(moment, self._happen)

    def attempt(self, act: Callable[..., object], *arguments: object) -> object:
        """Do one thing of a controller's and return its result; should it fail, the world goes on without it."""
        try:
            return act(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, time must not stop for all the others
            self.note(error)
            return None

    def note(self, error: Exception) -> None:
        """Write a fault of this program to standard error, the first time that it happens."""
        text = f"{type(error).__name__}: {error}"
        if text not in self.failures and len(self.failures) < _NOTED:
            self.failures.add(text)
            traceback.print_exception(error)

    def _happen(self, action: Callable[[], None]) -> None:
        self.attempt(action)
        self.settle()

    def _tell(self, change: Change) -> None:
        for controller in self._controllers:
            self.attempt(controller.observe, change)
