"""From a kubeconfig's user to what the client library sends: tokens, certificates, credential plugins.

Plugins are run here: the library hands them this process's stdin (which carries the protocol of a stdio server),
logs their failures into the notebook and goes on without credentials.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from codenb.errors import ConfigError, CredentialsRejected, PartMissing
from codenb.servers._clients.kubeconfig import Access

_PLUGIN_TIMEOUT_S = 60
_LONGEST_REASON = 300


async def configuration(access: Access) -> tuple[Any, datetime | None]:
    """What the client library needs to talk to this cluster.

    Returns:
        A `kubernetes.aio` configuration, and when its credentials expire, where that is known.

    Raises:
        ConfigError: A file that the kubeconfig names is missing or unreadable.
        CredentialsRejected: A credential plugin gave none.
        PartMissing: A credential plugin is not installed.
    """
    from kubernetes.aio.client.configuration import Configuration  # noqa: PLC0415  heavy: loaded with the first request
    from kubernetes.aio.config import ConfigException, load_incluster_config  # noqa: PLC0415
    from kubernetes.aio.config.kube_config import load_kube_config_from_dict  # noqa: PLC0415

    made = Configuration()
    made.retries = False
    user, expires = dict(access.user), None
    if isinstance(plugin := user.pop("exec", None), Mapping):
        status = await _run(plugin, access)
        user |= _from_status(status, access)
        expires = _time(status.get("expirationTimestamp"))
    try:
        if access.in_cluster:
            load_incluster_config(client_configuration=made)  # type: ignore[no-untyped-call]
            return made, None
        await load_kube_config_from_dict(  # type: ignore[no-untyped-call]
            {
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [{"name": "it", "cluster": dict(access.cluster)}],
                "users": [{"name": "it", "user": user}],
            },
            client_configuration=made,
        )
    except (ConfigException, OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"the credentials of context {access.context!r} cannot be used: {error}") from error
    if str(made.proxy or "").startswith("socks"):
        raise ConfigError(
            f"context {access.context!r} goes through {made.proxy}: only http and https proxies are served"
        )
    return made, expires


async def _run(plugin: Mapping[str, Any], access: Access) -> dict[str, Any]:
    command = str(plugin.get("command", ""))
    named = f"the credential plugin {command!r} of context {access.context!r}"
    if plugin.get("interactiveMode") == "Always":
        raise CredentialsRejected(f"{named} needs a terminal: log in with it there first, then try again")
    settings = {str(one.get("name")): str(one.get("value")) for one in plugin.get("env") or []}
    info = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": _spec(plugin, access)}
    try:
        process = await asyncio.create_subprocess_exec(
            command,
            *(str(argument) for argument in plugin.get("args") or []),
            env={**os.environ, **settings, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        hint = str(plugin.get("installHint") or "install it, or choose another context").strip().splitlines()[0]
        raise PartMissing(f"{named} cannot be started ({error.strerror}): {hint}") from error
    try:
        out, err = await asyncio.wait_for(process.communicate(), _PLUGIN_TIMEOUT_S)
    except TimeoutError as error:
        raise CredentialsRejected(f"{named} gave nothing in {_PLUGIN_TIMEOUT_S} s: run it in a terminal") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = err.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise CredentialsRejected(
            f"{named} ended with {process.returncode}: {lines[-1][:_LONGEST_REASON]}: log in with it in a terminal"
        )
    return _status(out, plugin, named)


def _spec(plugin: Mapping[str, Any], access: Access) -> dict[str, Any]:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        known = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
        spec["cluster"] = {key: access.cluster[key] for key in known if key in access.cluster}
    return spec


def _status(out: bytes, plugin: Mapping[str, Any], named: str) -> dict[str, Any]:
    try:
        answer = json.loads(out)
    except ValueError as error:
        raise CredentialsRejected(f"{named} answered no JSON: check what it prints") from error
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, dict) or answer.get("apiVersion") != plugin.get("apiVersion"):
        raise CredentialsRejected(
            f"{named} answered no ExecCredential of {plugin.get('apiVersion')}: check apiVersion in the kubeconfig"
        )
    return status


def _from_status(status: Mapping[str, Any], access: Access) -> dict[str, str]:
    if token := status.get("token"):
        return {"token": str(token)}
    certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    if certificate and key:
        return {
            "client-certificate-data": base64.b64encode(str(certificate).encode()).decode(),
            "client-key-data": base64.b64encode(str(key).encode()).decode(),
        }
    raise CredentialsRejected(
        f"the credential plugin of context {access.context!r} gave neither a token nor a certificate with its key"
    )


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
    except ValueError:
        return None  # a plugin's odd time only costs a refresh on the first 401
