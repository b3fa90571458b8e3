"""Answers of single tools, and rows of them."""

from __future__ import annotations

from codenb.models._base import Answered


class Answer(Answered):
    """What a tool answers, or a row of it."""
