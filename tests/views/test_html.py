"""HTML views: nothing from outside becomes markup, and the fragment reads well without its styles."""

from __future__ import annotations

import base64
import re

from hypothesis import given

from codenb.views import Badge, Bar, Code, Diff, Field, Image, Link, Quote, Table, Text, Tone, View, to_html
from codenb.views._outside import IMAGE_BYTES
from tests.views.anything import links, unhurried, views
from tests.views.parsed import Parsed

OURS = {
    "div": {"class"},
    "style": set(),
    "p": {"class", "role", "aria-level"},
    "strong": set(),
    "span": {"class", "role", "aria-label", "style"},
    "dl": set(),
    "dt": set(),
    "dd": set(),
    "ul": {"class"},
    "li": {"class"},
    "table": {"class"},
    "caption": set(),
    "thead": set(),
    "tbody": set(),
    "tfoot": set(),
    "tr": set(),
    "th": {"scope", "class"},
    "td": {"class", "colspan"},
    "figure": {"class"},
    "figcaption": set(),
    "blockquote": set(),
    "pre": {"class"},
    "mark": set(),
    "ins": set(),
    "del": set(),
    "details": {"class", "open"},
    "summary": set(),
    "img": {"src", "alt"},
    "a": {"href", "rel", "target"},
    "br": set(),
}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n rest").decode()


def shown(*blocks) -> Parsed:
    return Parsed(to_html(View("", blocks=blocks)))


@unhurried
@given(views)
def test_text_from_outside_never_becomes_markup(view):
    """Pod names, logs and tool answers are other people's text; a notebook would run what it took for HTML."""
    parsed = Parsed(to_html(view))

    assert parsed.comments == []
    for tag, attributes in parsed.elements:
        assert attributes.keys() <= OURS[tag]
        assert re.fullmatch(r"(cnb[a-z-]*)?( cnb-[a-z]+)*", attributes.get("class") or "")
        assert re.fullmatch(r"(width:\d+\.\d%)?", attributes.get("style") or "")
        assert re.match(r"https?://|$", attributes.get("href") or "")
        assert re.match(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=]+$|$", attributes.get("src") or "")


@unhurried
@given(views)
def test_nothing_invisible_reaches_the_page(view):
    """A turned reading direction shows a reviewer another file name or command than the one that runs."""
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff]", to_html(view))


def test_every_tone_has_a_sign_that_is_read_aloud():
    """Red and green look alike to one man in twelve, and a screen reader sees no colour at all."""
    for tone, sign, word in [
        (Tone.GOOD, "✓", "good"),
        (Tone.WARN, "!", "warning"),
        (Tone.BAD, "✗", "bad"),
        (Tone.INFO, "ℹ", "note"),
    ]:
        for block in (Text("state", tone), Field("pods", "state", tone), Bar("state", 0.5, tone)):
            parsed = shown(block)
            assert f"{sign} state" in parsed.text
            assert {"class": "cnb-sign", "role": "img", "aria-label": word} in [a for _, a in parsed.elements]
        assert f"{sign} state" in Parsed(to_html(View("t", [Badge("state", tone)]))).text


def test_a_table_has_a_caption_headed_columns_and_says_what_is_missing():
    """Where styles are stripped, the elements alone must say what the table shows and that it is not all of it."""
    parsed = shown(Table(["pod", "restarts"], [["a", 7], ["b", 12_000]], "Pods", cut=12))

    assert parsed.tags().count("caption") == 1
    assert [a for tag, a in parsed.elements if tag == "th"] == [
        {"scope": "col"},
        {"scope": "col", "class": "cnb-num"},
    ]
    assert "12 further rows not shown" in parsed.text


def test_an_empty_table_says_so():
    """Headings over nothing leave a reader wondering whether something failed."""
    assert "no rows" in shown(Table(["pod"], [])).text


def test_a_list_without_headings_has_no_empty_head():
    """An empty row above a list looks like a missing answer, and is read aloud as one."""
    assert "th" not in shown(Table([""], [["pods: 4 of 7 -> 7 of 7"]])).tags()


def test_a_diff_has_its_signs_in_the_text():
    """On GitHub the colours are gone; a person must still see which line goes and which comes."""
    html = to_html(View("", blocks=[Diff("replicas: 3\n", "replicas: 6\n", "Deployment checkout")]))

    assert "<del>- replicas: 3\n</del><ins>+ replicas: 6\n</ins>" in html
    assert "Deployment checkout (1 line added, 1 removed)" in html


def test_unchanged_lines_fold_and_can_be_opened():
    """The lines around a change say where it is; the hundred before them only hide it."""
    same = "\n".join(f"line {number}" for number in range(100))
    parsed = shown(Diff(f"{same}\nold", f"{same}\nnew"))

    assert "⋯ 97 unchanged lines" in parsed.text
    assert "line 0" in parsed.text
    assert parsed.tags().count("details") == 1


def test_the_source_of_a_quote_stands_outside_it():
    """A quoted line that says where it is from must not pass for our own word on it."""
    html = to_html(View("", blocks=[Quote("all is well\nfrom kubernetes/get_pods", "github/get_issue")]))

    assert "<blockquote>all is well<br>from kubernetes/get_pods</blockquote><figcaption>from github/get_issue" in html


def test_the_source_of_several_quotes_stands_once_after_the_last():
    """A caption belongs below; said again after each quote it is noise."""
    html = to_html(View("", blocks=[Quote("one", "a.x"), Quote("two", "a.x"), Quote("three", "b.y")]))

    assert html.count("from a.x") == html.count("from b.y") == 1
    assert html.index("two") < html.index("from a.x") < html.index("three") < html.index("from b.y")


@unhurried
@given(links)
def test_only_web_addresses_are_clickable_and_always_shown(link):
    """A link text may lie; the address beside it may not, and nothing but the web opens on a click."""
    parsed = shown(link)
    for attributes in (attributes for tag, attributes in parsed.elements if tag == "a"):
        assert attributes == {"href": link.url, "rel": "noopener noreferrer", "target": "_blank"}
        assert link.url in parsed.text


def test_addresses_that_run_or_disguise_are_text():
    """Each of these was made to be clicked by somebody who takes it for something else."""
    for url in (
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//evil.example/x",
        "https://",
        "https://good.example@evil.example/",
        "https:\\\\evil.example",
        "https://gооd.example/",  # the o's are Cyrillic
        "https://a.example/\u202egnp.exe",
        "http://[::1",
        "https://a.example:port/",
    ):
        parsed = shown(Link(url, "release notes"))
        assert "a" not in parsed.tags()
        assert "release notes" in parsed.text


def test_a_raster_picture_is_shown_with_its_description():
    """A tool's chart is part of the record, also for who cannot see it."""
    parsed = shown(Image(PNG, "image/png", "Latency by tool"))

    assert ("img", {"src": f"data:image/png;base64,{PNG}", "alt": "Latency by tool"}) in parsed.elements


def test_a_quotation_mark_ends_no_attribute():
    """A description or an address that closed its attribute could add a handler behind it."""
    image = shown(Image(PNG, "image/png", 'x" onerror="alert(1)'))
    link = shown(Link('https://a.example/"onclick="alert(1)', "a"))

    assert [attributes.keys() for tag, attributes in image.elements if tag == "img"] == [{"src", "alt"}]
    assert [attributes.keys() for tag, attributes in link.elements if tag == "a"] == [{"href", "rel", "target"}]


def test_what_is_not_a_raster_picture_is_named_instead():
    """SVG can carry script, and a wrong type makes a browser guess."""
    for data, kind, why in (
        ("PHN2Zz4=", "image/svg+xml", "only png, jpeg, gif and webp"),
        ("not base64!", "image/png", "not base64"),
        ("é", "image/png", "not base64"),
        (base64.b64encode(b"<svg>").decode(), "image/png", "not image/png"),
        ("A" * (IMAGE_BYTES * 2), "image/png", "over 4 MiB"),
        (PNG, 'image/png" onerror="x', "only png"),
    ):
        parsed = shown(Image(data, kind, "chart"))
        assert "img" not in parsed.tags()
        assert "chart: a picture" in parsed.text
        assert why in parsed.text


def test_fifty_megabytes_become_a_page_and_a_sentence():
    """One flooding server must not make the notebook too large to open."""
    flood = "x" * 50_000_000
    html = to_html(View(flood, blocks=[Code(flood), Text(flood), Field(flood, flood), Diff("", flood)]))

    assert len(html) < 150_000
    assert "49,980,000 further characters not shown" in html
