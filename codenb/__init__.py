"""Deployment runbooks in Jupyter, on MCP.

Connect, gather what servers know of a deployment, consult experts, approve a previewed change, have it carried out and
verified; the notebook is the record.

    nb = await codenb.connect("demo")
    answer = await nb.consult("Why is checkout failing?", {"namespace": "shop", "workload": "checkout"})
    outcomes = await nb.execute(answer.proposals, approver=codenb.approver())

Names load on first use, so that `import codenb` costs nothing.
"""

from codenb._lazy import attach

__version__ = "0.1.0"

_MODULES = {
    "codenb.actions": ("decisions", "demo_policy"),
    "codenb.errors": ("CodenbError",),
    "codenb.models": ("Answer", "ContextBundle", "Decision", "Outcome", "Proposal", "Target", "ToolResult"),
    "codenb.servers": ("changes", "make_server", "reads"),
    "codenb.session": ("Session", "connect"),
    "codenb.widgets": ("approver", "ask_me"),
}
_SUBMODULES = ("errors", "plots")

__getattr__, __dir__, __all__ = attach(
    __name__,
    {name: module for module, names in _MODULES.items() for name in names}
    | {name: f"{__name__}.{name}" for name in _SUBMODULES},
)
