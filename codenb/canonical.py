"""Canonical JSON and digests.

A digest is what a person approves and what a server later compares, on another machine and in another process; so
equal values must give equal bytes. The form follows RFC 8785 (JSON Canonicalization Scheme) where Python's own
encoder agrees with it: keys sorted by UTF-16 code unit, no white space, shortest text for every number, UTF-8.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from codenb.errors import BadInput

_LEAVES = frozenset({str, int, bool, type(None)})


def canonical_json(value: Any) -> bytes:
    """Encode a JSON value so that equal values give equal bytes.

    Args:
        value: Mappings with text keys, sequences, text, numbers, booleans, None; a model's `to_dict()`.

    Returns:
        UTF-8 bytes.

    Raises:
        BadInput: The value holds something that JSON cannot carry exactly: NaN, an infinity, a lone surrogate, a key
            that is not text, another type.
    """
    try:
        return json.dumps(
            _plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
        ).encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInput("text with a lone surrogate has no canonical form: send well-formed Unicode") from error
    except ValueError as error:
        raise BadInput("a number of thousands of digits has no canonical form: send it as text") from error
    except RecursionError as error:
        raise BadInput("the value is nested too deeply for a canonical form") from error


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _plain(value: Any) -> Any:
    if type(value) in _LEAVES:  # told first: what an abstract class is costs more than all the rest
        return value
    match value:
        case int() | str():
            return value
        case float():
            if not math.isfinite(value):
                raise BadInput(f"{value} has no canonical JSON form: use a finite number")
            # 3.0 and 3 are one JSON number (RFC 8785, section 3.2.2.3), and so are 1e16 and 10**16.
            return int(value) if value.is_integer() else value
        case dict() | Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise BadInput(f"the key {key!r} is not text: JSON objects have text keys")
            return {key: _plain(value[key]) for key in sorted(value, key=_utf16)}
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [_plain(item) for item in value]
        case _:
            raise BadInput(f"{type(value).__name__} has no canonical JSON form")


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")
