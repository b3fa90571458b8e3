"""Views as plain text, for terminals, logs and wherever HTML is not shown.

Nothing can be opened here, so a closed fold shows its first lines and says how many more there are; one inside of
another is its summary only. Every line is one that a terminal can only print: control characters were named on the way
in, and colour is ours or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from codenb.views._cells import percent, share_of
from codenb.views._compare import Gap, Line, compare
from codenb.views._data import Block, Cards, Code, Diff, Fold, Image, Link, Source, Table, Text, Tone, View
from codenb.views._group import Bars, Fields, Group, Left, Quotes, grouped
from codenb.views._measure import pad, width_of, wrap
from codenb.views._outside import Lines, block, counted, inline, picture
from codenb.views._paint import Paint
from codenb.views._source import parted
from codenb.views._text_table import table_lines
from codenb.views._tones import framed, signed

DEFAULT_WIDTH = 100

_MIN_WIDTH = 20
_FOLDED_LINES = 12
_BAR_COLUMNS = 24
_LABEL_SHARE = 0.35
_INDENT = "  "


def to_text(view: View, width: int | None = None, *, color: bool = False) -> str:
    """Render a view as text.

    Args:
        view: What to show.
        width: Columns to fill at most, 20 or more; code and diffs keep their lines as they are. Default 100.
        color: Whether to use ANSI colours; the caller knows its terminal.
    """
    columns = max(_MIN_WIDTH, DEFAULT_WIDTH if width is None else width)
    return "\n".join(line.rstrip(" ") for line in _view(view, columns, Paint(on=color)))


def _view(view: View, width: int, paint: Paint) -> list[str]:
    parts = [_head(view, width, paint), *(_block(item, width, paint) for item in grouped(view.blocks))]
    return _spaced([part for part in parts if part])


def _spaced(parts: Sequence[list[str]]) -> list[str]:
    return [line for at, part in enumerate(parts) for line in (["", *part] if at else part)]


def _head(view: View, width: int, paint: Paint) -> list[str]:
    *lines, last = wrap(inline(view.title), width)
    lines, used, last = [paint.bold(line) for line in lines], width_of(last), paint.bold(last)
    for badge in view.badges:
        for piece in wrap(inline(framed(badge)), width):
            gap = "  " if used else ""
            if used + len(gap) + width_of(piece) > width:
                lines.append(last)
                gap, used, last = "", 0, ""
            used += len(gap) + width_of(piece)
            last += gap + paint.tone(piece, badge.tone)
    subtitle = [paint.dim(line) for line in wrap(inline(view.subtitle), width) if line]
    return [line for line in (*lines, last) if line] + subtitle


def _block(item: Group, width: int, paint: Paint) -> list[str]:  # noqa: C901, PLR0911, PLR0912 - one line for each kind
    match item:
        case Fields():
            return _fields(item, width, paint)
        case Bars():
            return _bars(item, width, paint)
        case Table():
            return table_lines(item, width, paint)
        case Diff():
            return _diff(item, paint)
        case Quotes():
            return _quotes(item, width, paint)
        case Text():
            return _prose(block(item.text), width, paint, item.tone)
        case Code():
            caption = [paint.dim(line) for line in wrap(inline(item.caption), width) if line]
            shown = block(item.text)
            return [*caption, *(_INDENT + line for line in shown.lines), *_note(shown.cut, paint)]
        case Source():
            return _source(item, paint)
        case Image():
            return [paint.dim(line) for line in wrap(_image(item), width)]
        case Link():
            text, url = inline(item.text), inline(item.url)
            return wrap(f"{text} ({url})" if text and text != url else url, width)
        case Cards():
            return _spaced([_card(card, width, paint) for card in item.cards])
        case Fold():
            return _fold(item, width, paint)
        case Left():
            return _note(item.text, paint)


def _note(text: str, paint: Paint) -> list[str]:
    return [paint.dim(text)] if text else []


def _prose(shown: Lines, width: int, paint: Paint, tone: Tone = Tone.PLAIN) -> list[str]:
    first, *more = shown.lines
    lines = [piece for line in (signed(first, tone), *more) for piece in wrap(line, width)]
    return [paint.tone(line, tone) for line in lines] + _note(shown.cut, paint)


def _fields(fields: Fields, width: int, paint: Paint) -> list[str]:
    labels = [inline(item.label) for item in fields.items]
    column = min(max(map(width_of, labels)), int(width * _LABEL_SHARE))
    lines = []
    for label, item in zip(labels, fields.items, strict=True):
        left = wrap(label, column)
        right = _prose(block(item.value), width - column - 2, paint, item.tone)
        for at in range(max(len(left), len(right))):
            name = left[at] if at < len(left) else ""
            value = right[at] if at < len(right) else ""
            lines.append(f"{pad(paint.dim(name), column)}  {value}".rstrip(" "))
    return lines


def _bars(bars: Bars, width: int, paint: Paint) -> list[str]:
    labels = [signed(inline(bar.label), bar.tone) for bar in bars.items]
    shares = [percent(bar.share) for bar in bars.items]
    track, digits = min(_BAR_COLUMNS, width // 3), max(map(len, shares))
    column = min(max(map(width_of, labels)), width - track - digits - 4)
    lines = []
    for label, share, bar in zip(labels, shares, bars.items, strict=True):
        *above, last = wrap(label, column)
        full = round(share_of(bar.share) * track)
        drawn = paint.tone("█" * full, bar.tone) + paint.dim("░" * (track - full))
        lines += [*above, f"{pad(last, column)}  {drawn}  {share:>{digits}}"]
    return lines


def _quotes(quotes: Quotes, width: int, paint: Paint) -> list[str]:
    # The source stands above and outside the bar, so that no quoted line can pass for it.
    source = [paint.dim(line) for line in wrap(f"from {inline(quotes.source)}:", width)] if quotes.source else []
    shown = map(block, quotes.texts)
    quoted = [
        [*(f"│ {piece}" for line in one.lines for piece in wrap(line, width - 2)), *_note(one.cut, paint)]
        for one in shown
    ]
    return [*source, *_spaced(quoted)]


def _diff(diff: Diff, paint: Paint) -> list[str]:
    compared = compare(diff)
    caption = f"{inline(diff.caption)} ({compared.summary})" if diff.caption else compared.summary
    lines = [paint.dim(caption)]
    if compared.added or compared.removed:
        for part in compared.parts:
            lines += [paint.dim(f"  {part.text}")] if isinstance(part, Gap) else [_line(line, paint) for line in part]
    return lines + ([paint.tone(signed(compared.cut, Tone.WARN), Tone.WARN)] if compared.cut else [])


def _line(line: Line, paint: Paint) -> str:
    return paint.sign(f"{line.sign} {line.text}".rstrip(" "), line.sign)


def _source(source: Source, paint: Paint) -> list[str]:
    part, number = parted(source), str(source.line)
    line = f"{paint.dim(f'{number} │')} {part.before}{part.meant}"
    if not part.column:
        return [_INDENT + line]
    below = " " * (width_of(part.before) + 1)
    mark = "^" + "~" * (width_of(part.meant) - 1)
    return [_INDENT + line, f"{_INDENT}{' ' * len(number)} {paint.dim('│')}{below}{paint.tone(mark, Tone.WARN)}"]


def _image(image: Image) -> str:
    _, why_not = picture(image)
    alt = inline(image.alt)
    what = why_not or f"a picture ({inline(image.mime_type)}), not shown in text"
    return f"[{alt}: {what}]" if alt else f"[{what}]"


def _card(card: View, width: int, paint: Paint) -> list[str]:
    first, *more = _view(card, width - 2, paint) or [""]
    return [f"▪ {first}", *(_INDENT + line if line else "" for line in more)]


def _fold(fold: Fold, width: int, paint: Paint) -> list[str]:
    first, *more = wrap(inline(fold.summary), width - 2)
    body = _view(_summarised(fold.view), width - 2, paint)
    if not fold.open and len(body) > _FOLDED_LINES:
        body = [*body[:_FOLDED_LINES], paint.dim(f"⋯ {counted(len(body) - _FOLDED_LINES, 'further line')} folded")]
    return [f"▸ {first}", *(_INDENT + line if line else "" for line in (*more, *body))]


def _summarised(view: View) -> View:
    """The view with runs of closed folds as one text: what is folded twice is not read here."""
    blocks: list[Block] = []
    for folded, run in groupby(view.blocks, lambda item: isinstance(item, Fold) and not item.open):
        if folded:
            blocks.append(Text("\n".join(f"▸ {item.summary}" for item in run if isinstance(item, Fold))))
        else:
            blocks += run
    return replace(view, blocks=blocks)
