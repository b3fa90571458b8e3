"""`codenb token`, as a person types it before there is an issuer."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codenb.access import Access, Permits
from codenb.cli import main
from codenb.config import load

SECRET = "correct-horse-battery-staple-0123456789"
CONFIG = """\
[access]
algorithm = "EdDSA"
issuer = "https://login.example.org"
audience = ["codenb", "other"]
keys = { dev = "keys/dev.pub" }
[[access.permits]]
principal = "ci"
tools = ["deployment/*"]
"""

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Types a command in a project's folder; returns the exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CODENB_HOME", raising=False)
    (tmp_path / "codenb.toml").write_text("")

    def run(*words: str) -> tuple[int, str, str]:
        try:
            code = main(["token", *words])
        except SystemExit as stopped:
            code = int(str(stopped.code))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def project(typed: Typed, tmp_path: Path) -> Path:
    """The folder, with access and a pair of keys that the command made."""
    assert typed("--new-key", "keys", "--kid", "dev")[0] == 0
    (tmp_path / "codenb.toml").write_text(CONFIG)
    return tmp_path


def test_a_pair_is_made_and_says_what_is_for_whom(typed: Typed, tmp_path: Path) -> None:
    """Both files are named, with what to do with them; the private one is for its owner alone."""
    code, out, err = typed("--new-key", "keys", "--kid", "alice", "--algorithm", "ES256")

    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "keys/alice.key  signs; it stays with whoever signs",
        "keys/alice.pub  checks; name it in codenb.toml, under [access.keys] or [approval.keys]",
    ]
    assert stat.S_IMODE((tmp_path / "keys/alice.key").stat().st_mode) == 0o600


def test_the_token_is_all_that_is_printed_and_the_project_takes_it(typed: Typed, project: Path) -> None:
    """`CODENB_TOKEN=$(codenb token ...)` works, and what it is good for is said beside it."""
    code, out, err = typed("--sub", "ci", "--tool", "deployment/validate_*", "--ttl", "90m", "--key", "keys/dev.key")

    access = Access.of(load(project, {}), {})
    assert access
    principal = access.authenticate(out.removesuffix("\n"))
    assert code == 0
    assert principal.permits == Permits(("deployment/validate_*",), within=Permits(("deployment/*",)))
    assert err.startswith("ci, until ")
    assert err.endswith("UTC, who may call deployment/validate_*, as far as permitted: deployment/*\n")


def test_without_tools_the_configuration_decides(typed: Typed, project: Path) -> None:
    """A token for a principal that nobody named is made, and said to be good for nothing."""
    assert typed("--sub", "ci", "--key", "keys/dev.key")[2].endswith("who may call deployment/*\n")
    assert typed("--sub", "zoe", "--key", "keys/dev.key")[2].endswith("who may call nothing\n")
    assert typed("--sub", "zoe", "--resource", "*/memory://*", "--key", "keys/dev.key")[2].endswith(
        "who may call nothing, and read */memory://*\n"
    )


def test_a_shared_secret_signs_by_itself(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HS256 the project knows the variable, so there is nothing to give."""
    monkeypatch.setenv("DEV_SECRET", SECRET)
    hs256 = CONFIG.replace("EdDSA", "HS256").replace(
        'keys = { dev = "keys/dev.pub" }', 'secrets = { a = "DEV_SECRET" }'
    )
    (tmp_path / "codenb.toml").write_text(hs256)

    for words in ((), ("--kid", "a"), ("--secret", "DEV_SECRET")):
        code, out, err = typed("--sub", "ci", *words)
        assert (code, err.endswith("who may call deployment/*\n")) == (0, True)
        assert SECRET not in out + err


def test_a_project_without_access_takes_issuer_and_audience_from_the_line(typed: Typed, tmp_path: Path) -> None:
    """A token for a server elsewhere; that it was not tried is said."""
    typed("--new-key", "keys")

    code, out, err = typed("--sub", "ci", "--iss", "me", "--aud", "there", "--key", "keys/codenb.key")

    assert (code, out.count(".")) == (0, 2)
    assert err == "not tried: there is no [access] here that would check it\n"


def test_what_the_project_would_not_take_is_said(typed: Typed, project: Path) -> None:
    """A token with another key id is made, because it may be meant for elsewhere, with a warning."""
    code, out, err = typed("--sub", "ci", "--kid", "old", "--key", "keys/dev.key")

    assert (code, out.count(".")) == (0, 2)
    assert err.endswith("codenb.toml would not take it: the token is not accepted: its key id 'old' is not known\n")


KEY = ("--key", "keys/dev.key")
WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": ((), "one of the arguments --sub --new-key is required"),
    "both": (("--sub", "ci", "--new-key", "keys"), "not allowed with argument"),
    "two keys": (("--sub", "ci", *KEY, "--secret", "A"), "not allowed with argument"),
    "no key": (("--sub", "ci"), "nothing to sign with: give --key FILE"),
    "a key that is not there": (("--sub", "ci", "--key", "none"), "the key none cannot be read: No such file"),
    "the public key": (("--sub", "ci", "--key", "keys/dev.pub"), "keys/dev.pub is no private key in PEM"),
    "a secret in place of its variable": (("--sub", "ci", "--secret", SECRET), "--secret is no name of an environment"),
    "a variable that is not set": (("--sub", "ci", "--secret", "NOT_SET"), "--secret names an environment variable"),
    "too long a life": (("--sub", "ci", *KEY, "--ttl", "25h"), "at most 86,400 seconds (24 h), not 90,000"),
    "no life": (("--sub", "ci", *KEY, "--ttl", "0s"), "--ttl is '0s': write a whole number and a unit"),
    "a life in words": (("--sub", "ci", *KEY, "--ttl", "a day"), "--ttl is 'a day'"),
    "a tool without server": (("--sub", "ci", *KEY, "--tool", "validate"), "'validate' is no permit on a tool"),
    "a resource without server": (("--sub", "ci", *KEY, "--resource", "x"), "'x' is no permit on a resource"),
    "nobody's name": (("--sub", "local", *KEY), "'local' can be nobody's name: it is local, which is kept"),
    "no name": (("--sub", "", *KEY), "'' can be nobody's name"),
    "no issuer": (("--sub", "ci", "--iss", "", *KEY), "give --iss"),
    "a key id that is a path": (("--sub", "ci", *KEY, "--kid", "../x"), "'../x' is no name for a key"),
    "an algorithm for a token": (("--sub", "ci", *KEY, "--algorithm", "ES256"), "--algorithm is for --new-key"),
    "a tool for a key": (("--new-key", "more", "--tool", "a/b"), "--tool is for a token: make the key first"),
    "a pair that is there": (("--new-key", "keys", "--kid", "dev"), "keys/dev.key exists: choose another name"),
    "too many tools": (("--sub", "ci", *KEY, *("--tool", "a/b") * 201), "201 patterns on a tool: 200 at most"),
    "too large a token": (
        ("--sub", "ci", *KEY, *(word for at in range(30) for word in ("--tool", f"a/{at:0500}"))),
        "bytes; at most 8,192 are taken: say less in it",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_word_is_one_line_and_no_token(typed: Typed, project: Path, case: str) -> None:
    """Exit code 2, nothing on standard output, and a secret that was typed by mistake is not repeated."""
    words, why = WRONG[case]

    code, out, err = typed(*words)

    assert (code, out) == (2, "")
    assert err.startswith("codenb: ")
    assert why in err
    assert err.count("\n") == 1
    assert SECRET not in err
    assert not (project / "more").exists()


def test_it_works_as_a_command(project: Path) -> None:
    """As a shell runs it: the token on standard output, no warning of a library anywhere."""
    environment = {key: value for key, value in os.environ.items() if key != "CODENB_HOME"}

    ran = subprocess.run(
        [sys.executable, "-m", "codenb", "token", "--sub", "ci", "--key", "keys/dev.key"],
        capture_output=True, text=True, check=True, cwd=project, env=environment,
    )  # fmt: skip

    assert ran.stdout.count(".") == 2
    assert ran.stderr.count("\n") == 1
