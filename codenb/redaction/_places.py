"""Secrets that are known by the place they stand in: behind a name that says secret.

Text is read as it is: excerpts of logs, half a manifest, JSON inside JSON. So nothing here parses a whole document;
each finder looks for a name, takes the value that follows, once, and goes on behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from codenb.redaction._names import counts, is_secret_name
from codenb.redaction._secret_objects import json_data, yaml_data
from codenb.redaction._values import (
    Span,
    after_scheme,
    harmless,
    indented,
    is_block,
    quoted,
    quoted_items,
    rest_of_line,
    word,
)

_BETWEEN = re.compile(r"[\s:=\"']")
"""What stands between a name and its value; most texts in an answer are names themselves, which have none of it."""

_ASSIGNED = re.compile(
    r"(?<![A-Za-z0-9_.-])(?P<name>[A-Za-z0-9_.-]{2,128})(?P<quote>\\{0,3}[\"'])?"
    r"[ \t]{0,8}(?P<sign>:=|={1,3}>?|:)[ \t]{0,64}"
)
_FLAG = re.compile(
    r"(?<![A-Za-z0-9_.-])--?(?P<name>[A-Za-z][A-Za-z0-9_.-]{1,64})"
    r"(?:[ \t]{1,8}|\\{0,3}[\"']\s{0,64},\s{0,64}(?=\\{0,3}[\"'])|[\"']?\r?\n[ \t]{0,64}-[ \t]{1,8})"
)
_PAIR = re.compile(
    r"(?<![A-Za-z0-9_])(?:[nN]ame|[kK]ey)(?:\\{0,3}[\"'])?[ \t]{0,8}[:=][ \t]{0,8}(?:\\{0,3}[\"'])?"
    r"(?P<name>[A-Za-z0-9_./-]{1,128})(?:\\{0,3}[\"'])?[ \t]{0,8},?\s{0,64}"
    r"(?P<value>(?:\\{0,3}[\"'])?[vV]alue(?P<quote>\\{0,3}[\"'])?)[ \t]{0,8}(?P<sign>[:=])[ \t]{0,8}"
)
_HEADERS = re.compile(r"(?i)(?:authorization|cookie)$")
_HEADER_REST = re.compile(r"[^\n\r\"'\\]+")

# How a sentence goes on after "token:" or "--token"; "password: not found" names no password.
_PROSE = re.compile(
    r"(?ix) an? | and | any | are | as | at | authentication | be | by | can | cannot | could | couldn't | does |"
    r" doesn't | do | error | expected | expired | failed | failure | flag | for | from | has | have | if | in |"
    r" incorrect | invalid | is | it | may | mismatch | missing | must | no | not | of | on | or | option |"
    r" rejected | required | requires | should | the | this | to | unable | unauthorized | unexpected | unknown"
    r" | unset | unsupported | use | used | was | were | when | which | will | with | wrong | your?"
)
_LOOKS_SECRET = re.compile(r"(?=.{6})(?:.*[0-9!@#$%^&*+=_~].*|.*[a-z][A-Z].*)")


def placed(text: str) -> Iterator[Span]:
    """Where values stand whose name or object says that they are secret."""
    if not _BETWEEN.search(text):
        return
    yield from _assignments(text, _ASSIGNED, "name")
    if "alue" in text:
        yield from _assignments(text, _PAIR, "value")
    yield from _flags(text)
    if "Secret" in text:
        yield from json_data(text)
        yield from yaml_data(text)


def _assignments(text: str, pattern: re.Pattern[str], before_sign: str) -> Iterator[Span]:
    at = 0
    while match := pattern.search(text, at):
        at = match.end()
        if _says_secret(text, match):
            for span in _assigned(text, match, match.start(before_sign)):
                if found := _secret_in(text, span, match["name"]):
                    yield found
                    at = max(at, found.end)


def _says_secret(text: str, match: re.Match[str]) -> bool:
    name, start = match["name"], match.start("name")
    escaped = text[start - 1 : start] == "\\" and name[0] in "nrt"  # the n of a \n in JSON is no part of the name
    return is_secret_name(name) or (escaped and is_secret_name(name[1:]))


def _flags(text: str) -> Iterator[Span]:
    at = 0
    while match := _FLAG.search(text, at):
        at = match.end()
        if is_secret_name(match["name"]):
            span = quoted(text, at) or word(text, at)
            value = text[span.start : span.end] if span else ""
            if span and not value.startswith("-") and not _PROSE.fullmatch(value):
                yield from filter(None, [_secret_in(text, span, match["name"])])
                at = span.end


def _assigned(text: str, match: re.Match[str], start: int) -> Iterator[Span]:
    """What is assigned to the name or field that starts at `start`; a sentence about a secret assigns nothing."""
    at = match.end()
    before = text[max(0, start - 200) : start].rpartition("\n")[2]
    header = _HEADER_REST.match(text, at) if _HEADERS.search(match["name"]) else None
    span: Span | None = None
    if inside := quoted(text, at):
        span = inside
    elif text.startswith("[", at):
        yield from quoted_items(text, at + 1)
    elif header:
        span = Span(*header.span())
    elif match["sign"] != ":" or match["quote"]:
        span = word(text, at)
    elif not before.strip(" \t-\"'\\"):
        span = rest_of_line(text, at)
        if span and is_block(text[span.start : span.end]):
            yield from indented(text, span.end, len(before) - len(before.lstrip(" \t-")))
            span = None
        elif span and _PROSE.fullmatch(text[span.start : span.end].split(None, 1)[0].rstrip(",.:;")):
            span = None
    else:
        span = word(text, at)
        if span and before[-1:].isspace() and before.rstrip()[-1:].isalpha() and not _stands_out(text, span):
            span = None
    if span:
        yield span


def _secret_in(text: str, span: Span, name: str) -> Span | None:
    """The part of a value that is secret: without the scheme of an authorization; None when there is none."""
    start = span.start + after_scheme(text[span.start : span.end]) if _HEADERS.search(name) else span.start
    value = text[start : span.end]
    quantity = counts(name) and text[span.start - 1 : span.start] not in {'"', "'"}
    working_directory = name == "PWD" and value.startswith("/")
    return None if harmless(value) or quantity or working_directory else Span(start, span.end)


def _stands_out(text: str, span: Span) -> bool:
    """Whether a word after "the token:" in a sentence looks like the token and not like the next word."""
    value = text[span.start : span.end]
    return text[span.end : span.end + 1] != ":" and value[0] != "/" and bool(_LOOKS_SECRET.fullmatch(value))
