"""Views that hold anything: what a log, an event, a commit or a hostile server could put into any field."""

from __future__ import annotations

import math

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from codenb.views import Badge, Bar, Cards, Code, Diff, Field, Fold, Image, Link, Quote, Source, Table, Text, Tone, View

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=80)
"""For a machine that has other things to do: no verdict here depends on time."""

HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</pre>", "</style>", "-->", "<!--", "]]>",
    "&lt;", "&#60;", '"', "'", "' onclick='x", "javascript:alert(1)", "https://evil.example/a_b_c",
    "http://x.example", "www.evil.example", "[a](http://evil.example)", "![a](http://evil.example/p.png)",
    "[a]: http://evil.example", "<http://evil.example>", "```", "````\n", "~~~", "`", "``", "|", "\\|", "\\",
    "***", "__b__", "~~s~~", "# h", "1. one", "- item", "+ item", "> q", "===", "---", "| - |", "$x$", "@team",
    "#12", "a@b.example", "[^1]", "- [x] t", "    indented", "<details>", "</details>", "\n", "\n\n", "\r\n",
    "\r", "\t", " ", "\x00", "\x07", "\x08", "\x1b[31m", "\x1b]0;t\x07", "\x1b[2J", "\x9b1m", "\x7f", "\x85",
    "\u202e", "\u2066", "\u200b", "\u200d", "\u2028", "\ufeff", "\u00ad", "\U000e0041", "\ud800", "\u0301" * 12,
    "日本語", "é", "e\u0301", "👩\u200d💻", "می\u200cخواهم", "checkout-7d9f8b6c5d-x2k4q", "word " * 40, "x" * 700,
]  # fmt: skip

texts = st.lists(st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=()), max_size=12), max_size=5).map(
    "".join
)
tones = st.sampled_from(Tone)
badges = st.builds(Badge, texts, tones)
cells = texts | st.integers() | st.floats() | st.booleans() | badges | st.none()
tables = st.builds(
    Table,
    st.lists(texts, max_size=6),
    st.lists(st.lists(cells, max_size=7), max_size=5),
    texts,
    st.integers(0, 50),
)
images = st.builds(
    Image,
    texts | st.sampled_from(["iVBORw0KGgo=", "R0lGODlhAQABAAAAACw="]),
    texts | st.sampled_from(["image/png", "image/gif", "image/svg+xml"]),
    texts,
)
links = st.builds(Link, texts | st.sampled_from(["https://runbooks.example.com/a?b=1&copy=2#c(d)"]), texts)
flowing = st.one_of(
    st.builds(Field, texts, texts, tones),
    tables,
    st.builds(Quote, texts, texts),
    st.builds(Text, texts, tones),
    st.builds(Bar, texts, st.floats(0, 1) | st.just(math.nan), tones),
    images,
    links,
)
sources = st.builds(Source, texts, st.integers(1, 10**6), st.none() | st.integers(-3, 800))
preformatted = sources | st.builds(Code, texts, texts) | st.builds(Diff, texts, texts, texts, st.integers(0, 3))


def views_of(blocks: st.SearchStrategy) -> st.SearchStrategy[View]:
    """Views with these blocks, also in cards and folds."""
    flat = st.builds(View, texts, st.lists(badges, max_size=3), texts, st.lists(blocks, max_size=4))
    nested = st.builds(Cards, st.lists(flat, max_size=2)) | st.builds(Fold, texts, flat, st.booleans())
    return st.builds(View, texts, st.lists(badges, max_size=3), texts, st.lists(blocks | nested, max_size=4))


views = views_of(flowing | preformatted)
flowing_views = views_of(flowing)


def leaves(view: View) -> list[object]:
    """All blocks of a view, those in cards and folds too."""
    found: list[object] = []
    for block in view.blocks:
        found.append(block)
        inner = block.cards if isinstance(block, Cards) else [block.view] if isinstance(block, Fold) else []
        for child in inner:
            found += leaves(child)
    return found
