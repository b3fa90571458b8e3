"""One cluster, for every server that talks to it.

Objects go in and out as plain JSON data. Lists are paged, names are checked before they become part of a URL, and a
refusal is an error that says what to do. Several connections of one process share a `Cluster`: see `held.shared`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

from codenb.servers._clients.api import OK, as_object
from codenb.servers._clients.applying import APPLY, FIELD_MANAGER, Applied, conflicts_of
from codenb.servers._clients.discovery import Discovery
from codenb.servers._clients.kinds import Kind
from codenb.servers._clients.names import named
from codenb.servers._clients.objects import Objects
from codenb.servers._clients.refusals import refused

_PATCHES = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}
_CREATED = 201


class Cluster(Objects):
    """One cluster, reached through a kubeconfig: what it holds, which kinds it has, and writes to it."""

    @cached_property
    def kinds(self) -> Discovery:
        """Its kinds."""
        return Discovery(self)

    async def kind(self, name: str, api_version: str | None = None) -> Kind:
        """The kind that a person means; see `Discovery.kind`."""
        return await self.kinds.kind(name, api_version)

    async def served(self, kind: str, api_version: str) -> Kind | None:
        """The kind that a manifest means; see `Discovery.served`."""
        return await self.kinds.served(kind, api_version)

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
        path = self.path(kind, namespace, name) + (f"/{subresource}" if subresource else "")
        answer = await self.request(
            "PATCH",
            path,
            query=query,
            body=body,
            content_type=_PATCHES[form],
            doing=f"{'preview a change of' if dry_run else 'change'} {named(kind, name, namespace)}",
        )
        return as_object(answer)

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
        path = self.path(kind, namespace, name)
        status, answer = await self.attempt("PATCH", path, query=query, body=body, content_type=APPLY)
        if conflicts := conflicts_of(status, answer):
            of_others = tuple(one for one in conflicts if one.manager != FIELD_MANAGER)
            unmoved = dry_run or "resourceVersion" in (body.get("metadata") or {})
            if of_others or not unmoved:
                return Applied(None, conflicts=of_others or conflicts)
            return await self.apply(kind, name, namespace, body, force=True, dry_run=dry_run)
        if status not in OK:
            doing = f"{'preview' if dry_run else 'apply'} {named(kind, name, namespace)}"
            raise refused(status, answer, doing=doing, context=self.context)
        return Applied(as_object(answer), created=status == _CREATED)

    async def delete(
        self,
        kind: Kind,
        resource: Mapping[str, Any],
        *,
        dry_run: bool,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
    ) -> None:
        """Delete exactly the object that was read.

        Args:
            kind: Of the object.
            resource: As it was read.
            propagation: Whether what it owns is deleted after it, before it, or not at all.
            dry_run: Whether the server only says whether it would.

        Raises:
            Conflict: The object was changed or made anew since.
        """
        told = resource["metadata"]
        # The grace period stays the object's own. Everything is in the body: with one, the library ignores the query.
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": told["uid"], "resourceVersion": told["resourceVersion"]},
        } | ({"dryRun": ["All"]} if dry_run else {})
        path = self.path(kind, told.get("namespace"), told["name"])
        doing = f"{'preview deleting' if dry_run else 'delete'} {named(kind, told['name'], told.get('namespace'))}"
        await self.request("DELETE", path, body=options, doing=doing)
