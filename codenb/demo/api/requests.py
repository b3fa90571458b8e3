"""What a request asks for: verb, resource, namespace, name, options."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from codenb.demo.auth import Attributes, User
from codenb.demo.kinds import POD, Catalogue, Kind
from codenb.demo.objects import deeper_than
from codenb.demo.status import bad_request, method_not_allowed, no_such_path, not_embedded, unsupported_media_type

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_POD_REFUSED = frozenset(
    {"attach", "binding", "ephemeralcontainers", "eviction", "exec", "portforward", "proxy", "resize"}
)
_NUMBER = re.compile(r"-?[0-9]{1,15}")
_DEEPEST = 100  # levels of JSON; no real object comes near
_TRUE = frozenset({"1", "t", "true"})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came in.

    Attributes:
        path: Without the query.
        headers: By lower-case name.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @classmethod
    def parse(
        cls, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> HttpRequest:
        """From what ASGI gives."""
        return cls(
            method,
            path,
            dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)),
            {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers},
            body,
        )

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def flag(self, name: str) -> bool:
        """Whether a query parameter is set to true."""
        return self.query.get(name, "").lower() in _TRUE

    def number(self, name: str) -> int | None:
        """A query parameter that is a whole number of at most 15 digits, or None where it is missing.

        Raises:
            ApiError: 400 where it is something else.
        """
        text = self.query.get(name, "")
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            raise bad_request(f'strconv.ParseInt: parsing "{text[:40]}": invalid syntax')
        return int(text)

    def json(self) -> Any:
        """The decoded body.

        Raises:
            ApiError: 400 for what is not JSON, 415 for protobuf and the like.
        """
        if self.content_type not in ("", "application/json") and not self.content_type.endswith("+json"):
            raise unsupported_media_type()
        try:
            content = json.loads(self.body, parse_constant=_refused)
        except (ValueError, RecursionError) as error:
            raise bad_request(f"the body of the request is not JSON: {error}") from error
        if deeper_than(_DEEPEST, content):
            raise bad_request(f"the body of the request is nested deeper than {_DEEPEST} levels")
        return content


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")


@dataclass(frozen=True, slots=True)
class Target:
    """Which resource a path means."""

    kind: Kind
    namespace: str
    name: str
    subresource: str
    verb: str

    @property
    def attributes(self) -> Attributes:
        """What has to be allowed for it."""
        return Attributes(self.verb, self.kind.group, self.kind.plural, self.subresource, self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a resource by a known caller."""

    http: HttpRequest
    target: Target
    user: User

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be kept.

        Raises:
            ApiError: 400 for a value other than `All`.
        """
        value = self.http.query.get("dryRun", "")
        if value not in ("", "All"):
            raise bad_request(f'PatchOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "{value[:40]}"')
        return value == "All"

    @property
    def manager(self) -> str:
        """The field manager: as named, else the program that calls."""
        named = self.http.query.get("fieldManager", "")
        agent = self.http.headers.get("user-agent", "").partition("/")[0].strip()
        return (named or agent or "unknown")[:128]


def resolve(http: HttpRequest, catalogue: Catalogue) -> Target:
    """Read a path.

    Args:
        http: The request.
        catalogue: The kinds that are served.

    Raises:
        ApiError: 404 for a path that means nothing here, 405 for a method it does not have, 501 for
            what only a real server has.
    """
    parts = [part for part in http.path.split("/") if part]
    if parts[:1] == ["api"]:
        group, version, rest = "", parts[1] if len(parts) > 1 else "", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 2:  # noqa: PLR2004 - group and version
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in ("status", "finalize"):  # noqa: PLR2004
        namespace, rest = rest[1], rest[2:]
    if rest[:1] == ["watch"]:
        raise not_embedded("the old /watch/ paths; use ?watch=true")
    kind = catalogue.find(group, version, rest[0] if rest else "")
    if kind is None or (namespace and not kind.namespaced):
        raise no_such_path()
    name, subresource = (rest[1] if len(rest) > 1 else ""), "/".join(rest[2:])
    _check_subresource(kind, subresource)
    return Target(kind, namespace, name, subresource, _verb(http, kind, namespace, name))


def _check_subresource(kind: Kind, subresource: str) -> None:
    if not subresource:
        return
    if kind is POD and subresource.partition("/")[0] in _POD_REFUSED:
        raise not_embedded(f"pods/{subresource.partition('/')[0]}")
    if kind.custom is not None and subresource == "scale":
        raise not_embedded("the scale subresource of custom resources")
    known = (kind.status and subresource == "status") or (kind.scale and subresource == "scale")
    if not known and not (kind is POD and subresource == "log"):
        raise no_such_path()


def _verb(http: HttpRequest, kind: Kind, namespace: str, name: str) -> str:
    verb = _VERBS.get(http.method)
    if verb is None:
        raise method_not_allowed()
    if name:
        if verb == "create":
            raise method_not_allowed()
        return verb
    if verb in ("update", "patch") or (verb == "create" and kind.namespaced and not namespace):
        raise method_not_allowed()
    if verb == "get":
        return "watch" if http.flag("watch") else "list"
    return "deletecollection" if verb == "delete" else verb
