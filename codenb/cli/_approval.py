"""Who decides in the demo: from the words of the command line to the approver that the story names.

What cannot work is said here, before anything is asked of anybody.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from codenb import actions
from codenb.errors import BadInput

if TYPE_CHECKING:
    from codenb.actions import Outcomes

_PENDING = Path("pending.json")


def source(approver: str | None, *, terminal: bool) -> str:
    """The Python expression for an approver.

    Args:
        approver: `ask`, `demo`, `none` or a file; None for the one that fits.
        terminal: Whether somebody can be asked.

    Raises:
        BadInput: There is no such file, or what waits cannot be written down here.
        ConfigError: The decisions cannot be used.
    """
    match approver:
        case None if terminal:
            return "codenb.ask_me()"
        case None:
            if file := os.environ.get("CODENB_DECISIONS"):
                _check(Path(file))
            return "codenb.approver()"
        case "ask":
            return "codenb.ask_me()"
        case "demo":
            return "codenb.demo_policy()"
        case "none":
            _check(None)
            return "None"
    if not Path(approver).is_file():
        raise BadInput(f"--approver {approver}: there is no such file: give ask, demo, none, or a file of decisions")
    _check(Path(approver))
    return f"codenb.decisions({approver!r})"


def _check(file: Path | None) -> None:
    """Read what a run will read, and see that it can write down what waits."""
    for one in (file, _PENDING if _PENDING.exists() else None):
        if one:
            actions.decisions(one)
    if not os.access(_PENDING.parent, os.W_OK | os.X_OK):
        raise BadInput(f"what waits is written to {_PENDING} in {Path.cwd()}, which is not writable: run it elsewhere")


def what_next(scenario: str, outcomes: Outcomes) -> str:
    """What to type where a run ends with an approval that nobody gave."""
    command = f"codenb demo --scenario {scenario} --approver"
    if any(one.decision and one.decision.approver == "none" for one in outcomes if one.pending):
        return f"To decide, edit decisions in {_PENDING} (approve, by, reason), then run:\n  {command} {_PENDING}"
    return f"A person has to decide; on a terminal, run:\n  {command} ask"
