"""Questions, opinions, and what they add up to.

A question goes to a circle of experts, each gives an opinion on the same bundle, and a pure function counts them. The
embedded experts need no model; a question never changes anything.
"""

from codenb._lazy import attach

_MODULES = {
    "_advice": ("recommendations",),
    "_circle": ("ask",),
    "_consensus": ("consensus",),
    "_embedded": ("embedded",),
    "_expert": ("Expert",),
    "_gate": ("checked",),
    "_question": ("question",),
    "_weight": ("HitRate", "vocabulary_size"),
}

__getattr__, __dir__, __all__ = attach(
    __name__, {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}
)
