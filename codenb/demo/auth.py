"""Who is calling, and what they may do.

Two roles that are built in: an admin who may do everything, and a viewer who may read all but secrets. Role objects
can be stored; they give nobody any right here.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from codenb.demo.status import unauthorized

_READS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True, slots=True)
class User:
    """A caller.

    Attributes:
        name: As messages name the caller.
        groups: For `kubectl auth whoami` and the like.
        role: `admin`, `viewer` or `` for nobody in particular.
    """

    name: str
    groups: tuple[str, ...]
    role: str


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",), "")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What somebody wants to do with which resource."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def full_resource(self) -> str:
        """`deployments` or `deployments/scale`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


class Tokens:
    """The bearer tokens of one world; drawn anew each time, whatever the seed."""

    def __init__(self) -> None:
        self.admin = secrets.token_urlsafe(24)
        self.viewer = secrets.token_urlsafe(24)

    def user(self, authorization: str) -> User:
        """The user behind an `Authorization` header.

        Raises:
            ApiError: 401 for a token that is not ours.
        """
        if not authorization:
            return ANONYMOUS
        token = authorization.partition(" ")[2].strip().encode()
        if hmac.compare_digest(token, self.admin.encode()):
            return User("codenb-admin", ("system:masters", "system:authenticated"), "admin")
        if hmac.compare_digest(token, self.viewer.encode()):
            return User("codenb-viewer", ("codenb:viewers", "system:authenticated"), "viewer")
        raise unauthorized()


def allowed(user: User, wanted: Attributes) -> bool:
    """Whether a user may do something."""
    if user.role == "admin":
        return True
    if user.role != "viewer":
        return False
    if wanted.group in ("authorization.k8s.io", "authentication.k8s.io"):
        return wanted.resource.startswith("selfsubject") and wanted.verb == "create"
    return wanted.verb in _READS and (wanted.group, wanted.resource) != ("", "secrets")


def refusal(user: User, wanted: Attributes) -> str:
    """Why not, in the API server's words."""
    where = f' in the namespace "{wanted.namespace}"' if wanted.namespace else " at the cluster scope"
    return (
        f'User "{user.name}" cannot {wanted.verb} resource "{wanted.full_resource}" in API group '
        f'"{wanted.group}"{where}'
    )
