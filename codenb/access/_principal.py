"""Who calls, and what they may call.

A permit is a pattern over `server/tool` or over `server/uri`. What no pattern names is denied; without any access
configured there is nobody to tell apart, and the one principal is `local`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

from codenb.errors import PermissionMissing

PREVIEW_TOOL = "preview_change"
"""What every server of codenb's kind previews a change with."""

_ABOUT = "about://server"


@dataclass(frozen=True, slots=True)
class Permits:
    """What one principal may call.

    Attributes:
        tools: Patterns over `server/tool`, such as `deployment/validate_*`; `*` matches any text.
        resources: Patterns over `server/uri`, such as `deployment/memory://*`.
    """

    tools: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    def allow_tool(self, server: str, tool: str) -> bool:
        """Whether a tool may be called."""
        return any(fnmatchcase(f"{server}/{tool}", pattern) for pattern in self.tools)

    def allow_resource(self, server: str, uri: str) -> bool:
        """Whether a resource may be read; what a server says of itself may be, by everybody who is known."""
        return uri == _ABOUT or any(fnmatchcase(f"{server}/{uri}", pattern) for pattern in self.resources)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    Attributes:
        name: As a token proves it; `local` where none is asked for.
        proof: `token`, or `local` where no access is configured.
        permits: None is everything, where no access is configured.
        expires_at: Of the token, UTC.
    """

    name: str
    proof: Literal["local", "token"] = "local"
    permits: Permits | None = None
    expires_at: datetime | None = None

    def may_call(self, server: str, tool: str, arguments: Mapping[str, Any] | None = None) -> bool:
        """Whether a tool may be called; previewing a change takes the permit for the change, or one for previewing."""
        if self.permits is None or self.permits.allow_tool(server, tool):
            return True
        previewed = (arguments or {}).get("tool")
        return tool == PREVIEW_TOOL and isinstance(previewed, str) and self.permits.allow_tool(server, previewed)

    def may_read(self, server: str, uri: str) -> bool:
        """Whether a resource may be read."""
        return self.permits is None or self.permits.allow_resource(server, uri)

    def require_call(self, server: str, tool: str, arguments: Mapping[str, Any] | None = None) -> None:
        """Complain where a tool may not be called.

        Raises:
            PermissionMissing: The message names the permit that is missing.
        """
        if not self.may_call(server, tool, arguments):
            raise PermissionMissing(
                f"{self.name} may not call {server}.{tool}: ask for a permit on the tool {server}/{tool}"
            )

    def require_read(self, server: str, uri: str) -> None:
        """Complain where a resource may not be read.

        Raises:
            PermissionMissing: The message names the permit that is missing.
        """
        if not self.may_read(server, uri):
            raise PermissionMissing(f"{self.name} may not read {uri} of {server}: ask for a permit on {server}/{uri}")


LOCAL = Principal("local")
"""Whoever runs this process, where no access is configured."""
