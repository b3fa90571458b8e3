"""Words to commands, errors to one line, results to exit codes (design, section 13)."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import codenb
from codenb.cli import _approve, _audit, _dashboard, _memory, _serve, _token, _validate
from codenb.errors import CodenbError

_EPILOG = "exit codes: 0 done, 1 it ran and the result is bad, 2 it could not run, 3 waiting for an approval"


class _Parser(argparse.ArgumentParser):
    """Says in one line what was typed wrong."""

    def error(self, message: str) -> NoReturn:
        print(f"codenb: {message}; `{self.prog} --help` says what there is", file=sys.stderr)
        raise SystemExit(2)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Words after the program's name; the process's own by default.

    Returns:
        The exit code.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character shows the rest of the line
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except CodenbError as error:
        from codenb.views._outside import visible  # noqa: PLC0415  a good run says nothing

        print(f"codenb: {visible(str(error))}", file=sys.stderr)  # it may quote a file or a server
        return error.exit_code
    except KeyboardInterrupt:
        print("codenb: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="codenb", description="Deployment runbooks in Jupyter, on MCP.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"codenb {codenb.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo", help="look at a failing deployment and mend it, on the embedded world", epilog=_EPILOG
    )
    demo.add_argument("--scenario", default="oom", metavar="NAME", help="what is wrong (default: oom); see --list")
    demo.add_argument("--list", action="store_true", help="list the scenarios")
    demo.add_argument(
        "--approver",
        metavar="ask|demo|none|FILE",
        help="who decides (default: ask on a terminal, else the file CODENB_DECISIONS where it is set, else demo)",
    )
    demo.add_argument("--json", action="store_true", help="print the run (or the list) as JSON, and nothing else")
    demo.add_argument("--lab", action="store_true", help="open the first notebook in JupyterLab instead")
    demo.add_argument(
        "--output", default="codenb-demo", metavar="DIR", help="where the run is kept (default: codenb-demo)"
    )
    demo.set_defaults(run=_demo)

    for command in (_approve, _audit, _dashboard, _memory, _serve, _token, _validate):
        command.add(commands)
    return parser


def _demo(arguments: argparse.Namespace) -> int:
    from codenb.cli import _demo as command  # noqa: PLC0415  each command loads what it needs

    return command.run(arguments)
