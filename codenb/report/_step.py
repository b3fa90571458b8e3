"""One step of a run: prose, code, and what the code gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run.

    Attributes:
        prose: Markdown; its first line may be a heading.
        code: Python, as it ran; top-level await is meant. Empty for prose alone.
        printed: What it wrote to standard output.
        shown: Mime type to data of the value it ended with, as `_repr_mimebundle_` gave it.
    """

    prose: str
    code: str = ""
    printed: str = ""
    shown: dict[str, Any] | None = None

    @property
    def heading(self) -> str:
        """The first line of the prose, without its marks."""
        return self.prose.strip().split("\n", 1)[0].lstrip("# ").strip()

    @property
    def text(self) -> str:
        """The prose below its heading."""
        first, _, rest = self.prose.strip().partition("\n")
        return rest.strip() if first.startswith("#") else self.prose.strip()
