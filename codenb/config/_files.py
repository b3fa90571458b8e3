"""Reading a configuration file: its size bounded, its encoding checked, its faults named by line and column."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from codenb.errors import ConfigError

_MAX_BYTES = 1_000_000


def read_json(path: Path) -> object:
    """The value in a JSON file, None when there is no such file.

    Raises:
        ConfigError: It cannot be read, is not JSON, or says a key twice in one object.
    """
    text = _read(path)
    if text is None:
        return None
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, path), parse_constant=_not_json)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits, NaN
        raise ConfigError(f"{path} is not JSON: {error}") from error


def read_toml(path: Path) -> dict[str, Any] | None:
    """The tables of a TOML file, None when there is no such file.

    Raises:
        ConfigError: It cannot be read or is not TOML.
    """
    text = _read(path)
    if text is None:
        return None
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _read(path: Path) -> str | None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path} is not a file: move what is there, or make it a file")
        if status.st_size > _MAX_BYTES:
            raise ConfigError(f"{path} has {status.st_size:,} bytes; a configuration has at most {_MAX_BYTES:,}")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link to a file that is not there") from None
        return None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error


def _unique(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ConfigError(f"{path} says {json.dumps(key)} twice in one object: keep one of them")
        made[key] = value
    return made


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
