"""Who calls, and what they may call.

A permit is a pattern over `server/tool` or over `server/uri`. What no pattern names is denied; without any access
configured there is nobody to tell apart, and the one principal is `local`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Literal, Self

from codenb.errors import BadInput, CredentialsRejected, PermissionMissing

PREVIEW_TOOL = "preview_change"
"""What every server of codenb's kind previews a change with."""

_ABOUT = "about://server"
_MOST = 200
_LONGEST = 512
_SHOWN = 200
_LONGEST_NAME = 256
_SPECIAL = re.compile(r"[\[*?]")


@dataclass(frozen=True, slots=True)
class Permits:
    """What one principal may call.

    The server and what is called on it are matched apart, so that a server whose name holds a slash is not taken for
    another one. In both parts `*` stands for any text, `?` for one character and `[ab]` for one of these.

    Attributes:
        tools: Patterns over `server/tool`, such as `deployment/validate_*`; `*/*` is every tool.
        resources: Patterns over `server/uri`, such as `deployment/memory://*`.
        within: What has to allow it as well; None where nothing else has a say.
    """

    tools: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    within: Permits | None = None

    def __post_init__(self) -> None:
        """Complain about what can never fit.

        Raises:
            BadInput: A pattern without a server, or far too many of them.
        """
        for what, patterns in (("tool", self.tools), ("resource", self.resources)):
            if not _are_texts(patterns):
                raise BadInput(f"permits on a {what} are a tuple of patterns, each of them text")
            if len(patterns) > _MOST:
                raise BadInput(f"{len(patterns):,} patterns on a {what}: {_MOST} at most; use * in them")
            for pattern in patterns:
                server, slash, rest = pattern.partition("/")
                if not (server and slash and rest) or len(pattern) > _LONGEST or not pattern.isprintable():
                    wanted = "SERVER/TOOL, such as deployment/validate_*" if what == "tool" else "SERVER/URI"
                    raise BadInput(f"{pattern[:80]!a} is no permit on a {what}: write {wanted}")

    def allow_tool(self, server: str, tool: str) -> bool:
        """Whether a tool may be called."""
        return _fits(self.tools, server, tool) and (self.within is None or self.within.allow_tool(server, tool))

    def allow_resource(self, server: str, uri: str) -> bool:
        """Whether a resource may be read; what a server says of itself may be, by everybody who is known."""
        return uri == _ABOUT or (
            _fits(self.resources, server, uri) and (self.within is None or self.within.allow_resource(server, uri))
        )

    def reach_server(self, server: str) -> bool:
        """Whether some tool of this server may be called, should it have one of that name."""
        named = any(fnmatchcase(server, pattern.partition("/")[0]) for pattern in self.tools)
        return named and (self.within is None or self.within.reach_server(server))

    def reach_resources(self, server: str, beginning: str) -> bool:
        """Whether some resource may be read whose address begins so.

        Told by the text of the patterns up to their first wildcard, so it may say yes to what turns out to be nothing.
        """
        begun = [
            _SPECIAL.split(pattern.partition("/")[2])[0]
            for pattern in self.resources
            if fnmatchcase(server, pattern.partition("/")[0])
        ]
        reached = any(beginning.startswith(text) or text.startswith(beginning) for text in begun)
        return reached and (self.within is None or self.within.reach_resources(server, beginning))

    @property
    def summary(self) -> str:
        """The patterns in one line."""
        named = ", ".join(self.tools) or "nothing"
        if self.resources:
            named += f", and read {', '.join(self.resources)}"
        return named if self.within is None else f"{named}, as far as permitted: {self.within.summary}"

    def and_also(self, more: Permits) -> Self:
        """These permits and the patterns of others."""
        return type(self)(_merged(self.tools, more.tools), _merged(self.resources, more.resources), self.within)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    Attributes:
        name: As a token proves it; `local` where none is asked for.
        proof: `token`, or `local` where no access is configured.
        permits: None is everything, where no access is configured.
        expires_at: Until when the token is taken, UTC: its `exp` and the leeway.
        problem: Why this one may do nothing at all; empty where the permits decide.
    """

    name: str
    proof: Literal["local", "token"] = "local"
    permits: Permits | None = None
    expires_at: datetime | None = None
    problem: str = ""

    def may_call(self, server: str, tool: str, arguments: Mapping[str, Any] | None = None) -> bool:
        """Whether a tool may be called; previewing a change takes the permit for the change, or one for previewing."""
        if self.permits is None or self.permits.allow_tool(server, tool):
            return True
        previewed = (arguments or {}).get("tool")
        return tool == PREVIEW_TOOL and isinstance(previewed, str) and self.permits.allow_tool(server, previewed)

    def may_read(self, server: str, uri: str) -> bool:
        """Whether a resource may be read."""
        return self.permits is None or self.permits.allow_resource(server, uri)

    @property
    def summary(self) -> str:
        """Who this is and what it may do, in one line."""
        if self.permits is None:
            return f"{self.name}, who may call everything"
        if problem := self.invalid:
            return f"{self.name}: {problem}"
        until = f", until {self.expires_at:%Y-%m-%d %H:%M:%S} UTC" if self.expires_at else ""
        return f"{self.name}{until}, who may call {self.permits.summary}"

    @property
    def invalid(self) -> str:
        """Why this one may do nothing at the moment: no credentials, or expired ones; empty where permits decide."""
        if not self.problem and self.expires_at is not None and datetime.now(UTC) >= self.expires_at:
            return (
                f"the token of {self.name} expired at {self.expires_at:%Y-%m-%d %H:%M:%S} UTC: "
                "get a new one and connect again"
            )
        return self.problem

    def require_valid(self) -> None:
        """Complain where there are no credentials, or they have expired meanwhile.

        Raises:
            CredentialsRejected: The message says which.
        """
        if problem := self.invalid:
            raise CredentialsRejected(problem)

    def require_call(self, server: str, tool: str, arguments: Mapping[str, Any] | None = None) -> None:
        """Complain where a tool may not be called.

        Raises:
            CredentialsRejected: There are no credentials, or they have expired.
            PermissionMissing: The message names the permit that is missing.
        """
        self.require_valid()
        if not self.may_call(server, tool, arguments):
            raise PermissionMissing(
                f"{self.name} may not call {_shown(server)}.{_shown(tool)}: "
                f"ask for a permit on the tool {_shown(_pattern(server, tool))}"
            )

    def require_read(self, server: str, uri: str) -> None:
        """Complain where a resource may not be read.

        Raises:
            CredentialsRejected: There are no credentials, or they have expired.
            PermissionMissing: The message names the permit that is missing.
        """
        self.require_valid()
        if not self.may_read(server, uri):
            raise PermissionMissing(
                f"{self.name} may not read {_shown(uri)} of {_shown(server)}: "
                f"ask for a permit on the resource {_shown(_pattern(server, uri))}"
            )


LOCAL = Principal("local")
"""Whoever runs this process, where no access is configured."""

NOBODY = "nobody"
"""The name of who has shown no token, although access is configured."""

EVERYBODY = "*"
"""In place of a principal: whoever has a token that is accepted."""


def name_problem(name: object) -> str:
    """Why something names no principal; empty where it does."""
    if not isinstance(name, str):
        return "is not text"
    problems = {
        "is empty, or begins or ends with a space": not name or name != name.strip(),
        f"has more than {_LONGEST_NAME} characters": len(name) > _LONGEST_NAME,
        "holds characters that cannot be seen": not name.isprintable(),
        "is written with characters that stand for others (Unicode NFKC)": unicodedata.normalize("NFKC", name) != name,
        f"is {name}, which is kept for another use": name in (LOCAL.name, NOBODY, EVERYBODY),
    }
    return next((problem for problem, found in problems.items() if found), "")


def _are_texts(given: object) -> bool:
    """Whether this is a tuple of texts; a text alone would be read letter by letter."""
    return isinstance(given, tuple) and all(isinstance(one, str) for one in given)


def _fits(patterns: tuple[str, ...], server: str, name: str) -> bool:
    return any(
        fnmatchcase(server, pattern.partition("/")[0]) and fnmatchcase(name, pattern.partition("/")[2])
        for pattern in patterns
    )


def _merged(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _pattern(server: str, name: str) -> str:
    """What to write so that this is allowed and no more: a tool may be named `*`, and people paste from messages."""
    one, other = (_SPECIAL.sub(r"[\g<0>]", part) for part in (server, name))
    return f"{one.replace('/', '?')}/{other}"


def _shown(text: str) -> str:
    """A name as the caller wrote it, on one line and of a bearable length."""
    shown = text if text.isprintable() else ascii(text)[1:-1]
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
