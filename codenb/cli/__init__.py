"""The command line: the demo, checks, servers for other hosts, and what approving and auditing need outside of one."""

from codenb.cli._main import main

__all__ = ["main"]
