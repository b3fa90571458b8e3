"""`codenb serve NAME`: a built-in server over stdio, as any MCP host starts it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from importlib import import_module
from pathlib import Path

from codenb import config
from codenb.errors import BadInput

_SERVERS = ("kubernetes", "deployment")


def run(arguments: argparse.Namespace) -> int:
    """Serve until standard input ends.

    Raises:
        BadInput: There is no such server, or no such kubeconfig.
    """
    kubeconfig = Path(arguments.kubeconfig) if arguments.kubeconfig else None
    if arguments.name not in _SERVERS:
        raise BadInput(f"there is no built-in server {arguments.name!r}: serve {', '.join(_SERVERS)}")
    if kubeconfig and not kubeconfig.is_file():
        raise BadInput(f"--kubeconfig {kubeconfig}: there is no such file")
    if sys.stdin.isatty():
        print(
            f"codenb: serving {arguments.name}, and waiting for an MCP host to speak on standard input; Ctrl-C ends it",
            file=sys.stderr,
        )
    from codenb.servers import serve_stdio  # noqa: PLC0415  heavy, and a wrong name should not wait for it

    # The names are the constants above, never text from outside.
    server = import_module(f"codenb.servers.{arguments.name}.server").server
    asyncio.run(serve_stdio(server(config.load(), kubeconfig=kubeconfig, context=arguments.context)))
    return 0
