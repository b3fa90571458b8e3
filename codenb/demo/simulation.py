"""The parts of one world, put together: store, clock, events, controllers.

All of it is plain synchronous code on one thread, run by a settling loop: a write wakes the controllers that care, and
they work until nobody has anything left to do. Given the same seed and the same requests, the same things happen in
the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from codenb.demo.clock import Clock
from codenb.demo.events import Recorder
from codenb.demo.identity import Identity
from codenb.demo.programs import Registry
from codenb.demo.store import Change, Store

Key = tuple[str, str]


class Controller(Protocol):
    """A loop that brings one kind of object to where it should be."""

    def observe(self, change: Change) -> None:
        """Take note of a write."""

    def work(self) -> bool:
        """Do what is due now; True where there was something."""


class Queue:
    """The objects that a controller has still to look at, each once.

    Args:
        reconcile: Brings one object, by namespace and name, to where it should be.
    """

    def __init__(self, reconcile: Callable[[Key], None]) -> None:
        self._reconcile = reconcile
        self._keys: dict[Key, None] = {}

    def add(self, namespace: str, name: str) -> None:
        """Look at an object."""
        self._keys[namespace, name] = None

    def work(self) -> bool:
        """Look at all that is queued; True where there was something."""
        keys, self._keys = list(self._keys), {}
        for key in keys:
            self._reconcile(key)
        return bool(keys)


class Simulation:
    """What the controllers of one world share.

    Args:
        epoch: The date of the world's first moment, in seconds since 1970.
        seed: Equal seeds give equal names and uids.
        registry: The images and what they do.
    """

    def __init__(self, epoch: int, seed: int, registry: Registry) -> None:
        self.clock = Clock(epoch)
        self.identity = Identity(seed)
        self.store = Store(self.clock, self.identity)
        self.events = Recorder(self.store, self.clock)
        self.registry = registry
        self._controllers: list[Controller] = []
        self.store.listen(self._tell)

    def add(self, *controllers: Controller) -> None:
        """Let controllers take part."""
        self._controllers += controllers

    def settle(self) -> None:
        """Let the controllers work until none has anything left to do."""
        while any(controller.work() for controller in self._controllers):
            pass

    def run_until(self, moment: float) -> None:
        """Let the world live up to a moment."""
        self.settle()
        self.clock.run_until(moment, self.settle)

    def _tell(self, change: Change) -> None:
        for controller in self._controllers:
            controller.observe(change)
