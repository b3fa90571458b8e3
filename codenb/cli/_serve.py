"""`codenb serve NAME...`: built-in servers, over stdio as any MCP host starts them, or over HTTP for many callers."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codenb import config
from codenb.errors import BadInput

if TYPE_CHECKING:
    from codenb.servers import Server
    from codenb.servers._base._http import Listening

_SERVERS = ("kubernetes", "deployment")

_DESCRIPTION = (
    "Serve a built-in MCP server on standard input and output. An MCP host starts this command by itself: give it"
    " `codenb` as the command and `serve kubernetes` as its arguments. With --http one or several are served on a port"
    " of this machine; who may call what is then said by [access] in codenb.toml, and on another address than the"
    " machine's own it has to be. A server reads; it changes only what [changes] in codenb.toml allows, and asks"
    " through the host before each change."
)


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Say what may be typed."""
    parser = commands.add_parser(
        "serve", help="serve built-in MCP servers to any MCP host, over stdio or HTTP", description=_DESCRIPTION
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"the server: {', '.join(_SERVERS)}")
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        help="serve over streamable HTTP: each at /NAME/mcp, with /health and /metrics beside them",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name under which it is asked over HTTP, besides localhost; may be given again",
    )
    parser.add_argument("--kubeconfig", metavar="FILE", help="in place of KUBECONFIG and ~/.kube/config")
    parser.add_argument("--context", metavar="NAME", help="kubeconfig context (default: the current one)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until standard input ends, or over HTTP until told to stop.

    Raises:
        BadInput: There is no such server, kubeconfig or address.
        ConfigError: Others than this machine could call, and nothing says who may; or there is no such context.
    """
    names: list[str] = arguments.names
    for name in names:
        if name not in _SERVERS:
            raise BadInput(f"there is no built-in server {name!r}: serve {', '.join(_SERVERS)}")
    if arguments.http is None and (len(names) > 1 or arguments.allow_host):
        raise BadInput("standard input and output carry one server, and have no host: add --http HOST:PORT")
    if arguments.kubeconfig and not Path(arguments.kubeconfig).is_file():
        raise BadInput(f"--kubeconfig {arguments.kubeconfig}: there is no such file")
    if arguments.context is not None:
        from codenb.servers._clients.kubeconfig import resolve  # noqa: PLC0415  only where one is named

        resolve(arguments.kubeconfig, arguments.context)  # what is typed wrong is said now, not at the first call
    if arguments.http is None:
        return _over_stdio(arguments)
    return _over_http(arguments)


def _over_stdio(arguments: argparse.Namespace) -> int:
    (name,) = arguments.names
    if sys.stdin.isatty():
        print(
            f"codenb: serving {name}, and waiting for an MCP host to speak on standard input; Ctrl-C ends it",
            file=sys.stderr,
        )
    from codenb.servers import serve_stdio  # noqa: PLC0415  heavy, and a wrong name should not wait for it

    asyncio.run(serve_stdio(_server(name, arguments, config.load())))
    return 0


def _over_http(arguments: argparse.Namespace) -> int:
    from codenb.servers import serve_http  # noqa: PLC0415
    from codenb.servers._base._address import host_and_port  # noqa: PLC0415

    host, port = host_and_port(arguments.http)
    settings = config.load()
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    logging.getLogger("codenb.servers.http").setLevel(logging.INFO)
    servers = [_server(name, arguments, settings) for name in arguments.names]
    asyncio.run(serve_http(*servers, host=host, port=port, allow_hosts=arguments.allow_host, on_listening=_say))
    return 0


def _server(name: str, arguments: argparse.Namespace, settings: config.Settings) -> Server:
    # The names are the constants above, never text from outside.
    made: Server = import_module(f"codenb.servers.{name}.server").server(
        settings,
        kubeconfig=Path(arguments.kubeconfig) if arguments.kubeconfig else None,
        context=arguments.context,
    )
    return made


def _say(at: Listening) -> None:
    for name, url in at.urls.items():
        print(f"codenb: serving {name} at {url}", file=sys.stderr)
    who = "callers need a token" if at.secured else "no [access] is configured: every program of this machine may call"
    print(f"codenb: {who}; {at.url}/health tells that it runs; Ctrl-C ends it", file=sys.stderr, flush=True)
