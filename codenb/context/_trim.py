"""Keeps a bundle within its budget: fair between servers, and every cut is written down."""

from __future__ import annotations

from collections.abc import Sequence

from codenb.context._shrink import shrink
from codenb.models import ContextItem, Trim, estimate_tokens


def trim(items: Sequence[ContextItem], budget: int) -> tuple[ContextItem, ...]:
    """Shorten the items until all together have at most so many tokens.

    The budget is shared like water: who needs less than an equal part keeps all of it, and what it leaves is shared by
    the others. What cannot be shortened to its part keeps what it cannot lose. The result depends on nothing but the
    arguments, and trimming it again to the same budget changes nothing.

    Args:
        items: With their whole data.
        budget: Tokens for all of them, as `estimate_tokens` counts.

    Returns:
        The items in the same order, each with its `tokens_kept` and, where something was left out, one more trim.
    """
    whole = [estimate_tokens(item.text) for item in items]
    cut = list(items)
    stuck: dict[int, int] = {}
    while True:
        level = _level([size for at, size in enumerate(whole) if at not in stuck], budget - sum(stuck.values()))
        found = False
        for at, item in enumerate(items):
            if at in stuck:
                continue
            cut[at] = _shortened(item, whole[at], level)
            if cut[at].tokens_kept > level:
                stuck[at], found = cut[at].tokens_kept, True
        if not found:
            return tuple(cut)


def _level(sizes: Sequence[int], budget: int) -> int:
    """The height up to which all may keep what they have, so that together they stay within the budget."""
    left = max(0, budget)
    for at, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - at)
        if size > share:
            return share
        left -= size
    return max(sizes, default=0)


def _shortened(item: ContextItem, whole: int, tokens: int) -> ContextItem:
    data, method = shrink(item.data, tokens) if whole > tokens else (item.data, "")
    if not method:
        return item if item.tokens_kept == whole else item.model_copy(update={"tokens_kept": whole})
    kept = estimate_tokens(data)
    note = Trim(tokens_before=whole, tokens_after=kept, method=method)
    return changed(item, data=data, tokens_kept=kept, trims=(*item.trims, note))


def changed(item: ContextItem, **changes: object) -> ContextItem:
    """A copy with other fields and without the cached text of the old ones."""
    held = {name: getattr(item, name) for name in type(item).model_fields}
    return ContextItem(**(held | changes))
