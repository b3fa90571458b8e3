"""Deployment runbooks in Jupyter, on MCP.

Connect, gather what servers know of a deployment, consult experts, approve a previewed change, have it carried out and
verified; the notebook is the record.

    nb = await codenb.connect("demo")
    answer = await nb.consult("Why is checkout failing?", {"namespace": "shop", "workload": "checkout"})
    outcomes = await nb.execute(answer.proposals, approver=codenb.approver())

Names load on first use, so that `import codenb` costs nothing.
"""

from lazy_loader import attach_stub

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
