"""Questions, opinions, and what they add up to.

A question goes to a circle of experts, each gives an opinion on the same bundle, and a pure function counts them. The
embedded experts need no model; a question never changes anything.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
