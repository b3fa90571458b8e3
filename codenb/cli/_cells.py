"""Run the cells of a story as a kernel would: top-level await, one namespace, the last expression shown.

So the notebook that the demo writes holds what was run, not a likeness of it.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import sys
from types import CodeType
from typing import Any, TextIO

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


class _Tee(io.StringIO):
    """Keeps what is printed, and lets a person see it at once; it is a terminal where the person's end is one."""

    def __init__(self, echo: TextIO | None) -> None:
        super().__init__()
        self._echo = echo

    def write(self, text: str) -> int:
        if self._echo:
            self._echo.write(text)
        return super().write(text)

    def flush(self) -> None:
        if self._echo:
            self._echo.flush()

    def isatty(self) -> bool:
        return bool(self._echo and self._echo.isatty())


async def run_cell(source: str, namespace: dict[str, Any], *, echo: bool) -> tuple[Any, str]:
    """Run one cell.

    Args:
        source: Python of our own; never text from outside.
        namespace: The notebook's variables; changed.
        echo: Whether what it prints is also printed at once.

    Returns:
        The value of the last expression (None where the cell ends with a statement), and what was printed, without
        the colours that only a terminal shows.
    """
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = _Tee(sys.stdout if echo else None)
    # Progress goes to standard error, so that a script's output stays its own; in a story it belongs to the cell.
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        await _evaluate(compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
        value = None
        if isinstance(last, ast.Expr):
            code = compile(ast.Expression(last.value), "<cell>", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            value = await _evaluate(code, namespace)
    return value, _COLOUR.sub("", printed.getvalue())


async def _evaluate(code: CodeType, namespace: dict[str, Any]) -> Any:
    value = eval(code, namespace)  # noqa: S307  the sources are constants of this package
    return await value if code.co_flags & inspect.CO_COROUTINE else value
