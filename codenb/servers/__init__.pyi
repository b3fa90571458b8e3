from ._base import (
    Roots as Roots,
)
from ._base import (
    Server as Server,
)
from ._base import (
    changes as changes,
)
from ._base import (
    hide as hide,
)
from ._base import (
    make_server as make_server,
)
from ._base import (
    progress as progress,
)
from ._base import (
    reads as reads,
)
from ._base import (
    serve_stdio as serve_stdio,
)
from ._base._http import (
    serve_http as serve_http,
)
