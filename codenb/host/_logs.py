"""What a server writes to its standard error, kept in `.mcp/logs/`.

Left alone it would go to the terminal that started Jupyter, where nobody looks. The file is bounded (one older part is
kept beside it) and redacted, as everything that is written.
"""

from __future__ import annotations

import os
from pathlib import Path

from codenb.redaction import Redactor

MOST_BYTES = 1024 * 1024
_LINE = 64 * 1024
_SHOWN = 300


class ServerLog:
    """Appends a server's error output to its file, a whole line at a time.

    Attributes:
        path: The file.
        last: The latest line that is not blank, redacted and shortened; what a dying server leaves behind.
        problem: Why nothing is written any more, where the file cannot be written.
    """

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self.last = ""
        self.problem = ""
        self._redactor = redactor
        self._rest = b""

    def write(self, data: bytes) -> None:
        """Add output as it came; what does not end a line waits for its end."""
        whole, line_end, self._rest = (self._rest + data).rpartition(b"\n")
        if len(self._rest) > _LINE:
            whole, self._rest = whole + line_end + self._rest, b""
        if whole:
            self.note(whole.decode("utf-8", "replace"))

    def close(self) -> None:
        """Add what is left without a line's end."""
        rest, self._rest = self._rest, b""
        if rest:
            self.note(rest.decode("utf-8", "replace"))

    def note(self, text: str) -> None:
        """Add lines of text."""
        clean = self._redactor.text(text)
        lines = [line.strip() for line in clean.splitlines() if line.strip()]
        if lines:
            self.last = lines[-1][:_SHOWN]
        if self.problem:
            return
        try:
            self._append(clean)
        except OSError as error:
            self.problem = f"{self.path} cannot be written: {error.strerror}"

    def _append(self, text: str) -> None:
        for folder in (self.path.parent.parent, self.path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > MOST_BYTES:
            self.path.replace(self.path.with_suffix(".log.1"))
        with open(self.path, "a", encoding="utf-8", errors="replace", opener=_private) as file:
            file.write(text if text.endswith("\n") else f"{text}\n")


def _private(path: str, flags: int) -> int:
    """For its owner's eyes only: what other people's programs say of themselves may hold what no pattern finds."""
    return os.open(path, flags, 0o600)
