"""Deployment runbooks in Jupyter, on MCP."""

__version__ = "0.1.0"
