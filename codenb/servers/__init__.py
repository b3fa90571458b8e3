"""MCP servers of codenb's kind, and what they share.

A server of your own is made of the same parts: `codenb.make_server`, `codenb.reads`, `codenb.changes`.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
