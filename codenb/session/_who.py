"""Who works in a session: whoever runs the process, or whom a token names where access is configured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from codenb.access import LOCAL, Access, Principal
from codenb.errors import BadInput

if TYPE_CHECKING:
    from codenb.config import Settings

_VARIABLE = "CODENB_TOKEN"


def principal(settings: Settings, token: str | None, access: Access | None) -> Principal:
    """Find out who calls.

    Args:
        settings: With `[access]`, or without.
        token: As given; None takes `CODENB_TOKEN` where it is set.
        access: In place of `[access]`.

    Raises:
        ConfigError: `[access]` cannot be used.
        CredentialsRejected: The token is not accepted.
        BadInput: A token was given and nothing is configured to check it with.
    """
    if not (access is None or isinstance(access, Access)):
        raise BadInput(f"access is {type(access).__name__}: give a codenb.Access, such as codenb.Access.permit(...)")
    guard = access if access is not None else Access.of(settings)
    if guard is None:
        if token is not None:
            raise BadInput(
                f"a token was given, and nothing says how to check it: add [access] to {settings.home / 'codenb.toml'}"
            )
        return LOCAL  # CODENB_TOKEN may be there for the headers of a server in .mcp.json
    given = token if token is not None else os.environ.get(_VARIABLE, "").strip() or None
    return guard.nobody() if given is None else guard.authenticate(given)
