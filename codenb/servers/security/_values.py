"""What the variables and locals of a Terraform module stand for, as far as that is written down.

checkov would evaluate expressions with an interpreter of its own. Nothing that is scanned is run here: a reference is
replaced by a value that is written out (a default, a `.tfvars` file, a module call's argument, a local), and every
other expression stays an expression, on which policies do not judge.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codenb.servers.security._hcl import Read

MAX_CALLS = 64
_DEPTH = 8
_REFERENCE = re.compile(r"\$\{\s*((?:var|local)\.[A-Za-z_][\w-]*)\s*\}")

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Instance:
    """A folder of Terraform files with the values that it is used with.

    Attributes:
        files: That are in the folder.
        values: By `var.NAME` and `local.NAME`.
    """

    files: tuple[Read, ...]
    values: Values


def instances(files: Sequence[Read], given: Mapping[str, Values]) -> Iterator[Instance]:
    """Each folder, once with what its own files say, or once for each call from another folder.

    Args:
        files: All that were read.
        given: By folder, what its `.tfvars` files that are loaded by themselves say.
    """
    folders: dict[str, list[Read]] = {}
    for file in files:
        folders.setdefault(posixpath.dirname(file.file), []).append(file)
    called = {target for folder in folders for target, _ in _calls(folder, folders[folder], {}) if target != folder}
    left, reached = [MAX_CALLS], set[str]()
    for folder in sorted(folders, key=lambda folder: folder in called):
        if folder in reached:  # by a call from a folder that nothing calls
            continue
        for name, instance in _with(folder, folders, given.get(folder, {}), left, 0):
            reached.add(name)
            yield instance


def _with(
    folder: str, folders: Mapping[str, Sequence[Read]], given: Values, left: list[int], depth: int
) -> Iterator[tuple[str, Instance]]:
    """A folder with values, and the folders that it calls with theirs; `left` calls are followed in all."""
    files = folders[folder]
    values = _values(files, given)
    yield folder, Instance(tuple(files), values)
    for target, arguments in _calls(folder, files, values):
        if target in folders and target != folder and left[0] > 0 and depth < _DEPTH:
            left[0] -= 1
            yield from _with(target, folders, arguments, left, depth + 1)


def _calls(folder: str, files: Sequence[Read], values: Values) -> Iterator[tuple[str, Values]]:
    """The folders that a folder's module blocks name, with the arguments that are written out."""
    for file in files:
        for block in file.blocks.get("module", ()):
            for arguments in block.values():
                source = _first(arguments.get("source"))
                if isinstance(source, str) and source.startswith(("./", "../")):
                    known = {name: resolved(_first(value), values) for name, value in arguments.items()}
                    target = posixpath.normpath(posixpath.join(folder, source))
                    yield ("" if target == "." else target), {k: v for k, v in known.items() if is_written_out(v)}


def _values(files: Sequence[Read], given: Values) -> Values:
    values: dict[str, Any] = {}
    for file in files:
        for block in file.blocks.get("variable", ()):
            for name, arguments in block.items():
                default = _first(arguments.get("default")) if isinstance(arguments, dict) else None
                if default is not None and is_written_out(default):
                    values[f"var.{name}"] = default
    values |= {f"var.{name}": value for name, value in given.items() if is_written_out(value)}
    for _ in range(2):  # a local may stand for another
        for file in files:
            for block in file.blocks.get("locals", ()):
                for name, value in block.items():
                    known = resolved(_first(value), values)
                    if known is not None and is_written_out(known) and not name.startswith("__"):
                        values[f"local.{name}"] = known
    return values


def resolved(value: Any, values: Values) -> Any:
    """A copy of a value with its references replaced by what they stand for, where that is written down."""
    if isinstance(value, dict):
        return {key: resolved(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, values) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    if (whole := _REFERENCE.fullmatch(value)) and whole[1] in values:
        return values[whole[1]]

    def written(match: re.Match[str]) -> str:
        known = values.get(match[1])
        return str(known) if isinstance(known, str | int | float) and not isinstance(known, bool) else match[0]

    return _REFERENCE.sub(written, value)


def is_written_out(value: Any) -> bool:
    """Whether nothing in a value has to be evaluated."""
    return "${" not in json.dumps(value, default=str)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None
