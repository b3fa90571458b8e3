"""The experts that need no model, no key and no network."""

from __future__ import annotations

from codenb.experts._changes import Changes
from codenb.experts._expert import Expert
from codenb.experts._rules import Rules
from codenb.experts._sizing import Sizing


def embedded() -> list[Expert]:
    """The embedded experts; each is a family of its own."""
    return [Rules(), Changes(), Sizing()]
