"""What infrastructure costs, before it is there: plans, manifests and lists of items, priced from a dated book.

Money is `Decimal` from the price to the sum. What has no price is listed, and makes the total a lower bound.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
