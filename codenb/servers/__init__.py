"""MCP servers of codenb's kind, and what they share.

A server of your own is made of the same parts: `codenb.make_server`, `codenb.reads`, `codenb.changes`.
"""

from codenb._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, dict.fromkeys(("Server", "changes", "make_server", "reads", "serve_stdio"), f"{__name__}._base")
)
