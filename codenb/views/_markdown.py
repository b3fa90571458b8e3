"""Views as GitHub-flavoured Markdown, for pull requests, job summaries and issue comments.

Text from outside ends up where Markdown is live: it must not become a heading, a link, an image or HTML, nor call a
person (`@name`), nor leave a code fence. Prose is set on one line each, so that only its beginning could open a block.
GitHub Flavored Markdown Spec 0.29, sections 4 (blocks) and 6 (inlines).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from codenb.views._cells import Cell, columns, left_out, percent, rows
from codenb.views._compare import Gap, compare
from codenb.views._data import Cards, Code, Diff, Fold, Image, Link, Source, Table, Text, Tone, View
from codenb.views._group import Bars, Fields, Group, Left, Quotes, grouped
from codenb.views._outside import address, block, inline, picture
from codenb.views._source import parted
from codenb.views._tones import framed, signed

_SPECIAL = re.compile(r"([\\`*_\[\]~$])")
_OPENS_BLOCK = re.compile(r"^(\d{0,9})([-+=#.)])")
# Autolinks, mentions and references are found in spite of a backslash; an empty comment parts them.
_LIVE = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\S)|(?<=#)(?=\d)", re.IGNORECASE)
_PART = "<!-- -->"
_BACKTICKS = re.compile(r"`+")
_IN_URL = ":/?#@!$&'*+,;=%~"
_DEEPEST_HEADING = 6


def to_markdown(view: View) -> str:
    """Render a view as GitHub-flavoured Markdown that ends in a line feed."""
    return "\n\n".join(_view(view, 3)) + "\n"


def _view(view: View, level: int) -> list[str]:
    title = " ".join(filter(None, [_inline(view.title), *(_inline(framed(badge)) for badge in view.badges)]))
    head = [f"{'#' * min(level, _DEEPEST_HEADING)} {title}" if title else "", _inline(view.subtitle)]
    return [part for part in head if part] + [
        part for item in grouped(view.blocks) for part in _block(item, level) if part
    ]


def _block(item: Group, level: int) -> list[str]:  # noqa: C901, PLR0911, PLR0912 - one line for each kind
    match item:
        case Fields():
            lines = (f"- **{_inline(field.label) or '–'}**: {_prose(field.value, field.tone)}" for field in item.items)
            return ["\n".join(lines)]
        case Bars():
            lines = (f"* {_inline(signed(bar.label, bar.tone))}: {_inline(percent(bar.share))}" for bar in item.items)
            return ["\n".join(lines)]
        case Table():
            return _table(item)
        case Diff():
            return _diff(item)
        case Quotes():
            source = [f"from {_inline(item.source)}:"] if item.source else []
            # Neighbouring quotes would be one: an empty comment parts them.
            return [*source, f"\n\n{_PART}\n\n".join(f"> {_prose(text)}" for text in item.texts)]
        case Text():
            return [_prose(item.text, item.tone)]
        case Code():
            shown = block(item.text)
            return [_inline(item.caption), _fenced("text", shown.lines), shown.cut]
        case Source():
            part = parted(item)
            return [_fenced("text", [f"{item.line} │ {part.before}{part.meant}"])]
        case Image():
            return [_image(item)]
        case Link():
            return [_link(item)]
        case Cards():
            return [part for card in item.cards for part in _view(card, level + 1)]
        case Fold():
            return _fold(item, level)
        case Left():
            return [item.text]


def _escaped(text: str) -> str:
    text = _LIVE.sub(_PART, escape(text, quote=False))
    text = _SPECIAL.sub(r"\\\1", text).replace("|", "&#124;")
    return _OPENS_BLOCK.sub(r"\1\\\2", text)


def _inline(text: str) -> str:
    return _escaped(inline(text))


def _prose(text: str, tone: Tone = Tone.PLAIN) -> str:
    shown = block(text)
    lines = [_escaped(line.strip(" ")) for line in shown.lines] + ([shown.cut] if shown.cut else [])
    while lines and not lines[0]:  # a line that began with `<br>` would open an HTML block
        del lines[0]
    return signed("<br>".join(lines), tone)


def _fenced(language: str, lines: Iterable[str]) -> str:
    text = "\n".join(lines)
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _table(table: Table) -> list[str]:
    laid_out = columns(table)
    if not laid_out:
        return [_inline(table.caption)]
    lines = [
        _row(_escaped(column.heading) for column in laid_out),
        _row("---:" if column.numeric else "---" for column in laid_out),
        *(_row(map(_cell, row)) for row in rows(laid_out)),
    ]
    return [_inline(table.caption), "\n".join(lines), left_out(table)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    return _escaped(signed(cell.text, cell.tone))


def _diff(diff: Diff) -> list[str]:
    compared = compare(diff)
    caption = f"{_inline(diff.caption)} ({compared.summary})" if diff.caption else compared.summary
    if not compared.added and not compared.removed:
        return [caption]
    lines: list[str] = []
    for part in compared.parts:
        lines += [f"  {part.text}"] if isinstance(part, Gap) else [f"{line.sign} {line.text}" for line in part]
    return [caption, _fenced("diff", lines), signed(compared.cut, Tone.WARN) if compared.cut else ""]


def _image(image: Image) -> str:
    _, why_not = picture(image)
    what = why_not or f"a picture ({image.mime_type}), not shown in Markdown"
    return _inline(f"[{image.alt}: {what}]" if image.alt else f"[{what}]")


def _link(link: Link) -> str:
    url, text, shown = address(link.url), _inline(link.text), _inline(link.url)
    if url is None:
        return f"{text} ({shown})" if text and text != shown else shown
    to = quote(url, safe=_IN_URL).replace("&", "&amp;")
    return f"[{text}]({to}) ({shown})" if text and text != shown else f"[{shown}]({to})"


def _fold(fold: Fold, level: int) -> list[str]:
    # Inside an HTML block only HTML is live; blank lines on both sides make the body Markdown again.
    summary = _LIVE.sub(_PART, escape(inline(fold.summary), quote=False))
    opened = " open" if fold.open else ""
    return [f"<details{opened}><summary>{summary}</summary>", *_view(fold.view, level + 1), "</details>"]
