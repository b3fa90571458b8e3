from . import errors as errors
from . import plots as plots
from .actions import (
    decisions as decisions,
)
from .actions import (
    demo_policy as demo_policy,
)
from .errors import CodenbError as CodenbError
from .models import (
    Answer as Answer,
)
from .models import (
    ContextBundle as ContextBundle,
)
from .models import (
    Decision as Decision,
)
from .models import (
    Outcome as Outcome,
)
from .models import (
    Proposal as Proposal,
)
from .models import (
    Target as Target,
)
from .models import (
    ToolResult as ToolResult,
)
from .servers import (
    changes as changes,
)
from .servers import (
    make_server as make_server,
)
from .servers import (
    reads as reads,
)
from .session import (
    Session as Session,
)
from .session import (
    connect as connect,
)
from .widgets import (
    approver as approver,
)
from .widgets import (
    ask_me as ask_me,
)

__version__: str
