"""`codenb audit show` and `codenb audit verify`: what was asked, approved, made and denied, and whether it stands.

Both only read. What `verify` prints last is the hash of the newest entry; noted elsewhere and given back with `--head`,
it also shows that the end was cut off or that the whole log was written anew.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from codenb import config
from codenb.cli._durations import duration
from codenb.errors import BadInput

if TYPE_CHECKING:
    from codenb.access import AuditLog

_LAST = 50
_HASH = re.compile(r"[0-9a-f]{64}")
_BAD = 1


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Say what may be typed."""
    parser = commands.add_parser(
        "audit",
        help="show and verify the log of what was asked, approved, changed and denied",
        description="The audit log of this project, in .mcp/audit; nothing is changed by looking at it.",
    )
    ways = parser.add_subparsers(title="ways", metavar="WAY", required=True)
    show = ways.add_parser("show", help="show the newest entries")
    show.add_argument("--since", metavar="WHEN", help="an age such as 30m, 6h or 7d, or a date or time (ISO 8601)")
    show.add_argument("--last", type=int, metavar="N", help=f"how many at most (default: {_LAST}; with --since all)")
    show.add_argument("--json", action="store_true", help="print all that the entries hold, as JSON")
    show.set_defaults(run=run_show)
    verify = ways.add_parser(
        "verify",
        help="check that every entry stands as it was written",
        epilog="exit codes: 0 it does, 1 the first entry that does not is named, 2 there is no log that can be read",
    )
    verify.add_argument("--head", metavar="HASH", help="what an earlier verify printed: it must still be in the log")
    verify.set_defaults(run=run_verify)


def run_show(arguments: argparse.Namespace) -> int:
    """Print entries.

    Raises:
        BadInput: A number or a time cannot be used.
        ConfigError: The log cannot be read.
    """
    from codenb.views import to_text  # noqa: PLC0415  each command loads what it needs

    since, last = _since(arguments.since), arguments.last
    if last is None and since is None:
        last = _LAST
    if last is not None and last < 1:
        raise BadInput(f"--last {last}: give a number of entries over 0")
    entries = _log().entries(since=since, last=last)
    if arguments.json:
        print(json.dumps(entries.to_dict(), ensure_ascii=False, indent=2))
        return 0
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    print(to_text(entries.view(), width, color=terminal and "NO_COLOR" not in os.environ))
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Check the chain.

    Returns:
        0 where every entry stands, 1 where one does not.

    Raises:
        BadInput: The hash is none, or there is no log.
        ConfigError: The log cannot be read.
    """
    head = arguments.head
    if head is not None and not _HASH.fullmatch(head):
        raise BadInput(f"--head {head[:80]!r} is no hash: give the 64 hexadecimal digits that verify printed")
    log = _log()
    if fault := log.verify(head):
        where = "" if str(log.path) in str(fault) else f"{log.path}: "
        print(f"codenb: {where}{fault}", file=sys.stderr)
        return _BAD
    newest = log.entries(last=1)
    if not newest:
        raise BadInput(f"there is no audit log in {log.path.parent}: nothing was asked for, changed or denied here yet")
    count = len(newest) + newest.cut
    print(f"{count:,} {'entry stands' if count == 1 else 'entries stand'} as written; the newest is {newest[0].hash}")
    return 0


def _log() -> AuditLog:
    from codenb.access import AuditLog  # noqa: PLC0415  each command loads what it needs

    return AuditLog.of(config.load())


def _since(text: str | None) -> datetime | None:
    """A moment from an age or a time; one without a zone is local.

    Raises:
        BadInput: It is neither.
    """
    if text is None:
        return None
    now = datetime.now(UTC)
    try:
        if (age := duration(text)) is not None:
            return now - age
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"--since {text[:80]!r} is no time: give an age such as 6h, or a time such as {now:%Y-%m-%d}"
        ) from error
