"""A file of decisions as it stands on disk: its entries, and what each says once it is checked."""

from __future__ import annotations

import json
import re
import stat
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from codenb.errors import BadInput, ConfigError
from codenb.models import Decision

_MAX_BYTES = 4_000_000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OURS = {"approver": "decisions", "proof": "name"}
_KEYS = ("approve", "digest", "by", "expires_at", "at", "reason", "grant")
_SEE = "see the documentation of codenb.decisions"


def document(path: Path) -> Any:
    """What a file of decisions, or of what waits for them, holds: JSON data of a bounded size.

    Raises:
        ConfigError: It cannot be read, or is not JSON.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"the decisions {path} are not a file: name one")
        if status.st_size > _MAX_BYTES:
            raise ConfigError(f"{path} is larger than {_MAX_BYTES:,} bytes: a file of decisions is not")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"the decisions {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the decisions {path} are not JSON: {error}") from error


def entries(path: Path) -> list[Any]:
    """The entries of a file, as they were written.

    Raises:
        ConfigError: It cannot be read, or is no list of decisions.
    """
    data = document(path)
    found = data.get("decisions") if isinstance(data, dict) else data
    if not isinstance(found, list):
        raise ConfigError(f"{path} is no list of decisions: {_SEE}")
    return found


def is_open(entry: Any) -> bool:
    """Whether an entry waits for somebody to fill it in."""
    return isinstance(entry, dict) and "approve" in entry and entry["approve"] is None


def in_force(entry: Any) -> bool:
    """Whether an entry says yes or no, and goes on saying so; what cannot be read counts, so that it is not lost."""
    if not isinstance(entry, dict) or not isinstance(entry.get("digest"), str) or is_open(entry):
        return False
    try:
        until = datetime.fromisoformat(str(entry["expires_at"])) if entry.get("expires_at") else None
    except ValueError:
        return True
    return until is None or until.tzinfo is None or until > datetime.now(UTC)


def read(path: Path) -> list[Decision]:
    """The decisions in a file; entries that decide nothing yet are left out.

    Raises:
        ConfigError: It cannot be read, is not JSON, or an entry is not a decision; the message names the entry.
    """
    found = entries(path)
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
    return [
        _decision(entry, written, f"{path}, decision {number}")
        for number, entry in enumerate(found, start=1)
        if not is_open(entry)
    ]


def _decision(entry: Any, written: str, where: str) -> Decision:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} is no object: {_SEE}")
    _known(entry, where)
    if not isinstance(entry.get("approve"), bool):
        raise ConfigError(f'{where}: "approve" is true, false, or null for not decided yet')
    if missing := [key for key in ("digest", "by") if key not in entry]:
        raise ConfigError(f'{where}: "{missing[0]}" is missing: {_SEE}')
    try:
        made = Decision.from_dict({"at": written} | entry | _OURS, what=where)
    except BadInput as error:
        raise ConfigError(str(error)) from error
    if not _DIGEST.fullmatch(made.digest):
        raise ConfigError(f'{where}: "digest" has 64 hexadecimal digits; copy it from the preview')
    if not made.by.strip():
        raise ConfigError(f'{where}: "by" is empty: write who decided')
    if made.approve and made.expires_at is None:
        raise ConfigError(f'{where}: an approval needs "expires_at", such as "2026-03-02T12:00:00Z"')
    if any(moment is not None and moment.tzinfo is None for moment in (made.at, made.expires_at)):
        raise ConfigError(f'{where}: times need a zone: end them with "Z" for UTC')
    return made


def _known(entry: dict[str, Any], where: str) -> None:
    """A key that is mistyped would otherwise be a condition that nobody heeds."""
    for key in entry:
        if key not in Decision.model_fields:
            near = get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_KEYS)}"
            raise ConfigError(f"{where}: there is no key {key[:80]!r}: {hint}")
