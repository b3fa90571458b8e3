from . import errors as errors
from . import plots as plots
from . import widgets as widgets
from .access import Access as Access
from .actions import (
    decisions as decisions,
)
from .actions import (
    demo_policy as demo_policy,
)
from .actions import (
    policy as policy,
)
from .errors import CodenbError as CodenbError
from .models import (
    Answer as Answer,
)
from .models import (
    Change as Change,
)
from .models import (
    ContextBundle as ContextBundle,
)
from .models import (
    Decision as Decision,
)
from .models import (
    Entity as Entity,
)
from .models import (
    Expectation as Expectation,
)
from .models import (
    Outcome as Outcome,
)
from .models import (
    Place as Place,
)
from .models import (
    Proposal as Proposal,
)
from .models import (
    SuccessCondition as SuccessCondition,
)
from .models import (
    Target as Target,
)
from .models import (
    ToolCall as ToolCall,
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
from .servers import (
    serve_http as serve_http,
)
from .servers import (
    serve_stdio as serve_stdio,
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
