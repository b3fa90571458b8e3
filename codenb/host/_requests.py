"""How recordings write requests down, and number them.

As canonical JSON, without secrets, and with the folders of this machine named by what they are: so a recording holds
nowhere else what it must not, and plays elsewhere than where it was made. Equal requests are told apart by the order in
which they are made.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codenb.canonical import canonical_json

if TYPE_CHECKING:
    from codenb.host._records import Entry
    from codenb.redaction import Redactor

HIDDEN = "<redacted:secret:00000000>"
"""Stands for what may be a secret, where only the server that was asked could tell."""

_ONLY_ITS_TOOL_KNOWS = frozenset({"variables"})
"""Arguments of which only the tool knows which are secret: those of a Terraform workspace."""


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


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as recordings tell one from another; see `Track`."""

    kind: str
    server: str
    name: str
    request: Mapping[str, Any]
    occurrence: int


class Counting:
    """Numbers equal requests in the order in which they are made."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self._counts: Counter[tuple[str, str, str, bytes]] = Counter()

    def call(self, kind: str, entry: Entry) -> Asked:
        """A call, by its record."""
        name, request = entry.tool, dict(entry.request)
        if kind == "resource":
            name = request.pop("uri")
        elif kind == "prompt":
            name = request.pop("name")
        return self.asked(kind, entry.server, name, request)

    def asked(self, kind: str, server: str = "", name: str = "", request: Mapping[str, Any] | None = None) -> Asked:
        """Anything else.

        Raises:
            BadInput: The request is no JSON data.
        """
        written = self.requests.written({"name": name, "request": request or {}}, texts_only=kind == "model")
        key = kind, server, written["name"], canonical_json(written["request"])
        self._counts[key] += 1
        return Asked(kind, server, written["name"], written["request"], self._counts[key])


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


def _longest_first(folder: tuple[str, str]) -> int:
    return -len(folder[0])
