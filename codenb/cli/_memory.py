"""`codenb memory export SERVER`: what a server remembers, as JSON, also while it runs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from codenb import config
from codenb.errors import BadInput


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Say what may be typed."""
    parser = commands.add_parser(
        "memory",
        help="export what a server remembers",
        description="What the servers of this project remember, in .mcp/memory: notes, and outcomes of changes.",
    )
    ways = parser.add_subparsers(title="ways", metavar="WAY", required=True)
    export = ways.add_parser("export", help="print all that a server remembers, as JSON")
    export.add_argument("server", metavar="SERVER", help="its name, such as kubernetes")
    export.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the memory of a server.

    Raises:
        BadInput: It has none here; the message names those that have.
        ConfigError: It cannot be read.
    """
    settings = config.load()
    known = _with_memory(settings.state_dir / "memory")
    if arguments.server not in known:
        having = (
            f"those that have one are {', '.join(known)}" if known else "no server has remembered anything here yet"
        )
        raise BadInput(f"{arguments.server[:80]} has no memory in {settings.state_dir}: {having}")
    from codenb.servers._base._memory import Memory  # noqa: PLC0415  heavy, and a wrong name should not wait for it

    memory = Memory(arguments.server, lambda: settings.state_dir)
    print(json.dumps(memory.export(), ensure_ascii=False, indent=2))
    return 0


def _with_memory(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in folder.iterdir() if (one / "memory.db").is_file())
    except OSError:  # not there, or not to be read: nothing in it can be exported
        return []
