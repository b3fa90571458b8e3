"""What became of a change whose answer was lost: its server knows, under the reference of its preview."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from codenb.errors import BadInput, CodenbError
from codenb.models import Outcome, Preview

if TYPE_CHECKING:
    from codenb.host import Host

_REFERENCE = re.compile(r"[0-9a-f]{64}\.[A-Za-z0-9_-]{1,100}")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 1.0
_LEAST_READ_S = 5.0
"""A question that was sent is given so long, however little time is left: a busy machine answers late."""


async def settled(host: Host, reference: str, *, server: str | None = None, within_s: float = 10) -> Outcome:
    """Ask what came of a change.

    Args:
        host: Knows the servers.
        reference: `DIGEST.ID`, from an outcome, or from the note on a stopped execution's error.
        server: Which server carried it out; by default every one is asked.
        within_s: How long to ask again while it is still being applied or the server is away.

    Returns:
        The outcome as the server kept it; `unknown` while it is being carried out, and where it was not begun: then
        nothing was changed, but its approval may still be on the way.

    Raises:
        BadInput: This is no reference, or no server keeps a preview of that name.
    """
    preview = await kept(host, reference, server=server, within_s=within_s)
    return preview.outcome or Outcome(
        status="unknown",
        call=preview.call,
        summary=preview.change.summary,
        message=how_far(preview),
        reference=reference,
    )


def how_far(preview: Preview) -> str:
    """How far a change has come that has no outcome yet."""
    if preview.begun:
        return f"its server is still carrying it out: ask again with nb.outcome({preview.reference!r})"
    return "its server has not begun it: nothing was changed so far"


async def kept(host: Host, reference: str, *, server: str | None, within_s: float) -> Preview:
    """The preview as its server keeps it, asked for until it has an outcome or the time is over; see `settled`."""
    if not _REFERENCE.fullmatch(reference):
        raise BadInput(f"{reference[:80]!r} is no reference: it is DIGEST.ID, as an outcome shows it")
    problems: dict[str, str] = {}
    clock = host.clock
    until, wait = clock.time() + within_s, _FIRST_WAIT_S
    # Our own servers first: another's word counts only where they know nothing of it.
    others = [] if server else [name for name, one in host.servers.items() if one.transport != "builtin"]
    servers = [server] if server else [name for name in host.servers if name not in others]
    preview: Preview | None = None
    while True:
        found = await _first(host, servers, reference, max(_LEAST_READ_S, until - clock.time()), problems)
        if not found and others:
            found = await _first(host, others, reference, max(_LEAST_READ_S, until - clock.time()), problems)
        if found:
            name, preview = found
            if preview.outcome:
                return preview
            servers, others = [name], []
        if clock.time() >= until:
            break
        await clock.sleep(min(wait, max(0.0, until - clock.time())))
        wait = min(2 * wait, _LONGEST_WAIT_S)
    if preview is None:
        said = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        raise BadInput(f"no server keeps {reference[:16]}…: {said or 'none is configured'}")
    return preview


async def _first(
    host: Host, servers: list[str], reference: str, timeout_s: float, problems: dict[str, str]
) -> tuple[str, Preview] | None:
    """Ask all at once: one that hangs must not use up the time of the one that knows."""

    async def asked(name: str) -> tuple[str, Preview] | None:
        try:
            return name, await _read(host, name, reference, timeout_s)
        except CodenbError as error:
            problems[name] = " ".join(str(error).split())
            return None

    tasks = [asyncio.create_task(asked(name)) for name in servers]
    try:
        for answer in asyncio.as_completed(tasks):
            if found := await answer:
                return found
        return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(host: Host, server: str, reference: str, timeout_s: float) -> Preview:
    try:
        async with asyncio.timeout(timeout_s):
            result = await host.read(server, f"preview://{reference}")
    except TimeoutError as error:
        raise BadInput(f"{server} did not answer within {timeout_s:.0f} s") from error
    preview = Preview.from_dict(result.data, what=f"what {server} keeps as {reference[:16]}…")
    if preview.reference != reference:
        raise BadInput(f"{server} answered with another preview than {reference[:16]}…")
    return preview
