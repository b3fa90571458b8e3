"""A docstring, cut into what a model reads of a tool and what it reads of each argument.

Every word of a tool's description is paid for in each conversation that lists it, so arguments are described where
they stand in the input schema, and what only Python callers need (raised errors, examples) is left out.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

_SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Example|Examples|Note|Notes|Attributes):\s*$")
_ARGUMENT = re.compile(r"^ {4}(\w+)(?: \([^)]*\))?: (.*)$")


def described(function: Callable[..., object]) -> tuple[str, dict[str, str]]:
    """Read a docstring in Google's form.

    Returns:
        The description (what it does, what it answers) and the text of each argument.
    """
    sections: dict[str, list[str]] = {"": []}
    section = ""
    for line in (inspect.getdoc(function) or "").splitlines():
        if match := _SECTION.match(line):
            section = match[1]
            sections[section] = []
        else:
            sections[section].append(line)
    text = "\n".join(sections[""]).strip()
    if answers := _joined(sections.get("Returns", [])):
        text = f"{text}\n\nReturns: {answers}"
    return text, _arguments(sections.get("Args", []))


def _arguments(lines: list[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if match := _ARGUMENT.match(line):
            name = match[1]
            found[name] = [match[2]]
        elif name:
            found[name].append(line)
    return {name: _joined(text) for name, text in found.items()}


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines if line.strip())
