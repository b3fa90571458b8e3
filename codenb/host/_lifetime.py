"""For how long an answer may serve again.

What a person configures comes first, then what the server says of its own tool, then what the tool's name tells: the
state of what runs is old after two seconds, a repository after a minute, and the rest, such as versions, prices and
schemas, after five. The rest of somebody else's server counts as what runs, because nobody has said that it is not.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codenb.config import ServerSettings
    from codenb.host._listing import ToolInfo

LIVE_S, REPOSITORY_S, REST_S = 2.0, 60.0, 300.0

_HINTED_S = 3600.0
"""However sure of itself a server is."""

_LIVE = re.compile(
    r"(alert|burn|condition|container|context|cpu|deployment|describe|diagnose|endpoint|event|gather|health|job|log"
    r"|memory|metric|node|pod|process|query|replica|resource|rollout|run|series|service|signal|silence|state|stat"
    r"|status|target|top|usage|workload)(s|es)?"
)
_REPOSITORY = re.compile(
    r"(blame|branch|commit|compare|file|issue|merge|pull|release|repo|repository|repositories|tag|tree|workflow)(s|es)?"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def lifetime(tool: ToolInfo, settings: ServerSettings) -> float:
    """Seconds that an answer of a tool may be kept and shared.

    Args:
        tool: What the server says of it.
        settings: What is configured for the server.

    Returns:
        0 for never: a tool that is not known to change nothing, one whose every answer is another, one that reads
        files which may be edited at any moment.
    """
    if not tool.read_only:
        return 0.0
    configured = settings.ttl_of(tool.name)
    if configured is not None:
        return configured
    if tool.ttl_s is not None:
        return tool.ttl_s
    return _by_name(tool.name, rest_s=LIVE_S if tool.kind == "third-party" else REST_S)


def hinted(value: Any) -> float | None:
    """What a server says as the lifetime of a tool's answers; None where it says nothing that can be meant."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return min(float(value), _HINTED_S) if number else None


def _by_name(tool: str, *, rest_s: float) -> float:
    words = [word.lower() for word in _WORDS.findall(tool)]
    if any(_LIVE.fullmatch(word) for word in words):
        return LIVE_S
    return REPOSITORY_S if any(_REPOSITORY.fullmatch(word) for word in words) else rest_s
