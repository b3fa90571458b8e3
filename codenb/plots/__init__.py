"""Figures, each with its table beside it.

A figure is for seeing, a table for reading on, and a saved notebook must be readable where no script runs. So a chart
carries both: plotly's mimetype for JupyterLab, a table as HTML for everything else, and plain text for a terminal.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
