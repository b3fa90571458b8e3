"""Plain YAML words as the values that Kubernetes takes them for.

kubectl and the API server read YAML with `sigs.k8s.io/yaml`, which is YAML 1.1 in part: `yes`, `no`, `on`, `off`, `y`
and `n` are booleans, `0777` is octal and `1e3` a number, but times such as `12:30` and dates stay text. PyYAML's own
rules differ in five of these, so a manifest could be judged by values that no cluster ever sees.

Format: `goyaml.v2/resolve.go` of https://github.com/kubernetes-sigs/yaml
"""

from __future__ import annotations

import math
import re

STR = "tag:yaml.org,2002:str"
BINARY = "tag:yaml.org,2002:binary"
_STANDARD = "tag:yaml.org,2002:"

_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True)
_WORDS |= dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False)
_NOT_FINITE = {".nan", ".NaN", ".NAN"} | {
    f"{sign}{word}" for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")
}
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[Tt ].*)?")
_INTEGER = re.compile(r"[-+]?(?:0[bB][01]+|0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0|[1-9]\d*)")
_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?")
_LONGEST = 400  # of a number; Python refuses to read integers of some thousand digits, and no field takes them
_EXACT = 2**53

Scalar = str | int | float | bool | None


def resolved(text: str) -> Scalar:
    """The value of a plain scalar without a tag.

    Args:
        text: As written.

    Returns:
        A float that is not finite for `.inf` and `.nan`, which JSON, and so Kubernetes, has no word for.
    """
    if text in _WORDS:
        return _WORDS[text]
    first = text[0]
    if first not in "+-.0123456789" or len(text) > _LONGEST or _DATE.fullmatch(text):
        return text
    if text in _NOT_FINITE:
        return math.nan if text.lower() == ".nan" else math.copysign(math.inf, -1 if first == "-" else 1)
    bare = text if first == "." else text.replace("_", "")
    if _INTEGER.fullmatch(bare):
        return _integer(bare)
    return _float(bare) if _FLOAT.fullmatch(bare) else text


def tagged(text: str, tag: str) -> Scalar:
    """The value of a scalar that has a tag.

    Args:
        text: As written.
        tag: In its long form.

    Raises:
        ValueError: The tag names a type that this is not.
    """
    if tag in (STR, BINARY, "!") or not tag.startswith(_STANDARD):
        return text
    value = resolved(text)
    fits: dict[str, tuple[type, ...]] = {
        "bool": (bool,),
        "int": (int,),
        "float": (int, float),
        "null": (type(None),),
        "timestamp": (str,),
    }
    word = tag.removeprefix(_STANDARD)
    if word not in fits:
        return text
    if not isinstance(value, fits[word]) or (isinstance(value, bool) and word != "bool"):
        raise ValueError(f"this is no {word}, as its tag !!{word} says")
    return value


def _integer(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-").lower()
    if digits[:2] in ("0x", "0b"):
        return sign * int(digits, 0)
    if digits.startswith("0") and len(digits) > 1:
        return sign * int(digits[1:].removeprefix("o"), 8)
    return sign * int(digits)


def _float(text: str) -> int | float:
    """A float; a whole one as the integer that JSON writes for it."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < _EXACT else value
