"""Run the cells of a story as a kernel would: top-level await, one namespace, the last expression shown.

So the notebook that the demo writes holds what was run, not a likeness of it.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
from types import CodeType
from typing import Any


async def run_cell(source: str, namespace: dict[str, Any]) -> tuple[Any, str]:
    """Run one cell.

    Args:
        source: Python of our own; never text from outside.
        namespace: The notebook's variables; changed.

    Returns:
        The value of the last expression (None where the cell ends with a statement), and what was printed.
    """
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        await _evaluate(compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
        value = None
        if isinstance(last, ast.Expr):
            code = compile(ast.Expression(last.value), "<cell>", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            value = await _evaluate(code, namespace)
    return value, printed.getvalue()


async def _evaluate(code: CodeType, namespace: dict[str, Any]) -> Any:
    value = eval(code, namespace)  # noqa: S307  the sources are constants of this package
    return await value if code.co_flags & inspect.CO_COROUTINE else value
