"""What can be clicked: views of models, with no logic of their own.

All that a widget can do, code can do. The one thing that only a person can do stands here too: `ask_me`.
"""

from codenb._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ApprovalPanel": f"{__name__}._panel",
        "AskMe": f"{__name__}._ask",
        "approver": f"{__name__}._ask",
        "ask_me": f"{__name__}._ask",
    },
)
