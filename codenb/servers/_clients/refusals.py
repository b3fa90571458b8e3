"""What the API server refused, as errors that say what to do.

The server answers every refusal with a `Status` object; its reason and causes are kept, its wording is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from codenb.errors import (
    BadInput,
    ChangeError,
    CodenbError,
    Conflict,
    ConnectFailed,
    CredentialsRejected,
    DeadlineExceeded,
    PermissionMissing,
    ToolError,
)

_FORBIDDEN = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)"| at the cluster scope)?'
)
_LONGEST = 600


def refused(status: int, body: Any, *, doing: str, context: str) -> CodenbError:  # noqa: PLR0911  a table
    """The error for an answer that is not a success.

    Args:
        status: HTTP status.
        body: The `Status` object, or whatever came instead.
        doing: What was tried, such as `read Deployment shop/web`.
        context: Which cluster, for the message.

    Returns:
        The error, not yet raised.
    """
    told = body if isinstance(body, Mapping) else {}
    said = _one_line(told.get("message") or (body if isinstance(body, str) else "")) or f"HTTP {status}"
    where = f"cluster {context}"
    match status:
        case 401:
            return CredentialsRejected(
                f"cannot {doing}: {where} does not accept the credentials ({said}): log in again, or renew the token"
            )
        case 403:
            return _forbidden(said, doing, where)
        case 404:
            return BadInput(f"cannot {doing}: {said}: check the name and the namespace")
        case 409 if told.get("reason") != "AlreadyExists":
            return Conflict(f"cannot {doing}: it was changed meanwhile ({said}): read it again")
        case 410:
            return BadInput(f"cannot {doing}: the cursor is too old for {where}: list again from the beginning")
        case 500 if "failed to create typed patch object" in said:
            # Fields that the schema does not have are found before validation, and answered as a fault of the server.
            return BadInput(f"cannot {doing}: {where} says it is invalid: {said}")
        case 400 | 409 | 415 | 422:
            return BadInput(f"cannot {doing}: {where} says it is invalid: {_causes(told) or said}")
        case 405 | 501:
            return ToolError(f"cannot {doing}: {where} does not serve this ({said})", error_type="NotServed")
        case 429:
            return ToolError(f"cannot {doing}: {where} is busy ({said}): try again later", error_type="Busy")
        case _:
            return ToolError(f"cannot {doing}: {where} failed ({said}): try again later", error_type="ServerFault")


def _forbidden(said: str, doing: str, where: str) -> CodenbError:
    match = _FORBIDDEN.search(said)
    if not match:
        # Admission answers 403 too: a quota, a policy, a webhook.
        return ChangeError(f"cannot {doing}: {where} refuses it: {said}")
    plural, slash, subresource = match["resource"].partition("/")
    resource = plural + (f".{match['group']}" if match["group"] else "") + slash + subresource
    scope = f"in namespace {match['namespace']!r}" if match["namespace"] else "at cluster scope"
    return PermissionMissing(
        f"cannot {doing}: {where} says no ({said}): ask for a role with verb {match['verb']!r} on {resource!r} {scope}"
    )


def _causes(told: Mapping[str, Any]) -> str:
    causes = (told.get("details") or {}).get("causes") or []
    return _one_line("; ".join(f"{one.get('field', '')}: {one.get('message', '')}".strip(": ") for one in causes))


def _one_line(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def unreachable(error: Exception, *, server: str, context: str, proxy: str | None = None) -> CodenbError:
    """The error for a request that got no answer.

    Args:
        error: What the HTTP library raised.
        server: URL of the API server.
        context: Which cluster.
        proxy: What it goes through.

    Returns:
        The error, not yet raised.
    """
    import aiohttp  # noqa: PLC0415  heavy; the request that failed has loaded it

    through = f" through the proxy {proxy}" if proxy else ""
    where = f"{server} (context {context}){through}"
    match error:
        case TimeoutError():
            return DeadlineExceeded(
                f"{where} did not answer in time: is the API server busy, or a firewall in between?"
            )
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            return ConnectFailed(f"the certificate of {where} is not trusted ({reason}): check certificate-authority")
        case aiohttp.ClientSSLError():
            return ConnectFailed(f"no TLS with {where} ({_one_line(error)}): check the port and the client certificate")
        case aiohttp.ClientConnectorDNSError():
            return ConnectFailed(
                f"the name of {where} cannot be resolved: check the server in the kubeconfig, or the VPN"
            )
        case aiohttp.ClientConnectorError():
            reason = error.os_error.strerror or "no connection"
            return ConnectFailed(
                f"{where} cannot be reached ({reason}): is the cluster up, and are you on its network?"
            )
        case _:
            return ConnectFailed(
                f"the connection to {where} broke ({_one_line(error) or type(error).__name__}): try again"
            )
