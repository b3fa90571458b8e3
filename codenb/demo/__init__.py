"""The embedded world: an API server with controllers, scenarios and a clock, for trying, teaching and testing.

It is a double and says so: what it does not do it refuses. Importing this package loads nothing; `World` starts a
process of its own, `WorldThread` serves the same application from a thread.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
