"""Views as HTML: one fragment that stands alone in a notebook's output.

A saved notebook is read where styles are stripped (GitHub, sanitizers), so the elements alone carry the meaning: a
table has a caption and headed columns, a diff has its signs in the text, a fold is `details`. There is no script, and
everything that came with the view is escaped.
"""

from __future__ import annotations

from html import escape

from codenb.views._cells import Cell, Column, columns, headed, left_out, percent, rows, share_of
from codenb.views._compare import Gap, Line, compare
from codenb.views._data import Badge, Cards, Code, Diff, Fold, Image, Link, Source, Table, Text, Tone, View
from codenb.views._group import Bars, Fields, Group, Left, Quotes, grouped
from codenb.views._outside import address, block, inline, picture
from codenb.views._source import parted
from codenb.views._style import STYLE
from codenb.views._tones import SIGNS, WORDS

_SHORT = 32  # characters of a badge that stays on one line in a table
_WORD = 40


def to_html(view: View) -> str:
    """Render a view as an HTML fragment that carries its own style sheet."""
    return f'<div class="cnb"><style>{STYLE}</style>{_view(view)}</div>'


def _view(view: View) -> str:
    head = f'<div class="cnb-head">{_title(view)}{_note("sub", inline(view.subtitle))}</div>'
    body = "".join(_block(item) for item in grouped(view.blocks))
    return (
        '<div class="cnb-view">'
        + (head if view.title or view.badges or view.subtitle else "")
        + (f'<div class="cnb-body">{body}</div>' if body else "")
        + "</div>"
    )


def _title(view: View) -> str:
    # Not a heading element: JupyterLab would list every output in the notebook's table of contents.
    separator = ' <span class="cnb-sep">·</span> '  # parts title and badges where styles are stripped
    title = [f"<strong>{_e(inline(view.title))}</strong>"] if view.title else []
    parts = [*title, *map(_badge, view.badges)]
    if not parts:
        return ""
    return f'<p class="cnb-title" role="heading" aria-level="3">{separator.join(parts)}</p>'


def _block(item: Group) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each kind
    match item:
        case Fields():
            pairs = (f"<dt>{_e(inline(it.label))}</dt><dd>{_prose(it.value, it.tone)}</dd>" for it in item.items)
            return f"<dl>{''.join(pairs)}</dl>"
        case Bars():
            return _bars(item)
        case Table():
            return _table(item)
        case Diff():
            return _diff(item)
        case Quotes():
            return _quotes(item)
        case Text():
            return f'<p class="cnb-text">{_prose(item.text, item.tone)}</p>'
        case Code():
            return _code(item)
        case Source():
            return _source(item)
        case Image():
            return _image(item)
        case Link():
            return f"<p>{_link(item)}</p>"
        case Cards():
            return f'<div class="cnb-cards">{"".join(map(_view, item.cards))}</div>'
        case Fold():
            opened = " open" if item.open else ""
            return (
                f'<details class="cnb-fold"{opened}><summary>{_e(inline(item.summary))}</summary>'
                f"{_view(item.view)}</details>"
            )
        case Left():
            return _note("cut", item.text)


def _e(text: str) -> str:
    return escape(text, quote=True)


def _note(kind: str, text: str) -> str:
    return f'<p class="cnb-{kind}">{_e(text)}</p>' if text else ""


def _sign(tone: Tone) -> str:
    if not SIGNS[tone]:
        return ""
    return f'<span class="cnb-sign" role="img" aria-label="{WORDS[tone]}">{SIGNS[tone]}</span> '


def _badge(badge: Badge) -> str:
    return f'<span class="cnb-badge cnb-{badge.tone}">{_sign(badge.tone)}{_e(inline(badge.text))}</span>'


def _prose(text: str, tone: Tone = Tone.PLAIN) -> str:
    shown = block(text)
    lines = "<br>".join(map(_e, shown.lines))
    cut = f'<br><span class="cnb-cut">{_e(shown.cut)}</span>' if shown.cut else ""
    return f'<span class="cnb-{tone}">{_sign(tone)}{lines}</span>{cut}' if SIGNS[tone] else lines + cut


def _bars(bars: Bars) -> str:
    items = []
    for bar in bars.items:
        fill = f'<span class="cnb-fill" style="width:{share_of(bar.share):.1%}"></span>'
        items.append(
            f'<li class="cnb-{bar.tone}"><span class="cnb-label">{_sign(bar.tone)}{_e(inline(bar.label))}</span> '
            f'<span class="cnb-track">{fill}</span> <span class="cnb-share">{_e(percent(bar.share))}</span></li>'
        )
    return f'<ul class="cnb-bars">{"".join(items)}</ul>'


def _table(table: Table) -> str:
    laid_out = columns(table)
    caption = f"<caption>{_e(inline(table.caption))}</caption>" if table.caption else ""
    headings = "".join(f'<th scope="col"{_numeric(column)}>{_e(column.heading)}</th>' for column in laid_out)
    head = f"<thead><tr>{headings}</tr></thead>" if headed(laid_out) else ""
    body = "".join(f"<tr>{''.join(map(_cell, laid_out, row))}</tr>" for row in rows(laid_out))
    cut = left_out(table)
    foot = f'<tfoot><tr><td colspan="{max(1, len(laid_out))}">{_e(cut)}</td></tr></tfoot>' if cut else ""
    return f'<div class="cnb-scroll"><table class="cnb-table">{caption}{head}<tbody>{body}</tbody>{foot}</table></div>'


def _quotes(quotes: Quotes) -> str:
    caption = f"<figcaption>from {_e(inline(quotes.source))}</figcaption>" if quotes.source else ""
    *above, last = (f"<blockquote>{_prose(text)}</blockquote>" for text in quotes.texts)
    return "".join(f'<figure class="cnb-quote">{quote}</figure>' for quote in (*above, last + caption))


def _cell(column: Column, cell: Cell) -> str:
    # A name that breaks at its hyphens cannot be read as one; the table scrolls sideways before that.
    short = ' class="cnb-short"' if len(cell.text) <= (_SHORT if " " in cell.text else _WORD) else ""
    if not cell.badge:
        return f"<td{_numeric(column) or short}>{_e(cell.text)}</td>"
    return f"<td{short}>{_badge(Badge(cell.text, cell.tone))}</td>"


def _numeric(column: Column) -> str:
    return ' class="cnb-num"' if column.numeric else ""


def _diff(diff: Diff) -> str:
    compared = compare(diff)
    caption = f"{inline(diff.caption)} ({compared.summary})" if diff.caption else compared.summary
    parts = [
        _gap(part) if isinstance(part, Gap) else f"<pre>{''.join(map(_line, part))}</pre>" for part in compared.parts
    ]
    body = f'<div class="cnb-diff">{"".join(parts)}</div>' if compared.added or compared.removed else ""
    cut = f'<p class="cnb-warn">{_sign(Tone.WARN)}{_e(compared.cut)}</p>' if compared.cut else ""
    return f"<figure><figcaption>{_e(caption)}</figcaption>{body}{cut}</figure>"


def _gap(gap: Gap) -> str:
    lines = "".join(_line(Line(" ", text)) for text in gap.lines)
    rest = _note("none", f"{gap.count - len(gap.lines)} further unchanged lines") if gap.count > len(gap.lines) else ""
    return f"<details><summary>{_e(gap.text)}</summary><pre>{lines}</pre>{rest}</details>"


def _line(line: Line) -> str:
    # The line feed stands inside the element, which is a block when styled: it must not add an empty line.
    text = f"{line.sign} {_e(line.text)}\n"
    match line.sign:
        case "+":
            return f"<ins>{text}</ins>"
        case "-":
            return f"<del>{text}</del>"
        case _:
            return f'<span class="cnb-same">{text}</span>'


def _code(code: Code) -> str:
    shown = block(code.text)
    caption = f"<figcaption>{_e(inline(code.caption))}</figcaption>" if code.caption else ""
    return f'<figure>{caption}<pre class="cnb-pre">\n{_e(shown.text)}</pre>{_note("cut", shown.cut)}</figure>'


def _source(source: Source) -> str:
    # The number is text of its own, before a bar: it reads as one where styles are stripped.
    part = parted(source)
    number = f'<span class="cnb-sub">{source.line} │</span>'
    return f'<pre class="cnb-pre">{number} {_e(part.before)}<mark>{_e(part.meant)}</mark></pre>'


def _image(image: Image) -> str:
    source, why_not = picture(image)
    alt = inline(image.alt)
    if why_not:
        return _note("cut", f"{alt}: {why_not}" if alt else why_not)
    caption = f"<figcaption>{_e(alt)}</figcaption>" if alt else ""
    return f'<figure><img src="{_e(source)}" alt="{_e(alt or "picture without a description")}">{caption}</figure>'


def _link(link: Link) -> str:
    url, text, shown = address(link.url), inline(link.text), inline(link.url)
    if url is None:
        return _e(f"{text} ({shown})" if text and text != shown else shown)
    anchor = f'<a href="{_e(url)}" rel="noopener noreferrer" target="_blank">{_e(text or shown)}</a>'
    return f"{anchor} ({_e(shown)})" if text and text != shown else anchor
