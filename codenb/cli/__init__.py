"""The command line: the demo, and servers for other hosts."""

from codenb.cli._main import main

__all__ = ["main"]
