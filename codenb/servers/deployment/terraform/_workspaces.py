"""Workspaces: folders inside the roots, what a plan of one says, and the change that applies it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from codenb.config import Settings
from codenb.errors import BadInput, ConfigError, NotApproved, PreviewStale, PreviewUsed, ToolError
from codenb.models.change import Change, Expectation, SuccessCondition, ToolCall
from codenb.models.plan import TerraformPlan
from codenb.models.target import Entity
from codenb.servers._base._hiding import hide
from codenb.servers._base._paths import Roots
from codenb.servers._base._sealing import Sealer
from codenb.servers.deployment.terraform import _variables
from codenb.servers.deployment.terraform._applying import STOP_S, TIMEOUT_S, Applying, how_far
from codenb.servers.deployment.terraform._explain import explained, undeclared
from codenb.servers.deployment.terraform._place import State, place_of
from codenb.servers.deployment.terraform._planned import Planned
from codenb.servers.deployment.terraform._program import Program
from codenb.servers.deployment.terraform._saved import About, Plans, Saved, is_plan_id, same_plan
from codenb.servers.deployment.terraform._secrets import Secrets
from codenb.servers.deployment.terraform._stream import Stream

LOCK_TIMEOUT_S = 20
"""How long somebody else's run is waited for."""

_MOST_NOTES = 10

_NO_UNDO = (
    "there is no general undo: what was created or changed is taken back by applying the former configuration, and "
    "what is destroyed is not brought back"
)


@dataclass(frozen=True)
class Workspaces:
    """Plans and applies for the root modules inside some folders.

    Attributes:
        settings: What is configured.
        roots: Which folders.
        server: Under which name the tools `plan_terraform` and `apply_terraform` are called.
        lock_timeout_s: How long the state's lock is waited for.
    """

    settings: Settings
    roots: Roots
    server: str = "deployment"
    lock_timeout_s: int = LOCK_TIMEOUT_S

    @cached_property
    def _plans(self) -> Plans:
        return Plans(self.settings.state_dir / "plans")

    @property
    def _prices(self) -> Path | None:
        configured = self.settings.servers.get(self.server)
        return configured.prices if configured else None

    async def plan(
        self, workspace: str, variables: Mapping[str, JsonValue] | None = None, resource_address: str | None = None
    ) -> TerraformPlan:
        """What an apply would do now; nothing is changed, and the plan is kept so that exactly it can be applied.

        Args:
            workspace: Folder of the root module.
            variables: Their values, by name.
            resource_address: Narrows the plan to one resource and what it depends on.

        Raises:
            BadInput: A path, a name or the configuration cannot be used; a variable is missing.
            PartMissing: The program or a provider is missing, or the folder is not initialised.
            Conflict: Somebody else's run holds the lock.
        """
        folder = await asyncio.to_thread(self._folder, workspace)
        planned, _ = await self._planned(folder, _variables.checked(variables), _variables.address(resource_address))
        return await asyncio.to_thread(planned.model)

    async def apply_change(  # noqa: PLR0917  the tool's arguments in the tool's order
        self,
        workspace: str,
        variables: Mapping[str, JsonValue] | None = None,
        target: str | None = None,
        plan_id: str | None = None,
        auto_approve: bool = False,  # noqa: FBT001, FBT002  the tool's own argument
        fixed: Mapping[str, JsonValue] | None = None,
    ) -> Change:
        """The change that applies a plan: the one named, or one that is made now.

        Args:
            workspace: Folder of the root module.
            variables: As they were given to the plan; may be left out where a plan kept here is named.
            target: Resource address that narrows the plan.
            plan_id: From `plan_terraform`; one that was made elsewhere is made again and must do the same.
            auto_approve: Ask nobody; refused unless the server's configuration allows it for this workspace.
            fixed: What the preview settled: which plan.

        Raises:
            NotApproved: `auto_approve` is not allowed here.
            PreviewStale: The state moved since the plan was made, or a plan made elsewhere does something else here.
            PreviewUsed: The plan was applied before, or is being applied.
        """
        folder = await asyncio.to_thread(self._folder, workspace)
        allowed = self._auto_approves(folder, workspace) if auto_approve else None
        given, address = _variables.checked(variables), _variables.address(target)
        settled = str((fixed or {}).get("plan_id") or "")
        saved = self._found(settled or plan_id)
        if saved is None:
            planned, saved = await self._planned(folder, given, address)
            if plan_id and not settled and not same_plan(plan_id, planned.digest):
                raise PreviewStale(self._not_the_same(plan_id, planned))
        else:
            try:
                await asyncio.to_thread(self._require_same_call, saved, folder, given, address, bool(settled))
                if saved.begun and not settled:
                    raise PreviewUsed(_used(saved))
                planned = await self._read(saved, folder)
            except (ConfigError, ToolError) as error:
                if saved.plan.exists():
                    raise
                raise PreviewUsed(_used(saved)) from error  # it was applied and deleted while it was looked at
            given = given or await asyncio.to_thread(saved.given)
        change = await asyncio.to_thread(self._change, planned, saved, given, allowed)
        if saved.begun:
            return change.model_copy(update={"before": await how_far(planned, saved, folder)}).written_by(_refused)
        return change.written_by(Applying(planned, saved, folder, self.lock_timeout_s).write)

    def _folder(self, workspace: str) -> Path:
        folder = self.roots.resolve(workspace, what="workspace")
        if not folder.is_dir():
            raise BadInput(f"workspace {workspace!r} is a file: name the folder of the root module")
        return folder

    def _auto_approves(self, folder: Path, workspace: str) -> str:
        configured = self.settings.servers.get(self.server)
        allowed = configured.auto_approves(folder) if configured else None
        if allowed is None:
            raise NotApproved(
                f"auto_approve is not a caller's to decide, and nothing allows it for {workspace}: call without it to "
                f"be asked, or add the folder to auto_approve under [servers.{self.server}] in codenb.toml"
            )
        return allowed

    def _found(self, plan_id: str | None) -> Saved | None:
        if not plan_id:
            return None
        if not is_plan_id(plan_id):
            raise BadInput(f"{plan_id[:80]!r} is no plan id: take it from the answer of plan_terraform")
        return self._plans.find(plan_id)

    async def _planned(self, folder: Path, variables: Mapping[str, JsonValue], address: str) -> tuple[Planned, Saved]:
        program = await Program.find(self.settings, self.server)
        sealing = Secrets(await asyncio.to_thread(Sealer.of, self.settings))
        given = await asyncio.to_thread(self._plans.opened, variables, sealing)
        shown = self.roots.shown(folder)
        state, place = await asyncio.gather(
            program.run(["state", "pull"], folder), place_of(program, folder, self.settings.redactor(), shown)
        )
        with self._plans.scratch() as made:
            stream = Stream(clean=_without_values(given, sealing))
            arguments = ["plan", "-json", "-input=false", f"-lock-timeout={self.lock_timeout_s}s", "-out=plan.bin"]
            arguments[-1] = f"-out={made / 'plan.bin'}"
            if given:
                await asyncio.to_thread(_variables.write, made / "variables.json", given)
                arguments.append(f"-var-file={made / 'variables.json'}")
            if address:
                arguments.append(f"-target={address}")
            ran = await program.run(arguments, folder, on_line=stream.heard)
            if ran.code or stream.errors or state.code:
                raise explained(stream.errors, program, shown, otherwise=stream.clean(ran.stderr or state.stderr))
            if names := undeclared(stream.warnings):
                raise BadInput(f"{shown} declares no variable {', '.join(names)}: check how it is written")
            plan = await self._shown(program, folder, made / "plan.bin", shown)
            secrets = await asyncio.to_thread(Secrets.of_plan, sealing.sealer, plan, given, self.settings.redactor())
            about = await asyncio.to_thread(State.read, state.stdout, secrets)
            warnings = tuple(secrets.text(one.line) for one in stream.warnings)
            planned = Planned(plan, secrets, place, shown, address, about, program, warnings, prices=self._prices)
            hide({"variables": given}, {"variables": planned.shown_variables(given)})
            saved = await asyncio.to_thread(self._kept, made, planned, folder, given)
        return replace(planned, plan_id=saved.plan_id), saved

    def _kept(self, made: Path, planned: Planned, folder: Path, given: Mapping[str, JsonValue]) -> Saved:
        sealed = {name: planned.secrets.sealed(value) for name, value in given.items()}
        hidden = any(planned.secrets.hides(value) for value in given.values())
        about = About(str(folder), planned.address, sealed, hidden, planned.state, planned.digest)
        return self._plans.keep(made, about)

    async def _read(self, saved: Saved, folder: Path) -> Planned:
        """A saved plan, if the state is still the one that it was made on."""
        program = await Program.find(self.settings, self.server)
        sealer = await asyncio.to_thread(Sealer.of, self.settings)
        shown, redactor = self.roots.shown(folder), self.settings.redactor()
        about, given = await asyncio.to_thread(saved.about), await asyncio.to_thread(saved.given)
        plan = await self._shown(program, folder, saved.plan, shown)
        secrets = await asyncio.to_thread(Secrets.of_plan, sealer, plan, given, redactor)
        state, place = await asyncio.gather(
            program.run(["state", "pull"], folder), place_of(program, folder, redactor, shown)
        )
        if state.code:
            raise explained([], program, shown, otherwise=secrets.text(state.stderr))
        now = await asyncio.to_thread(State.read, state.stdout, secrets)
        planned = Planned(
            plan, secrets, place, shown, about.address, about.state, program, (), saved.plan_id, now, self._prices
        )
        hide({"variables": given}, {"variables": planned.shown_variables(given)})
        moved = about.state.moved(now)
        if moved and not saved.begun:
            raise PreviewStale(f"the state of {shown} moved since plan {saved.plan_id} was made: {moved}; plan again")
        if await asyncio.to_thread(lambda: planned.digest) != about.digest:
            raise PreviewStale(f"plan {saved.plan_id} is not what it was when it was made: plan again")
        return planned

    async def _shown(self, program: Program, folder: Path, file: Path, shown: str) -> dict[str, Any]:
        ran = await program.run(["show", "-json", str(file)], folder)
        if ran.code:
            raise explained([], program, shown, otherwise=ran.stderr)
        plan: dict[str, Any] = await asyncio.to_thread(json.loads, ran.stdout)
        return plan

    def _require_same_call(
        self,
        saved: Saved,
        folder: Path,
        given: Mapping[str, JsonValue],
        address: str,
        settled: bool,  # noqa: FBT001
    ) -> None:
        about = saved.about()
        if about.workspace != str(folder):
            raise BadInput(f"plan {saved.plan_id} is of {about.workspace}: name that workspace, or plan this one")
        if settled:
            return  # its preview was bound to the arguments, secrets among them, which may have been replaced since
        if address not in ("", about.address):
            raise BadInput(f"plan {saved.plan_id} is of {about.address or 'all resources'}, not {address}: plan again")
        sealing = Secrets(Sealer.of(self.settings))
        kept = about.variables
        other = [name for name, one in given.items() if kept.get(name) not in (one, sealing.sealed(one))]
        other += [name for name in kept if given and name not in given]
        if other:
            raise BadInput(f"plan {saved.plan_id} was made with another value of {', '.join(other)}: plan again")

    def _not_the_same(self, plan_id: str, planned: Planned) -> str:
        key = "; it has sensitive values, so set CODENB_DIGEST_KEY to the same key in both places"
        return (
            f"plan {plan_id} is not kept here, and planning {planned.shown} again does not do the same: plan it here"
            f"{key if planned.secrets.values else ''}"
        )

    def _change(self, planned: Planned, saved: Saved, given: Mapping[str, JsonValue], allowed: str | None) -> Change:
        before, after = planned.sides
        shown = planned.shown_variables(given)
        again: dict[str, JsonValue] = {"workspace": planned.shown}
        again |= {"variables": shown} if shown else {}
        again |= {"resource_address": planned.address} if planned.address else {}
        counted = ", ".join(f"{count} to {action}" for action, count in planned.counts.items()) or "no resource changes"
        return Change(
            summary=f"apply to {planned.shown}: {counted}",
            entity=Entity(kind="Workspace", name=planned.shown),
            before=before,
            after=after,
            success=SuccessCondition(
                text=f"a new plan of {planned.shown} has nothing to change",
                check=ToolCall(server=self.server, tool="plan_terraform", arguments=again),
                expect=(Expectation(field="to_change", value=0),),
            ),
            cost_usd_month=planned.cost_usd_month,
            destructive=planned.destructive,
            fixed={"plan_id": saved.plan_id},
            place=planned.place,
            shown_arguments={"variables": shown} if shown != dict(given) else {},
            notes=_notes(planned),
            timeout_s=TIMEOUT_S + STOP_S + 60,
            auto_approved_by=allowed,
        )


def _notes(planned: Planned) -> tuple[str, ...]:
    notes = [
        f"replaces {one.address}"
        + (f": {', '.join(one.replaced_by)} force it" if one.replaced_by else f" ({one.reason})")
        for one in planned.changes
        if one.action == "replace"
    ]
    notes += [f"destroys {one.address}" for one in planned.changes if one.action == "delete"]
    notes += [f"changed outside of {planned.program.name}: {one.address} ({one.action})" for one in planned.drift]
    more = [f"and {len(notes) - _MOST_NOTES} more of this kind"] if len(notes) > _MOST_NOTES else []
    kept = [*notes[:_MOST_NOTES], *more, *planned.warnings[:_MOST_NOTES]]
    if planned.address:
        kept.append(f"narrowed to {planned.address} and what it depends on: all else is left as it is")
    if planned.cost_note:
        kept.append(f"cost: {planned.cost_note}")
    return (*kept, _NO_UNDO)


def _without_values(given: Mapping[str, JsonValue], sealing: Secrets) -> Callable[[str], str]:
    """Before there is a plan nobody knows which variables are sensitive, so none of their values is repeated."""
    return Secrets.of(sealing.sealer, given.values()).text


def _used(saved: Saved) -> str:
    return f"plan {saved.plan_id} was applied or begun before: plan again"


async def _refused() -> JsonValue:
    raise PreviewUsed("this plan was begun before: plan again")
