"""`codenb validate PATH...`: what a person types before a commit, and what a pipeline runs on every one.

It reads files and needs nothing else: no project folder, no cluster, no network, no Docker.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codenb import config
from codenb.errors import BadInput

if TYPE_CHECKING:
    from codenb.models import ValidationReport
    from codenb.servers._base._paths import Roots

_SEVERITIES = ("critical", "high", "medium", "low", "info")
_STDIN = "-"
_MAX_STDIN = 32 * 2**20  # bytes
_FOUND, _INCOMPLETE = 1, 2


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Say what may be typed."""
    parser = commands.add_parser(
        "validate",
        help="check Terraform, Kubernetes and Docker files",
        description=(
            "Check files and folders: syntax, schemas, references, policies, secrets. What kind of files they are is"
            " seen from the files."
        ),
        epilog="exit codes: 0 nothing at or above the threshold, 1 findings, 2 it could not run, or not every checker",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file or folder; - reads manifests on standard input")
    parser.add_argument("--type", choices=("terraform", "kubernetes", "docker"), help="check as this type only")
    parser.add_argument(
        "--format", choices=("table", "json", "sarif", "junit", "github"), default="table", help="default: table"
    )
    parser.add_argument(
        "--fail-on",
        choices=_SEVERITIES,
        default="high",
        help="severity from which on a finding fails the run (default: high)",
    )
    parser.add_argument("--no-strict", action="store_true", help="matters of style count as info")
    parser.add_argument(
        "--allow-incomplete", action="store_true", help="do not fail because a checker could not run; say it only"
    )
    parser.add_argument("--kubernetes-version", metavar="VERSION", help="such as 1.37 (default: the newest known)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Validate, and print the report.

    Returns:
        0 nothing at or above the threshold; 1 findings; 2 not everything was checked.

    Raises:
        CodenbError: A path, a version or the configuration cannot be used, or there is nothing to validate.
    """
    report = asyncio.run(_validated(arguments))
    if arguments.format == "table":
        sys.stdout.write(report.to_text(color=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    else:
        sys.stdout.write(report.export(arguments.format))
    return _exit_code(report, allow_incomplete=arguments.allow_incomplete)


async def _validated(arguments: argparse.Namespace) -> ValidationReport:
    roots = _roots(arguments.paths)
    from codenb.models import Severity  # noqa: PLC0415  each command loads what it needs
    from codenb.servers.deployment.validation import validate  # noqa: PLC0415  heavy: a wrong word is said at once

    return await validate(
        [_stdin() if path == _STDIN else path for path in arguments.paths],
        roots,
        type=arguments.type,
        strict=not arguments.no_strict,
        fail_on=Severity[arguments.fail_on.upper()],
        kubernetes_version=arguments.kubernetes_version,
        settings=config.load(),
    )


def _roots(paths: list[str]) -> Roots:
    """What was typed may be read, and the working directory, from which names in the output are relative."""
    from codenb.servers._base._paths import Roots  # noqa: PLC0415

    typed = []
    for path in paths:
        if path != _STDIN:
            if not os.path.lexists(path):
                raise BadInput(f"{path or repr(path)}: there is no such file or folder")
            typed.append(Path(path))
    return Roots((Path.cwd(), *typed))


def _stdin() -> str:
    data = sys.stdin.buffer.read(_MAX_STDIN + 1)
    if len(data) > _MAX_STDIN:
        raise BadInput(f"standard input holds more than {_MAX_STDIN // 2**20} MiB: validate a folder instead")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"standard input is not UTF-8 (byte {error.start})") from error
    if not text.strip():
        raise BadInput("standard input is empty: pipe manifests into it")
    return text if "\n" in text else f"{text}\n"  # an item without a line feed would be taken for a path


def _exit_code(report: ValidationReport, *, allow_incomplete: bool) -> int:
    match report.status:
        case "valid":
            return 0
        case "invalid":
            return _FOUND
        case "incomplete":
            return 0 if allow_incomplete else _INCOMPLETE
