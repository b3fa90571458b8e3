"""A session that is written down, and one that is played back from what was written.

What a session rests on beside its calls stands in the recording's first line: which cluster it was, which servers, how
they were declared. So a replay needs neither the project's files nor its environment, and opens nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import codenb
from codenb import config
from codenb.access import Permits, Principal
from codenb.config import GatherRule, Limits, ServerSettings, Settings
from codenb.errors import BadInput, CassetteError, CodenbError
from codenb.models import ServerAbout
from codenb.session._session import Session
from codenb.views import Badge, Block, Field, Shown, Table, Text, Tone, View

if TYPE_CHECKING:
    from codenb.host import Playback

_SHOWN = 50


class Replay(Shown):
    """What is played back, and how much of it was.

    Attributes:
        file: The recording.
        recorded_at: When, UTC.
    """

    def __init__(self, playback: Playback, recorded_at: datetime) -> None:
        self._playback = playback
        self.file = playback.tape.path
        self.recorded_at = recorded_at

    @property
    def unused(self) -> tuple[str, ...]:
        """The recorded calls that were not asked for so far, as server and tool, in their order."""
        return tuple(track.what for track in self._playback.unused)

    @property
    def missed(self) -> tuple[str, ...]:
        """What was asked in vain so far, a line each, also where it was a part of an answer that came all the same."""
        return tuple(self._playback.missed)

    def view(self) -> View:
        """The file, what was not asked for, what was asked in vain."""
        tape, unused = self._playback.tape, self.unused
        calls = len(tape.tracks)
        blocks: list[Block] = [
            Field("recorded", f"{self.recorded_at:%Y-%m-%d %H:%M:%S} UTC"),
            Field("lines", f"{calls:,}"),
        ]
        if tape.cut:
            blocks.append(Text("Whoever recorded it was stopped: its last line was not whole and is left out."))
        blocks += [Text(line, Tone.BAD) for line in self.missed]
        if unused:
            shown = [(one,) for one in unused[:_SHOWN]]
            blocks.append(Table(["not asked for"], shown, cut=max(0, len(unused) - _SHOWN)))
        badge = Badge(f"{len(self.missed)} missed", Tone.BAD) if self.missed else Badge("nothing missed", Tone.GOOD)
        return View(title=f"Replay of {self.file.name}", badges=[badge], subtitle=str(self.file), blocks=blocks)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "file": str(self.file),
            "recorded_at": self.recorded_at.isoformat(),
            "unused": list(self.unused),
            "missed": list(self.missed),
        }

    def __repr__(self) -> str:
        return f"<{self.view().title}: {len(self.missed)} missed, {len(self.unused)} not asked for>"


async def recorded(session: Session, file: Path, project: Path) -> None:
    """Write down every call of a session, from now on.

    Args:
        session: Connected.
        file: Where.
        project: The project folder; paths in it are written down without what is above it.

    Raises:
        CassetteError: The file cannot be written, is somebody else's, or is recorded to.
    """
    from codenb.host import Recording, Requests, Writer, encoded  # noqa: PLC0415  loaded by the connection

    redactor = session.host.redactor
    first = encoded(redactor.value(_header(session)))
    writer = await asyncio.to_thread(Writer, file, first)
    session.host.record(Recording(writer, Requests(redactor, project=project), redactor))
    session.recording = writer.path


async def replayed(
    file: Path, *, where: str, project: Path, record: Path | None, principal: Principal | None = None
) -> Session:
    """Open a session that is answered from a recording.

    Args:
        file: The recording.
        where: What was asked to connect to; the recording has to be of that.
        project: The project folder.
        record: Where what is used of it is written again.
        principal: Who calls; None is who called then.

    Raises:
        CassetteError: It cannot be played back.
        BadInput: It would be recorded to while it is played.
    """
    return await asyncio.to_thread(_replayed, file, where, project, record, principal)


def _replayed(file: Path, where: str, project: Path, record: Path | None, principal: Principal | None) -> Session:
    from codenb.host import Host, Playback, Requests, Writer, read_tape  # noqa: PLC0415  heavy; off the event loop here

    if record is not None and record.resolve() == file.resolve():
        raise BadInput(f"{file} cannot be played back and recorded to at once: give record another file")
    tape = read_tape(file)
    _require(tape.header["connected"], where, file)
    try:
        settings = _settings(tape.header, project)
        about = [ServerAbout.from_dict(one) for one in tape.header["about"]]
        caller = principal or _principal(tape.header.get("principal"))
    except (CodenbError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise CassetteError(f"{file}, line 1 is not as it was recorded: {error}: record again") from error
    requests = Requests(settings.redactor(), project=project)
    playback = Playback(tape, requests, Writer(record, tape.first) if record is not None else None)
    host = Host(settings, principal=caller, cassette=playback)
    began = playback.clock.now()
    session = Session(host, settings, about, where=f"{tape.header['connected'].get('where', '')}, replayed from {file}")
    session.replay = Replay(playback, began)
    session.recording = playback.writer.path if playback.writer else None
    return session


def _header(session: Session) -> dict[str, Any]:
    """What a session rests on beside its calls; nothing of the machine that is not needed."""
    from codenb.host import FORMAT, MARK  # noqa: PLC0415  loaded by the connection

    settings, world = session.settings, session.world
    status = {one.server: one.to_dict() for one in session.host.status()}
    servers = [_declared(one) | {"status": status.get(name)} for name, one in session.host.servers.items()]
    where = f"scenario {world.scenario.name}: {world.scenario.title}" if world else settings.home.name
    principal = session.host.principal
    header = {
        "connected": {
            "kind": "demo" if world else "project",
            "scenario": world.scenario.name if world else None,
            "where": where,
        },
        "about": [one.to_dict() for one in session.about],
        "servers": servers,
        "limits": asdict(settings.limits),
        "principal": {"name": principal.name, "proof": principal.proof, "problem": principal.problem}
        | {"permits": asdict(principal.permits) if principal.permits else None},
    }
    return {
        MARK: FORMAT,
        "codenb": codenb.__version__,
        "recorded_at": datetime.now(UTC).isoformat(),
        **_without(header, str(settings.home), settings.home.name),
    }


def _without(value: Any, folder: str, name: str) -> Any:
    """With a folder of this machine named by its last part; what an approval is bound to stays."""
    match value:
        case str():
            return value.replace(folder, name) if len(folder) > 1 else value
        case dict():
            kept = ("auto_approve", "shown")
            return {key: inner if key in kept else _without(inner, folder, name) for key, inner in value.items()}
        case list() | tuple():
            return [_without(inner, folder, name) for inner in value]
        case _:
            return value


def _declared(server: ServerSettings) -> dict[str, Any]:
    return {
        "name": server.name,
        "transport": server.transport,
        "shown": server.shown,
        "read_only": list(server.read_only),
        "gather": [{"tool": rule.tool, "arguments": dict(rule.arguments)} for rule in server.gather],
        "auto_approve": [str(folder) for folder in server.auto_approve],
    }


def _require(connected: Mapping[str, Any], where: str, file: Path) -> None:
    """Complain where a recording is of something else than what was named."""
    kind, _, scenario = where.partition(":")
    if kind != "demo":
        if where and connected.get("kind") == "demo":
            raise CassetteError(
                f"{file} is a recording of the embedded world, not of {where}: unset CODENB_REPLAY to reach its "
                f"servers, or connect to the demo"
            )
        return
    if connected.get("kind") != "demo":
        raise CassetteError(f"{file} is a recording of a project, not of the embedded world: connect to the project")
    if scenario and connected.get("scenario") != scenario:
        made = connected.get("scenario")
        raise CassetteError(f"{file} is a recording of demo:{made}, not of demo:{scenario}: name the one that is meant")


def _settings(header: Mapping[str, Any], project: Path) -> Settings:
    known = {one.name for one in fields(Limits)}
    limits = Limits(**{name: value for name, value in header["limits"].items() if name in known})
    servers = [_server(one) for one in header["servers"]]
    return Settings(home=project, servers={one.name: one for one in servers}, limits=limits)


def _server(one: Mapping[str, Any]) -> ServerSettings:
    if one["transport"] not in {"builtin", "stdio", "http"}:
        raise BadInput(f"{one['transport']!r} is no transport")
    rules = [(rule["tool"], rule["arguments"]) for rule in one["gather"]]
    if not all(isinstance(arguments, dict) for _, arguments in rules):
        raise BadInput("a rule of gather has no arguments")
    name, shown = _texts([one["name"], one["shown"]])
    return ServerSettings(
        name=name,
        transport=one["transport"],
        shown=shown,
        read_only=_texts(one["read_only"]),
        gather=tuple(GatherRule(_texts([tool])[0], arguments) for tool, arguments in rules),
        auto_approve=tuple(Path(folder) for folder in _texts(one["auto_approve"])),
    )


def _principal(told: Mapping[str, Any] | None) -> Principal:
    if told is None:
        raise BadInput("it does not say who called")
    if told["proof"] not in {"local", "token"}:
        raise BadInput(f"{told['proof']!r} proves nobody")
    name, problem = _texts([told["name"], told["problem"]])
    return Principal(name, told["proof"], _permits(told["permits"]), problem=problem)


def _permits(told: Mapping[str, Any] | None) -> Permits | None:
    if told is None:
        return None
    return Permits(_texts(told["tools"]), _texts(told["resources"]), _permits(told["within"]))


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput("what has to be text is not")
    return tuple(value)


def project_of(home: str | Path | None) -> Path:
    """The project folder that paths are told from."""
    return Path(home).absolute() if home else config.project_folder()
