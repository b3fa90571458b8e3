"""Whole documents: a page to open in a browser, a notebook to open in JupyterLab.

Both are made of the same steps: what was said, what was run, and what it gave.
"""

from codenb._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Step": f"{__name__}._step",
        "notebook": f"{__name__}._notebook",
        "page": f"{__name__}._page",
    },
)
