"""One API server: which cluster it is, and requests to it whose refusals are errors that say what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codenb.errors import BadInput
from codenb.models import Place
from codenb.servers._clients.refusals import refused
from codenb.servers._clients.transport import Transport, parsed

OK = range(200, 300)
NOT_FOUND = 404


class Api:
    """One API server, reached through a kubeconfig."""

    def __init__(self, kubeconfig: str | Path | None = None, context: str | None = None) -> None:
        """Nothing is read or opened before the first request.

        Args:
            kubeconfig: A file, or several joined by the path separator; None is the environment's.
            context: None is the current one.
        """
        self._transport = Transport(kubeconfig, context)

    @property
    def context(self) -> str:
        """What people call this cluster."""
        return self._transport.access.context

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._transport.access.server

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def place(self) -> Place:
        """Which cluster this is, by what cannot be changed in a file.

        Returns:
            With the uid of kube-system as identity; where that may not be read, a hash over URL and certificate
            authority, marked as derived.
        """
        status, body = await self.attempt("GET", "/api/v1/namespaces/kube-system")
        uid = body["metadata"].get("uid") if status in OK and isinstance(body, dict) else None
        if uid:
            return Place(name=self.context, address=self.server, identity=str(uid))
        if status not in (403, 404):
            raise refused(status, body, doing="tell which cluster this is", context=self.context)
        hashed = hashlib.sha256(self.server.encode() + b"\0" + self._transport.trust).hexdigest()
        return Place(name=self.context, address=self.server, identity=f"derived:{hashed}", derived=True)

    async def request(
        self,
        method: str,
        path: str,
        *,
        doing: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        """Send one request and give its JSON.

        Raises:
            CodenbError: One of the tree, by what went wrong; see `refusals`.
        """
        status, answer = await self.attempt(method, path, query=query, body=body, content_type=content_type)
        if status not in OK:
            raise refused(status, answer, doing=doing, context=self.context)
        return answer

    async def attempt(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> tuple[int, Any]:
        """The same without an opinion on it.

        Returns:
            HTTP status, and the JSON of the body; text where it is none.
        """
        status, data, _ = await self._transport.send(method, path, query=query, body=body, content_type=content_type)
        return status, parsed(data)

    async def text(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        """Read what is no JSON, such as a log."""
        status, data, _ = await self._transport.send("GET", path, query=query)
        return status, data


def as_object(body: Any) -> dict[str, Any]:
    """An answer that has to be a JSON object.

    Raises:
        BadInput: It is none.
    """
    if not isinstance(body, dict):
        raise BadInput("the API server answered something that is no object: is the server in the kubeconfig right?")
    return body
