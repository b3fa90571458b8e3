"""A toy server, in process, and clients of both protocol eras."""

from __future__ import annotations

from pathlib import Path

import pytest

from codenb.servers._base import Server
from tests.servers_base.toy import Toy, serve, settings


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """The tools over a fresh backend."""
    return Toy(tmp_path)


@pytest.fixture
def server(toy: Toy) -> Server:
    """A server over them, in a project where namespace `shop` may be changed."""
    return serve(toy, settings(toy.backend.folder))


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both protocol eras: 2026 (many rounds) and 2025 (handshake)."""
    return str(request.param)
