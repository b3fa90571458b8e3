"""Bodies in YAML, read as an API server reads them: what comes of it is what JSON could have said."""

from __future__ import annotations

import json
import math
from typing import Any

import yaml

from codenb.demo.objects import deeper_than
from codenb.demo.status import bad_request

_DEEPEST = 100
_MOST_NODES = 200_000  # with aliases written out; the largest real object has a tenth of it


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML without the types that JSON does not have: dates, and numbers in base 60, stay text."""


def _number(loader: Any, node: yaml.ScalarNode) -> Any:
    if ":" in node.value:
        return node.value
    is_int = node.tag == "tag:yaml.org,2002:int"
    return (loader.construct_yaml_int if is_int else loader.construct_yaml_float)(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def read(body: bytes) -> Any:
    """Decode a body in YAML, or in JSON, which is YAML too.

    Args:
        body: As it was sent.

    Raises:
        ApiError: 400 for what is neither, holds more than one document, is nested too deep, or grows too large.
    """
    try:
        content = json.loads(body)  # quicker, and YAML reads some escapes of JSON otherwise
    except (ValueError, RecursionError):
        try:
            content = _plain(yaml.load(body, Loader=_Loader), [0], 0)  # noqa: S506 - it is a safe one
        except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise bad_request(f"error decoding YAML: {' '.join(str(error).split())[:300]}") from error
    if deeper_than(_DEEPEST, content):
        raise bad_request(f"the body of the request is nested deeper than {_DEEPEST} levels")
    return content


def _plain(value: Any, count: list[int], depth: int) -> Any:
    """A value as JSON has it: keys are text, and what an alias names stands where the alias stood."""
    count[0] += 1
    if count[0] > _MOST_NODES or depth > _DEEPEST:
        raise ValueError("document contains excessive aliasing")
    if isinstance(value, dict):
        return {_key(key): _plain(item, count, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, count, depth + 1) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if value is not None and not isinstance(value, str | bool | int | float):
        raise ValueError(f"{type(value).__name__} is not a type of JSON")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number of JSON")
    return value


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, str | int | float):
        return str(key)
    raise ValueError("a key is not text")
