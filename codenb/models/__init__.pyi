from ._base import Model as Model
from .answer import (
    Answer as Answer,
)
from .answer import (
    Consensus as Consensus,
)
from .answer import (
    Tally as Tally,
)
from .call import CallRecord as CallRecord
from .cause import Cause as Cause
from .change import Change as Change
from .change import Expectation as Expectation
from .change import Owner as Owner
from .change import SuccessCondition as SuccessCondition
from .change import ToolCall as ToolCall
from .change import unified_diff as unified_diff
from .context import (
    ContextBundle as ContextBundle,
)
from .context import (
    ContextItem as ContextItem,
)
from .context import (
    Trim as Trim,
)
from .context import (
    estimate_tokens as estimate_tokens,
)
from .cost import (
    CostComparison as CostComparison,
)
from .cost import (
    CostEstimate as CostEstimate,
)
from .cost import (
    CostLine as CostLine,
)
from .cost import (
    Price as Price,
)
from .embedded import EMBEDDED_UID as EMBEDDED_UID
from .finding import (
    Finding as Finding,
)
from .finding import (
    Remedy as Remedy,
)
from .finding import (
    Severity as Severity,
)
from .opinion import (
    Evidence as Evidence,
)
from .opinion import (
    Opinion as Opinion,
)
from .opinion import (
    ProposedChange as ProposedChange,
)
from .opinion import (
    Question as Question,
)
from .opinion import (
    Recommendation as Recommendation,
)
from .opinion import (
    Vote as Vote,
)
from .outcome import Decision as Decision
from .outcome import Outcome as Outcome
from .plan import (
    ResourceChange as ResourceChange,
)
from .plan import (
    TerraformPlan as TerraformPlan,
)
from .preview import ApprovalRequest as ApprovalRequest
from .preview import Preview as Preview
from .preview import Proposal as Proposal
from .preview import call_digest as call_digest
from .result import (
    Content as Content,
)
from .result import (
    ToolResult as ToolResult,
)
from .target import (
    Entity as Entity,
)
from .target import (
    Place as Place,
)
from .target import (
    ServerAbout as ServerAbout,
)
from .target import (
    Target as Target,
)
from .validation import (
    CheckerRun as CheckerRun,
)
from .validation import (
    ConfigurationType as ConfigurationType,
)
from .validation import (
    ExportFormat as ExportFormat,
)
from .validation import (
    ValidationFinding as ValidationFinding,
)
from .validation import (
    ValidationReport as ValidationReport,
)
