"""A real host with the toy server, in process or as a process of its own."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from codenb.actions import decision
from codenb.config import load
from codenb.host import Host
from codenb.models import ApprovalRequest, Decision

TOY = Path(__file__).with_name("toy.py")


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    """The toy server's module."""
    return SimpleNamespace(**runpy.run_path(str(TOY)))


@pytest.fixture
def shop(toy: SimpleNamespace, tmp_path: Path) -> Any:
    """The system itself, to look at and to disturb."""
    return toy.Shop(tmp_path)


@pytest.fixture
async def host(toy: SimpleNamespace, tmp_path: Path, shop: Any) -> AsyncIterator[Host]:
    """A host with the toy in process, on the embedded world's place."""
    async with Host(load(tmp_path, {}, builtin=()), servers={"toy": lambda: toy.make(tmp_path).mcp}) as opened:
        yield opened


@pytest.fixture
def stdio_host(tmp_path: Path, shop: Any) -> Callable[[], Any]:
    """Opens a host with the toy as a process of its own, which a test can have killed."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Host]:
        entry = {"command": sys.executable, "args": [str(TOY), str(tmp_path)]}
        (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"toy": entry}}))
        (tmp_path / "codenb.toml").write_text(
            '[servers.toy]\nread_only = ["status", "preview_change", "gather_context"]\n'
        )
        async with Host(load(tmp_path, {}, builtin=())) as host:
            yield host

    return opened


class Answers:
    """An approver for tests: says what it was told to, as a person would, and remembers what it was asked."""

    def __init__(
        self, *answers: Literal["yes", "no"], proof: Literal["token", "key", "policy", "name"] = "name"
    ) -> None:
        self.answers = list(answers)
        self.proof = proof
        self.asked: list[ApprovalRequest] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def decide(self, request: ApprovalRequest) -> Decision:
        self.asked.append(request)
        self.meanwhile()
        yes = (self.answers.pop(0) if self.answers else "yes") == "yes"
        return decision(request, approve=yes, by="the test", approver="test").model_copy(update={"proof": self.proof})


@pytest.fixture
def says() -> type[Answers]:
    """Makes approvers: `says("yes", "no")`; more questions than answers are a yes."""
    return Answers
