"""One server: how it is reached, from `.mcp.json`, and what is declared about it, from `codenb.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from codenb.config._expand import expand
from codenb.config._gather import GatherRule, gather_rule
from codenb.config._table import Table
from codenb.errors import ConfigError
from codenb.redaction import redactor

Transport = Literal["builtin", "stdio", "http"]
Mode = Literal["auto", "legacy"]

_TYPES: Mapping[str, Transport] = {"builtin": "builtin", "stdio": "stdio", "http": "http", "streamable-http": "http"}
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def nothing() -> Mapping[str, Any]:
    """An empty table that stays empty."""
    return MappingProxyType({})


@dataclass(frozen=True)
class ServerSettings:
    """What is known of one server before it is asked anything."""

    name: str
    transport: Transport
    shown: str = ""
    """The command line or URL as the file writes it, variables not put in, for people."""
    command: str = field(default="", repr=False)
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=nothing, repr=False)
    cwd: Path | None = None
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=nothing, repr=False)
    read_only: tuple[str, ...] = ()
    """Names or globs of tools that are declared to change nothing."""
    gather: tuple[GatherRule, ...] = ()
    roots: tuple[Path, ...] = ()
    """Folders that path arguments must stay inside; absolute."""
    auto_approve: tuple[Path, ...] = ()
    """Folders in which its changes may be made without asking, where a call wishes so; absolute."""
    program: str = ""
    """The program that it runs, by name or absolute path; empty is its own choice."""
    prices: Path | None = None
    """Prices of one's own, as CSV; absolute."""
    ttl_s: Mapping[str, float] = field(default_factory=nothing)
    """Seconds that an answer may be reused, by tool name or glob, in the order they are written."""
    max_connections: int | None = None
    timeout_s: float | None = None
    line_limit_bytes: int = 8 * 1024 * 1024
    mode: Mode = "auto"
    enabled: bool = True
    problem: str | None = None
    """Why this server cannot be used; the others can."""

    def check(self) -> None:
        """Complain if this server cannot be used.

        Raises:
            ConfigError: With `problem`.
        """
        if self.problem:
            raise ConfigError(self.problem)

    def is_read_only(self, tool: str) -> bool:
        """Whether `codenb.toml` declares that the tool changes nothing."""
        return any(fnmatchcase(tool, pattern) for pattern in self.read_only)

    def auto_approves(self, folder: Path) -> str | None:
        """Which entry of `auto_approve` lets a change in this folder be made without asking; None where none does.

        Args:
            folder: Absolute, every link followed.
        """
        return next((str(entry) for entry in self.auto_approve if folder.is_relative_to(entry)), None)

    def ttl_of(self, tool: str) -> float | None:
        """Seconds that an answer of the tool may be reused, None when nothing is declared; the first that fits."""
        return next((seconds for pattern, seconds in self.ttl_s.items() if fnmatchcase(tool, pattern)), None)

    def __repr__(self) -> str:
        held = [f"{self.name!r}", self.transport, self.shown]
        held += [f"{name}=***" for name in self.env] + [f"{name}: ***" for name in self.headers]
        held += [f"problem: {self.problem}"] if self.problem else []
        return f"ServerSettings({', '.join(part for part in held if part)})"


def entry(name: str, table: Table, *, env: Mapping[str, str], home: Path, builtin: Sequence[str]) -> ServerSettings:
    """Read one entry of `mcpServers`.

    Raises:
        ConfigError: A value has a type that no host could take. Whatever else is wrong becomes the entry's `problem`.
    """
    kind, command, url = table.text("type"), table.text("command"), table.text("url")
    args, env_map, headers = table.texts("args"), table.text_map("env"), table.text_map("headers")
    cwd, disabled = table.text("cwd"), table.flag("disabled", default=False)
    shown = redactor().text(" ".join([command, *args]) if command else url)
    implied = "stdio" if command else "http" if url else ""
    bare = ServerSettings(name, _TYPES.get(kind or implied, "stdio"), shown, enabled=not disabled)
    if disabled:
        return bare
    try:
        _check_form(table, kind, command, url)
        if bare.transport == "builtin" and name not in builtin:
            raise table.wrong("type", f"is builtin, but the built-in servers are {', '.join(builtin) or 'none'}")

        def put(text: str, place: str) -> str:
            return expand(text, env, where=f"{table.file}: {place}")

        return replace(
            bare,
            command=put(command, table.at("command")),
            args=tuple(put(arg, f"{table.at('args')}[{at}]") for at, arg in enumerate(args)),
            env=MappingProxyType({key: put(value, table.table("env").at(key)) for key, value in env_map.items()}),
            cwd=home / put(cwd, table.at("cwd")) if cwd else None,
            url=_url(table, put(url, table.at("url"))),
            headers=_headers(
                table, {key: put(value, table.table("headers").at(key)) for key, value in headers.items()}
            ),
        )
    except ConfigError as error:
        return replace(bare, problem=str(error))


def declared(server: ServerSettings, table: Table, home: Path) -> ServerSettings:
    """Add what `[servers.NAME]` says.

    Raises:
        ConfigError: A setting that does not exist, a wrong type, or a gather tool that is not declared read-only.
    """
    ttl = table.data.get("ttl", {})
    made = replace(
        server,
        read_only=tuple(table.texts("read_only")),
        gather=tuple(gather_rule(rule) for rule in table.tables("gather")),
        roots=tuple((home / root).resolve() for root in table.texts("roots")),
        auto_approve=_auto_approve(table, home),
        program=_program(table, home),
        prices=(home / prices).resolve() if (prices := table.text("prices")) else None,
        ttl_s=MappingProxyType(_ttl(table) if isinstance(ttl, dict) else {"*": _seconds(table, "ttl", low=0)}),
        max_connections=table.whole("max_connections", 1, low=1, high=100) if table.has("max_connections") else None,
        timeout_s=_seconds(table, "timeout_s", low=0.001) if table.has("timeout_s") else None,
        line_limit_bytes=table.whole("line_limit_bytes", server.line_limit_bytes, low=1024, high=1024**3),
        mode=cast("Mode", table.one_of("mode", ("auto", "legacy"), "auto")),
        enabled=table.flag("enabled", default=True) and server.enabled,
    )
    table.done()
    for rule in made.gather:
        if not made.is_read_only(rule.tool):
            raise table.wrong(
                "gather",
                f"uses {rule.tool!r}, which is not declared read-only: add {rule.tool!r} to {table.at('read_only')}",
            )
    return made


def _check_form(table: Table, kind: str, command: str, url: str) -> None:
    if kind == "sse":
        raise table.wrong("type", 'is the old sse transport, which is not supported: use streamable HTTP, type "http"')
    if kind and kind not in _TYPES:
        raise table.wrong("type", f"is {kind!r}, not one of {', '.join(_TYPES)}")
    form = _TYPES.get(kind)
    if command and url:
        raise ConfigError(f"{table.file}: {table.place} has a command and a url: keep the one that is meant")
    if not (command or url or form == "builtin"):
        raise ConfigError(f"{table.file}: {table.place} has neither a command nor a url: add one")
    if (form == "stdio" and url) or (form == "http" and command) or (form == "builtin" and (command or url)):
        raise table.wrong(
            "type", f"is {kind!r}, but there is a {'url' if url else 'command'}: keep the one that is meant"
        )


def _url(table: Table, url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        reachable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable or not url.isprintable() or " " in url:
        raise table.wrong("url", "is no http or https address")
    return url


def _headers(table: Table, headers: dict[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or any(not char.isprintable() and char != "\t" for char in value):
            raise table.wrong("headers", f"has {name!r}, which cannot be sent: no spaces, no line breaks")
        if not value.isascii():
            raise table.wrong("headers", f"has {name!r}, whose value cannot be sent: it is not ASCII")
    return MappingProxyType(headers)


def _auto_approve(table: Table, home: Path) -> tuple[Path, ...]:
    named = table.texts("auto_approve")
    if not all(folder.strip() for folder in named):
        raise table.wrong("auto_approve", "has an empty path, which is the whole project: name each workspace")
    return tuple((home / folder).resolve() for folder in named)


def _program(table: Table, home: Path) -> str:
    """A name is looked up where programs are; with a separator it is a path in the project."""
    named = table.text("program").strip()
    if named.startswith("-"):
        raise table.wrong("program", f"is {named!r}, which is an option: write the name of a program, or its path")
    return str(home / named) if "/" in named else named


def _ttl(table: Table) -> dict[str, float]:
    inner = table.table("ttl")
    return {tool: _seconds(inner, tool, low=0) for tool in inner.data}


def _seconds(table: Table, key: str, *, low: float) -> float:
    return table.number(key, low, low=low, high=86400)
