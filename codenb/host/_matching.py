"""Which recorded call is the one that is asked for, and, where none is, which is nearest.

What stands for a secret or a folder in a recording stands for any; everything else has to be equal.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from codenb.canonical import canonical_json

if TYPE_CHECKING:
    from codenb.host._tape import Track

_STAND_IN = re.compile(r"<redacted:[a-z-]+:[0-9a-f]{8}>|hmac-sha256:[0-9a-f]{16,64}|\A(?:<folder>|<project>)(?=/|\Z)")
_STANDS = re.compile(rb"<redacted:|hmac-sha256:|\"<folder>|\"<project>")
_LONGEST = 60
_MOST_DIFFERENCES = 3
_ABSENT = object()


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
