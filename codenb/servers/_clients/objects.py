"""Objects of one cluster, read as plain JSON data: one by one, page by page, and the logs of pods.

Names are checked before they become part of a URL, and a name that is not there is answered with the nearest that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from codenb.errors import AccessError, BadInput, CodenbError, ToolError
from codenb.servers._clients.api import NOT_FOUND, OK, Api, as_object
from codenb.servers._clients.kinds import KINDS, Kind
from codenb.servers._clients.names import checked_name, checked_namespace, named, nearest
from codenb.servers._clients.refusals import refused
from codenb.servers._clients.transport import parsed

PAGE = 500


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        items: Objects, as the API server sent them.
        cursor: Where the next page begins; empty at the end.
        remaining: How many further ones the server says there are; None where it does not say.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    cursor: str = ""
    remaining: int | None = None


class Objects(Api):
    """What one cluster holds, to be read."""

    async def find(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """One object; None where there is none of that name."""
        status, body = await self.attempt("GET", self.path(kind, namespace, name))
        if status == NOT_FOUND:
            return None
        if status not in OK:
            raise refused(status, body, doing=f"read {named(kind, name, namespace)}", context=self.context)
        return as_object(body)

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any]:
        """One object.

        Raises:
            BadInput: There is none of that name; the message names the nearest that exists.
            PermissionMissing: It may not be read.
        """
        if (found := await self.find(kind, name, namespace)) is not None:
            return found
        raise BadInput(await self._absent(kind, name, namespace))

    async def require_namespace(self, name: str) -> None:
        """Check that a namespace is there: an empty list is right for an empty one and misleading for a misspelt one.

        Raises:
            BadInput: There is none of that name. Who may not read namespaces is not told.
        """
        try:
            await self.get(KINDS["Namespace"], name)
        except AccessError:
            return

    async def page(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = PAGE,
        cursor: str = "",
    ) -> Page:
        """One page of a list.

        Args:
            kind: Of the objects.
            namespace: None is all of them.
            labels: Label selector.
            fields: Field selector.
            limit: Most objects in the page.
            cursor: From the page before.
        """
        query = {"limit": str(limit), "labelSelector": labels, "fieldSelector": fields, "continue": cursor}
        doing = f"list {kind.permission}" + (f" in namespace {namespace!r}" if namespace else "")
        path, query = self.path(kind, namespace), {key: value for key, value in query.items() if value}
        status, body = await self.attempt("GET", path, query=query)
        if status == NOT_FOUND:
            raise ToolError(f"cannot {doing}: cluster {self.context} does not serve this kind", error_type="NotServed")
        if status not in OK:
            raise refused(status, body, doing=doing, context=self.context)
        answer = as_object(body)
        # Objects in a list carry no kind of their own.
        head = {"apiVersion": kind.api_version, "kind": kind.kind}
        told = answer.get("metadata") or {}
        return Page(
            items=[head | item for item in answer.get("items") or []],
            cursor=str(told.get("continue") or ""),
            remaining=told.get("remainingItemCount"),
        )

    async def listed(
        self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "", at_most: int = 5_000
    ) -> Page:
        """Follow a list's pages to the end, or until there are `at_most` objects."""
        items: list[dict[str, Any]] = []
        page = Page()
        while True:
            wanted = min(PAGE, at_most - len(items))
            page = await self.page(kind, namespace, labels=labels, fields=fields, limit=wanted, cursor=page.cursor)
            items += page.items
            if not page.cursor or len(items) >= at_most:
                return Page(items, page.cursor, page.remaining)

    async def logs(self, pod: str, namespace: str, query: Mapping[str, str]) -> str:
        """The text of a container's log, as the API server cuts it.

        Args:
            pod: Name of the pod.
            namespace: Its namespace.
            query: `container`, `tailLines`, `sinceSeconds`, `limitBytes`, `previous`, `timestamps`.
        """
        path = self.path(KINDS["Pod"], namespace, pod) + "/log"
        doing = f"read the log of pod {namespace}/{pod}"
        status, data = await self.text(path, query)
        if status == NOT_FOUND and await self.find(KINDS["Pod"], pod, namespace) is None:
            raise BadInput(await self._absent(KINDS["Pod"], pod, namespace))
        if status not in OK:
            raise refused(status, parsed(data), doing=doing, context=self.context)
        return data.decode("utf-8", "replace")

    def path(self, kind: Kind, namespace: str | None, name: str | None = None) -> str:
        """Where one object is, or the list where no name is given; an empty name is a wrong one, and no list.

        Raises:
            BadInput: A name can be none.
        """
        if namespace is not None and kind.namespaced:
            path = f"{kind.root}/namespaces/{checked_namespace(namespace)}/{kind.plural}"
        else:
            path = f"{kind.root}/{kind.plural}"
        return path if name is None else f"{path}/{quote(checked_name(name), safe='')}"

    async def _absent(self, kind: Kind, name: str, namespace: str | None) -> str:
        """The sentence for an object that is not there, with the nearest that is."""
        said = f"there is no {named(kind, name, namespace)} in cluster {self.context}"
        spaces, there = KINDS["Namespace"], namespace or ""
        try:
            if kind.namespaced and there and await self.find(spaces, there) is None:
                names = [one["metadata"]["name"] for one in (await self.page(spaces)).items]
                return f"there is no namespace {there!r} in cluster {self.context}{nearest(there, names)}"
        except AccessError:
            pass  # who may not read namespaces still gets the sentence about the object
        try:
            names = [one["metadata"]["name"] for one in (await self.page(kind, namespace)).items]
        except CodenbError:
            return f"{said}: check the name"
        return said + nearest(name, names)
