"""A server with the two Terraform tools, and the projects that it works in.

Run as a program it serves on standard input and output: `python infra.py HOME PROGRAM`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

from codenb.config import ServerSettings, Settings
from codenb.models import Change, TerraformPlan
from codenb.servers._base import Roots, Server, changes, make_server, reads, serve_stdio
from codenb.servers.deployment.terraform import Workspaces

PASSWORD = "correct-horse-battery"

PLAIN = """
variable "size" {
  default = "small"
}
resource "terraform_data" "a" {
  input = var.size
}
resource "terraform_data" "b" {
  input            = "b"
  triggers_replace = [var.size]
}
output "size" {
  value = terraform_data.a.output
}
"""

SECRET = """
variable "password" {
  sensitive = true
}
variable "size" {
  default = "small"
}
resource "terraform_data" "db" {
  input = { size = var.size, login = { user = "app", words = [var.password] } }
}
output "connection" {
  value     = { url = "postgres://app:${var.password}@db" }
  sensitive = true
}
"""

# A second step that waits until it is let go, between one before it and one after it.
THREE = """
resource "terraform_data" "first" {
  input = "1"
}
resource "terraform_data" "second" {
  input = terraform_data.first.id
  provisioner "local-exec" {
    command = "touch writing; while [ ! -e gate ]; do sleep 0.05; done; test ! -e fail"
  }
}
resource "terraform_data" "third" {
  input = terraform_data.second.id
}
"""


class Face:
    """The tools as the deployment server has them."""

    def __init__(self, workspaces: Workspaces) -> None:
        self.workspaces = workspaces

    @reads
    async def plan_terraform(
        self, workspace: str, variables: dict[str, JsonValue] | None = None, resource_address: str | None = None
    ) -> TerraformPlan:
        """Plan."""
        return await self.workspaces.plan(workspace, variables, resource_address)

    @changes(destructive=True)
    async def apply_terraform(  # noqa: PLR0917
        self,
        workspace: str,
        fixed: dict[str, JsonValue],
        variables: dict[str, JsonValue] | None = None,
        target: str | None = None,
        plan_id: str | None = None,
        auto_approve: bool = False,  # noqa: FBT001, FBT002
    ) -> Change:
        """Apply."""
        return await self.workspaces.apply_change(workspace, variables, target, plan_id, auto_approve, fixed)


def settings(home: Path, program: str, **declared: Any) -> Settings:
    """A project in which every workspace of this test may be changed."""
    identity = f"terraform:local:{home.resolve()}/infra/terraform.tfstate:default"
    server = ServerSettings("deployment", "builtin", program=program, **declared)
    return Settings(
        home=home, servers=MappingProxyType({"deployment": server}), changes=MappingProxyType({identity: ("*",)})
    )


def workspaces(configured: Settings, *, lock_timeout_s: int = 20) -> Workspaces:
    """What the tools are made of."""
    return Workspaces(configured, Roots.of(configured, "deployment"), lock_timeout_s=lock_timeout_s)


def serve(configured: Settings, **options: Any) -> Server:
    """A server over them."""
    face = Face(workspaces(configured, **options))
    return make_server("deployment", tools=[face.plan_terraform, face.apply_terraform], settings=configured)


def project(home: Path, text: str) -> Path:
    """A folder `infra` with one file."""
    folder = home / "infra"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf").write_text(text)
    return folder


def holding(program: str, folder: Path) -> str:
    """The same program, held for as long as there is a file `hold`; it says so by a file `held`."""
    script = folder / "program"
    script.write_text(
        f'#!/bin/sh\nif [ -e "{folder}/hold" ]; then touch "{folder}/held"; fi\n'
        f'while [ -e "{folder}/hold" ]; do sleep 0.05; done\nexec "{program}" "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


if __name__ == "__main__":
    asyncio.run(serve_stdio(serve(settings(Path(sys.argv[1]), sys.argv[2]))))
