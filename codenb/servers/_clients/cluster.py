"""One cluster, for every server that talks to it.

Objects go in and out as plain JSON data. Lists are paged, names are checked before they become part of a URL, and a
refusal is an error that says what to do. Several connections of one process share a `Cluster`: see `shared`.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from codenb.errors import AccessError, BadInput, CodenbError, ToolError
from codenb.models import Place
from codenb.servers._clients.applying import APPLY, FIELD_MANAGER, Applied, conflicts_of
from codenb.servers._clients.kinds import KINDS, Kind, known
from codenb.servers._clients.refusals import refused
from codenb.servers._clients.transport import Transport, parsed

PAGE = 500

_PATCHES = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.:]*[A-Za-z0-9])?")  # RBAC names may hold colons and capitals
_OK = range(200, 300)
_CREATED = 201
_NOT_FOUND = 404


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


class Cluster:
    """One cluster, reached through a kubeconfig."""

    def __init__(self, kubeconfig: str | Path | None = None, context: str | None = None) -> None:
        """Nothing is read or opened before the first request.

        Args:
            kubeconfig: A file, or several joined by the path separator; None is the environment's.
            context: None is the current one.
        """
        self._transport = Transport(kubeconfig, context)
        self._discovered: dict[str, tuple[Kind, ...]] = {}

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
        status, body = await self._try("GET", "/api/v1/namespaces/kube-system")
        uid = body["metadata"].get("uid") if status in _OK and isinstance(body, dict) else None
        if uid:
            return Place(name=self.context, address=self.server, identity=str(uid))
        if status not in (403, 404):
            raise refused(status, body, doing="tell which cluster this is", context=self.context)
        hashed = hashlib.sha256(self.server.encode() + b"\0" + self._transport.trust).hexdigest()
        return Place(name=self.context, address=self.server, identity=f"derived:{hashed}", derived=True)

    async def kind(self, name: str, api_version: str | None = None) -> Kind:
        """The kind that a person means: by kind, plural or short name, custom resources included.

        Raises:
            BadInput: The cluster has none of that name.
        """
        if found := known(name, api_version):
            return found
        kinds = await self._discover(api_version)
        matching = [one for one in kinds if one.answers_to(name)]
        if matching:
            return matching[0]
        if api_version:
            if not kinds:
                raise BadInput(
                    f"cluster {self.context} has no API version {api_version!r}: leave it out, or correct it"
                )
            said = f"cluster {self.context} has no kind {name!r} in {api_version}"
            raise BadInput(said + _near(name, [one.kind for one in kinds]))
        names = {one.kind for one in (*KINDS.values(), *kinds)}
        raise BadInput(f"cluster {self.context} has no kind {name!r}{_near(name, names)}")

    async def served(self, kind: str, api_version: str) -> Kind | None:
        """The kind that a manifest means, exactly; None where the cluster does not serve it (yet).

        Args:
            kind: Such as `Deployment`, as it is written.
            api_version: Such as `apps/v1`.
        """
        if (found := KINDS.get(kind)) and found.api_version == api_version:
            return found
        for fresh in (False, True):  # a kind that was not there a moment ago may have been defined meanwhile
            if fresh:
                self._discovered.pop(api_version, None)
                self._discovered.pop("", None)
            if match := next((one for one in await self._discover(api_version) if one.kind == kind), None):
                return match
        return None

    async def find(self, kind: Kind, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """One object; None where there is none of that name."""
        status, body = await self._try("GET", self._path(kind, namespace, name))
        if status == _NOT_FOUND:
            return None
        if status not in _OK:
            raise refused(status, body, doing=f"read {_named(kind, name, namespace)}", context=self.context)
        return _object(body)

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
        path, query = self._path(kind, namespace), {key: value for key, value in query.items() if value}
        status, body = await self._try("GET", path, query=query)
        if status == _NOT_FOUND:
            raise ToolError(f"cannot {doing}: cluster {self.context} does not serve this kind", error_type="NotServed")
        if status not in _OK:
            raise refused(status, body, doing=doing, context=self.context)
        answer = _object(body)
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

    async def patch(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        body: Any,
        *,
        form: Literal["strategic", "merge", "json"] = "strategic",
        subresource: str = "",
        dry_run: bool,
    ) -> dict[str, Any]:
        """Change one object, or see what that would give.

        Args:
            kind: Of the object.
            name: Of the object.
            namespace: Of the object.
            body: The patch. With `metadata.resourceVersion` in it, it is refused once the object has moved.
            form: Which kind of patch.
            subresource: Such as `scale`.
            dry_run: Whether the server only says what would come of it.

        Returns:
            The object as it is (or would be) afterwards.

        Raises:
            Conflict: The object has another resourceVersion by now.
        """
        query = {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
        path = self._path(kind, namespace, name) + (f"/{subresource}" if subresource else "")
        answer = await self.request(
            "PATCH",
            path,
            query=query,
            body=body,
            content_type=_PATCHES[form],
            doing=f"{'preview a change of' if dry_run else 'change'} {_named(kind, name, namespace)}",
        )
        return _object(answer)

    async def apply(
        self, kind: Kind, name: str, namespace: str | None, body: dict[str, Any], *, force: bool, dry_run: bool
    ) -> Applied:
        """Server-side apply as field manager `codenb`; fields that it does not know are refused.

        What codenb set itself by a patch or through a subresource is not another's, although the server keeps it as a
        second entry and names it as a conflict: it is taken, where a resourceVersion keeps anybody else from having
        come in between.

        Args:
            kind: Of the object.
            name: Of the object.
            namespace: Of the object; None where the kind has none.
            body: What is wanted of it. With `metadata.resourceVersion` in it, it is refused once the object has moved.
            force: Whether to take over fields that others own.
            dry_run: Whether the server only says what would come of it.

        Returns:
            The object, or whose fields stand in the way.

        Raises:
            Conflict: The object has another resourceVersion by now.
            BadInput: The server's own validation refuses it; the message names the fields.
            PermissionMissing: These credentials may not; a dry run needs the same permission as the write.
        """
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        query |= {"force": "true"} if force else {}
        query |= {"dryRun": "All"} if dry_run else {}
        path = self._path(kind, namespace, name)
        status, answer = await self._try("PATCH", path, query=query, body=body, content_type=APPLY)
        if conflicts := conflicts_of(status, answer):
            of_others = tuple(one for one in conflicts if one.manager != FIELD_MANAGER)
            unmoved = dry_run or "resourceVersion" in (body.get("metadata") or {})
            if of_others or not unmoved:
                return Applied(None, conflicts=of_others or conflicts)
            return await self.apply(kind, name, namespace, body, force=True, dry_run=dry_run)
        if status not in _OK:
            doing = f"{'preview' if dry_run else 'apply'} {_named(kind, name, namespace)}"
            raise refused(status, answer, doing=doing, context=self.context)
        return Applied(_object(answer), created=status == _CREATED)

    async def delete(self, kind: Kind, resource: Mapping[str, Any], *, dry_run: bool) -> None:
        """Delete exactly the object that was read; what it owns is deleted after it.

        Args:
            kind: Of the object.
            resource: As it was read.
            dry_run: Whether the server only says whether it would.

        Raises:
            Conflict: The object was changed or made anew since.
        """
        told = resource["metadata"]
        # The grace period stays the object's own. Everything is in the body: with one, the library ignores the query.
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": told["uid"], "resourceVersion": told["resourceVersion"]},
        } | ({"dryRun": ["All"]} if dry_run else {})
        path = self._path(kind, told.get("namespace"), told["name"])
        doing = f"{'preview deleting' if dry_run else 'delete'} {_named(kind, told['name'], told.get('namespace'))}"
        await self.request("DELETE", path, body=options, doing=doing)

    async def logs(self, pod: str, namespace: str, query: Mapping[str, str]) -> str:
        """The text of a container's log, as the API server cuts it.

        Args:
            pod: Name of the pod.
            namespace: Its namespace.
            query: `container`, `tailLines`, `sinceSeconds`, `limitBytes`, `previous`, `timestamps`.
        """
        path = self._path(KINDS["Pod"], namespace, pod) + "/log"
        doing = f"read the log of pod {namespace}/{pod}"
        status, data, _ = await self._transport.send("GET", path, query=query)
        if status == _NOT_FOUND and await self.find(KINDS["Pod"], pod, namespace) is None:
            raise BadInput(await self._absent(KINDS["Pod"], pod, namespace))
        if status not in _OK:
            raise refused(status, parsed(data), doing=doing, context=self.context)
        return data.decode("utf-8", "replace")

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
        status, answer = await self._try(method, path, query=query, body=body, content_type=content_type)
        if status not in _OK:
            raise refused(status, answer, doing=doing, context=self.context)
        return answer

    async def _try(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> tuple[int, Any]:
        status, data, _ = await self._transport.send(method, path, query=query, body=body, content_type=content_type)
        return status, parsed(data)

    def _path(self, kind: Kind, namespace: str | None, name: str | None = None) -> str:
        """Of one object, or of the list where no name is given; an empty name is a wrong one, and no list."""
        if namespace is not None and kind.namespaced:
            path = f"{kind.root}/namespaces/{checked_namespace(namespace)}/{kind.plural}"
        else:
            path = f"{kind.root}/{kind.plural}"
        return path if name is None else f"{path}/{quote(checked_name(name), safe='')}"

    async def _absent(self, kind: Kind, name: str, namespace: str | None) -> str:
        """The sentence for an object that is not there, with the nearest that is."""
        said = f"there is no {_named(kind, name, namespace)} in cluster {self.context}"
        spaces, there = KINDS["Namespace"], namespace or ""
        try:
            if kind.namespaced and there and await self.find(spaces, there) is None:
                names = [one["metadata"]["name"] for one in (await self.page(spaces)).items]
                return f"there is no namespace {there!r} in cluster {self.context}{_near(there, names)}"
        except AccessError:
            pass  # who may not read namespaces still gets the sentence about the object
        try:
            names = [one["metadata"]["name"] for one in (await self.page(kind, namespace)).items]
        except CodenbError:
            return f"{said}: check the name"
        return said + _near(name, names)

    async def _discover(self, api_version: str | None) -> tuple[Kind, ...]:
        """Every kind of the cluster, or of one API version; asked for once."""
        key = api_version or ""
        if key not in self._discovered:
            versions = [api_version] if api_version else await self._versions()
            found = await asyncio.gather(*(self._kinds_of(version) for version in versions))
            self._discovered[key] = tuple(kind for kinds in found for kind in kinds)
        return self._discovered[key]

    async def _versions(self) -> list[str]:
        groups = _object(await self.request("GET", "/apis", doing="list the API groups")).get("groups") or []
        return ["v1", *(one["preferredVersion"]["groupVersion"] for one in groups)]

    async def _kinds_of(self, version: str) -> list[Kind]:
        parts = [quote(part, safe="") for part in version.split("/")]
        root = f"/apis/{'/'.join(parts)}" if len(parts) > 1 else f"/api/{parts[0]}"
        status, body = await self._try("GET", root)
        listed = (body.get("resources") or []) if status in _OK and isinstance(body, dict) else []
        return [
            Kind(
                kind=str(one["kind"]),
                api_version=version,
                plural=str(one["name"]),
                namespaced=bool(one.get("namespaced")),
                short=(*(one.get("shortNames") or ()), str(one.get("singularName") or "")),
            )
            for one in listed
            if "/" not in str(one.get("name", "/"))
        ]


def checked_namespace(name: str) -> str:
    """A namespace's name, checked (RFC 1123 label, at most 63 characters).

    Raises:
        BadInput: It can be none.
    """
    if len(name) > 63 or not _LABEL.fullmatch(name):  # noqa: PLR2004  RFC 1123
        raise BadInput(f"{name[:80]!r} is no namespace: lower-case letters, digits and '-', at most 63 characters")
    return name


def checked_name(name: str) -> str:
    """An object's name, checked, so that it cannot become another path.

    Raises:
        BadInput: It can be none.
    """
    if len(name) > 253 or not _NAME.fullmatch(name) or ".." in name:  # noqa: PLR2004  RFC 1123
        raise BadInput(f"{name[:80]!r} is no object's name: letters, digits, '-' and '.', at most 253 characters")
    return name


def _named(kind: Kind, name: str, namespace: str | None) -> str:
    return f"{kind.kind} {namespace}/{name}" if namespace and kind.namespaced else f"{kind.kind} {name}"


def _near(name: str, names: Any) -> str:
    near = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    if near:
        return f": did you mean {near[0]!r}?"
    shown = sorted(names, key=lambda one: (not one.startswith(name), one))[:5]
    return f": there is {', '.join(shown)}" if shown else ": there is none at all"


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise BadInput("the API server answered something that is no object: is the server in the kubeconfig right?")
    return body
