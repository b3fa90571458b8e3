"""Kubernetes manifests, read once for all that validate, compare, deploy and price them.

Other people's files are read as Kubernetes would read them, with the place of every value, and never raise for what
they hold: what cannot be read as it was meant is a `Problem`.
"""

from codenb.servers._manifests._document import Document, Manifests, Position, Problem
from codenb.servers._manifests._files import read
from codenb.servers._manifests._parse import parse

__all__ = ["Document", "Manifests", "Position", "Problem", "parse", "read"]
