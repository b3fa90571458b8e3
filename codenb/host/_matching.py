"""What makes a call the one that was recorded.

A request is compared as canonical JSON: without secrets, and with the folders of this machine named by what they are,
so that a recording holds nowhere else what it must not, and plays elsewhere than where it was made. What stands for a
secret or a folder in a recording stands for any; everything else has to be equal.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codenb.canonical import canonical_json

if TYPE_CHECKING:
    from codenb.host._tape import Track
    from codenb.redaction import Redactor

HIDDEN = "<redacted:secret:00000000>"
"""Stands for what may be a secret, where only the server that was asked could tell."""

_STAND_IN = re.compile(r"<redacted:[a-z-]+:[0-9a-f]{8}>|hmac-sha256:[0-9a-f]{16,64}|\A(?:<folder>|<project>)(?=/|\Z)")
_STANDS = re.compile(rb"<redacted:|hmac-sha256:|\"<folder>|\"<project>")
_ONLY_ITS_TOOL_KNOWS = frozenset({"variables"})
"""Arguments of which only the tool knows which are secret: those of a Terraform workspace."""

_LONGEST = 60
_MOST_DIFFERENCES = 3
_ABSENT = object()


class Requests:
    """Writes requests as recordings hold them."""

    def __init__(self, redactor: Redactor, *, project: Path | None = None) -> None:
        """Prepare.

        Args:
            redactor: Hides secrets.
            project: The project folder, where it is not the working directory.
        """
        self._redactor = redactor
        folders = {str(Path.cwd()): "<folder>"}
        if project is not None:
            folders.setdefault(str(project), "<project>")
        self._folders = sorted(((path, name) for path, name in folders.items() if path != "/"), key=_longest_first)

    def written(self, request: Mapping[str, Any], *, texts_only: bool = False) -> dict[str, Any]:
        """A request as a recording holds it.

        Args:
            request: JSON data.
            texts_only: Whether it is a model's, whose texts are prose: neither paths nor files.

        Raises:
            BadInput: It is no JSON data.
        """
        plain = json.loads(canonical_json(request))
        if not texts_only:
            plain = self._placed(_whole_texts(plain))
        return dict(json.loads(canonical_json(self._redactor.value(plain))))

    def _placed(self, value: Any) -> Any:
        """With the folders of this machine named by what they are."""
        match value:
            case str():
                for path, name in self._folders:
                    if value == path or value.startswith(f"{path}/"):
                        return name + value[len(path) :]
                return value
            case dict():
                return {key: self._placed(inner) for key, inner in value.items()}
            case list():
                return [self._placed(inner) for inner in value]
            case _:
                return value


def masked(arguments: Mapping[str, Any], secret: Iterable[str] | None) -> dict[str, Any]:
    """Arguments of a change without its secrets.

    Args:
        arguments: As they were given.
        secret: Names of those that hold some, as its preview told; None where there was no preview to tell, so that
            every text is hidden.
    """
    if secret is not None:
        return {**arguments, **{name: HIDDEN for name in secret if name in arguments}}
    return {name: _hidden(value) for name, value in arguments.items()}


def _hidden(value: Any) -> Any:
    match value:
        case str():
            return HIDDEN
        case Mapping():
            return {key: _hidden(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_hidden(inner) for inner in value]
        case _:
            return value


def _whole_texts(value: Any, name: str = "") -> Any:
    """Without whole texts of files that hold secrets which only their place tells, and without variables."""
    match value:
        case dict() if name in _ONLY_ITS_TOOL_KNOWS:
            return dict.fromkeys(value, HIDDEN)
        case dict():
            return {key: _whole_texts(inner, key) for key, inner in value.items()}
        case list():
            return [_whole_texts(inner, name) for inner in value]
        case str() if "\n" in value and _keeps_secrets(value):
            return HIDDEN
        case _:
            return value


def _keeps_secrets(text: str) -> bool:
    """Whether a text is not known to hold none: what cannot be read as manifests, nobody can tell of."""
    from codenb.servers._manifests import parse  # noqa: PLC0415  brings YAML, which few requests need
    from codenb.servers._manifests._secrecy import secret_paths  # noqa: PLC0415

    found = parse(text)
    return bool(found.problems) or any(True for one in found.documents for _ in secret_paths(one.data))


class Shelf:
    """The recorded calls that were not played yet."""

    def __init__(self, tracks: Iterable[Track]) -> None:
        self._tracks = sorted(tracks, key=lambda track: (track.occurrence, track.n))
        self._played: set[int] = set()
        self._exact: dict[tuple[str, str, str, bytes], deque[Track]] = defaultdict(deque)
        self._standing: dict[tuple[str, str], list[Track]] = defaultdict(list)
        self._named: dict[tuple[str, str, str], list[Track]] = defaultdict(list)
        for track in self._tracks:
            key = canonical_json(track.request)
            self._exact[track.kind, track.server, track.name, key].append(track)
            self._named[track.kind, track.server, track.name].append(track)
            if _STAND_IN.search(track.name) or _STANDS.search(key):
                self._standing[track.kind, track.server].append(track)

    def take(self, kind: str, server: str, name: str, request: Mapping[str, Any]) -> Track | None:
        """The next recorded call that is this one; each is had once."""
        exact = self._exact.get((kind, server, name, canonical_json(request)), deque())
        while exact and exact[0].n in self._played:
            exact.popleft()
        found = exact[0] if exact else None
        if found is None:
            left = (track for track in self._standing.get((kind, server), ()) if track.n not in self._played)
            asked = [name, request]  # an address, too, may hold a secret
            found = next((track for track in left if fits([track.name, track.request], asked)), None)
        if found is not None:
            self._played.add(found.n)
        return found

    @property
    def left(self) -> tuple[Track, ...]:
        """What was not played, in the order of the recording."""
        return tuple(
            sorted((track for track in self._tracks if track.n not in self._played), key=lambda track: track.n)
        )

    def nearest(self, kind: str, server: str, name: str, request: Mapping[str, Any]) -> str:
        """What the recording holds that is nearest to a request that it does not hold, in words."""
        known = self._named.get((kind, server, name), ())
        if same := [track for track in known if fits(track.request, request)]:
            times = "once" if len(same) == 1 else f"{len(same)} times"
            return f"it was made {times} in the recording, and is made once more now"
        if known:
            ranked = min(known, key=lambda track: (len(list(_differences(track.request, request))), track.n))
            told = list(_differences(ranked.request, request))
            more = f", and {len(told) - _MOST_DIFFERENCES} more" if len(told) > _MOST_DIFFERENCES else ""
            return f"the nearest that is recorded differs in {'; '.join(told[:_MOST_DIFFERENCES])}{more}"
        made = sorted({key[2] for key in self._named if key[:2] == (kind, server)})
        if near := get_close_matches(name, made, n=1):
            return f"the nearest that is recorded is {server} {_cut(near[0])}"
        return f"of {server} it holds {', '.join(_cut(one) for one in made[:5]) or 'nothing of this kind'}"


def fits(recorded: Any, asked: Any) -> bool:
    """Whether a request is the recorded one, where what stands for a secret or a folder stands for any."""
    match recorded:
        case str():
            return recorded == asked or _stands_for(recorded, asked)
        case Mapping():
            if not isinstance(asked, Mapping) or recorded.keys() != asked.keys():
                return False
            return all(fits(value, asked[key]) for key, value in recorded.items())
        case list():
            same = isinstance(asked, list) and len(recorded) == len(asked)
            return same and all(fits(one, other) for one, other in zip(recorded, asked, strict=True))
        case _:
            return type(recorded) is type(asked) and bool(recorded == asked)


def _stands_for(recorded: str, asked: Any) -> bool:
    """Whether a text with stand-ins can be another; the parts between them have to be there, in their order."""
    parts = _STAND_IN.split(recorded)
    if len(parts) == 1:
        return False
    if parts == ["", ""]:
        return asked is not None
    if not isinstance(asked, str):
        return False
    first, *middle, last = parts
    if len(asked) < len(first) + len(last) or not asked.startswith(first) or not asked.endswith(last):
        return False
    at, end = len(first), len(asked) - len(last)
    for part in middle:
        found = asked.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _differences(recorded: Any, asked: Any, path: str = "") -> Iterator[str]:
    if fits(recorded, asked):
        return
    left, right = _children(recorded), _children(asked)
    if left is None or right is None or isinstance(recorded, Mapping) is not isinstance(asked, Mapping):
        yield f"{path or 'the request'}: recorded {_cut(_shown(recorded))}, asked {_cut(_shown(asked))}"
        return
    for key in dict.fromkeys([*left, *right]):
        inner = key if not path or path == "arguments" else f"{path}.{key}"
        yield from _differences(left.get(key, _ABSENT), right.get(key, _ABSENT), inner)


def _children(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {str(at): inner for at, inner in enumerate(value)}
    return None


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value, ensure_ascii=False)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _longest_first(folder: tuple[str, str]) -> int:
    return -len(folder[0])
