"""Who decides: a person where there is one, else what was decided before, else nobody."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from codenb import actions
from codenb.actions import Approver
from codenb.models import ApprovalRequest, Decision


class AskMe:
    """Asks the person in front of the notebook or the terminal, one request at a time."""

    def __init__(self) -> None:
        self._nobody = actions.none()

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Show the request and wait for a click or a `y`.

        Returns:
            The decision. Where there is neither a front end nor a terminal, one that waits: nothing is approved.
        """
        if has_front_end():
            from codenb.widgets._panel import ApprovalPanel  # noqa: PLC0415  ipywidgets is heavy

            return await ApprovalPanel(request).decision()
        return await (actions.at_terminal() if has_terminal() else self._nobody).decide(request)

    def __repr__(self) -> str:
        return "ask_me()"


class _WithoutPerson:
    """Decisions made beforehand; on the embedded world, where there are none, the demo's policy; else nobody."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._recorded = actions.choose(None, decisions_file=file)

    async def decide(self, request: ApprovalRequest) -> Decision:
        if self._file is None and request.place.embedded:
            return await actions.demo_policy().decide(request)
        return await self._recorded.decide(request)

    def __repr__(self) -> str:
        return repr(self._recorded)


def ask_me() -> AskMe:
    """An approver that asks you: a widget with the diff in JupyterLab, y/N with the diff in a terminal.

    Without a front end and without a terminal it approves nothing and writes `pending.json`.
    """
    return AskMe()


def approver() -> Approver:
    """The approver that fits where this runs.

    A front end or a terminal: `ask_me`. Else `CODENB_DECISIONS`: the decisions in that file. Else, on the embedded
    world only: `demo_policy`. Else none: nothing is approved, and `pending.json` says what waits.

    Raises:
        ConfigError: The file of decisions cannot be used.
    """
    if has_front_end() or has_terminal():
        return ask_me()
    file = os.environ.get("CODENB_DECISIONS")
    return _WithoutPerson(Path(file) if file else None)


def has_front_end() -> bool:
    """Whether a person sits at this kernel: a front end that can be asked, which nbclient says it is not."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython  # noqa: PLC0415  only where it is loaded anyway

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    parent = kernel.get_parent("shell") or {}
    return bool(parent.get("content", {}).get("allow_stdin"))


def has_terminal() -> bool:
    """Whether a person sits at a terminal."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())
