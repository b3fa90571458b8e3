"""Terraform through the deployment server as it is served: a plain SDK client over stdio, and a session."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

import codenb
from codenb.actions import decision
from codenb.models import ApprovalRequest, Decision
from tests.conftest import part
from tests.servers_base.people import Person, text

SECRET = "correct-horse-battery-9"
MODULE = """\
variable "password" {
  type      = string
  sensitive = true
}

variable "size" {
  type    = string
  default = "small"
}

resource "terraform_data" "db" {
  input = { size = var.size, login = { user = "app", password = var.password } }
}

output "url" {
  value     = "postgres://app:${var.password}@db"
  sensitive = true
}
"""
CALL: dict[str, Any] = {"workspace": "infra", "variables": {"password": SECRET}}


class _Yes:
    async def decide(self, request: ApprovalRequest) -> Decision:
        return decision(request, approve=True, by="test", approver="test")


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a workspace, whose changes are off."""
    (home / "infra").mkdir()
    (home / "infra" / "main.tf").write_text(MODULE)
    monkeypatch.chdir(home)
    monkeypatch.setenv("PATH", str(Path(part("bin", "terraform")).parent), prepend=os.pathsep)
    return home


def _enable(project: Path) -> None:
    identity = f"terraform:local:{project.resolve()}/infra/terraform.tfstate:default"
    (project / "codenb.toml").write_text(f'[changes]\n"{identity}" = ["*"]\n')


def _apply_behind_its_back() -> None:
    words = ["apply", "-auto-approve", "-no-color", "-var=password=another-one-1", "-var=size=medium"]
    subprocess.run([part("bin", "terraform"), "-chdir=infra", *words], check=True, stdout=subprocess.DEVNULL)


def _served() -> StdioServerParameters:
    words = ["-m", "codenb", "serve", "deployment"]
    return StdioServerParameters(command=sys.executable, args=words, env=dict(os.environ))


def _holding(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).parts[0] + "/" + path.name
        for path in folder.rglob("*")
        if path.is_file() and SECRET.encode() in path.read_bytes()
    }


async def test_from_a_refusal_by_its_own_advice_to_an_apply_without_a_trace(project: Path) -> None:
    """Whoever is refused does what the refusal says, letter by letter; the secret is in no word of it all."""
    person, said = Person(), []

    async def call(client: Client, tool: str, **arguments: Any) -> Any:
        result = await client.call_tool(tool, CALL | arguments)
        said.append(text(result))
        return result

    async with Client(_served(), elicitation_callback=person) as client:
        plan = (await call(client, "plan_terraform")).structured_content
        refused = await call(client, "apply_terraform", plan_id=plan["plan_id"])
        assert refused.is_error
        assert not person.asked
        advice = text(refused).partition("add ")[2].partition(" under [changes]")[0]
    (project / "codenb.toml").write_text(f"[changes]\n{advice}\n")
    async with Client(_served(), elicitation_callback=person) as client:
        applied = await call(client, "apply_terraform", plan_id=plan["plan_id"])
        again = (await call(client, "plan_terraform")).structured_content

    assert not applied.is_error, said
    assert (plan["to_change"] > 0, again["to_change"]) == (True, 0)
    assert "hmac-sha256:" in person.asked[0]
    assert not [words for words in (*said, *person.asked) if SECRET in words]
    assert {name.rpartition("/")[2] for name in _holding(project)} <= {"variables.json", "terraform.tfstate", "plan"}


async def test_a_session_verifies_and_refuses_a_plan_that_the_state_left_behind(project: Path) -> None:
    """What somebody else did since must not be undone by an old plan, and the refusal names what moved."""
    _enable(project)
    async with codenb.connect(project) as nb:
        plan = await nb.plan("infra", CALL["variables"])
        proposal = await nb.propose("deployment", "apply_terraform", **CALL, plan_id=plan.plan_id)
        done = await nb.execute(proposal, _Yes())
        old = await nb.plan("infra", CALL["variables"] | {"size": "large"})
        await asyncio.to_thread(_apply_behind_its_back)
        variables = CALL["variables"] | {"size": "large"}
        late = await nb.propose(
            "deployment", "apply_terraform", workspace="infra", variables=variables, plan_id=old.plan_id
        )
        refused = await nb.execute(late, _Yes())
        shown = f"{plan} {proposal} {done} {late} {refused} {nb.calls.frame().to_string()}"

    assert [one.status for one in done] == ["verified"]
    assert [one.status for one in refused] == ["refused"]
    assert "terraform_data.db changed" in refused[0].message
    assert refused[0].message.count("nothing was changed") == 1
    assert SECRET not in shown


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"workspace": "/etc"}, "is outside of the root"),
    ({"workspace": "../.."}, "is outside of the root"),
    ({"workspace": "out"}, "is outside of the root"),
    ({"workspace": "-chdir=/"}, "begins with -"),
    ({"workspace": "infra", "resource_address": "-lock=false"}, "begins with -"),
    ({"workspace": "infra", "variables": {"-rf": "x"}}, "begins with -"),
]


async def test_what_leads_out_or_could_be_an_option_is_refused_in_one_line(project: Path) -> None:
    """A model fills arguments in: none of them may reach another folder or become a flag."""
    (project / "out").symlink_to("/etc")
    async with Client(_served()) as client:
        results = [(await client.call_tool("plan_terraform", arguments), words) for arguments, words in WRONG]

    assert [words for result, words in results if not result.is_error or words not in text(result)] == []
    assert [text(result) for result, _ in results if "\n" in text(result)] == []
