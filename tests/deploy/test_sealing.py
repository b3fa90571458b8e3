"""What stands for a secret: equal where the key is, worthless without it, and kept where only its owner can read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from codenb.config import load
from codenb.errors import ConfigError
from codenb.servers._base._sealing import Sealer
from codenb.servers.deployment.kubernetes._secrecy import telling, veiled
from tests.deploy.conftest import SEALER

URL = "postgres://app:correct-horse-battery@db/app"


def test_two_processes_of_one_project_seal_alike_and_two_projects_do_not(tmp_path: Path) -> None:
    """A digest is compared by another process than the one that made it."""
    one, other = (load(folder, {}) for folder in _folders(tmp_path))

    assert Sealer.of(one, {}).seal("hunter2") == Sealer.of(one, {}).seal("hunter2")
    assert Sealer.of(one, {}).seal("hunter2") != Sealer.of(other, {}).seal("hunter2")
    assert Sealer().seal("hunter2") != Sealer().seal("hunter2")


def test_a_given_key_seals_alike_everywhere(tmp_path: Path) -> None:
    """What is decided on one machine is carried out on another."""
    environment = {"CODENB_DIGEST_KEY": "a key that both machines have"}
    sealed = [Sealer.of(load(folder, {}), environment).seal("x") for folder in _folders(tmp_path)]

    assert sealed[0] == sealed[1]
    assert not (tmp_path / "one" / ".mcp").exists()


def test_the_key_is_its_owners_alone_and_made_once(tmp_path: Path) -> None:
    """Whoever has it can try passwords; and two that are made at once must not differ."""
    settings = load(tmp_path, {})
    with ThreadPoolExecutor(8) as pool:
        sealed = set(pool.map(lambda _: Sealer.of(settings, {}).seal("x"), range(16)))

    files = list((tmp_path / ".mcp").iterdir())
    assert len(sealed) == 1
    assert [one.name for one in files] == ["digest.key"]
    assert files[0].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("given", ["short", " "])
def test_a_key_that_is_none_is_one_line(tmp_path: Path, given: str) -> None:
    """An empty key would make every seal guessable."""
    with pytest.raises(ConfigError, match="CODENB_DIGEST_KEY"):
        Sealer.of(load(tmp_path, {}), {"CODENB_DIGEST_KEY": given})


def test_a_key_file_that_was_emptied_is_said(tmp_path: Path) -> None:
    """A full disk leaves such a file."""
    (tmp_path / ".mcp").mkdir()
    (tmp_path / ".mcp" / "digest.key").write_text("")
    with pytest.raises(ConfigError, match=r"digest\.key holds no key"):
        Sealer.of(load(tmp_path, {}), {})


def test_every_value_that_would_be_hidden_is_sealed_and_no_other() -> None:
    """The data of a Secret, a variable named password, a connection string; names and numbers stay readable."""
    sealer = Sealer(os.urandom(32))
    container = {"name": "app", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "DB", "value": URL}]}

    seen = veiled({"spec": {"replicas": 2, "containers": [container]}}, sealer)
    secret = veiled({"data": {"level": "aW5mbw=="}, "metadata": {"name": "web"}}, sealer, "Secret")

    assert seen["spec"]["replicas"] == 2
    assert seen["spec"]["containers"][0]["env"] == [
        {"name": "DB_PASSWORD", "value": sealer.seal("hunter2")},
        {"name": "DB", "value": sealer.seal(URL)},
    ]
    assert secret == {"data": {"level": sealer.seal("aW5mbw==")}, "metadata": {"name": "web"}}


def _folders(parent: Path) -> list[Path]:
    folders = [parent / "one", parent / "other"]
    for one in folders:
        one.mkdir()
    return folders


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("Secret", {"stringDat": {"token": "correct-horse-battery"}}),
        ("Pod", {"spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "valu": "correct-horse-battery"}]}]}}),
        ("Pod", {"spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "content": "correct-horse-battery"}]}]}}),
        ("Widget", {"spec": {"parameters": [{"key": "api-token", "valeu": ["correct-horse-battery"]}]}}),
    ],
)
def test_a_secret_under_a_field_that_is_written_wrong_is_sealed_too(kind: str, part: dict[str, Any]) -> None:
    """A server that does not know a field says so, but the diff, the question and the store had shown it by then."""
    manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, **part}

    sealed = veiled(manifest, SEALER)

    assert "correct-horse-battery" not in str(sealed)
    assert "correct-horse-battery" in str(manifest)
    assert SEALER.seal("correct-horse-battery") in str(sealed)
    assert not telling(manifest)


def test_what_only_says_where_a_secret_is_can_be_deployed_again_from_an_undo() -> None:
    """An undo that left out every workload with a mounted secret would take nothing back."""
    container = {
        "name": "auth-token",
        "image": "app:1",
        "env": [
            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
            {"name": "URL_TOKEN", "value": "$(DB_PASSWORD)"},
        ],
        "volumeMounts": [{"name": "tls-token", "mountPath": "/etc/tls"}],
    }
    affinity = {"matchExpressions": [{"key": "token", "operator": "In", "values": ["a"]}]}
    spec = {"automountServiceAccountToken": False, "containers": [container], "affinity": affinity}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}

    assert veiled(manifest, SEALER) == manifest
    assert telling(manifest)
