"""Which cluster is meant, and what is said where that cannot be told."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from codenb.errors import ConfigError, CredentialsRejected, PartMissing
from codenb.servers._clients.credentials import configuration
from codenb.servers._clients.kubeconfig import Access, resolve


def _write(path: Path, name: str, *, current: str = "", user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example", **cluster}}],
        "users": [{"name": name, "user": user or {"token": f"token-of-{name}"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    path.write_text(yaml.safe_dump(content | ({"current-context": current} if current else {})), "utf-8")
    return path


def test_of_several_files_the_first_says_which_context(tmp_path: Path) -> None:
    """The client library takes `current-context` from the last file; kubectl from the first. People expect kubectl."""
    first = _write(tmp_path / "one", "one", current="one")
    second = _write(tmp_path / "two", "two", current="two")

    access = resolve(env={"KUBECONFIG": os.pathsep.join([str(first), str(tmp_path / "gone"), str(second)])})

    assert (access.context, access.server) == ("one", "https://one.example")
    assert resolve(os.pathsep.join([str(first), str(second)]), "two").server == "https://two.example"


def test_a_relative_path_counts_from_its_own_file(tmp_path: Path) -> None:
    """Kubeconfigs of other folders name their certificates relative to themselves."""
    path = _write(tmp_path / "deep" / "config", "one", current="one", **{"certificate-authority": "ca.crt"})

    assert resolve(path).cluster["certificate-authority"] == str(tmp_path / "deep" / "ca.crt")


def test_without_any_kubeconfig_the_error_says_what_to_do(tmp_path: Path) -> None:
    """The first thing that goes wrong on a new machine."""
    with pytest.raises(ConfigError, match=r"no kubeconfig at .*: set KUBECONFIG, or write one"):
        resolve(env={"HOME": str(tmp_path)})


def test_an_unknown_context_names_the_nearest(tmp_path: Path) -> None:
    """Contexts of cloud tools are long, and mistyped."""
    with pytest.raises(ConfigError, match="no context 'prodution': did you mean 'production'"):
        resolve(_write(tmp_path / "config", "production"), "prodution")


@pytest.mark.parametrize("text", ["a: [", "- just\n- a list", "\x00"])
def test_a_file_that_is_no_kubeconfig_is_one_sentence(tmp_path: Path, text: str) -> None:
    """A damaged file must not end in a traceback of the YAML parser."""
    path = tmp_path / "config"
    path.write_text(text, "utf-8")

    with pytest.raises(ConfigError) as caught:
        resolve(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_inside_a_cluster_its_own_service_account_is_used(tmp_path: Path) -> None:
    """A runbook that runs as a Job has no kubeconfig."""
    env = {"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}

    access = resolve(env=env)

    assert (access.context, access.server, access.in_cluster) == ("in-cluster", "https://10.0.0.1:443", True)


def test_a_repr_shows_no_credentials(tmp_path: Path) -> None:
    """Objects end up in tracebacks and in notebooks."""
    assert "token-of" not in repr(resolve(_write(tmp_path / "config", "one", current="one")))


def _plugin(tmp_path: Path, source: str, **settings: Any) -> Access:
    script = tmp_path / "plugin.py"
    script.write_text(source, "utf-8")
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": [str(script)]}
    return resolve(_write(tmp_path / "config", "one", current="one", user={"exec": plugin | settings}))


async def test_a_credential_plugin_gives_the_token_and_says_how_long(tmp_path: Path) -> None:
    """Every cloud's kubeconfig works this way; its environment and its terminal are handed on as the protocol says."""
    source = """
import json, os, sys
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert info["spec"]["interactive"] is False and sys.stdin.read() == ""
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status":
    {"token": "t-" + os.environ["PROFILE"], "expirationTimestamp": "2030-01-01T00:00:00Z"}}))
"""
    made, expires = await configuration(_plugin(tmp_path, source, env=[{"name": "PROFILE", "value": "blue"}]))

    assert made.api_key["BearerToken"] == "Bearer t-blue"
    assert expires is not None
    assert expires.year == 2030


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys; sys.exit('sso session has expired')", "sso session has expired"),
        ("print('hello')", "answered no JSON"),
        ('print(\'{"apiVersion": "client.authentication.k8s.io/v1", "status": {}}\')', "neither a token nor"),
    ],
)
async def test_a_credential_plugin_that_fails_is_quoted(tmp_path: Path, source: str, said: str) -> None:
    """The client library logs such a failure and goes on without credentials, which ends in a puzzling 401."""
    with pytest.raises(CredentialsRejected, match=said):
        await configuration(_plugin(tmp_path, source))


async def test_a_credential_plugin_that_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    """Kubeconfigs carry the hint; people should see it."""
    with pytest.raises(PartMissing, match="install the cloud tool"):
        await configuration(_plugin(tmp_path, "", command="no-such-plugin", installHint="install the cloud tool"))
