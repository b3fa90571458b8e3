"""`codenb serve --http`, as it is typed: a process of its own, with the configuration of a project."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from codenb.access import Access
from codenb.access._access import claims_for
from codenb.access._keys import SigningKey
from codenb.access._tokens import signed
from codenb.cli import main
from codenb.config import load
from tests.servers_base.raw import Plain

SECRET = "correct horse battery staple " * 2

ACCESS = """
[access]
algorithm = "HS256"
issuer = "https://id.example.org"
audience = "runbooks"
secrets = { ours = "RUNBOOKS_SECRET" }

[[access.permits]]
principal = "ci"
tools = ["deployment/validate_*"]
"""


@contextlib.contextmanager
def serving(home: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command in a project, and the lines that it says until it answers."""
    env = {**os.environ, "CODENB_HOME": str(home), "RUNBOOKS_SECRET": SECRET}
    process = subprocess.Popen(
        [sys.executable, "-m", "codenb", "serve", *words], cwd=home, env=env, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    try:
        said = []
        while not said or "Ctrl-C" not in said[-1]:
            line = process.stderr.readline()
            assert line, f"it ended: {said}"
            said.append(line.rstrip())
        yield process, said
    finally:
        process.kill()
        process.communicate()


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line with which the command does not begin."""
    assert main(["serve", *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("codenb: ")
    return line


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, where this process works."""
    monkeypatch.setenv("CODENB_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_two_servers_on_one_port_until_it_is_told_to_stop(tmp_path: Path):
    """What it says is what one needs: an address a server, and that nobody is asked for a token."""
    with serving(tmp_path, "kubernetes", "deployment", "--http", "127.0.0.1:0") as (process, said):
        kubernetes, deployment = (line.rpartition(" ")[2] for line in said[:2])
        assert "no [access] is configured" in said[2]
        async with Plain(kubernetes) as one, Plain(deployment, era="legacy") as two:
            pods, plans = await one.names("tools/list", "tools"), await two.names("tools/list", "tools")
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read() if process.stderr else ""
        code = process.wait(60)

    assert "get_pods" in pods
    assert "plan_terraform" in plans
    assert code == 0
    assert '"POST /kubernetes/mcp" 200' in rest
    assert "Traceback" not in rest


async def test_with_access_a_token_is_asked_for_and_decides(tmp_path: Path):
    """`[access]` of the project is all that it takes."""
    (tmp_path / "codenb.toml").write_text(ACCESS)
    access = Access.of(load(tmp_path), {"RUNBOOKS_SECRET": SECRET})
    assert access
    token = _token(access)
    with serving(tmp_path, "deployment", "--http", "0.0.0.0:0") as (_, said):
        url = said[-2].rpartition(" ")[2].replace("0.0.0.0", "127.0.0.1")
        async with Plain(url, token) as ci, Plain(url, token, era="legacy") as old:
            tools = [await one.names("tools/list", "tools") for one in (ci, old)]
            applied = [await one.call("apply_terraform", workspace=".") for one in (ci, old)]
        async with httpx2.AsyncClient() as http:
            nobody = await http.post(url, json={})

    assert tools == [{"validate_deployment"}] * 2
    assert all("may not call deployment.apply_terraform" in reply.text for reply in applied)
    assert nobody.status_code == 401
    assert "callers need a token" in said[-1]
    assert any("put TLS in front" in line for line in said)


def _token(access: Access) -> str:
    claims = claims_for("ci", issuer=access.issuer, audience="runbooks", ttl_s=600)
    return signed(claims, SigningKey("ours", "HS256", SECRET.encode()))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["kubernetes", "--http", "0.0.0.0:0"], "nothing says who may call: configure [access]"),
        (["kubernetes", "--http", "8000"], "give HOST:PORT"),
        (["kubernetes", "--http", "127.0.0.1:99999"], "give HOST:PORT"),
        (["kubernetes", "--http", "203.0.113.7:8000"], "cannot listen on 203.0.113.7:8000"),
        (["kubernetes", "nonsense", "--http", "127.0.0.1:0"], "no built-in server 'nonsense'"),
        (["kubernetes", "kubernetes", "--http", "127.0.0.1:0"], "two servers have one name"),
        (["kubernetes", "deployment"], "add --http HOST:PORT"),
        (["kubernetes", "--allow-host", "x"], "add --http HOST:PORT"),
        (["kubernetes", "--http", "127.0.0.1:0", "--allow-host", "http://x"], "is no name of a host"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_exit_2(
    project: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
):
    """A server that begins half way, or for everybody, is worse than none."""
    assert said in refused(capsys, *words)


def test_a_state_key_that_is_none_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Workers with a key that is too short would fail in the middle of the first approval."""
    monkeypatch.setenv("CODENB_STATE_KEY", "short")

    assert "CODENB_STATE_KEY has a key of 5 bytes" in refused(capsys, "kubernetes", "--http", "127.0.0.1:0")


def test_access_that_cannot_be_used_keeps_the_server_from_beginning(project: Path, capsys: pytest.CaptureFixture[str]):
    """Without its keys nobody could be told apart; serving everybody instead would be the worst way out."""
    (project / "codenb.toml").write_text(ACCESS)

    assert "names an environment variable that is not set" in refused(capsys, "deployment", "--http", "127.0.0.1:0")
