"""What a notebook holds: one line for each thing that one does with a deployment.

Everything here is a thin way into the rooms below.
"""

from codenb.session._connect import Connecting, connect
from codenb.session._session import Session

__all__ = ["Connecting", "Session", "connect"]
