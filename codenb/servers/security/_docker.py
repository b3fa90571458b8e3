"""Policies on Dockerfiles, each finding at the instruction that breaks it.

The reader that checkov brings joins heredocs into lines of its own and so loses count, so instructions are read here:
what a policy looks at is which instruction, with which words, on which lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from codenb.servers.security._engine import graph_checks, inside, registries
from codenb.servers.security._results import Place, Scan, broken, finding, skipped_in
from codenb.servers.security._table import table
from codenb.servers.security.secrets import MaskedLines

_DIRECTIVE = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(\S+)")
_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)(?:\s+(.*))?", re.DOTALL)
_HEREDOC = re.compile(r"<<-?\s*([\"']?)([A-Za-z_][A-Za-z0-9_]*)\1")
_WITH_HEREDOC = {"RUN", "COPY", "ADD"}

Instruction = dict[str, Any]


@inside
def scan(text: str, file: str) -> Scan:
    """Check a Dockerfile against the policies.

    Args:
        text: Its text.
        file: As it was named.

    Raises:
        PartMissing: checkov is not installed.
    """
    result, lines, masked = Scan(), tuple(lines_of(text)), MaskedLines()
    found = list(instructions(lines))
    skipped = skipped_in(line for line in lines if line.lstrip().startswith("#"))
    grouped: dict[str, list[Instruction]] = {}
    for instruction in found:
        grouped.setdefault(instruction["instruction"], []).append(instruction)
    if not grouped:
        return result
    for check, entities in _checks():
        for entity in entities:
            if check.id in skipped or not (entity == "*" or entity in grouped):
                continue
            outcome = _run(check, entity, grouped, file)
            if "check" in outcome:
                result.problems.append(broken(check, Place(file)))
                continue
            verdict, at = outcome["result"]
            if verdict.name == "FAILED":
                places = at if isinstance(at, list) else [at] if isinstance(at, dict) else found[-1:]
                result.findings += [
                    finding("docker", check, _place(item, file, lines, masked)) for item in places if item
                ]
    for check, vertex in _connected(grouped):
        if check.id not in skipped:
            instruction = {"startline": vertex["__startline__"], "endline": vertex["__endline__"]}
            result.findings.append(finding("docker", check, _place(instruction, file, lines, masked)))
    return result


def instructions(lines: Sequence[str]) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, with continued lines joined and heredocs part of the one they belong to.

    Args:
        lines: Without line ends.

    Yields:
        `instruction` in capitals, `value`, `content`, and `startline` and `endline` from 0, as checkov's checks take
        them; and whether it has a `heredoc`.
    """
    escape, number = _escape(lines), 0
    while number < len(lines):
        if not lines[number].strip() or lines[number].lstrip().startswith("#"):
            number += 1
            continue
        start, words = number, list[str]()
        while number < len(lines):
            line = lines[number].rstrip()
            number += 1
            if number - 1 > start and (not line.strip() or line.lstrip().startswith("#")):
                continue  # empty lines and comments between continued lines do not end them
            words.append(line.removesuffix(escape).strip())
            if not line.endswith(escape):
                break
        match = _INSTRUCTION.match(" ".join(words))
        if match is None:  # a line with no letter in front; hadolint says so
            continue
        name, value = match[1].upper(), match[2] or ""
        heredocs = list(_HEREDOC.finditer(value)) if name in _WITH_HEREDOC else []
        body: list[str] = []
        for heredoc in heredocs:
            number = _end_of(heredoc[2], lines, number, body)
        if name == "RUN":
            value = " && ".join([value, *(line.strip() for line in body if line.strip())])
        yield {
            "instruction": name,
            "value": value,
            "content": "\n".join(lines[start:number]) + "\n",
            "startline": start,
            "endline": number - 1,
            "heredoc": bool(heredocs),
        }


def lines_of(text: str) -> list[str]:
    """Its lines without their ends, and without a byte order mark."""
    return [line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")]


def _escape(lines: Sequence[str]) -> str:
    for line in lines:
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            return "\\"
        if match[1].lower() == "escape":
            return match[2]
    return "\\"


def _end_of(name: str, lines: Sequence[str], number: int, body: list[str]) -> int:
    """The line behind a heredoc, whose lines are added to `body`."""
    for at in range(number, len(lines)):
        if lines[at].strip() == name:
            return at + 1
        body.append(lines[at])
    return len(lines)


@cache
def _checks() -> tuple[tuple[Any, tuple[str, ...]], ...]:
    registry, off = registries("docker")[""], table("docker").off
    entities: dict[Any, list[str]] = {}
    for entity, check in registry.all_checks():
        if check.id not in off:
            entities.setdefault(check, []).append(entity)
    return tuple((check, tuple(names)) for check, names in entities.items())


def _run(check: Any, entity: str, grouped: dict[str, list[Instruction]], file: str) -> Any:
    conf = grouped if entity == "*" else grouped[entity]
    return registries("docker")[""].run_check(check, conf, file, entity, file, {})


def _connected(grouped: dict[str, list[Instruction]]) -> Iterator[tuple[Any, Any]]:
    from checkov.common.graph.db_connectors.networkx.networkx_db_connector import (  # noqa: PLC0415  as all of checkov
        NetworkxConnector,
    )
    from checkov.dockerfile.graph_builder.local_graph import DockerfileLocalGraph  # noqa: PLC0415  as all of checkov

    graph = DockerfileLocalGraph(definitions={"/Dockerfile": grouped})
    graph.build_graph(render_variables=False)
    connected = NetworkxConnector().save_graph(graph)
    for check in graph_checks("docker"):
        for vertex in check.run(connected)[1]:
            yield check, vertex


def _place(instruction: Instruction, file: str, lines: tuple[str, ...], masked: MaskedLines) -> Place:
    line = int(instruction["startline"]) + 1
    end = int(instruction["endline"]) + 1
    text = lines[line - 1]
    column = len(text) - len(text.lstrip()) + 1
    name = text.split(None, 1)[0].upper() if text.strip() else ""
    return Place(file, line, column, masked.line(lines, line), name, end if end > line else None)
