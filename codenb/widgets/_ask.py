"""Who decides: a person where there is one, else what was decided before, else nobody."""

from __future__ import annotations

import getpass
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from codenb import actions
from codenb.models import ApprovalRequest, Decision

if TYPE_CHECKING:
    from codenb.actions import Approver


class AskMe:
    """Asks the person in front of the notebook or the terminal, one request at a time."""

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Show the request and wait for a click or a `y`.

        Returns:
            The decision. Where there is neither a front end nor a terminal, one that waits: nothing is approved.
        """
        if has_front_end():
            from codenb.widgets._panel import ApprovalPanel  # noqa: PLC0415  ipywidgets is heavy

            approved, reason = await ApprovalPanel(request).answer()
            return Decision(
                approve=approved,
                digest=request.digest,
                by=getpass.getuser(),
                approver="ask_me",
                at=datetime.now(UTC),
                reason=reason,
            )
        if has_terminal():
            return await actions.ask_on_terminal().decide(request)
        return await actions.none().decide(request)


def ask_me() -> AskMe:
    """An approver that asks you: a widget with the diff in JupyterLab, y/N with the diff in a terminal.

    Without a front end and without a terminal it approves nothing and writes `pending.json`.
    """
    return AskMe()


def approver() -> Approver:
    """The approver that fits where this runs.

    A front end or a terminal: `ask_me`. Else `CODENB_DECISIONS`: the decisions in that file. Else, on the embedded
    world only: `demo_policy`. Else none: nothing is approved, and `pending.json` says what waits.
    """
    if has_front_end() or has_terminal():
        return ask_me()
    if file := os.environ.get("CODENB_DECISIONS"):
        return actions.decisions(file)
    return actions.embedded_or_none()


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
