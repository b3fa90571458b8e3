"""Markdown views: text from outside stays text where Markdown is live."""

from __future__ import annotations

import re

from hypothesis import given
from markdown_it import MarkdownIt

from codenb.views import Badge, Bar, Code, Diff, Fold, Link, Quote, Source, Table, Text, Tone, View, to_markdown
from codenb.views._outside import address
from tests.views.anything import leaves, unhurried, views
from tests.views.parsed import Parsed

OURS = {
    *("h3", "h4", "h5", "p", "ul", "li", "strong", "br", "table", "thead", "tbody", "tr", "th", "td"),
    *("blockquote", "pre", "code", "details", "summary", "a"),
}


def rendered(view: View) -> Parsed:
    """What a reader's page would hold, HTML allowed as on GitHub."""
    return Parsed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(to_markdown(view)))


@unhurried
@given(views)
def test_text_from_outside_never_becomes_markup(view):
    """A commit message in a pull request comment must not link, show pictures, or close what we opened."""
    parsed = rendered(view)
    blocks = leaves(view)
    links = [block.url for block in blocks if isinstance(block, Link) and address(block.url)]

    assert set(parsed.tags()) <= OURS
    assert set(parsed.comments) <= {" "}
    assert sum(tag == "a" for tag in parsed.tags()) == len(links)
    assert sum(tag == "details" for tag in parsed.tags()) == sum(isinstance(block, Fold) for block in blocks)
    assert sum(tag == "blockquote" for tag in parsed.tags()) == sum(isinstance(block, Quote) for block in blocks)
    assert sum(tag == "pre" for tag in parsed.tags()) == sum(
        isinstance(block, Code | Source) or (isinstance(block, Diff) and _differs(block)) for block in blocks
    )


def _differs(diff: Diff) -> bool:
    return "no difference" not in to_markdown(View("", blocks=[Diff(diff.before, diff.after)]))


@unhurried
@given(views)
def test_nobody_is_called_and_nothing_is_referred_to(view):
    """`@team` in a log would notify people, `#12` would mark somebody's issue, on every run."""
    outside_code = re.sub(r"(?ms)^(`{3,})\w+\n.*?\n\1$", "", to_markdown(view))

    assert not re.search(r"@\w|(?<!&)#\d|\bwww\.|https?://(?![^\s)]*\))", outside_code)


def test_text_reads_as_it_was_written():
    """Escaping must not change what is read."""
    text = r"1. *a* _b_ [c](d) `e` | <f> & \ ~~g~~ $h$ # - @i #2 https://j.example www.k.example"

    assert rendered(View("", blocks=[Text(text)])).text.strip() == text


def test_no_text_leaves_its_fence():
    """A log that holds a fence would put the rest of itself on the page as Markdown."""
    markdown = to_markdown(View("", blocks=[Code("```\n# not a heading\n`````")]))

    assert markdown == "``````text\n```\n# not a heading\n`````\n``````\n"


def test_a_view_reads_well_as_source():
    """Markdown is read raw as often as rendered: in a terminal, in an e-mail, in a diff."""
    view = View(
        "Why is checkout failing?",
        [Badge("MAJORITY", Tone.GOOD)],
        "shop/checkout",
        [
            Bar("OOMKilled", 0.67, Tone.BAD),
            Table(["pod", "restarts"], [["checkout-x2k4q", 7]], "Pods", cut=3),
            Quote("Reason: OOMKilled", "kubernetes/get_pods"),
            Diff("memory: 128Mi", "memory: 256Mi", "checkout"),
            Link("https://runbooks.example.com/oom?a=1&b=2", "runbook"),
            Fold("more", View("", blocks=[Text("all")])),
        ],
    )

    assert to_markdown(view) == (
        "### Why is checkout failing? \\[✓ MAJORITY\\]\n\nshop/checkout\n\n"
        "* ✗ OOMKilled: 67 %\n\n"
        "Pods\n\n| pod | restarts |\n| --- | ---: |\n| checkout-x2k4q | 7 |\n\n3 further rows not shown\n\n"
        "from kubernetes/get\\_pods:\n\n> Reason: OOMKilled\n\n"
        "checkout (1 line added, 1 removed)\n\n```diff\n- memory: 128Mi\n+ memory: 256Mi\n```\n\n"
        "[runbook](https://runbooks.example.com/oom?a=1&amp;b=2) "
        "(https:<!-- -->//runbooks.example.com/oom?a=1&amp;b=2)\n\n"
        "<details><summary>more</summary>\n\nall\n\n</details>\n"
    )


def test_quotes_of_one_source_stay_apart_below_it():
    """Two lines that a log did not hold together must not become one quote."""
    quotes = [Quote("one", "a.x"), Quote("two", "a.x")]

    assert to_markdown(View("", blocks=quotes)) == "from a.x:\n\n> one\n\n<!-- -->\n\n> two\n"


def test_a_link_leads_where_it_says():
    """Parentheses, ampersands and backticks in an address must neither end the link nor change it."""
    url = "https://a.example/x(y)?q=`1`&copy=2"
    (link,) = [attributes for tag, attributes in rendered(View("", blocks=[Link(url, "a")])).elements if tag == "a"]

    assert link["href"] == "https://a.example/x%28y%29?q=%601%60&copy=2"
