"""What an expert is: anything that gives an opinion. There is no base class: a user's own needs nothing of ours."""

from __future__ import annotations

from typing import Protocol

from codenb.models import ContextBundle, Opinion, Question


class Expert(Protocol):
    """One voice of the circle."""

    @property
    def name(self) -> str:
        """Unique in the circle; opinions and proposals carry it."""

    @property
    def family(self) -> str:
        """Experts of one family make the same mistakes: language models of one maker, or one embedded expert."""

    async def opine(self, question: Question, bundle: ContextBundle) -> Opinion:
        """Say what the bundle shows, with quotes from it; or abstain and name what was missing."""
