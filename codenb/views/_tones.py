"""The sign and the word of each tone, in one place, so that no rendering can rely on colour alone."""

from __future__ import annotations

from codenb.views._data import Badge, Tone

SIGNS = {Tone.PLAIN: "", Tone.GOOD: "✓", Tone.WARN: "!", Tone.BAD: "✗", Tone.INFO: "ℹ"}
"""What stands before a toned text; each has its own shape, and a width of one column in a terminal."""

WORDS = {Tone.PLAIN: "", Tone.GOOD: "good", Tone.WARN: "warning", Tone.BAD: "bad", Tone.INFO: "note"}
"""What a screen reader says instead of the sign."""


def signed(text: str, tone: Tone) -> str:
    """The text with its tone's sign before it."""
    return f"{SIGNS[tone]} {text}" if SIGNS[tone] else text


def framed(badge: Badge) -> str:
    """A badge where there is only text to frame it with."""
    return f"[{signed(badge.text, badge.tone)}]"
