"""Replaces what must not be shown by pseudonyms, in text and in JSON values."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from codenb.errors import ConfigError
from codenb.redaction._formats import EMAIL, FORMATS, formatted, is_basic, kind_of
from codenb.redaction._names import counts, is_secret_name
from codenb.redaction._places import placed
from codenb.redaction._values import Span, after_scheme, harmless

_PROCESS_KEY = secrets.token_bytes(32)
_KINDS = (*(kind for kind, _, _ in FORMATS), "secret", "configured", "email", "too-deep")
# The second form is what stands for a sealed value: no secret itself, and compared by who planned with the secret.
_PLACEHOLDER = re.compile(rf"<redacted:(?:{'|'.join(_KINDS)}):[0-9a-f]{{8}}>|hmac-sha256:[0-9a-f]{{32}}(?![0-9a-f])")
_ROUNDS = 6
_DEPTH = 200
_SHORT, _REMEMBERED = 64, 8192
_LEAVES = frozenset({int, float, bool, type(None)})
_NO_FLAGS = _LEAVES | {dict, list}
_TELLING = frozenset({"value", "kind", "type"})
_PROBES = ("", "a", "a b", "1\n-")
_SECRET_TYPES = re.compile(r"Opaque|(?:bootstrap\.)?kubernetes\.io/.+|helm\.sh/release\.v1")
_DATA = ("data", "stringData", "string_data")
_AUTH = "auth"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_FLAG = re.compile(r"--?([A-Za-z][A-Za-z0-9_.-]{1,64})")


class Redactor:
    """Hides secrets in text and JSON values; the same secret gets the same pseudonym from equal keys.

    Redacting twice changes nothing, no text makes it raise, and the time is linear in the text (configured patterns
    aside, whose cost is their author's).
    """

    def __init__(
        self, patterns: Sequence[str | re.Pattern[str]] = (), key: bytes | None = None, *, emails: bool = False
    ) -> None:
        """Prepare for a set of patterns.

        Args:
            patterns: Regular expressions of further secrets. With a group, the first group is the secret, else the
                whole match.
            key: Derives the pseudonyms. One random key a process by default, so that a pseudonym cannot be tried
                against guesses and is the same in every room.
            emails: Also hide e-mail addresses, as prompts do.

        Raises:
            ConfigError: A pattern is no regular expression, or matches the empty text.
        """
        self._patterns = tuple(_compiled(pattern) for pattern in patterns)
        self._key = _PROCESS_KEY if key is None else key
        self._emails = emails
        # An answer of a thousand objects has the same twenty keys and a few hundred different words. Only texts without
        # a secret are remembered.
        self._clean: set[str] = set()
        self._keys: dict[str, tuple[str, str]] = {}
        self._plain: set[str] = set()  # of these the keys that say nothing of any value

    def text(self, text: str) -> str:
        """The text with every secret replaced by its pseudonym, and nothing else changed."""
        if text in self._clean:
            return text
        shown = self._text(text)
        if shown == text and len(text) <= _SHORT:
            if len(self._clean) >= _REMEMBERED:
                self._clean.clear()
            self._clean.add(text)
        return shown

    def _text(self, text: str) -> str:
        out, at = [], 0
        for match in _PLACEHOLDER.finditer(text):
            out += [self._between(text[at : match.start()]), match[0]]
            at = match.end()
        return "".join([*out, self._between(text[at:])])

    def value(self, value: Any) -> Any:
        """A copy of a JSON value with secrets replaced in its texts, under names that say secret, and in Secrets.

        Args:
            value: Mappings, sequences, text, numbers, booleans, None; anything else is returned as it is.

        Returns:
            Dicts and lists of the same shape; deeper than 200 levels a placeholder stands for the rest.
        """
        return self._value(value, 0)

    def secrets(self, text: str) -> tuple[tuple[int, int, str], ...]:
        """Where secrets stand in a text.

        Args:
            text: A whole file, or a part of one.

        Returns:
            Start, end and kind (`github-token`, or `secret` where only its name or place tells) of each, in order.
        """
        return tuple((start, end, kind_of(text[start:end])) for start, end, _ in self._spans(text))

    def _between(self, text: str, rounds: int = 0) -> str:
        """Redact a stretch without placeholders until nothing more is found in any of the stretches left.

        A hidden secret may uncover another to its side. Each stretch ends at a placeholder, so what is stable here is
        stable when the result is redacted again. A text made to uncover one secret a round is hidden whole.
        """
        spans = self._spans(text) if text else []
        if not spans:
            return text
        if rounds == _ROUNDS:
            return self._pseudonym(text)
        out, at = [], 0
        for start, end, encoded in spans:
            out.append(self._between(text[at:start], rounds + 1))
            out.append(self._pseudonym(text[start:end], encoded=encoded))
            at = end
        return "".join([*out, self._between(text[at:], rounds + 1)])

    def _spans(self, text: str) -> list[Span]:
        """What must be hidden in a stretch, in order, overlaps joined."""
        merged: list[Span] = []
        for span in sorted(self._found(text)):
            if span.end <= span.start:
                continue
            if merged and span.start < merged[-1].end:
                last = merged[-1]
                if span[:2] != last[:2]:
                    merged[-1] = Span(last.start, max(last.end, span.end), last.encoded and span.end <= last.end)
                else:
                    merged[-1] = last._replace(encoded=last.encoded or span.encoded)
            else:
                merged.append(span)
        return merged

    def _found(self, text: str) -> Iterator[Span]:
        for start, end in formatted(text):
            yield Span(start, end)
        yield from placed(text)
        for pattern in self._patterns:
            for match in pattern.finditer(text):
                yield Span(*match.span(1 if pattern.groups else 0))
        if self._emails:
            for match in EMAIL.finditer(text):
                yield Span(*match.span())

    def _pseudonym(self, secret: str, *, encoded: bool = False) -> str:
        if encoded:
            secret = _decoded(secret)
        kind = kind_of(secret)
        if kind == "secret" and any(pattern.fullmatch(secret) for pattern in self._patterns):
            kind = "configured"
        elif kind == "secret" and EMAIL.fullmatch(secret):
            kind = "email"
        mark = hmac.digest(self._key, secret.encode("utf-8", "surrogatepass"), "sha256").hex()[:8]
        return f"<redacted:{kind}:{mark}>"

    def _value(self, value: Any, depth: int) -> Any:  # noqa: PLR0911  a table
        kind = type(value)  # told first: what an abstract class is costs more than all the rest
        if kind in _LEAVES:
            return value
        if kind is dict and depth < _DEPTH:
            return self._mapping(value, depth)
        if isinstance(value, str):
            return self.text(value)
        if depth >= _DEPTH and isinstance(value, Mapping | list | tuple):
            return "<redacted:too-deep:00000000>"
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple):
            return self._sequence(value, depth)
        return value

    def _sequence(self, values: Sequence[Any], depth: int) -> list[Any]:
        out = [self._value(item, depth + 1) for item in values]
        if {*map(type, values)} <= _NO_FLAGS:  # most lists are of objects
            return out
        for at, (flag, following) in enumerate(pairwise(values), start=1):
            named = _FLAG.fullmatch(flag) if isinstance(flag, str) else None
            if named and is_secret_name(named[1]) and isinstance(following, str) and not following.startswith("-"):
                out[at] = self._hidden(following, depth)
        return out

    def _mapping(self, value: Mapping[Any, Any], depth: int, *, secret: bool = False) -> dict[Any, Any]:
        """Redact a mapping; `secret` says that it stands under a name that does, so that its `value` is one."""
        known, clean = self._keys, self._clean
        if value.keys() <= self._plain:  # nearly always
            return {
                key: item
                if (item in clean if type(item) is str else type(item) in _LEAVES)
                else self._value(item, depth + 1)
                for key, item in value.items()
            }
        hide_value = "value" in value and (
            secret
            or value.get("sensitive") is True
            or any(
                isinstance(name := value.get(field), str) and is_secret_name(name) for field in ("name", "key", "path")
            )
        )
        is_secret, is_list = _is_secret(value), value.get("kind") == "SecretList"
        out: dict[Any, Any] = {}
        for key, item in value.items():
            shown, says = known.get(key) or self._key_of(key)
            if says or hide_value or is_secret or is_list:
                out[shown] = self._told(key, says, item, depth, (is_secret, is_list, hide_value))
            elif type(item) is str and item in clean:
                out[shown] = item
            else:
                out[shown] = self._value(item, depth + 1)
        return out

    def _told(self, key: Any, says: str, item: Any, depth: int, among: tuple[bool, bool, bool]) -> Any:  # noqa: PLR0911  a table
        """Redact what stands under a key that says something, or in a mapping that does.

        Args:
            key: As it came.
            says: The key's name where it says secret, or `auth`; empty where it says nothing.
            item: What stands under it.
            depth: Of the mapping.
            among: Whether the mapping is a Secret, a list of them, and has a `value` that is secret.
        """
        is_secret, is_list, hide_value = among
        if is_secret and key in _DATA and isinstance(item, Mapping):
            return {
                self._value(k, 0): self._hidden(v, depth + 1, encoded=key == "data", always=True)
                for k, v in item.items()
            }
        if is_secret and key in _DATA and item is not None:
            return self._hidden(item, depth)
        if is_secret and key == "metadata" and isinstance(item, Mapping):
            return self._secret_metadata(item, depth + 1)
        if is_list and key == "items" and isinstance(item, list | tuple):
            return [
                self._mapping({"kind": "Secret", **entry}, depth + 2)
                if isinstance(entry, Mapping)
                else self._value(entry, depth + 2)
                for entry in item
            ]
        if hide_value and key == "value":
            return self._hidden(item, depth + 1)
        if says == _AUTH:
            basic = isinstance(item, str) and is_basic(item)
            return self._hidden(item, depth) if basic else self._value(item, depth + 1)
        return self._under_secret_name(says, item, depth + 1) if says else self._value(item, depth + 1)

    def _key_of(self, key: Any) -> tuple[Any, str]:
        """A key without secrets, and its name where that says that a secret follows, or may: `auth`."""
        if not isinstance(key, str):
            return key, ""
        shown = self.text(key)
        name = _PLACEHOLDER.sub("", shown)
        known = shown, name if name == _AUTH or is_secret_name(name) else ""
        if shown == key and len(key) <= _SHORT and len(self._keys) < _REMEMBERED:
            self._keys[key] = known
            if not known[1] and key not in _TELLING:
                self._plain.add(key)
        return known

    def _under_secret_name(self, name: str, item: Any, depth: int) -> Any:
        if isinstance(item, Mapping):
            return self._mapping(item, depth, secret=True) if depth < _DEPTH else self._value(item, depth)
        if isinstance(item, int | float) and (counts(name) or name == "Secret"):
            return item  # {"ConfigMap": 2, "Secret": 1} counts kinds
        if isinstance(item, list | tuple) and any(isinstance(entry, Mapping) for entry in item):
            return self._value(item, depth)
        return self._hidden(item, depth)

    def _secret_metadata(self, metadata: Mapping[Any, Any], depth: int) -> Any:
        out = self._value(metadata, depth)
        annotations = metadata.get("annotations")
        if isinstance(out, dict) and isinstance(annotations, Mapping) and _LAST_APPLIED in annotations:
            out["annotations"][_LAST_APPLIED] = self._hidden(annotations[_LAST_APPLIED], depth)
        return out

    def _hidden(self, value: Any, depth: int, *, encoded: bool = False, always: bool = False) -> Any:
        """Replace every leaf; switches and references stay, unless it is `always`, as in a Secret."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Mapping | list | tuple):
            if depth >= _DEPTH:
                return self._value(value, depth)
            if isinstance(value, Mapping):
                return {self._value(k, 0): self._hidden(v, depth + 1) for k, v in value.items()}
            return [self._hidden(item, depth + 1) for item in value]
        text = value if isinstance(value, str) else str(value)
        start = after_scheme(text)
        if not text or _PLACEHOLDER.fullmatch(text[start:]) or (harmless(text[start:]) and not always):
            return value
        return text[:start] + self._pseudonym(text[start:], encoded=encoded)


@cache
def redactor() -> Redactor:
    """The redactor of this process without configured patterns."""
    return Redactor()


def _compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"the redaction pattern {pattern!r} is no regular expression: {error}") from error
    if any(not match[0] for probe in _PROBES for match in compiled.finditer(probe)):
        raise ConfigError(
            f"the redaction pattern {compiled.pattern!r} matches the empty text: make it need a character"
        )
    return compiled


def _is_secret(value: Mapping[Any, Any]) -> bool:
    """Whether this is a Kubernetes Secret; clients leave the kind out of list items, so its type tells as well."""
    if value.get("kind") == "Secret":
        return True
    form = value.get("type")
    if value.get("kind") is not None or not isinstance(form, str) or not _SECRET_TYPES.fullmatch(form):
        return False
    return any(isinstance(value.get(field), Mapping) for field in _DATA)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text
