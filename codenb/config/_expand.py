"""`${VAR}` and `${VAR:-default}` in `.mcp.json`, so that a shared file holds no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping

from codenb.errors import ConfigError

_REFERENCE = re.compile(r"\$\{(?P<inside>[^}]*)\}")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


def expand(text: str, env: Mapping[str, str], *, where: str) -> str:
    """Put variables in.

    Args:
        text: As written. A variable's value is data: nothing in it is expanded again.
        env: The variables.
        where: The server and field, for the message.

    Raises:
        ConfigError: A variable is not set and has no default, or `${...}` holds no variable.
    """

    def value(match: re.Match[str]) -> str:
        inside = _INSIDE.fullmatch(match["inside"])
        if not inside:
            raise ConfigError(f"{where}: {match[0]} is no variable: write ${{VAR}} or ${{VAR:-default}}")
        name, default = inside["name"], inside["default"]
        if default is not None:
            return env.get(name) or default
        if name not in env:
            raise ConfigError(f"{where}: the variable {name} is not set: set it, or write ${{{name}:-default}}")
        return env[name]

    return _REFERENCE.sub(value, text)
