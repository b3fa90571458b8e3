"""The words of a Terraform file, read once from left to right.

The HCL grammar that the policy engine brings matches strings with nested repeats: one unclosed `${` in a text of
thirty letters keeps it busy for hours, with the interpreter's lock held. So a file passes here first, in time linear in
its length; what the grammar gets is the same text, character for character in the same places, without comments and
with interpolations that it can match.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

MAX_CHARS = 2_000_000
MAX_DEPTH = 100
_BLANK_LINES = 8

_SPACE = re.compile(r"[ \t\r\ufeff]+")
_WORD = re.compile(r"[^\W\d][\w-]*")
_NUMBER = re.compile(r"[0-9][0-9A-Za-z.]*")
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w.-]*)[ \t]*\r?\n")
_SIMPLE = re.compile(r"[ \t]*[A-Za-z_][A-Za-z0-9_.-]*[ \t]*")
_OPENING, _CLOSING = "([{", ")]}"


class Unreadable(Exception):
    """A text that is no HCL.

    Attributes:
        line: From 1.
        column: From 1.
    """

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(reason)
        self.line, self.column = line, column


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a file.

    Attributes:
        kind: `word` also for numbers; `mark` is any other single character; `newline` ends a line of code.
        start: Index in the text; of a string's or heredoc's inside.
        end: Index behind it.
        literal: Of a string or heredoc, whether nothing is interpolated.
    """

    kind: Literal["word", "string", "heredoc", "mark", "newline", "comment"]
    start: int
    end: int
    literal: bool = True


class Text:
    """A text with its lines."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(self, index: int) -> tuple[int, int]:
        """Line and column of a character, from 1."""
        from bisect import bisect_right  # noqa: PLC0415  used where something was found only

        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """A line without its end; empty outside of the text."""
        if not 0 < number <= len(self._starts):
            return ""
        end = self.text.find("\n", self._starts[number - 1])
        return self.text[self._starts[number - 1] : end if end >= 0 else None].rstrip("\r").lstrip("\ufeff")

    def unreadable(self, reason: str, index: int) -> Unreadable:
        """The error that something at an index is no HCL."""
        return Unreadable(reason, *self.position(index))


def tokens(text: str) -> Iterator[Token]:
    """The words of a file.

    Args:
        text: Of a `.tf` or `.tfvars` file.

    Raises:
        Unreadable: A string, comment, heredoc or bracket is not closed, or brackets stand too deep.
    """
    lines, at, opened = Text(text), 0, list[int]()
    while at < len(text):
        if match := _SPACE.match(text, at):
            at = match.end()
            continue
        token = _next(lines, at)
        yield token
        at = token.end + (token.kind == "string")
        if token.kind == "mark":
            _count(lines, token.start, opened)
    if opened:
        raise lines.unreadable(f"this {text[opened[-1]]} is not closed", opened[-1])


def _count(lines: Text, at: int, opened: list[int]) -> None:
    mark = lines.text[at]
    if mark in _OPENING:
        opened.append(at)
        if len(opened) > MAX_DEPTH:
            raise lines.unreadable(f"brackets are nested deeper than {MAX_DEPTH}", at)
    elif mark in _CLOSING:
        if not opened or _OPENING.index(lines.text[opened[-1]]) != _CLOSING.index(mark):
            raise lines.unreadable(f"this {mark} closes nothing", at)
        opened.pop()


def _next(lines: Text, at: int) -> Token:  # noqa: PLR0911  one for each kind of word
    text = lines.text
    if text[at] == "\n":
        return Token("newline", at, at + 1)
    if text[at] == "#" or text.startswith("//", at):
        end = text.find("\n", at)
        return Token("comment", at, end if end >= 0 else len(text))
    if text.startswith("/*", at):
        end = text.find("*/", at + 2)
        if end < 0:
            raise lines.unreadable("this comment is not closed", at)
        return Token("comment", at, end + 2)
    if text[at] == '"':
        end, literal = _string_end(lines, at)
        return Token("string", at + 1, end, literal)
    if match := _HEREDOC.match(text, at):
        return _heredoc(lines, match)
    if match := _WORD.match(text, at) or _NUMBER.match(text, at):
        return Token("word", at, match.end())
    return Token("mark", at, at + 1)


def _string_end(lines: Text, at: int) -> tuple[int, bool]:  # noqa: C901  one pass over nested texts
    """Where the string that begins at a quote ends, and whether nothing is interpolated in it."""
    text, index, literal = lines.text, at + 1, True
    inside: list[str] = []  # what is open: { of an interpolation, " of a string in it
    while index < len(text):
        char = text[index]
        in_string = not inside or inside[-1] == '"'
        if char == "\n" and in_string:
            break
        if char == "\\" and in_string:
            index += 2
        elif in_string and text.startswith(("$${", "%%{"), index):
            index += 3
        elif in_string and text.startswith(("${", "%{"), index):
            literal = False
            inside.append("{")
            index += 2
        elif char == '"':
            if not inside:
                return index, literal
            if inside[-1] == '"':
                inside.pop()
            else:
                inside.append('"')
            index += 1
        else:
            if not in_string and char in "{}":
                inside.append("{") if char == "{" else inside.pop()
            index += 1
        if len(inside) > MAX_DEPTH:
            raise lines.unreadable(f"interpolations are nested deeper than {MAX_DEPTH}", index)
    raise lines.unreadable("this text is not closed on its line", at)


def _heredoc(lines: Text, opening: re.Match[str]) -> Token:
    text, at = lines.text, opening.end()
    while at <= len(text):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)]
        if line.strip() == opening[2]:
            inside = text[opening.end() : at]
            return Token("heredoc", opening.start(), at + len(line.rstrip("\r")), "${" not in inside)
        if end < 0:
            break
        at = end + 1
    raise lines.unreadable(f"the text that begins with <<{opening[1]}{opening[2]} is not closed", opening.start())


def plain(text: str) -> str:
    """The same text for the grammar: no comments, interpolations of one line that it can match.

    Every character that is kept stands where it stood.

    Args:
        text: Of a `.tf` or `.tfvars` file.

    Raises:
        Unreadable: It is no HCL, or too large.
    """
    if len(text) > MAX_CHARS:
        raise Unreadable(f"it has more than {MAX_CHARS:,} characters", 1, 1)
    out, at = [], 0
    for token in tokens(text):
        out.append(text[at : token.start].replace("\ufeff", " "))
        inside = text[token.start : token.end]
        if token.kind == "comment":
            inside = re.sub(r"[^\n]", " ", inside)
        elif token.kind == "string":
            inside = _plain_string(inside)
        elif token.kind == "heredoc":
            inside = _plain_heredoc(inside)
        out.append(inside)
        at = token.end
    return "".join([*out, text[at:]]).replace("\r", " ")


def _plain_string(inside: str) -> str:
    """A string's inside with interpolations that are more than a name blanked, `${______}`."""
    if "${" not in inside and "%{" not in inside:
        return inside
    out, at, lines = [], 0, Text(f'"{inside}"')
    while at < len(inside):
        if inside[at] == "\\":
            out.append(inside[at : at + 2])
            at += 2
        elif inside.startswith(("$${", "%%{"), at):
            out.append("___")
            at += 3
        elif inside.startswith(("${", "%{"), at):
            end = _interpolation_end(lines, at + 1)
            name = inside[at + 2 : end - 1]
            out.append(f"${{{name}}}" if _SIMPLE.fullmatch(name) else "${" + "_" * len(name) + "}")
            at = end
        else:
            out.append(inside[at])
            at += 1
    return "".join(out)


def _interpolation_end(lines: Text, at: int) -> int:
    """Where, in the string's inside, an interpolation ends; the string is known to be well-formed."""
    depth, index, text = 0, at, lines.text
    while index < len(text):
        if text[index] == '"':
            index = _string_end(lines, index)[0]
        elif text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index  # in the inside, which has no quote before it, the index behind it
        index += 1
    raise lines.unreadable("this interpolation is not closed", at)


def _plain_heredoc(inside: str) -> str:
    """A heredoc without long runs of empty lines, on which the grammar's time grows with the cube."""
    lines, empty = inside.split("\n"), 0
    for number, line in enumerate(lines):
        empty = 0 if line.strip() else empty + 1
        if empty > _BLANK_LINES:
            lines[number] = "#"
            empty = 0
    return "\n".join(lines)
