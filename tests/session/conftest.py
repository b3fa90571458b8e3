"""Real kernels, real worlds, real servers beside them."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codenb.actions import decision
from codenb.demo import WorldThread
from codenb.models import ApprovalRequest, Decision
from tests.host.helpers import children
from tests.session.kernel import Notebook

ROOT = Path(__file__).resolve().parents[1]
RAW = ROOT / "host" / "servers" / "raw.py"
TOY = ROOT / "servers_base" / "toy.py"


class Project:
    """A project folder with servers of other people."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers: dict[str, Any] = {}
        self.toml = ""
        folder.mkdir(exist_ok=True)

    def misbehaving(self, how: str, *args: str, name: str = "other") -> None:
        """Add a server whose one tool misbehaves in the way that is named, and which takes part in gather."""
        self.add(name, "-S", str(RAW), how, *args)
        self.say(f'[servers.{name}]\nread_only = ["go"]\nmode = "legacy"\ngather = [{{ tool = "go" }}]')

    def counting(self) -> None:
        """Add the toy server, a process of its own; its writes wait while a file `closed` is in `folder / "toy"`."""
        self.add("toy", str(TOY), str(self.folder / "toy"))
        self.say('[servers.toy]\nread_only = ["get_count", "noted", "gather_context", "preview_change"]')

    def serving(self, name: str, source: str) -> None:
        """Add a stdio server by its source."""
        file = self.folder / f"{name}.py"
        file.write_text(source)
        self.add(name, str(file))

    def add(self, name: str, *args: str) -> None:
        """Add a stdio server in Python."""
        self.servers[name] = {"command": sys.executable, "args": list(args)}
        (self.folder / ".mcp.json").write_text(json.dumps({"mcpServers": self.servers}))

    def say(self, toml: str) -> None:
        """Add lines to codenb.toml."""
        self.toml += f"{toml}\n"
        tomllib.loads(self.toml)
        (self.folder / "codenb.toml").write_text(self.toml)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path / "project")


@pytest.fixture
def notebook(tmp_path: Path, project: Project) -> Iterator[Callable[..., Notebook]]:
    """Makes kernels in the project's folder, on the embedded world unless told otherwise."""
    made: list[Notebook] = []

    def make(connect: str | None = "demo:oom", **env: str) -> Notebook:
        given = {"CODENB_CONNECT": connect} | env if connect else env
        one = Notebook(project.folder, tmp_path / f"jupyter-{len(made)}", given)
        made.append(one.__enter__())
        return one

    yield make
    for one in made:
        one.__exit__()


@pytest.fixture(scope="module")
def foreign_world() -> Iterator[WorldThread]:
    """A cluster that is not embedded, with a deployment that runs out of memory; nothing may change it."""
    with WorldThread("oom", foreign=True) as world:
        yield world


class Yes:
    """Approves whatever is asked, as a person would who was convinced; counts."""

    def __init__(self) -> None:
        self.asked: list[ApprovalRequest] = []

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Say yes."""
        self.asked.append(request)
        return decision(request, approve=True, by="test", approver="test")


@pytest.fixture
def yes() -> Yes:
    """An approver that says yes."""
    return Yes()


@pytest.fixture
def running_before() -> list[int]:
    """The processes that other tests of this worker still have, such as a world that a module shares."""
    return children()
