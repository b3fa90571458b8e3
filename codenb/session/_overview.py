"""What a session shows of itself: with what one works here, on which cluster, and what could be changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codenb.access import LOCAL, Principal
from codenb.models import ServerAbout
from codenb.views import Badge, Block, Field, Table, Text, Tone, View

if TYPE_CHECKING:
    from codenb.config import Settings
    from codenb.host import ServerStatus

_REPLAY = "nothing: a recording is played back, and what is decided is held against what was decided then"
_COLUMNS = ["server", "transport", "state", "tools", "need approval", "protocol"]


def overview(
    where: str,
    about: Sequence[ServerAbout],
    servers: Iterable[ServerStatus],
    settings: Settings,
    principal: Principal = LOCAL,
    *,
    replay: bool = False,
    recording: Path | None = None,
) -> View:
    """Make the view.

    Args:
        where: The project folder or the scenario.
        about: What the built-in servers say of themselves.
        servers: How all of them are.
        settings: For what was read and is not used, and whether anything at all may be changed.
        principal: Who works here; said where a token says it.
        replay: Whether all of it is played back from a recording.
        recording: The file that calls are written to.
    """
    servers = list(servers)
    place = next((one.place for one in about if one.place), None)
    unknown = next(
        (one.place_problem for one in about if one.place_problem), "none of the servers says on which it acts"
    )
    if principal.invalid:
        unknown = "not known: nothing may be called"
    may = sorted({name for one in about for name in one.changes})
    others = [] if settings.read_only_env else _others(servers)
    badges = [Badge("changes on", Tone.WARN) if may or others else Badge("read-only", Tone.GOOD)]
    if replay:
        badges, others = [Badge("replay", Tone.INFO)], []
    if place and place.embedded:
        badges.insert(0, Badge("embedded world", Tone.INFO))
    cluster = f"{place.name} ({place.where})" if place else unknown
    namespaces = ", ".join("every namespace" if name == "*" else name for name in may)
    if namespaces and principal.permits is not None:
        namespaces += ", with the tools that your permits name"
    blocks: list[Block] = [
        Field(place.kind if place else "cluster", cluster),
        Field("may change", _REPLAY if replay else namespaces or _why_nothing(about, unknown)),
    ]
    if recording:
        blocks.append(Field("recorded to", str(recording)))
    if principal.invalid:
        blocks.insert(0, Text(principal.invalid, Tone.BAD))
    elif principal.permits is not None:
        blocks.insert(0, Field("you", principal.summary))
    if others:
        blocks.append(Field("may also change", f"whatever these do, each call with an approval: {', '.join(others)}"))
    blocks.append(Table(_COLUMNS, [_row(one) for one in servers], caption="Servers"))
    blocks += [Text(_named(one), Tone.BAD) for one in servers if one.problem]
    blocks += [Text(note, Tone.WARN) for note in settings.notes]
    return View(title="codenb session", badges=badges, subtitle=where, blocks=blocks)


def _why_nothing(about: Sequence[ServerAbout], unknown: str) -> str:
    reason = next((one.changes_reason for one in about if one.changes_reason), "")
    if reason == unknown:
        reason = "as long as it is not known which cluster this is"
    return f"nothing: {reason}" if reason else "nothing"


def _others(servers: Iterable[ServerStatus]) -> list[str]:
    """Other people's tools that are not known to change nothing: no setting keeps them off a cluster."""
    counted = [(one.server, one.needs_approval) for one in servers if one.transport != "in process"]
    return [f"{count} tool{'s' * (count > 1)} of {server}" for server, count in counted if count]


def _row(one: ServerStatus) -> tuple[str | int | Badge | None, ...]:
    tone = Tone.BAD if one.problem else Tone.GOOD if one.state == "open" else Tone.PLAIN
    state = Badge(one.state, tone)
    return one.server, one.transport, state, one.tools, one.needs_approval, one.protocol


def _named(one: ServerStatus) -> str:
    return one.problem if one.problem.startswith(f"{one.server}:") else f"{one.server}: {one.problem}"
