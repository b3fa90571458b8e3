"""Which kinds a cluster has: the common ones from a table, all others, custom resources included, by asking it."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from codenb.errors import BadInput
from codenb.servers._clients.api import OK, Api, as_object
from codenb.servers._clients.kinds import KINDS, Kind, known
from codenb.servers._clients.names import nearest


class Discovery:
    """The kinds of one cluster, each API version asked for once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._discovered: dict[str, tuple[Kind, ...]] = {}

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
                    f"cluster {self._api.context} has no API version {api_version!r}: leave it out, or correct it"
                )
            said = f"cluster {self._api.context} has no kind {name!r} in {api_version}"
            raise BadInput(said + nearest(name, [one.kind for one in kinds]))
        names = {one.kind for one in (*KINDS.values(), *kinds)}
        raise BadInput(f"cluster {self._api.context} has no kind {name!r}{nearest(name, names)}")

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

    async def _discover(self, api_version: str | None) -> tuple[Kind, ...]:
        """Every kind of the cluster, or of one API version; asked for once."""
        key = api_version or ""
        if key not in self._discovered:
            versions = [api_version] if api_version else await self._versions()
            found = await asyncio.gather(*(self._kinds_of(version) for version in versions))
            self._discovered[key] = tuple(kind for kinds in found for kind in kinds)
        return self._discovered[key]

    async def _versions(self) -> list[str]:
        groups = as_object(await self._api.request("GET", "/apis", doing="list the API groups")).get("groups") or []
        return ["v1", *(one["preferredVersion"]["groupVersion"] for one in groups)]

    async def _kinds_of(self, version: str) -> list[Kind]:
        parts = [quote(part, safe="") for part in version.split("/")]
        root = f"/apis/{'/'.join(parts)}" if len(parts) > 1 else f"/api/{parts[0]}"
        status, body = await self._api.attempt("GET", root)
        listed = (body.get("resources") or []) if status in OK and isinstance(body, dict) else []
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
