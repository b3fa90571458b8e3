"""Why the program could not do it, in one line that says what to do: locks, providers, variables, faults in files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from codenb.errors import BadInput, CodenbError, Conflict, PartMissing, ToolError
from codenb.servers.deployment.terraform._program import Program
from codenb.servers.deployment.terraform._stream import Diagnostic

_SHOWN = 3
_VARIABLE = re.compile(r'variable(?: named)? "([^"]+)"')
_PROVIDER = re.compile(r"provider ([\w.-]+/[\w.-]+/[\w.-]+)")
_LOCK = re.compile(r"^\s*(ID|Operation|Who|Created):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_HELD = re.compile(r"already locked: ID=(\S+)")

_NOT_INITIALISED = (
    "Backend initialization required",
    "Backend configuration changed",
    "Inconsistent dependency lock file",
    "Required plugins are not installed",
    "Module not installed",
    "Module source has changed",
    "Missing required provider",
    "Could not load plugin",
    "HCP Terraform or Terraform Enterprise initialization required",
)

STALE = "Saved plan is stale"


def explained(errors: Sequence[Diagnostic], program: Program, workspace: str, *, otherwise: str = "") -> CodenbError:
    """The error of ours for what the program reported.

    Args:
        errors: At least what it said first; without secrets.
        program: Which.
        workspace: Folder, as it was named.
        otherwise: What it printed, where it reported nothing.
    """
    command = program.name.replace("OpenTofu", "tofu").lower()
    if not errors:
        said = " ".join(otherwise.split())[-500:] or "it said nothing"
        return ToolError(f"{program.name} could not read {workspace}: {said}")
    first = errors[0]
    if any("state lock" in one.summary.lower() for one in errors):
        return Conflict(_locked(errors, command, workspace))
    missing = [name for one in errors if one.summary == "No value for required variable" for name in _named(one)]
    if missing:
        return BadInput(
            f"{workspace} needs a value for {_list('variable', missing)}: give it in `variables`, or a default in the "
            f"configuration"
        )
    if first.summary == "No configuration files":
        return BadInput(f"{workspace} has no .tf files: name the folder of a root module")
    if any(known in one.summary for one in errors for known in _NOT_INITIALISED):
        return _not_initialised(errors, program, command, workspace)
    faults = "; ".join(one.line for one in errors[:_SHOWN])
    more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
    kind = BadInput if any(one.place for one in errors) else ToolError
    return kind(f"{program.name} refuses {workspace}: {faults}{more}")


def undeclared(warnings: Sequence[Diagnostic]) -> list[str]:
    """Names of variables that were given and are not declared; a misspelt one would silently do nothing."""
    return [name for one in warnings if one.summary.startswith("Value for undeclared") for name in _named(one)]


def _locked(errors: Sequence[Diagnostic], command: str, workspace: str) -> str:
    detail = next((one.detail for one in errors if "ID:" in one.detail), "")
    lock = dict(_LOCK.findall(detail))
    if not lock.get("ID"):
        said = " ".join(detail.split())[:300] or "it does not say by whom"
        return f"the state of {workspace} is locked ({said}): wait until that run is done, then try again"
    # The http backend names the lock that it asked for, and the one that is held only in the error.
    other = _HELD.search(detail)
    if other and other[1] != lock["ID"]:
        return (
            f"the state of {workspace} is locked by another run, whose lock is {other[1]}: wait until that is done and "
            f"try again; if it is not running any more, `{command} force-unlock {other[1]}` there"
        )
    since = lock.get("Created", "").partition(".")[0].removesuffix(" +0000 UTC")
    what = lock.get("Operation", "").removeprefix("OperationType").lower() or "a run"
    return (
        f"the state of {workspace} is locked by {lock.get('Who') or 'somebody'} for {what} since {since} UTC: wait "
        f"until that is done and try again; if it is not running any more, `{command} force-unlock {lock['ID']}` there"
    )


def _not_initialised(errors: Sequence[Diagnostic], program: Program, command: str, workspace: str) -> PartMissing:
    providers = sorted({name for one in errors for name in _PROVIDER.findall(one.detail)})
    why = f"lacks {_list('provider', providers)}" if providers else "is not initialised"
    reason = "" if providers else f" ({errors[0].summary.partition(',')[0].rstrip('.')})"
    return PartMissing(f"{workspace} {why} for {program}{reason}: run `{command} init` in it, then plan again")


def _named(one: Diagnostic) -> list[str]:
    return _VARIABLE.findall(one.detail)[:1]


def _list(word: str, names: Sequence[str]) -> str:
    return f"the {word}{'s' if len(names) > 1 else ''} {', '.join(names)}"
