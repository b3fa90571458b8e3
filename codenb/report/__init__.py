"""Whole documents: a page to open in a browser, a notebook to open in JupyterLab.

Both are made of the same steps: what was said, what was run, and what it gave.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
