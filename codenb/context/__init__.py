"""The context bundle: what all servers know about a target, gathered at once and kept within a token budget."""

from codenb.context._gather import gather
from codenb.context._trim import trim

__all__ = ["gather", "trim"]
