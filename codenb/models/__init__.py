"""Frozen data that travels between the rooms; each model knows what of itself to show."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
