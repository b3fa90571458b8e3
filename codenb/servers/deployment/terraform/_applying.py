"""Applying a saved plan, and telling afterwards what of it was done: also when nobody was there to see it end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from codenb.errors import ChangeFailed, CodenbError, Conflict, PreviewUsed
from codenb.servers.deployment.terraform._explain import STALE, explained
from codenb.servers.deployment.terraform._planned import Planned
from codenb.servers.deployment.terraform._saved import Saved
from codenb.servers.deployment.terraform._stream import Stream

TIMEOUT_S = 6 * 3600.0
STOP_S = 600.0
"""An interrupted apply ends what it has begun before it leaves; killed, it would not write down what it made."""

LOG_BYTES = 1024**3
"""A provisioner that prints too much is no reason to stop half way; one that fills the disk is."""

NOT_TOLD: JsonValue = "it was begun, and did not say how it ended"

_MOST_NAMED = 20
_WORDS = {
    "applied": "applied",
    "half": "replaced by half",
    "failed": "failed",
    "not_told": "begun, its end not known",
    "not_applied": "not applied",
}


@dataclass(frozen=True)
class Applying:
    """The one write of an approved plan.

    Attributes:
        planned: What was approved.
        saved: Its file.
        folder: The root module.
        lock_timeout_s: How long the state's lock is waited for.
    """

    planned: Planned
    saved: Saved
    folder: Path
    lock_timeout_s: int

    async def write(self) -> JsonValue:
        """Apply exactly the saved plan.

        Returns:
            What was applied, by address.

        Raises:
            Conflict: Somebody else holds the lock, changed the state, or applies this plan; nothing was changed.
            ChangeFailed: It was begun and did not, or not wholly, take; `answer` says what was applied and what not.
        """
        planned, stream = self.planned, self._stream()
        arguments = ["apply", "-json", "-input=false", f"-lock-timeout={self.lock_timeout_s}s", str(self.saved.plan)]
        otherwise, problem = "", None
        try:
            ran = await planned.program.run(
                arguments,
                self.folder,
                on_line=stream.heard,
                timeout_s=TIMEOUT_S,
                log=self.saved.log,
                output_bytes=LOG_BYTES,
                stop_s=STOP_S,
            )
            otherwise, problem = ran.stderr, None if ran.code == 0 else ran
        except (FileExistsError, FileNotFoundError) as error:  # another apply of it was quicker, or is done and gone
            raise Conflict(f"plan {self.saved.plan_id} was applied or begun already: plan again") from error
        except CodenbError as error:
            report = self._report(stream)
            raise ChangeFailed(f"{error}; {_said(report)}", report) from error
        if problem is None and not stream.errors:
            await asyncio.to_thread(self.saved.applied)
            return {"applied": dict(stream.applied)}
        reason = explained(stream.errors, planned.program, planned.shown, otherwise=planned.secrets.text(otherwise))
        stale = any(one.summary == STALE for one in stream.errors) or not self.saved.plan.exists()
        if (isinstance(reason, Conflict) or stale) and not (stream.applied or stream.begun or stream.failed):
            await asyncio.to_thread(self.saved.log.unlink, missing_ok=True)
            raise Conflict(str(reason)) from None
        report = self._report(stream)
        await asyncio.to_thread(self.saved.applied)
        raise ChangeFailed(f"{reason}; {_said(report)}", report)

    def _stream(self) -> Stream:
        total = sum(2 if one.action == "replace" else 1 for one in self.planned.changes if one.action != "no-op")
        return Stream(clean=self.planned.secrets.text, total=total)

    def _report(self, stream: Stream) -> dict[str, JsonValue]:
        """What was applied and what not, by address; empty parts are left out."""
        whole, half = _done(self.planned, stream)
        touched = stream.applied.keys() | stream.failed.keys() | stream.begun.keys()
        wanted = [one.address for one in self.planned.changes if one.action not in ("no-op", "read")]
        errors: list[JsonValue] = [one.line for one in stream.errors]
        report: dict[str, JsonValue] = {
            "applied": {address: stream.applied[address] for address in whole},
            "half": {address: stream.applied[address] for address in half},
            "failed": dict(stream.failed),
            "not_told": dict(stream.begun),
            "not_applied": [address for address in wanted if address not in touched],
            "errors": errors,
        }
        return {key: value for key, value in report.items() if value}


async def how_far(planned: Planned, saved: Saved, folder: Path) -> dict[str, JsonValue]:
    """What there is now of what an apply was to change, whose server was killed; keyed and shaped as the plan's before.

    The program goes on without its server and writes down what it does, so its own words tell; the state is asked as
    well, because it may have been killed before it wrote them, or somebody may have come after it.

    Raises:
        PreviewUsed: It is still at work, or was just done by another process.
    """
    if await asyncio.to_thread(lambda: saved.running):
        raise PreviewUsed(
            f"{planned.program.name} is still applying {saved.plan_id} to {folder}: look again when it is done"
        )
    stream = Stream(clean=planned.secrets.text)
    try:
        lines = await asyncio.to_thread(_log_of, saved)
    except FileNotFoundError as error:
        raise PreviewUsed(f"plan {saved.plan_id} was applied meanwhile: plan again") from error
    for line in lines:
        stream.read(line)
    before, after = planned.sides
    if stream.ended:
        return after
    whole, half = _done(planned, stream)
    now: dict[str, JsonValue] = dict(before)
    for address in now.keys() - {"state"}:
        same = planned.state.instances.get(address) == planned.now.instances.get(address)
        if address in whole:
            now[address] = after[address]
        elif not lines or not same or address in {*half, *stream.begun, *stream.failed}:
            now[address] = NOT_TOLD
    return now


def _done(planned: Planned, stream: Stream) -> tuple[list[str], list[str]]:
    """Addresses that were applied as planned, and those of which only one half of a replacement was."""
    replaced = {one.address for one in planned.changes if one.action == "replace"}
    half = [address for address, done in stream.applied.items() if address in replaced and "," not in done]
    return [address for address in stream.applied if address not in half], half


def _log_of(saved: Saved) -> list[str]:
    with saved.log.open("rb") as file:
        return [line.decode("utf-8", "replace") for line in file]


def _said(report: Mapping[str, JsonValue]) -> str:
    parts = []
    for key, said in _WORDS.items():
        named = report.get(key)
        if isinstance(named, dict | list) and named:
            parts.append(f"{said}: {', '.join(str(name) for name in [*named][:_MOST_NAMED])}")
    return "; ".join(parts if "applied" in report or "half" in report else ["nothing was applied", *parts])
