"""ANSI colours for text views, or none."""

from __future__ import annotations

from dataclasses import dataclass

from codenb.views._data import Tone

# ECMA-48 SGR: the eight base colours, which every terminal theme keeps readable on its own ground.
_TONES = {Tone.GOOD: "32", Tone.WARN: "33", Tone.BAD: "31", Tone.INFO: "36"}
_SIGNS = {"+": "32", "-": "31"}


@dataclass(frozen=True, slots=True)
class Paint:
    """Puts colour around text, where it is on; spaces and empty text stay as they are."""

    on: bool = False

    def tone(self, text: str, tone: Tone) -> str:
        """In a tone's colour."""
        return self._sgr(text, _TONES.get(tone, ""))

    def sign(self, text: str, sign: str) -> str:
        """A diff's line by its sign."""
        return self._sgr(text, _SIGNS.get(sign, ""))

    def bold(self, text: str) -> str:
        """For titles and headings."""
        return self._sgr(text, "1")

    def dim(self, text: str) -> str:
        """For what is beside the point: sources, cuts."""
        return self._sgr(text, "2")

    def _sgr(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and code and text.strip(" ") else text
