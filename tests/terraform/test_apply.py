"""Applies: exactly what was approved, once, and afterwards it is known what was done."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from mcp import Client
from mcp.types import ElicitResult

from codenb.config import Settings
from codenb.errors import ChangeFailed, NotApproved, PreviewStale, PreviewUsed
from codenb.models import Outcome, Preview
from codenb.servers import Server
from codenb.servers.deployment.terraform import Workspaces
from codenb.views import to_html, to_text
from tests.servers_base.people import Person, error_type, read_json, text, yes
from tests.terraform import infra
from tests.terraform.infra import PASSWORD, PLAIN, SECRET, THREE, project

CALL = {"workspace": "infra"}


def inputs(home: Path) -> dict[str, Any]:
    """What is in the state: the input of each resource."""
    state = json.loads((home / "infra" / "terraform.tfstate").read_text())
    return {one["name"]: one["instances"][0]["attributes"]["input"] for one in state["resources"] if one["instances"]}


def plan_files(home: Path) -> list[str]:
    return [path.name for path in (home / ".mcp" / "plans").rglob("*") if path.is_file()]


async def test_planned_approved_and_applied(configured: Settings, home: Path):
    """The plan that was read is the plan that is asked about and the plan that is applied."""
    project(home, PLAIN)
    person = Person()
    async with Client(infra.serve(configured).mcp, elicitation_callback=person) as client:
        plan = (await client.call_tool("plan_terraform", CALL)).structured_content
        assert plan
        result = await client.call_tool("apply_terraform", CALL | {"plan_id": plan["plan_id"]})
        after = (await client.call_tool("plan_terraform", CALL)).structured_content

    outcome = Outcome.from_dict(result.structured_content)
    assert outcome.status == "applied", text(result)
    assert outcome.answer == {"applied": {"terraform_data.a": "create", "terraform_data.b": "create"}}
    assert set(inputs(home)) == {"a", "b"}
    assert after
    assert after["to_change"] == 0
    (question,) = person.asked
    assert "2 to create" in question
    assert "terraform.tfstate" in question
    assert "no general undo" in question
    assert plan["plan_id"] not in {path.parent.name for path in (home / ".mcp" / "plans").rglob("*")}


async def test_a_plan_that_destroys_or_replaces_is_destructive(workspaces: Workspaces, home: Path):
    """A policy must not approve what cannot be taken back."""
    project(home, PLAIN)
    made = await workspaces.apply_change("infra")
    assert made.write
    await made.write()
    change = await workspaces.apply_change("infra", {"size": "large"})

    assert not made.destructive
    assert change.destructive
    assert "replaces terraform_data.b: triggers_replace force it" in change.notes
    assert change.undo is None


def behind(home: Path, program: str, size: str) -> None:
    """Somebody else applies."""
    subprocess.run(
        [program, "apply", "-auto-approve", "-input=false", f"-var=size={size}"],
        cwd=home / "infra", check=True, capture_output=True,
    )  # fmt: skip


async def test_a_state_that_moved_since_the_plan_is_refused(workspaces: Workspaces, home: Path, program: str):
    """The old plan would undo what somebody else did meanwhile; the refusal names what moved."""
    project(home, PLAIN)
    behind(home, program, "one")
    plan = await workspaces.plan("infra", {"size": "two"})
    behind(home, program, "three")

    with pytest.raises(PreviewStale, match=r"the state of infra moved.*serial \d+ -> \d+: terraform_data.a changed"):
        await workspaces.apply_change("infra", plan_id=plan.plan_id)
    assert inputs(home)["a"]["value"] == "three"


async def test_a_state_that_moves_while_a_person_reads_is_refused(configured: Settings, home: Path, program: str):
    """The yes was for what was shown, and that is no longer what would happen."""
    project(home, PLAIN)
    behind(home, program, "one")

    def late(message: str, reference: str) -> ElicitResult:
        behind(home, program, "three")
        return yes(message, reference)

    async with Client(infra.serve(configured).mcp, elicitation_callback=Person(late)) as client:
        result = await client.call_tool("apply_terraform", CALL | {"variables": {"size": "two"}})

    assert error_type(result) == "PreviewStale"
    assert "terraform_data.a changed" in text(result)
    assert inputs(home)["a"]["value"] == "three"


async def test_the_program_has_the_last_word_on_a_stale_plan(workspaces: Workspaces, home: Path, program: str):
    """Between our look and its lock somebody may be quicker; then nothing is changed and the plan can be looked at."""
    project(home, PLAIN)
    change = await workspaces.apply_change("infra", {"size": "two"})
    behind(home, program, "three")
    assert change.write

    with pytest.raises(Exception, match="stale") as raised:
        await change.write()
    assert type(raised.value).__name__ == "Conflict"
    assert inputs(home)["a"]["value"] == "three"


def holding_secret(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()}


async def test_a_sensitive_variable_leaves_no_trace(configured: Settings, home: Path):
    """Not in an answer, question, preview, record or file but the plan, variable and state files."""
    project(home, SECRET)
    person, call = Person(), CALL | {"variables": {"password": PASSWORD}}
    seen: list[str] = []
    async with Client(infra.serve(configured).mcp, elicitation_callback=person) as client:
        for tool, arguments in (
            ("plan_terraform", call),
            ("preview_change", {"tool": "apply_terraform", "arguments": call}),
            ("apply_terraform", call),
            ("plan_terraform", CALL | {"variables": {"password": PASSWORD, "size": "large"}}),
            ("plan_terraform", CALL | {"variables": {"password": PASSWORD, "sise": "large"}}),
        ):
            result = await client.call_tool(tool, arguments)
            seen.append(result.model_dump_json())
        kept = await read_json(client, f"preview://{person.references[0]}")
    preview = Preview.from_dict(kept)
    seen += [*person.asked, json.dumps(kept), to_text(preview.view()), to_html(preview.view()), repr(preview)]

    assert preview.outcome
    assert preview.outcome.status == "applied"
    assert PASSWORD in (home / "infra" / "terraform.tfstate").read_text()
    assert [text for text in seen if PASSWORD in text] == []
    assert holding_secret(home) <= {"terraform.tfstate", "terraform.tfstate.backup", "variables.json", "plan.bin"}
    assert "hmac-sha256:" in json.dumps(kept["change"])


async def test_what_verifies_a_change_with_a_secret_works_without_it(configured: Settings, home: Path):
    """The success condition travels in previews and reports, so it says `hmac-sha256:...` where the secret was."""
    project(home, SECRET)
    person = Person()
    async with Client(infra.serve(configured).mcp, elicitation_callback=person) as client:
        await client.call_tool("apply_terraform", CALL | {"variables": {"password": PASSWORD}})
        kept = Preview.from_dict(await read_json(client, f"preview://{person.references[0]}"))
        assert kept.change.success
        check = kept.change.success.check
        checked = (await client.call_tool(check.tool, dict(check.arguments))).structured_content

    assert PASSWORD not in json.dumps(check.to_dict())
    assert checked
    assert checked["to_change"] == 0


async def test_auto_approve_is_no_callers_wish(configured: Settings, home: Path):
    """Whoever may call the tool could otherwise approve on a person's behalf."""
    project(home, PLAIN)
    with pytest.raises(NotApproved, match="add the folder to auto_approve under"):
        await infra.workspaces(configured).apply_change("infra", auto_approve=True)


async def test_auto_approve_of_the_configuration_is_named(home: Path, program: str):
    """The server's owner may let a sandbox be changed unasked; the change says which line allowed it."""
    project(home, PLAIN)
    configured = infra.settings(home, program, auto_approve=((home / "infra").resolve(),))
    workspaces = infra.workspaces(configured)

    assert (await workspaces.apply_change("infra")).auto_approved_by is None
    assert (await workspaces.apply_change("infra", auto_approve=True)).auto_approved_by == str(home / "infra")


async def test_two_applies_of_one_plan_at_once_apply_it_once(configured: Settings, home: Path):
    """Two people approve the same plan in the same minute."""
    project(home, PLAIN)
    async with Client(infra.serve(configured).mcp, elicitation_callback=Person()) as client:
        plan = (await client.call_tool("plan_terraform", CALL)).structured_content
        assert plan
        call = CALL | {"plan_id": plan["plan_id"]}
        results = await asyncio.gather(*(client.call_tool("apply_terraform", call) for _ in range(2)))

    assert sorted(bool(result.is_error) for result in results) == [False, True], [text(one) for one in results]
    (refused,) = (one for one in results if one.is_error)
    assert error_type(refused) in {"PreviewStale", "PreviewUsed"}
    assert refused.meta["codenb/error"].get("status", "refused") == "refused"


async def test_a_plan_is_of_one_workspace_and_its_variables(workspaces: Workspaces, home: Path):
    """A plan id must not carry an approval over to other values."""
    project(home, PLAIN)
    (home / "other").mkdir()
    plan = await workspaces.plan("infra", {"size": "two"})

    for arguments, says in (
        ({"workspace": "other"}, "is of .*/infra"),
        ({"workspace": "infra", "variables": {"size": "three"}}, "another value of size"),
        ({"workspace": "infra", "target": "terraform_data.a"}, "is of all resources"),
    ):
        with pytest.raises(Exception, match=says):
            await workspaces.apply_change(**arguments, plan_id=plan.plan_id)
    with pytest.raises(Exception, match="no plan id"):
        await workspaces.apply_change("infra", plan_id="../../etc")


async def test_an_apply_that_fails_says_what_was_applied_and_what_not(workspaces: Workspaces, home: Path):
    """After a failure half way the question is what is there now."""
    folder = project(home, THREE)
    (folder / "gate").touch()
    (folder / "fail").touch()
    change = await workspaces.apply_change("infra")
    assert change.write

    with pytest.raises(ChangeFailed) as raised:
        await change.write()
    answer = raised.value.answer
    assert answer["applied"] == {"terraform_data.first": "create"}
    assert answer["not_applied"] == ["terraform_data.third"]
    assert "terraform_data.second" in answer["failed"] | answer.get("not_told", {})
    assert "local-exec provisioner error" in str(raised.value)
    assert "not applied: terraform_data.third" in str(raised.value)
    assert "plan.bin" not in plan_files(home)


async def test_a_plan_that_was_begun_is_not_begun_again(workspaces: Workspaces, home: Path):
    """The plan file may still be there after a kill, and applying it twice is not what was approved."""
    project(home, PLAIN)
    plan = await workspaces.plan("infra")
    (home / ".mcp" / "plans" / plan.plan_id / "apply.jsonl").touch()
    with pytest.raises(PreviewUsed, match="applied or begun before"):
        await workspaces.apply_change("infra", plan_id=plan.plan_id)


class Killed:
    """A server in a process of its own, an approved apply under way in it, and then `kill -9`."""

    def __init__(self, home: Path, program: str) -> None:
        self.person = Person()
        self._words = [sys.executable, str(Path(infra.__file__)), str(home), program]

    async def __call__(self, come: Callable[[], bool], before_yes: Callable[[], object] = list) -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*self._words, stdin=pipe, stdout=pipe)
        assert process.stdin
        assert process.stdout

        async def say(**message: Any) -> None:
            assert process.stdin
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            await process.stdin.drain()

        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "by hand", "version": "1"},
        }
        await say(id=1, method="initialize", params=hello)
        await process.stdout.readline()
        await say(method="notifications/initialized")
        await say(id=2, method="tools/call", params={"name": "apply_terraform", "arguments": CALL})
        asked = json.loads(await process.stdout.readline())
        question = SimpleNamespace(
            message=asked["params"]["message"], requested_schema=asked["params"]["requestedSchema"]
        )
        before_yes()
        answered = await self.person(None, question)
        await say(id=asked["id"], result={"action": answered.action, "content": answered.content})
        while not come():  # noqa: ASYNC110  another process makes it so
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        await process.stdout.read()
        await process.wait()

    @property
    def reference(self) -> str:
        return self.person.references[0]


def at_work(home: Path) -> Iterator[psutil.Process]:
    """The program and what it started in this project."""
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(home)) and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.AccessDenied, psutil.NoSuchProcess):  # another user's, or gone by now
            continue


async def outcome_of(server: Server, killed: Killed) -> Outcome:
    kept = await server.preview(killed.reference)
    assert kept
    assert kept.outcome
    return kept.outcome


async def test_killed_between_approval_and_apply_nothing_was_applied(home: Path, program: str):
    """The approval was used up, the program not yet started: whoever looks afterwards must not have to guess."""
    project(home, PLAIN)
    held = infra.holding(program, home)
    killed = Killed(home, held)
    await killed((home / "held").exists, before_yes=(home / "hold").touch)
    (home / "hold").unlink()

    outcome = await outcome_of(infra.serve(infra.settings(home, held)), killed)
    assert outcome.status == "failed"
    assert "nothing was applied" in outcome.message
    assert not (home / "infra" / "terraform.tfstate").exists()


async def test_killed_during_the_apply_the_program_ends_its_work_and_the_outcome_says_so(home: Path, program: str):
    """A program whose reader died used to die at its next line, with a resource made and not written down."""
    folder = project(home, THREE)
    killed = Killed(home, program)
    await killed((folder / "writing").exists)
    server = infra.serve(infra.settings(home, program))
    during = await outcome_of(server, killed)
    (folder / "gate").touch()
    while (after := await outcome_of(server, killed)).status == "unknown":  # noqa: ASYNC110  the program is at work
        await asyncio.sleep(0.1)

    assert during.status == "unknown"
    assert "still applying" in during.message
    assert after.status == "applied", after.message
    assert set(inputs(home)) == {"first", "second", "third"}
    assert not list(at_work(home))


async def test_killed_with_its_program_the_outcome_says_which_resources_are_there(home: Path, program: str):
    """A machine that loses power stops both: what was made, what was begun and what was not is told apart."""
    folder = project(home, THREE)
    killed = Killed(home, program)
    await killed((folder / "writing").exists)
    for process in list(at_work(home)):
        process.kill()
    while list(at_work(home)):  # noqa: ASYNC110  other processes end
        await asyncio.sleep(0.05)

    outcome = await outcome_of(infra.serve(infra.settings(home, program)), killed)
    assert outcome.status == "unknown"
    answer = outcome.answer
    assert isinstance(answer, dict)
    # A program that keeps its words until its end leaves none, and then less can be told; never more.
    assert "terraform_data.second" in answer["moved"]  # type: ignore[operator]
    assert answer.get("applied", ["terraform_data.first"]) == ["terraform_data.first"]
    assert "terraform_data.first" not in answer.get("not_applied", [])  # type: ignore[operator]
