"""Which cluster is meant: kubeconfig files, a context, or the cluster that this process runs in.

Read here and not by the client library, because a wrong file, an unknown context or a missing user has to become a
sentence that says what to do, and because the library takes `current-context` from the last of several files where
kubectl takes it from the first.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from codenb.errors import ConfigError

IN_CLUSTER = "in-cluster"
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_CLUSTER_PATHS = ("certificate-authority",)
_USER_PATHS = ("client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, slots=True)
class Access:
    """One way to one cluster.

    Attributes:
        context: Its name in the kubeconfig, or `in-cluster`.
        server: URL of the API server.
        namespace: The context's default namespace.
        cluster: The kubeconfig's cluster entry, paths made absolute.
        user: The kubeconfig's user entry, paths made absolute.
        source: Where it was read, for messages.
    """

    context: str
    server: str
    namespace: str = "default"
    cluster: Mapping[str, Any] = field(default_factory=dict, repr=False)
    user: Mapping[str, Any] = field(default_factory=dict, repr=False)
    source: str = ""

    @property
    def in_cluster(self) -> bool:
        """Whether this process runs in the cluster and uses its service account."""
        return self.context == IN_CLUSTER and not self.source


def resolve(
    kubeconfig: str | Path | None = None, context: str | None = None, env: Mapping[str, str] | None = None
) -> Access:
    """Find the cluster that is meant.

    Args:
        kubeconfig: A file, or several joined by the system's path separator; None is `KUBECONFIG`, then
            `~/.kube/config`, then the cluster that this process runs in.
        context: Name of a context; None is `CODENB_KUBE_CONTEXT`, then the current one.
        env: Environment; None is this process's.

    Raises:
        ConfigError: There is no kubeconfig, it cannot be read, or it does not hold the context.
    """
    environment = os.environ if env is None else env
    context = context or environment.get("CODENB_KUBE_CONTEXT") or None
    named = str(kubeconfig) if kubeconfig else environment.get("KUBECONFIG", "")
    paths = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
    if not paths:
        default = Path(environment.get("HOME", "~")).expanduser() / ".kube" / "config"
        if not default.is_file() and context in (None, IN_CLUSTER) and environment.get("KUBERNETES_SERVICE_HOST"):
            return _own_cluster(environment)
        paths = [default]
    files = {path: _read(path) for path in paths if path.is_file()}
    if not files:
        raise ConfigError(
            f"no kubeconfig at {', '.join(map(str, paths))}: set KUBECONFIG, or write one with your cloud's tool"
        )
    return _chosen(files, context)


def _own_cluster(env: Mapping[str, str]) -> Access:
    host, port = env["KUBERNETES_SERVICE_HOST"], env.get("KUBERNETES_SERVICE_PORT", "443")
    namespace = _SERVICE_ACCOUNT / "namespace"
    return Access(
        context=IN_CLUSTER,
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=namespace.read_text("utf-8").strip() if namespace.is_file() else "default",
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the kubeconfig {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = " ".join(str(getattr(error, "problem", error)).split())
        raise ConfigError(f"the kubeconfig {path} is not YAML{line}: {reason}") from error
    if found is not None and not isinstance(found, dict):
        raise ConfigError(f"the kubeconfig {path} holds no mapping: expected clusters, contexts and users")
    return found or {}


def _chosen(files: Mapping[Path, dict[str, Any]], context: str | None) -> Access:
    source = ", ".join(map(str, files))
    wanted = context or next((data["current-context"] for data in files.values() if data.get("current-context")), None)
    contexts = _merged(files, "contexts", "context")
    if not wanted:
        raise ConfigError(
            f"the kubeconfig {source} has no current context: name one of {_listed(contexts)}, "
            "or run `kubectl config use-context NAME`"
        )
    if wanted not in contexts:
        raise ConfigError(f"the kubeconfig {source} has no context {wanted!r}: {_nearest(wanted, contexts)}")
    entry, _ = contexts[wanted]
    cluster = _part(files, ("clusters", "cluster"), str(entry.get("cluster", "")), wanted, _CLUSTER_PATHS)
    if not cluster.get("server"):
        raise ConfigError(f"the cluster of context {wanted!r} in {source} has no server: add its URL")
    user = _part(files, ("users", "user"), str(entry["user"]), wanted, _USER_PATHS) if entry.get("user") else {}
    return Access(
        context=str(wanted),
        server=str(cluster["server"]).rstrip("/"),
        namespace=str(entry.get("namespace") or "default"),
        cluster=cluster,
        user=user,
        source=source,
    )


def _merged(files: Mapping[Path, dict[str, Any]], section: str, key: str) -> dict[str, tuple[dict[str, Any], Path]]:
    """Entries by name with the folder of their file; the first file that has a name wins, as in kubectl."""
    found: dict[str, tuple[dict[str, Any], Path]] = {}
    for path, data in files.items():
        entries = data.get(section) or []
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and "name" in entry:
                value = entry.get(key)
                found.setdefault(str(entry["name"]), (value if isinstance(value, dict) else {}, path.parent))
    return found


def _part(
    files: Mapping[Path, dict[str, Any]], where: tuple[str, str], name: str, context: str, paths: tuple[str, ...]
) -> dict[str, Any]:
    section, key = where
    entries = _merged(files, section, key)
    if name not in entries:
        raise ConfigError(
            f"context {context!r} names the {key} {name!r}, which is not there: {_nearest(name, entries)}"
        )
    entry, folder = entries[name]
    absolute = {path: str(folder.absolute() / str(entry[path])) for path in paths if entry.get(path)}
    if isinstance(plugin := entry.get("exec"), dict) and os.sep in str(plugin.get("command", "")):
        absolute["exec"] = plugin | {"command": str(folder.absolute() / plugin["command"])}  # type: ignore[assignment]
    return entry | absolute


def _nearest(wanted: str, names: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there is {_listed(names)}"


def _listed(names: Mapping[str, object]) -> str:
    shown = ", ".join(repr(name) for name in sorted(names)[:5]) or "none"
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")  # noqa: PLR2004  as many as a line holds
