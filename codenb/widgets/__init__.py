"""What can be clicked: views of models, with no logic of their own.

All that a widget can do, code can do. The one thing that only a person can do stands here too: `ask_me`.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
