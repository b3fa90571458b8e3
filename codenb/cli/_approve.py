"""`codenb approve FILE --key KEY`: what a run left for somebody to decide is shown, asked about, and signed.

It runs where the key is, which is not where the notebook runs: it needs the file and the key, and neither a project
folder nor a cluster.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codenb.cli._durations import duration
from codenb.errors import BadInput, Interrupted, NotApproved

if TYPE_CHECKING:
    from codenb.access._keys import SigningKey
    from codenb.models import ApprovalRequest, Decision

_OUT = "decisions.json"
_WAITING = 3
_REJECTED_FOR = timedelta(hours=24)
_NAME_CHARS = 100
_FINGERPRINT_SHOWN = 16


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Say what may be typed."""
    parser = commands.add_parser(
        "approve",
        help="look at changes that wait for an approval, and sign it",
        description=(
            "Show each change that a run without an approver has left in pending.json, ask about it, and sign a yes"
            " with your key. A signed approval holds for one change as it was shown, once, and for minutes. The next"
            " run takes it from the file of decisions: approver=codenb.decisions(FILE), or CODENB_DECISIONS=FILE."
        ),
        epilog=(
            "exit codes: 0 all were decided, 2 it could not run, 3 something is not decided (after Ctrl-C"
            " nothing is written). `codenb token --new-key DIR` makes a key; its public half goes under [approval.keys]"
            " in the codenb.toml of the servers."
        ),
    )
    parser.add_argument("file", metavar="FILE", help="what waits: the pending.json that a run has left")
    parser.add_argument("--key", required=True, metavar="KEY", help="your private key: Ed25519 or P-256, in PEM")
    parser.add_argument(
        "--by", default="", metavar="NAME", help="your name as [approval.keys] has it (default: what the key says)"
    )
    parser.add_argument("--ttl", default="15m", metavar="TIME", help="how long it holds, 1m to 60m (default: 15m)")
    parser.add_argument(
        "--out", metavar="FILE", help=f"the file of decisions, added to (default: {_OUT} beside what waits)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show, ask, sign and write.

    Returns:
        0 all that waits was decided; 3 something is left, or Ctrl-C ended it and nothing was written.

    Raises:
        CodenbError: The key, the file or a word cannot be used; nothing was written.
        NotApproved: Nobody can be asked.
    """
    ttl, by = _ttl(arguments.ttl), _name(arguments.by)
    from codenb import actions  # noqa: PLC0415  each command loads what it needs

    source = Path(arguments.file)
    out = Path(arguments.out) if arguments.out else source.with_name(_OUT)
    requests = actions.waiting(source)
    if not requests:
        print(f"Nothing waits in {source}.")
        return 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NotApproved("there is no terminal, so nobody can be asked, and nothing was signed: run it in a terminal")
    actions.require_writable(out)
    key = _key(Path(arguments.key))
    try:
        decided = asyncio.run(_decided(requests, key, by, ttl))
    except (Interrupted, KeyboardInterrupt):  # at the question, or around it
        print("\ncodenb: stopped with Ctrl-C: nothing was signed, and nothing written", file=sys.stderr)
        return _WAITING
    if decided:
        actions.write_decisions(out, decided)
    signed = [one for one in decided if one.approve]
    left = len(requests) - len(decided)
    print(f"\n{len(signed)} signed, {len(decided) - len(signed)} rejected, {left} not decided.")
    if decided:
        print(f"Written to {out}.")
    if signed and (until := signed[0].expires_at):
        print(f"Run again before {until:%Y-%m-%d %H:%M} UTC with CODENB_DECISIONS={out}.")
    return _WAITING if left else 0


async def _decided(requests: list[ApprovalRequest], key: SigningKey, by: str, ttl: timedelta) -> list[Decision]:
    from codenb.access import fingerprint  # noqa: PLC0415

    mark = fingerprint(key.verifying)
    print(f"Your key has the fingerprint {mark}.")
    decided = []
    for number, request in enumerate(requests, start=1):
        print(f"\n--- {number} of {len(requests)} ---")
        if one := await _one(request, key, by, ttl):
            decided.append(one.model_copy(update={"by": by or f"key {mark[:_FINGERPRINT_SHOWN]}"}))
    return decided


async def _one(request: ApprovalRequest, key: SigningKey, by: str, ttl: timedelta) -> Decision | None:
    """Show one request, ask, and sign a yes; None where nothing was decided."""
    from codenb import actions  # noqa: PLC0415
    from codenb.access import sign_grant  # noqa: PLC0415

    preview = request.proposal.preview
    if preview is None:
        from codenb.views import to_text  # noqa: PLC0415

        print(to_text(request.view()))
        print("\nThere is no preview to sign. Whoever runs it decides: set approve, by and expires_at in the file.")
        return None
    _whole(request)
    answer = await actions.at_terminal().decide(request)
    if answer.pending:
        return None
    if not answer.approve:
        return answer.model_copy(update={"expires_at": answer.at + _REJECTED_FOR})
    now = datetime.now(UTC)
    grant = sign_grant(preview, key, by=by, ttl=ttl, at=now)
    return answer.model_copy(update={"grant": grant, "at": now, "expires_at": now + ttl})


def _whole(request: ApprovalRequest) -> None:
    """Print the diff to its last line first, where the view of a request would cut it."""
    from codenb.views import to_text  # noqa: PLC0415
    from codenb.views._outside import visible  # noqa: PLC0415

    preview = request.proposal.preview
    if preview is not None and " not shown" in to_text(request.view()):
        print("All that would change:\n")
        for line in preview.diff.splitlines():
            print(visible(line))


def _key(path: Path) -> SigningKey:
    from codenb.access import APPROVAL_ALGORITHMS  # noqa: PLC0415
    from codenb.access._keys import read_private  # noqa: PLC0415

    key = read_private(path, name="approver", passphrase=lambda: getpass.getpass(f"Passphrase of {path}: "))
    if key.algorithm not in APPROVAL_ALGORITHMS:
        raise BadInput(f"{path} is a key for {key.algorithm}: approvals are signed with an Ed25519 or a P-256 key")
    return key


def _ttl(text: str) -> timedelta:
    ttl = duration(text)
    if ttl is None or not timedelta(minutes=1) <= ttl <= timedelta(minutes=60):
        raise BadInput(f"--ttl {text[:40]!r} is no time between 1m and 60m: write it as 15m")
    return ttl


def _name(text: str) -> str:
    if text and (not text.isprintable() or text != text.strip() or len(text) > _NAME_CHARS):
        raise BadInput(f"--by is no name: write it as [approval.keys] has it, in up to {_NAME_CHARS} characters")
    return text
