"""From a proposal to its outcome: preview, approval, carrying out, verification."""

from codenb.actions._approver import Approver, decision, objection
from codenb.actions._choose import choose
from codenb.actions._decisions import decisions
from codenb.actions._difference import difference
from codenb.actions._execute import execute
from codenb.actions._outcomes import Outcomes
from codenb.actions._pending import none
from codenb.actions._policy import demo_policy, policy
from codenb.actions._proposals import proposals
from codenb.actions._propose import propose
from codenb.actions._settle import settled
from codenb.actions._terminal import at_terminal
from codenb.actions._waiting import require_writable, waiting, write_decisions

__all__ = [
    "Approver",
    "Outcomes",
    "at_terminal",
    "choose",
    "decision",
    "decisions",
    "demo_policy",
    "difference",
    "execute",
    "none",
    "objection",
    "policy",
    "proposals",
    "propose",
    "require_writable",
    "settled",
    "waiting",
    "write_decisions",
]
