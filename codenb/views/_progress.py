"""What long work is at: one output that updates in a notebook, plain lines where there is no front end.

A script's standard output is for what the script says, which may be read by another program; so the lines go to
standard error.
"""

from __future__ import annotations

import html
import sys
from typing import Any

from codenb.views._outside import inline

_SHOWN = 6


class Progress:
    """Takes lines and shows them. In a kernel the last few stand in one output; elsewhere each is printed."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._handle: Any = None

    def __call__(self, line: str) -> None:
        """Show one more line."""
        self._lines.append(inline(line))
        if not _in_kernel():
            print(f"· {self._lines[-1]}", file=sys.stderr, flush=True)  # noqa: T201  this is where it is read
            return
        bundle = self._bundle()
        if self._handle is None:
            from IPython.display import display  # noqa: PLC0415  loaded already: this is a kernel

            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def _bundle(self) -> dict[str, str]:
        lines = self._lines[-_SHOWN:]
        shown = "<br>".join(f"· {html.escape(line)}" for line in lines)
        style = "margin:0;font-size:12px;overflow-wrap:anywhere;color:var(--jp-ui-font-color2, #6b7480)"
        return {
            "text/html": f'<p role="status" style="{style}">{shown}</p>',
            "text/plain": "\n".join(f"· {line}" for line in lines),
        }


def _in_kernel() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython  # noqa: PLC0415

    return getattr(get_ipython(), "kernel", None) is not None
