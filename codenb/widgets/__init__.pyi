from ._ask import (
    AskMe as AskMe,
)
from ._ask import (
    approver as approver,
)
from ._ask import (
    ask_me as ask_me,
)
from ._inspector import ValidationInspector as ValidationInspector
from ._panel import ApprovalPanel as ApprovalPanel
