"""Two texts compared line by line, ready for any rendering.

A person approves a change by reading this, so it never drops a difference silently: changed lines are counted over the
whole of both texts, and the count of those that did not fit is stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal, NamedTuple

from codenb.views._data import Diff
from codenb.views._outside import counted, inline, visible

MAX_LINES = 400
LINE_CHARS = 4_000
MAX_FOLDED = 200

_MAX_MATCHED = 2_000  # lines a side; beyond, matching costs seconds on a hostile text

Sign = Literal["+", "-", " "]
_Step = tuple[str, int, int, int, int]  # as `SequenceMatcher.get_opcodes` gives them


class Line(NamedTuple):
    """One line of a diff."""

    sign: Sign
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Equal lines that are folded away; `lines` holds the first of them."""

    count: int
    lines: list[str]

    @property
    def text(self) -> str:
        """What stands in their place."""
        return f"⋯ {counted(self.count, 'unchanged line')}"


@dataclass(slots=True)
class Comparison:
    """A diff's parts in order, how many lines were added and removed, and what is not shown."""

    added: int = 0
    removed: int = 0
    parts: list[list[Line] | Gap] = field(default_factory=list)
    cut: str = ""

    @property
    def summary(self) -> str:
        """How much changed, in words."""
        if not self.added and not self.removed:
            return "no difference"
        return f"{counted(self.added, 'line')} added, {self.removed:,} removed"


def compare(diff: Diff) -> Comparison:
    """Compare the two texts of a diff."""
    before, after = _lines(diff.before, diff.after)
    whole = _matched(before, after)
    result = Comparison(sum(line.sign == "+" for line in whole), sum(line.sign == "-" for line in whole))
    left, hidden = MAX_LINES, 0
    for part in _folded(whole, max(0, diff.context_lines)):
        if isinstance(part, Gap):
            if left > 0:
                result.parts.append(part)
            continue
        if left > 0:
            result.parts.append([Line(line.sign, _shown(line)) for line in part[:left]])
        hidden += sum(line.sign != " " for line in part[max(0, left) :])
        left -= len(part)
    if hidden:
        result.cut = f"{counted(hidden, 'further changed line')} not shown"
    return result


def _lines(before: str, after: str) -> tuple[list[str], list[str]]:
    # Only line feeds part lines: a carriage return that comes or goes is a difference, and is named.
    if before.endswith("\n") and after.endswith("\n"):
        before, after = before[:-1], after[:-1]
    return before.split("\n") if before else [], after.split("\n") if after else []


def _matched(before: list[str], after: list[str]) -> list[Line]:
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next((at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    lines = [Line(" ", text) for text in before[:head]]
    for kind, a1, a2, b1, b2 in _steps(old, new):
        if kind == "equal":
            lines += [Line(" ", text) for text in old[a1:a2]]
        else:
            lines += [Line("-", text) for text in old[a1:a2]] + [Line("+", text) for text in new[b1:b2]]
    return lines + [Line(" ", text) for text in before[len(before) - tail :]]


def _steps(old: list[str], new: list[str]) -> Sequence[_Step]:
    if max(len(old), len(new)) > _MAX_MATCHED:
        return [("replace", 0, len(old), 0, len(new))]
    matched: Sequence[_Step] = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    if len(old) != len(new):
        return matched
    # Values changed in place read best in place; matching alone would pair a new `memory: 128Mi` with an old one that
    # belonged to another key.
    in_place: Sequence[_Step] = [
        ("equal" if same else "replace", run[0], run[-1] + 1, run[0], run[-1] + 1)
        for same, group in groupby(range(len(old)), key=lambda at: old[at] == new[at])
        if (run := list(group))
    ]
    return min(in_place, matched, key=_edits)


def _edits(steps: Sequence[_Step]) -> int:
    return sum(a2 - a1 + b2 - b1 for kind, a1, a2, b1, b2 in steps if kind != "equal")


def _folded(lines: list[Line], around: int) -> list[list[Line] | Gap]:
    near = bytearray(len(lines))
    for at, line in enumerate(lines):
        if line.sign != " ":
            start, end = max(0, at - around), min(len(lines), at + around + 1)
            near[start:end] = b"\x01" * (end - start)
    parts: list[list[Line] | Gap] = []
    for is_near, group in groupby(range(len(lines)), key=lambda at: near[at]):
        part = [lines[at] for at in group]
        if is_near or len(part) == 1:  # folding one line saves nothing
            parts.append(part)
        else:
            parts.append(Gap(len(part), [_shown(line) for line in part[:MAX_FOLDED]]))
    return parts


def _shown(line: Line) -> str:
    text = line.text
    if line.sign != " ":  # a change in spaces alone must be seen
        body = text.rstrip(" ")
        text = body + "·" * (len(text) - len(body))
    if len(text) > LINE_CHARS:
        return visible(text[:LINE_CHARS]) + inline(
            f"… ({counted(len(text) - LINE_CHARS, 'further character')} not shown)"
        )
    return visible(text).expandtabs(4)
