"""The step that asks whether a principal may do what it asks for; it comes first, so that no other step is disturbed.

In process this keeps a notebook to what it was given a token for. It is no boundary, since the kernel holds the
servers as well; that is a server behind HTTP, which asks the same questions of the same permits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ParamSpec

from codenb.access import PREVIEW_TOOL, Principal
from codenb.errors import AccessError
from codenb.host._listing import PromptInfo, ResourceInfo, ToolInfo

if TYPE_CHECKING:
    from codenb.models.change import ToolCall

P = ParamSpec("P")

_PREVIEWS = "preview://"


def _own(require: Callable[P, None]) -> Callable[P, None]:
    """Mark what is refused here as the host's own word: servers refuse with the same errors."""

    @functools.wraps(require)
    def marked(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            require(*args, **kwargs)
        except AccessError as error:
            error.by_host = True
            raise

    return marked


class Gate:
    """Lets through what the principal may do.

    Attributes:
        principal: Who calls.
    """

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    @property
    def open(self) -> bool:
        """Whether anything at all may pass: there are credentials, where they are asked for, and they still hold."""
        return not self.principal.invalid

    @_own
    def require(self) -> None:
        """Complain where nothing at all may pass.

        Raises:
            CredentialsRejected: The message says why.
        """
        self.principal.require_valid()

    @_own
    def require_call(self, call: ToolCall) -> None:
        """Complain where a tool may not be called.

        Raises:
            AccessError: There are no credentials that hold, or the permit that the message names is missing.
        """
        self.principal.require_call(call.server, call.tool, call.arguments)

    @_own
    def require_change(self, call: ToolCall) -> None:
        """Complain where a change may not be made; here a permit for previewing it is none.

        Raises:
            AccessError: There are no credentials that hold, or the permit that the message names is missing.
        """
        self.principal.require_call(call.server, call.tool)

    def denies_proposal(self, call: ToolCall) -> bool:
        """Whether a call may not even be previewed."""
        return bool(self.principal.invalid) or not self._may_preview(call.server, call.tool)

    @_own
    def require_read(self, server: str, uri: str) -> None:
        """Complain where a resource may not be read.

        What became of a change is read from its preview: whoever may call something on the server may ask for one, and
        the server knows whose it is.

        Raises:
            AccessError: There are no credentials that hold, or the permit that the message names is missing.
        """
        self.principal.require_valid()
        permits = self.principal.permits
        if not (uri.startswith(_PREVIEWS) and permits is not None and permits.reach_server(server)):
            self.principal.require_read(server, uri)

    @_own
    def require_prompt(self, server: str, name: str) -> None:
        """Complain where a prompt may not be asked for; permits name it as they name tools.

        Raises:
            AccessError: There are no credentials that hold, or the permit that the message names is missing.
        """
        self.principal.require_call(server, name)

    def tools(self, listed: Iterable[ToolInfo]) -> list[ToolInfo]:
        """Those of some tools that may be called or proposed."""
        known = list(listed)
        may = {(one.server, one.name) for one in known if self._may_use(one)}
        proposing = {one.server for one in known if not one.callable and (one.server, one.name) in may}
        return [
            one
            for one in known
            if (one.server, one.name) in may or (one.name == PREVIEW_TOOL and one.server in proposing)
        ]

    def resources(self, listed: Iterable[ResourceInfo]) -> list[ResourceInfo]:
        """Those of some resources that may be read, and the templates of which something may."""
        return [one for one in listed if self._may_read(one)]

    def prompts(self, listed: Iterable[PromptInfo]) -> list[PromptInfo]:
        """Those of some prompts that may be asked for."""
        return [one for one in listed if self.principal.may_call(one.server, one.name)]

    def _may_use(self, one: ToolInfo) -> bool:
        may_call = self.principal.may_call(one.server, one.name)
        return may_call or (not one.callable and self._may_preview(one.server, one.name))

    def _may_preview(self, server: str, tool: str) -> bool:
        return self.principal.may_call(server, PREVIEW_TOOL, {"tool": tool})

    def _may_read(self, one: ResourceInfo) -> bool:
        permits = self.principal.permits
        if not one.template or permits is None:
            return self.principal.may_read(one.server, one.uri)
        if one.uri.startswith(_PREVIEWS):
            return permits.reach_server(one.server)
        return permits.reach_resources(one.server, one.uri.partition("{")[0])
