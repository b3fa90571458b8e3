"""The rounds of one call where several processes serve them.

In the 2026 protocol a call may end with a question and come again with the answer, to whichever worker the balancer
picks. What it carries is sealed by the worker that asked, and only one with the same key opens it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from mcp.server.request_state import RequestStateSecurity

from codenb.errors import ConfigError

STATE_KEY = "CODENB_STATE_KEY"

_BYTES = 32


def shared_rounds(env: Mapping[str, str] | None = None) -> RequestStateSecurity | None:
    """The key that the workers share, from `CODENB_STATE_KEY`; None leaves each process with one of its own.

    Several keys are parted by commas: the first seals and each opens, so that a new one can be brought in first as the
    second and then as the first.

    Args:
        env: The process's environment by default.

    Raises:
        ConfigError: One is too short, or there twice.
    """
    told = (os.environ if env is None else env).get(STATE_KEY, "").strip()
    if not told:
        return None
    keys = [key.strip().encode("utf-8", "surrogateescape") for key in told.split(",")]
    shortest = min(len(key) for key in keys)
    if shortest < _BYTES:
        raise ConfigError(
            f"{STATE_KEY} has a key of {shortest} bytes: give {_BYTES} random ones or more, such as `openssl rand "
            f"-hex 32` prints, and part several by commas"
        )
    if len(set(keys)) < len(keys):
        raise ConfigError(f"{STATE_KEY} has one key twice: once is enough")
    return RequestStateSecurity(keys=keys)
