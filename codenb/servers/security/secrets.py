"""Secrets that somebody wrote into a file: found by their looks and by the names they stand under, never repeated.

The formats and names are those of `codenb.redaction`, which hides more than it needs to: where it takes a reference
such as `var.password` for the password, hiding costs nothing, but a finding would be wrong. So here a value under a
secret's name counts only where it is written out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from codenb.models import Severity, ValidationFinding
from codenb.redaction import is_secret_name, redactor
from codenb.servers.security._hcl_text import Text, Token, Unreadable, tokens

CHECKER = "secrets"
LINK = "https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html"

_HIDDEN = "<redacted>"
_REMEDY = "Change the secret, since it has been read, and keep it in a secret store or in the environment."
_TERRAFORM_REMEDY = "Change the secret, since it has been read; give it by TF_VAR_... or read it from a secret store."
_REFERENCE = re.compile(r"[\[{(]?\s*(?:[A-Za-z_][\w-]*(?:\.[\w*\[\]\"'-]+)+|[A-Za-z_][\w.-]*\(.*)[\])}]?,?")
_STAND_IN = re.compile(
    r"(?ix) .*(?:change[-_ ]?me|replace[-_ ]?me|example|placeholder|dummy|your[-_ ]).*"
    r" | (?:to ?do|fixme|x{3,}|test|password|secret)"
)
_SOME_DATA = re.compile(r"(?s).*(?:[A-Za-z0-9].*){4}")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in a text.

    Attributes:
        start: Index of its first character.
        end: Index behind it.
        kind: `github-token` and the like, or `secret` where its name tells.
        name: What it is called, empty where only its looks tell.
    """

    start: int
    end: int
    kind: str = "secret"
    name: str = ""


def find_secrets(text: str, file: str = "<text>") -> list[ValidationFinding]:
    """Secrets in a text of any kind.

    Args:
        text: A file's text.
        file: As it was named.

    Returns:
        A finding for each secret at its place; neither message nor source line holds it.
    """
    return _findings(text, file, secrets_in(text), _REMEDY, masked(text))


def find_terraform_secrets(
    text: str, file: str = "<text>", sensitive: frozenset[str] = frozenset()
) -> list[ValidationFinding]:
    """Secrets in a `.tf` or `.tfvars` file: of known formats, and written out under a secret's name.

    A variable's default counts by the variable's name, or where the variable says that it is sensitive.

    Args:
        text: A file's text.
        file: As it was named.
        sensitive: Variables that other files of the module declare so; see `sensitive_variables`.

    Returns:
        A finding for each secret at its place; neither message nor source line holds it.
    """
    hidden = masked(text, terraform=True, sensitive=sensitive)
    return _findings(text, file, terraform_secrets_in(text, sensitive), _TERRAFORM_REMEDY, hidden)


@lru_cache(maxsize=64)
def secrets_in(text: str) -> tuple[Secret, ...]:
    """Where secrets stand in a text of any kind."""
    return tuple(
        Secret(start, end, kind)
        for start, end, kind in redactor().secrets(text)
        if kind != "secret" or _written_out(text, start, end)
    )


@lru_cache(maxsize=64)
def terraform_secrets_in(text: str, sensitive: frozenset[str] = frozenset()) -> tuple[Secret, ...]:
    """Where secrets stand in a Terraform file; of one that cannot be read, as in any text."""
    try:
        named = tuple(_named(text, sensitive))
    except Unreadable:
        return secrets_in(text)
    taken = [(secret.start, secret.end) for secret in named]
    known = [
        Secret(start, end, kind)
        for start, end, kind in redactor().secrets(text)
        if kind != "secret" and not any(start < stop and begin < end for begin, stop in taken)
    ]
    return tuple(sorted((*named, *known), key=lambda secret: secret.start))


def sensitive_variables(text: str) -> frozenset[str]:
    """The variables that a Terraform file declares sensitive; none where it cannot be read."""
    try:
        return _sensitive_variables(text, [token for token in tokens(text) if token.kind != "comment"])
    except Unreadable:
        return frozenset()


@lru_cache(maxsize=32)
def masked(text: str, *, terraform: bool = False, sensitive: frozenset[str] = frozenset()) -> str:
    """The text with its secrets hidden and its lines where they were.

    Args:
        text: A file's text.
        terraform: Whether it is a `.tf` or `.tfvars` file, whose names are read as Terraform reads them.
        sensitive: Variables that other files of the module declare so.
    """
    spans = [(start, end) for start, end, _ in redactor().secrets(text)]
    if terraform:
        spans += [(secret.start, secret.end) for secret in terraform_secrets_in(text, sensitive)]
    out, at = [], 0
    for start, end in sorted(spans):
        if end <= at:
            continue
        out += [text[at : max(at, start)], "\n".join([_HIDDEN] * (text.count("\n", max(at, start), end) + 1))]
        at = end
    return "".join([*out, text[at:]])


class MaskedLines:
    """Lines of files, with what a whole file shows to be secret hidden; each file is looked through once.

    One is made for one scan: findings are many, and even to look a file of 30,000 lines up by its text takes a while.
    """

    def __init__(self) -> None:
        self._files: dict[int, tuple[Sequence[str], list[str]]] = {}

    def line(self, lines: Sequence[str], number: int) -> str:
        """One line; empty where there is none of that number.

        Args:
            lines: All of the file's lines; they are not changed while this is in use.
            number: From 1.
        """
        if not 0 < number <= len(lines):
            return ""
        known = self._files.get(id(lines))
        if known is None:  # what is held here cannot give its id to another
            known = self._files[id(lines)] = lines, masked("\n".join(lines)).split("\n")
        return known[1][number - 1]


def _written_out(text: str, start: int, end: int) -> bool:
    """Whether a value is one, and no reference to one."""
    value = text[start:end]
    quoted = text[start - 1 : start] in {'"', "'"}
    return bool(_SOME_DATA.match(value)) and "${" not in value and (quoted or not _REFERENCE.fullmatch(value.strip()))


def _named(text: str, declared: frozenset[str]) -> Iterator[Secret]:
    """Texts that a Terraform file assigns to a secret's name, or outside of all blocks to a sensitive variable's."""
    code = [token for token in tokens(text) if token.kind != "comment"]
    blocks: list[tuple[str, ...]] = []
    sensitive = _sensitive_variables(text, code)
    header: list[str] = []
    for number, token in enumerate(code):
        word = text[token.start : token.end]
        if token.kind == "mark" and word == "{":
            blocks.append(tuple(header))
        elif token.kind == "mark" and word == "}" and blocks:
            blocks.pop()
        if token.kind in {"word", "string"}:
            header.append(word)
        else:
            header.clear()
        if token.kind in {"string", "heredoc"} and token.literal and (name := _name_of(text, code, number, blocks)):
            variable = blocks[-1][1] if blocks and blocks[-1][:1] == ("variable",) and len(blocks[-1]) > 1 else ""
            start, end = _inside(text, token)
            secret = is_secret_name(name) or variable in sensitive or (not blocks and name in declared)
            if secret and _SOME_DATA.match(text[start:end]):
                yield Secret(start, end, name=name)


def _name_of(text: str, code: Sequence[Token], number: int, blocks: Sequence[tuple[str, ...]]) -> str:
    """What a string is assigned to: the word before the sign; of a default, the variable."""
    before = [text[token.start : token.end] for token in code[max(0, number - 2) : number]]
    if not before[1:] or before[1] not in {"=", ":"} or code[number - 2].kind not in {"word", "string"}:
        return ""
    if before[0] != "default" or not blocks:
        return before[0]
    block = blocks[-1]
    return block[1] if block[:1] == ("variable",) and len(block) > 1 else before[0]


def _sensitive_variables(text: str, code: Sequence[Token]) -> frozenset[str]:
    words = [text[token.start : token.end] for token in code]
    found, variable, depth = set(), "", 0
    for number, (token, word) in enumerate(zip(code, words, strict=True)):
        if token.kind == "mark" and word in "{}":
            depth += 1 if word == "{" else -1
        if depth == 0:  # an output may be sensitive too, which says nothing of the variable before it
            begins = word == "variable" and words[number + 2 : number + 3] == ["{"]
            variable = words[number + 1] if begins else "" if word == "}" else variable
        if word == "sensitive" and words[number + 1 : number + 3] == ["=", "true"] and variable:
            found.add(variable)
    return frozenset(found)


def _inside(text: str, token: Token) -> tuple[int, int]:
    """Where the words of a string or heredoc stand, without what opens and closes it."""
    if token.kind == "string":
        return token.start, token.end
    start = text.index("\n", token.start) + 1
    return start, max(start, text.rindex("\n", start - 1, token.end))


def _findings(text: str, file: str, found: Sequence[Secret], remedy: str, shown: str) -> list[ValidationFinding]:
    if not found:
        return []
    places, hidden = Text(text), Text(shown)
    findings = []
    for secret in found:
        line, column = places.position(secret.start)
        end_line, _ = places.position(max(secret.start, secret.end - 1))
        stand_in = secret.kind == "secret" and _STAND_IN.fullmatch(text[secret.start : secret.end])
        what = f"a {secret.kind.replace('-', ' ')}" if secret.kind != "secret" else "a secret"
        under = f" under the name {secret.name}" if secret.name else ""
        findings.append(
            ValidationFinding(
                rule=f"secrets/{secret.kind if secret.kind != 'secret' else 'named'}",
                checker=CHECKER,
                severity=_severity(secret, stand_in=bool(stand_in)),
                message=f"{what[0].upper()}{what[1:]} is written down{under}"
                + (", which looks like a stand-in: it will be used where nobody gives another." if stand_in else "."),
                file=file,
                line=line,
                column=column,
                end_line=end_line if end_line != line else None,
                remedy=remedy,
                link=LINK,
                source=hidden.line(line),
            )
        )
    return findings


def _severity(secret: Secret, *, stand_in: bool) -> Severity:
    """Critical where the looks say that it opens something; high where only the name does; medium for a stand-in."""
    if secret.kind != "secret":
        return Severity.CRITICAL
    return Severity.MEDIUM if stand_in else Severity.HIGH
