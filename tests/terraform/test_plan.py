"""Plans: what they say, what they refuse, and that they leave nothing behind."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from codenb.config import Settings
from codenb.errors import AnswerTooLarge, BadInput, Conflict, PartMissing, PreviewStale
from codenb.models import TerraformPlan
from codenb.servers.deployment.terraform import Program, Workspaces
from codenb.views import to_text
from tests.terraform import infra
from tests.terraform.infra import PASSWORD, PLAIN, SECRET, project
from tests.terraform.remote import Remote, remote


def init(program: str, folder: Path) -> None:
    subprocess.run([program, "init", "-input=false"], cwd=folder, check=True, capture_output=True)


async def applied(workspaces: Workspaces, **variables: str) -> None:
    change = await workspaces.apply_change("infra", variables)
    assert change.write
    await change.write()


def by_address(plan: TerraformPlan) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {one.address: (one.action, one.replaced_by) for one in plan.changes}


async def test_a_plan_is_a_table_of_what_would_happen(workspaces: Workspaces, home: Path):
    """A person sees what is made, changed, replaced and why, and destroyed, without reading the program's text."""
    folder = project(home, PLAIN)
    made = await workspaces.plan("infra")
    await applied(workspaces)
    (folder / "main.tf").write_text(PLAIN + 'resource "terraform_data" "c" {\n}\n')
    await applied(workspaces)
    (folder / "main.tf").write_text(PLAIN)
    plan = await workspaces.plan("infra", {"size": "large"})

    assert made.counts == {"create": 2}
    assert plan.counts == {"update": 1, "delete": 1, "replace": 1}
    assert by_address(plan) == {
        "terraform_data.a": ("update", ()),
        "terraform_data.b": ("replace", ("triggers_replace",)),
        "terraform_data.c": ("delete", ()),
    }
    (update,) = (one for one in plan.changes if one.action == "update")
    assert update.before == {"input": "small", "output": "small"}
    assert update.after == {"input": "large", "output": "(known after apply)"}
    assert len(plan.frame()) == 3
    assert "triggers_replace cannot be changed" in " ".join(to_text(plan.view()).split())


async def test_equal_plans_have_one_digest_and_others_another(workspaces: Workspaces, home: Path):
    """An approval is bound to the digest, so times and plan file bytes must not be in it."""
    project(home, PLAIN)
    first, again = await workspaces.plan("infra"), await workspaces.plan("infra")
    other, narrow = (
        await workspaces.plan("infra", {"size": "large"}),
        await workspaces.plan("infra", None, "terraform_data.a"),
    )

    assert first.digest == again.digest
    assert first.plan_id != again.plan_id
    assert len({first.digest, other.digest, narrow.digest}) == 3
    assert by_address(narrow) == {"terraform_data.a": ("create", ())}


async def test_a_plan_of_what_is_so_already_has_nothing_to_change(workspaces: Workspaces, home: Path):
    """That is how an apply is verified."""
    project(home, PLAIN)
    await applied(workspaces)

    plan = await workspaces.plan("infra")
    assert plan.to_change == 0
    assert plan.counts == {}
    assert plan.lineage
    assert plan.serial > 0


@pytest.mark.parametrize(
    ("workspace", "says"),
    [
        ("..", "outside of the root"),
        ("/etc", "outside of the root"),
        ("-chdir=/etc", "begins with -"),
        ("link", "outside of the root"),
        ("nowhere", "does not exist"),
        ("infra/main.tf", "is a file"),
        ("", "empty"),
    ],
)
async def test_a_workspace_is_a_folder_inside_the_roots(
    workspaces: Workspaces, home: Path, tmp_path: Path, workspace: str, says: str
):
    """A path outside, a link that leads out and a value that would be read as an option never reach the program."""
    project(home, PLAIN)
    (tmp_path / "other").mkdir()
    (home / "link").symlink_to(tmp_path / "other")

    with pytest.raises(BadInput, match=says):
        await workspaces.plan(workspace)


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"-out": "/tmp/x"}, None),
        ({"a b": 1}, None),
        ({"": 1}, None),
        ({}, "-destroy"),
        ({}, "nothing"),
        ({}, "a.b\n-destroy"),
    ],
)
async def test_names_that_could_be_options_are_refused(
    workspaces: Workspaces, home: Path, variables: dict[str, str], address: str | None
):
    """`resource_address="-destroy"` must not become a flag."""
    project(home, PLAIN)
    with pytest.raises(BadInput):
        await workspaces.plan("infra", variables, address)


async def test_a_value_that_begins_with_a_hyphen_is_a_value(workspaces: Workspaces, home: Path):
    """Values are given by file, where nothing is an option."""
    project(home, PLAIN)
    plan = await workspaces.plan("infra", {"size": "-destroy"})
    assert plan.counts == {"create": 2}


@pytest.mark.parametrize(
    ("text", "variables", "error", "says"),
    [
        (SECRET, {}, BadInput, "needs a value for the variable password"),
        (PLAIN, {"sise": "x"}, BadInput, "declares no variable sise"),
        ('resource "terraform_data" "a" {\n  input = \n}\n', {}, BadInput, "main.tf:2:"),
        ('resource "terraform_data" "a" {\n  inputs = 1\n}\n', {}, BadInput, "main.tf:2:3: Unsupported argument"),
        (
            'resource "aws_instance" "a" {\n  ami = "x"\n}\n',
            {},
            PartMissing,
            "lacks the provider .*hashicorp/aws.* init",
        ),
        ('terraform {\n  backend "http" {\n    address = "http://127.0.0.1:1"\n  }\n}\n', {}, PartMissing, "init"),
    ],
)
async def test_what_is_wrong_is_one_line_that_says_what_to_do(  # noqa: PLR0917
    workspaces: Workspaces, home: Path, text: str, variables: dict[str, str], error: type[Exception], says: str
):
    """Missing variables are named, faults have their line, and what `init` would mend says so."""
    folder = project(home, text)
    with pytest.raises(error, match=says) as raised:
        await workspaces.plan("infra", dict(variables))

    assert "\n" not in str(raised.value)
    assert not list((home / ".mcp" / "plans").iterdir())
    assert {path.name for path in folder.iterdir()} == {"main.tf"}


async def test_a_folder_without_configuration_is_said(workspaces: Workspaces, home: Path):
    """An empty folder would plan to destroy everything."""
    (home / "infra").mkdir()
    with pytest.raises(BadInput, match=r"has no \.tf files"):
        await workspaces.plan("infra")


async def test_an_error_does_not_repeat_a_value(workspaces: Workspaces, home: Path):
    """Before there is a plan nobody knows what is sensitive, and a provisioner's or validation's words may quote it."""
    project(
        home,
        'variable "key" {\n  validation {\n    condition     = length(var.key) < 3\n'
        '    error_message = "no ${var.key}!"\n  }\n}\n',
    )
    with pytest.raises(BadInput) as raised:
        await workspaces.plan("infra", {"key": PASSWORD})
    assert "Invalid value for variable" in str(raised.value)
    assert PASSWORD not in str(raised.value)


async def test_files_of_a_plan_are_its_owners_alone_and_old_ones_go(workspaces: Workspaces, home: Path):
    """Plan and variable files hold secrets in the clear."""
    project(home, SECRET)
    plan = await workspaces.plan("infra", {"password": PASSWORD})
    plans = home / ".mcp" / "plans"
    kept = plans / plan.plan_id

    assert {path.stat().st_mode & 0o777 for path in (plans, kept)} == {0o700}
    assert {path.name: path.stat().st_mode & 0o777 for path in kept.iterdir()} == dict.fromkeys(
        ("about.json", "plan.bin", "variables.json"), 0o600
    )
    day_ago = time.time() - 25 * 3600
    os.utime(kept, (day_ago, day_ago))
    newer = await workspaces.plan("infra", {"password": PASSWORD})
    assert [path.name for path in plans.iterdir()] == [newer.plan_id]


LOCK = '{"ID":"0b1c-22","Operation":"OperationTypeApply","Who":"alice@desk","Created":"2026-11-22T20:00:00Z"}'


async def test_who_holds_the_lock_since_when_and_what_to_do(configured: Settings, home: Path):
    """`Error acquiring the state lock` with ten lines of details is not an answer."""
    folder = project(home, PLAIN)
    await applied(infra.workspaces(configured))
    (folder / ".terraform.tfstate.lock.info").write_text(LOCK)
    with (folder / "terraform.tfstate").open("r+") as state:
        fcntl.lockf(state, fcntl.LOCK_EX)
        with pytest.raises(Conflict) as raised:
            await infra.workspaces(configured, lock_timeout_s=0).plan("infra")

    assert "locked by alice@desk for apply since 2026-11-22 20:00:00 UTC" in str(raised.value)
    assert "force-unlock 0b1c-22" in str(raised.value)


async def test_a_lock_is_not_said_to_be_held_by_who_asks_for_it(home: Path, program: str):
    """The http backend puts the asker's own name under `Who`; found by reading our own host's name in the refusal."""
    with remote() as state:
        folder = project(home, state.backend + PLAIN)
        init(program, folder)
        state.lock = LOCK.encode()
        with pytest.raises(Conflict) as raised:
            await infra.workspaces(infra.settings(home, program), lock_timeout_s=0).plan("infra")

    assert "force-unlock 0b1c-22" in str(raised.value)
    assert socket.gethostname() not in str(raised.value)


async def test_a_plan_that_is_cancelled_gives_its_lock_back(home: Path, program: str):
    """A cell that is interrupted must not leave a locked state and a program at work behind."""
    with remote() as state:
        folder = project(home, state.backend + PLAIN)
        init(program, folder)
        workspaces = infra.workspaces(infra.settings(home, program))
        state.go_on.clear()
        planning = asyncio.create_task(workspaces.plan("infra"))
        while "GET locked" not in state.asked:  # noqa: ASYNC110  another process asks
            await asyncio.sleep(0.02)
        planning.cancel()
        await asyncio.sleep(0)
        state.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await planning

        assert state.lock == b""
        assert state.asked[-1] == "UNLOCK"
    assert not [one for one in psutil.Process().children(recursive=True) if "terraform" in one.name()]
    assert not list((home / ".mcp" / "plans").iterdir())


def twin(home: Path, program: str, state: Remote, text: str) -> Workspaces:
    """The same configuration in a project elsewhere."""
    init(program, project(home, state.backend + text))
    return infra.workspaces(infra.settings(home, program))


async def test_a_plan_made_elsewhere_is_made_again_and_must_be_the_same(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
):
    """What was planned on a laptop may be applied in CI, if it still does the same."""
    monkeypatch.setenv("CODENB_DIGEST_KEY", "one key for both places")
    given = {"password": PASSWORD}
    with remote() as state:
        here, there = (twin(tmp_path / name, program, state, SECRET) for name in ("here", "there"))
        made = await here.plan("infra", given)
        change = await there.apply_change("infra", given, plan_id=made.plan_id)
        assert change.write
        await change.write()

        with pytest.raises(PreviewStale, match="does not do the same"):
            await there.apply_change("infra", given, plan_id=made.plan_id)


async def test_without_a_common_key_a_plan_with_secrets_applies_where_it_was_made(tmp_path: Path, program: str):
    """Without a key nobody can compare secrets without showing them, and that is said."""
    given = {"password": PASSWORD}
    with remote() as state:
        here, there = (twin(tmp_path / name, program, state, SECRET) for name in ("here", "there"))
        made = await here.plan("infra", given)
        with pytest.raises(PreviewStale, match="CODENB_DIGEST_KEY"):
            await there.apply_change("infra", given, plan_id=made.plan_id)


def script(folder: Path, text: str) -> Program:
    path = folder / "tofu"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Program(str(path), "OpenTofu", "1")


async def test_fifty_megabytes_of_output_are_bounded(tmp_path: Path):
    """A provider in debug mode must neither fill the memory nor hang the server."""
    program = script(tmp_path, "yes 0123456789 | head -c 50000000\nexec sleep 600")
    before = psutil.Process().children(recursive=True)  # servers that other tests of this worker share
    with pytest.raises(AnswerTooLarge, match="wrote more than 1,000,000 bytes"):
        # A shell that was started with interrupts ignored, as in the background of a script, has to be killed.
        await program.run(["plan"], tmp_path, output_bytes=1_000_000, stop_s=2)
    assert set(psutil.Process().children(recursive=True)) <= set(before)


async def test_a_long_line_is_cut_and_the_next_one_read(tmp_path: Path):
    """One line of 5 MB is no reason to lose those after it."""
    lines: list[str] = []

    async def heard(line: str) -> None:
        lines.append(line)

    program = script(tmp_path, "head -c 5000000 /dev/zero | tr '\\0' x\necho\necho last")
    ran = await program.run(["plan"], tmp_path, on_line=heard)
    assert (ran.code, len(lines), lines[-1]) == (0, 2, "last")
    assert len(lines[0]) == 1024 * 1024


async def test_the_configured_program_is_asked_for_its_version(configured: Settings, home: Path, program: str):
    """A wrapper in the project may stand for the program; one that is none is said."""
    found = await Program.find(configured)
    assert found.name in ("OpenTofu", "Terraform")
    with pytest.raises(PartMissing, match="no-such-program"):
        await Program.find(infra.settings(home, "no-such-program"))
    with pytest.raises(PartMissing, match="does not say that it is OpenTofu or Terraform"):
        await Program.find(infra.settings(home, "true"))


async def test_what_a_resource_runs_is_shown_and_approved(workspaces: Workspaces, home: Path):
    """A command of a provisioner stood nowhere in the plan's table: it was approved unseen, and another one as well."""
    calling = PLAIN + 'module "m" {\n  source = "./m"\n}\n'
    project(home, calling)
    module = home / "infra" / "m"
    module.mkdir()
    code = """
variable "pin" {
  default   = "correct-horse-battery"
  sensitive = true
}
resource "terraform_data" "made" {
  for_each = toset(["a.b", "module.x"])
  provisioner "local-exec" {
    command     = "touch one"
    environment = { PIN = var.pin }
  }
}
"""
    (module / "main.tf").write_text(code)
    init((await Program.find(workspaces.settings)).path, home / "infra")

    plan = await workspaces.plan("infra")
    made = {one.address: one for one in plan.changes}['module.m.terraform_data.made["module.x"]']
    assert made.after["(runs)"] == [{"type": "local-exec", "command": "touch one", "environment": ["var.pin"]}]
    assert made.reason == "may run local-exec"
    change = await workspaces.apply_change("infra")
    (module / "main.tf").write_text(code.replace("touch one", "touch two"))
    other = await workspaces.apply_change("infra")

    assert "touch one" in json.dumps(change.after)
    assert change.before == other.before
    assert change.after != other.after
    assert "correct-horse-battery" not in json.dumps([change.to_dict(), plan.to_dict()])
