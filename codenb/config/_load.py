"""Find the project folder, read its files and the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from codenb.config._files import read_json, read_toml
from codenb.config._servers import ServerSettings, declared, entry
from codenb.config._settings import CacheLimits, Limits, Retries, Settings
from codenb.config._table import Table, nearest
from codenb.errors import ConfigError
from codenb.redaction import Redactor

BUILTIN = ("kubernetes", "deployment")
"""The servers that come with codenb."""

_MCP, _TOML = ".mcp.json", "codenb.toml"
_ON, _OFF = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})
_IDENTITY = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}|(derived|server|terraform|https?):.+|/.*"
)
"""A uid, a digest, a server, a workspace, an address or a folder; the name of a context is none of these."""

_NAMESPACE = re.compile(r"\*|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def load(
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
    *,
    builtin: Sequence[str] = BUILTIN,
) -> Settings:
    """Read the configuration.

    A built-in server takes part, in process, unless `.mcp.json` has an entry of its name (which then stands in its
    place; `{"type": "builtin"}` is the built-in one) or it is switched off by `"disabled": true` there or by
    `enabled = false` under `[servers.NAME]`.

    Args:
        folder: The project folder. By default `CODENB_HOME`, else the nearest folder from the working directory up
            to the git root that has `.mcp.json` or `codenb.toml`, else the git root, else the working directory.
        env: The environment; the process's by default.
        builtin: The names of the built-in servers that exist.

    Raises:
        ConfigError: A file or a variable cannot be used; one line says where and what to do. What is wrong with one
            server only is its `problem` instead.
    """
    env = os.environ if env is None else env
    home = _home(folder, env)
    toml = Table.of(read_toml(home / _TOML) or {}, home / _TOML)
    notes: list[str] = []
    servers = {name: ServerSettings(name, "builtin") for name in builtin}
    servers |= _entries(home, env, builtin, notes)
    told = toml.table("servers")
    for name in told.data:
        if name not in servers:
            raise told.wrong(name, f"is about a server that is not configured: {nearest(name, servers)}")
        servers[name] = declared(servers[name], told.table(name), home)
    changes = _changes(toml.table("changes"))
    notes += _without_effect(toml, servers, changes)
    settings = Settings(
        home=home,
        servers=MappingProxyType({name: server for name, server in servers.items() if server.enabled}),
        disabled=tuple(name for name, server in servers.items() if not server.enabled),
        changes=MappingProxyType(changes),
        experts=tuple(MappingProxyType(_expert(table)) for table in toml.tables("experts")),
        approval=MappingProxyType(toml.table("approval").data),
        access=MappingProxyType(toml.table("access").data) if toml.has("access") else None,
        redaction_patterns=_patterns(toml.table("redaction")),
        limits=_limits(toml.table("limits")),
        retry=_retries(toml.table("retry")),
        cache=_cache(toml.table("cache")),
        notes=tuple(notes),
    )
    toml.done()
    return _with_environment(settings, env)


def project_folder() -> Path:
    """The project folder that `load` takes by default.

    Raises:
        ConfigError: `CODENB_HOME` names none.
    """
    return _home(None, os.environ)


def _home(folder: Path | None, env: Mapping[str, str]) -> Path:
    given, said = (folder, "the project folder") if folder else (env.get("CODENB_HOME"), "CODENB_HOME")
    try:
        if given:
            home = Path(given).resolve()
            if not home.is_dir():
                raise ConfigError(f"{said} {home} is not a folder: name one that exists")
            return home
        here = Path.cwd().resolve()
        up = (here, *here.parents)
        root = next((place for place in up if (place / ".git").exists()), None)
        # A checkout is one project: what lies above its root is somebody else's, and may start no program here.
        within = up[: up.index(root) + 1] if root else up
        with_files = (place for place in within if any(os.path.lexists(place / name) for name in (_MCP, _TOML)))
        return next(with_files, None) or root or here
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{said} cannot be used: {error}") from error


def _entries(
    home: Path, env: Mapping[str, str], builtin: Sequence[str], notes: list[str]
) -> Iterator[tuple[str, ServerSettings]]:
    data = read_json(home / _MCP)
    if data is None:
        return
    file = Table.of(data, home / _MCP)
    if not file.has("mcpServers") and "servers" in file.data:
        raise file.wrong("servers", "is not read: name it mcpServers, as most hosts do")
    named = file.table("mcpServers")
    for name in named.data:
        if not name.strip() or not name.isprintable():
            raise named.wrong(name, "is no name for a server: use letters, digits, - and _")
        table = named.table(name)
        yield name, entry(name, table, env=env, home=home, builtin=builtin)
        notes += [f"{table.file}: {table.at(key)} is not used" for key in table.unknown()]
    notes += [f"{file.file}: {file.at(key)} is not used" for key in file.unknown()]


def _changes(table: Table) -> dict[str, tuple[str, ...]]:
    changes = {uid: tuple(table.texts(uid)) for uid in table.data}
    for uid, namespaces in changes.items():
        if not uid.strip() or uid == "*":
            raise table.wrong(uid, "names no cluster: write the identity that the refusal shows")
        for namespace in namespaces:
            if not _NAMESPACE.fullmatch(namespace):
                raise table.wrong(uid, f'has {namespace!r}, which is no namespace: write its name, or "*" for all')
    return changes


def _without_effect(
    toml: Table, servers: Mapping[str, ServerSettings], changes: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Lines that people may rely on, and that do nothing."""
    told, listed = toml.table("servers"), toml.table("changes")
    for name in told.data:
        server = servers[name]
        if server.transport == "builtin" and server.read_only and not server.gather:
            place = told.table(name).at("read_only")
            yield f"{toml.file}: {place} has no effect: a built-in server says itself which of its tools change nothing"
    for identity in changes:
        if not _IDENTITY.fullmatch(identity):
            yield (
                f"{toml.file}: {listed.at(identity)} does not look like an identity, so it may allow nothing: "
                f"write the one that a refusal shows, not the name of a context"
            )


def _expert(table: Table) -> dict[str, Any]:
    if not table.text("kind"):
        raise ConfigError(f"{table.file}: {table.place} has no kind: say which kind of expert it is")
    table.text("name")
    return table.data


def _patterns(table: Table) -> tuple[str, ...]:
    patterns = tuple(table.texts("patterns"))
    table.done()
    try:
        Redactor(patterns)
    except ConfigError as error:
        raise ConfigError(f"{table.file}: {table.at('patterns')}: {error}") from error
    return patterns


def _limits(table: Table) -> Limits:
    usual = Limits()
    limits = Limits(
        timeout_s=table.number("timeout_s", usual.timeout_s, low=0.001, high=86400),
        change_timeout_s=table.number("change_timeout_s", usual.change_timeout_s, low=0.001, high=86400),
        gather_timeout_s=table.number("gather_timeout_s", usual.gather_timeout_s, low=0.001, high=86400),
        answer_bytes=table.whole("answer_bytes", usual.answer_bytes, low=1024, high=1024**3),
        context_tokens=table.whole("context_tokens", usual.context_tokens, low=100, high=10_000_000),
        idle_s=table.number("idle_s", usual.idle_s, low=0.001, high=86400),
    )
    table.done()
    return limits


def _retries(table: Table) -> Retries:
    usual = Retries()
    retries = Retries(
        attempts=table.whole("attempts", usual.attempts, low=1, high=100),
        pause_after_s=table.number("pause_after_s", usual.pause_after_s, low=0.001, high=86400),
        pause_s=table.number("pause_s", usual.pause_s, low=0.001, high=86400),
    )
    table.done()
    return retries


def _cache(table: Table) -> CacheLimits:
    usual = CacheLimits()
    cache = CacheLimits(
        entries=table.whole("entries", usual.entries, low=0, high=1_000_000),
        bytes=table.whole("bytes", usual.bytes, low=1024, high=64 * 1024**3),
        stale_while_error_s=table.number("stale_while_error_s", usual.stale_while_error_s, low=0, high=86400),
    )
    table.done()
    return cache


def _with_environment(settings: Settings, env: Mapping[str, str]) -> Settings:
    for name in env:
        # A misspelt safety switch must not leave changes on.
        if name != "CODENB_READ_ONLY" and name.upper().replace("_", "") == "CODENBREADONLY":
            raise ConfigError(f"{name} is not a setting: did you mean CODENB_READ_ONLY?")
    switch = env.get("CODENB_READ_ONLY", "").strip().lower()
    if switch not in _ON | _OFF:
        raise ConfigError(f"CODENB_READ_ONLY is {switch!r}: set it to 1 or 0")
    key = env.get("CODENB_REDACTION_KEY")
    return replace(
        settings,
        read_only_env=switch in _ON,
        connect=env.get("CODENB_CONNECT") or None,
        decisions=Path(env["CODENB_DECISIONS"]) if env.get("CODENB_DECISIONS") else None,
        redaction_key=key.encode("utf-8", "surrogateescape") if key else None,
    )
