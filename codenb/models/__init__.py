"""Frozen data that travels between the rooms; each model knows what of itself to show."""

from codenb._lazy import attach

_MODULES = {
    "answer": ("Answer", "Consensus", "Tally"),
    "call": ("CallRecord",),
    "cause": ("Cause",),
    "change": (
        "ApprovalRequest",
        "Change",
        "Decision",
        "Expectation",
        "Outcome",
        "Owner",
        "Preview",
        "Proposal",
        "SuccessCondition",
        "ToolCall",
        "call_digest",
        "unified_diff",
    ),
    "context": ("ContextBundle", "ContextItem", "Trim", "estimate_tokens"),
    "embedded": ("EMBEDDED_UID",),
    "finding": ("Finding", "Remedy", "Severity"),
    "opinion": ("Evidence", "Opinion", "ProposedChange", "Question", "Recommendation", "Vote"),
    "result": ("Content", "ToolResult"),
    "target": ("Entity", "Place", "ServerAbout", "Target"),
}

__getattr__, __dir__, __all__ = attach(
    __name__, {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}
)
