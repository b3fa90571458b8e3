"""The kernel of every MCP server of codenb's kind.

A server's own files say what its tools read and what they would change. What all servers must do alike is here, where
no tool can forget it: permits, previews, approval, applying exactly what was approved, the audit log, memory, bounds,
redaction, errors, and being served over stdio and HTTP.
"""

from codenb.servers._base._hiding import hide
from codenb.servers._base._marks import changes, reads
from codenb.servers._base._paths import Roots
from codenb.servers._base._progress import progress
from codenb.servers._base._server import Server, make_server
from codenb.servers._base._stdio import serve_stdio

__all__ = ["Roots", "Server", "changes", "hide", "make_server", "progress", "reads", "serve_stdio"]
