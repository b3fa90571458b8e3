"""Requests to one API server, as JSON in and JSON out.

Typed models of the library would cost time, drop fields they do not know and change the names of the rest; its
configuration, authentication and HTTP are used, its models are not.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from codenb.errors import AnswerTooLarge, ConfigError, ConnectFailed
from codenb.servers._clients.credentials import configuration
from codenb.servers._clients.kubeconfig import Access, resolve
from codenb.servers._clients.refusals import unreachable

LARGEST_ANSWER = 64 * 1024 * 1024
_RENEW_BEFORE = timedelta(seconds=60)
_UNAUTHORIZED = 401


class Transport:
    """Holds the client of one cluster, opened with the first request and renewed when its credentials run out."""

    def __init__(self, kubeconfig: str | Path | None, context: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._wanted = context
        self._access: Access | None = None
        self._client: Any = None
        self._retired: list[Any] = []
        self._expires: datetime | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    @property
    def access(self) -> Access:
        """Which cluster this is; read from the kubeconfig when first asked."""
        if self._access is None:
            self._access = resolve(self._kubeconfig, self._wanted)
        return self._access

    @property
    def trust(self) -> bytes:
        """The certificate authority as the kubeconfig holds it; empty where there is none."""
        cluster = self.access.cluster
        if data := cluster.get("certificate-authority-data"):
            return str(data).encode()
        path = Path(str(cluster.get("certificate-authority") or ""))
        return path.read_bytes() if path.is_file() else b""

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeout_s: float = 30,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Send one request; credentials that were refused are renewed once.

        Args:
            method: HTTP method.
            path: From the root of the API server, already quoted.
            query: Parameters.
            body: JSON data.
            content_type: Of the body.
            timeout_s: For the whole request, in seconds.

        Returns:
            HTTP status, body, headers.

        Raises:
            ConfigError: There is no usable kubeconfig.
            ConnectFailed: No answer; the message says why.
            DeadlineExceeded: No answer in time.
            AnswerTooLarge: More than 64 MiB.
        """
        client = await self._ready()
        answer = await self._once(client, method, path, query, body, content_type, timeout_s)
        if answer[0] == _UNAUTHORIZED and self._renewable:
            client = await self._ready(after=client)
            answer = await self._once(client, method, path, query, body, content_type, timeout_s)
        return answer

    async def close(self) -> None:
        """Close every connection; requests after it fail."""
        self._closed = True
        clients, self._client, self._retired = [*self._retired, self._client], None, []
        for client in clients:
            if client is not None:
                await client.close()

    @property
    def _renewable(self) -> bool:
        return any(key in self.access.user for key in ("exec", "tokenFile", "auth-provider")) or self.access.in_cluster

    async def _ready(self, after: Any = None) -> Any:
        """The client; a new one after one whose credentials were refused or have run out."""
        async with self._opening:
            if self._closed:
                raise ConnectFailed(
                    "the connection to the cluster was closed while a request was on its way: call again"
                )
            expired = self._expires is not None and datetime.now(UTC) > self._expires - _RENEW_BEFORE
            if self._client is None or self._client is after or expired:
                made = await self._open()
                if self._client is not None:
                    self._retired.append(self._client)  # requests may still be under way on it
                self._client = made
            return self._client

    async def _open(self) -> Any:
        access = self.access
        # Half a second of imports, which would otherwise stop every other task of the loop.
        await asyncio.to_thread(importlib.import_module, "kubernetes.aio.client.api_client")
        from kubernetes.aio.client.api_client import ApiClient  # noqa: PLC0415

        settings, self._expires = await configuration(access)
        try:
            client = ApiClient(settings)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise ConfigError(
                f"the certificates of context {access.context!r} cannot be loaded ({error}): check the kubeconfig"
            ) from error
        client.user_agent = "codenb"
        return client

    async def _once(  # noqa: PLR0917  the request, as it is
        self,
        client: Any,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        timeout_s: float,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        import aiohttp  # noqa: PLC0415  heavy; loaded with the client

        request = await client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json, */*;q=0.5", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = await client.call_api(
                *request, _request_timeout=aiohttp.ClientTimeout(total=timeout_s, connect=10)
            )
            return answer.status, await _bounded(answer.response, path), answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            access = self.access
            raise unreachable(
                error, server=access.server, context=access.context, proxy=access.cluster.get("proxy-url")
            ) from error


async def _bounded(response: Any, path: str) -> bytes:
    received = bytearray()
    async for chunk in response.content.iter_chunked(256 * 1024):
        received += chunk
        if len(received) > LARGEST_ANSWER:
            response.close()
            raise AnswerTooLarge(f"{path} answered more than {LARGEST_ANSWER >> 20} MiB: ask for less at a time")
    return bytes(received)


def parsed(data: bytes) -> Any:
    """The JSON of a body; text where it is none."""
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")
