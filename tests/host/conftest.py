"""Real servers for the host: in process, as a process over stdio, and over HTTP on loopback."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codenb.config import Limits, ServerSettings, Settings
from codenb.host import Host
from tests.host.helpers import PATIENCE_S, SERVERS, Journal, serve


@pytest.fixture(scope="session")
def plain() -> ModuleType:
    """The fixture server's module."""
    spec = importlib.util.spec_from_file_location("codenb_test_plain", SERVERS / "plain.py")
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def journal_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "journal"
    path.touch()
    return path


@pytest.fixture
def journal(journal_file: Path) -> Journal:
    return Journal(journal_file, journal_file.stat().st_size)


@pytest.fixture(scope="session")
def web(journal_file: Path) -> Iterator[str]:
    """The fixture server over HTTP, for the whole run."""
    process, url = serve("http", journal_file)
    yield url
    process.kill()
    process.wait()


@pytest.fixture
async def make_host(tmp_path: Path) -> AsyncIterator[Callable[..., Host]]:
    """Makes hosts over server settings and factories; what a test leaves open is closed."""
    made: list[Host] = []

    def make(*servers: ServerSettings, factories: Any = None, limits: Limits | None = None, **more: Any) -> Host:
        settings = Settings(
            home=tmp_path, servers={one.name: one for one in servers}, limits=limits or Limits(), **more
        )
        host = Host(settings, servers=factories)
        made.append(host)
        return host

    yield make
    for host in made:
        await host.close()


@pytest.fixture
def raw() -> Callable[..., ServerSettings]:
    """Settings of a stdio server that misbehaves in the way that is named."""

    def settings(how: str, *args: str, **more: Any) -> ServerSettings:
        command = (sys.executable, "-S", str(SERVERS / "raw.py"), how, *args)
        made = ServerSettings("raw", "stdio", command=command[0], args=command[1:], read_only=("*",), mode="legacy")
        return replace(made, **more)

    return settings


@pytest.fixture(params=["builtin", "stdio", "http"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["auto", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


READS = ("add", "rows", "wait", "big", "pid", "die", "stumble", "fail", "picture", "secret")


@pytest.fixture
def reach(make_host: Callable[..., Host], plain: ModuleType, journal: Journal, web: str) -> Callable[[str, str], Host]:
    """Makes a host that reaches the fixture server, named `plain`, over a transport in an era."""

    def reached(transport: str, era: str) -> Host:
        bare = ServerSettings("plain", transport, mode=era, read_only=READS, timeout_s=PATIENCE_S)  # type: ignore[arg-type]
        if transport == "builtin":
            return make_host(bare, factories={"plain": lambda: plain.build(journal.path)})
        if transport == "stdio":
            args = (str(SERVERS / "plain.py"), "stdio", str(journal.path))
            return make_host(replace(bare, command=sys.executable, args=args))
        return make_host(replace(bare, url=web))

    return reached


@pytest.fixture
def plain_host(reach: Callable[[str, str], Host], transport: str, era: str) -> Host:
    """The fixture server over every transport in both protocol eras."""
    return reach(transport, era)


@pytest.fixture(params=[("builtin", "auto"), ("http", "legacy")], ids=["builtin-auto", "http-legacy"])
def some_host(reach: Callable[[str, str], Host], request: pytest.FixtureRequest) -> Host:
    """The fixture server with and without a wire between, for what the transport should not matter to."""
    return reach(*request.param)


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that do not want to end are given less time to."""
    monkeypatch.setattr("codenb.host._process._GRACE_S", 0.3)


@pytest.fixture
def in_process(make_host: Callable[..., Host], plain: ModuleType, journal: Journal) -> Host:
    """A host with the fixture server in process, for what does not depend on the transport."""
    return make_host(factories={"plain": lambda: plain.build(journal.path)})
