"""The embedded world: an API server with controllers, scenarios and a clock, for trying, teaching and testing.

It is a double and says so: what it does not do it refuses. Importing this package loads nothing; `World` starts a
process of its own, `WorldThread` serves the same application from a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codenb import _lazy

if TYPE_CHECKING:
    from codenb.demo import scenarios
    from codenb.demo.process import World
    from codenb.demo.thread import WorldThread

__all__ = ["World", "WorldThread", "scenarios"]

__getattr__, __dir__, _ = _lazy.attach(
    __name__,
    {
        "World": "codenb.demo.process",
        "WorldThread": "codenb.demo.thread",
        "scenarios": "codenb.demo.scenarios",
    },
)
