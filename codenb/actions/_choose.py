"""Which approver fits where this runs; headless, nobody is waited for and nobody's consent is assumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codenb.actions._approver import Approver
from codenb.actions._decisions import decisions
from codenb.actions._pending import none
from codenb.actions._policy import demo_policy


def choose(
    ask_me: Callable[[], Approver] | None,
    *,
    decisions_file: Path | None = None,
    embedded: bool = False,
    pending: Path | str = "pending.json",
) -> Approver:
    """Pick the approver that fits where this runs: a person where one can be asked, else what was decided before.

    Args:
        ask_me: Makes the approver that asks a person; None where there is neither a front end nor a terminal.
        decisions_file: Decisions recorded beforehand (`CODENB_DECISIONS`).
        embedded: Whether the cluster is the embedded world, where nothing real can be harmed.
        pending: Where requests are written that nobody could decide.

    Raises:
        ConfigError: The decisions cannot be used.
    """
    if ask_me is not None:
        return ask_me()
    if decisions_file is not None:
        return decisions(decisions_file, otherwise=none(pending))
    return demo_policy() if embedded else none(pending)
