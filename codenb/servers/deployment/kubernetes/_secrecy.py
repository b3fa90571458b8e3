"""Secrets of manifests: sealed wherever they are compared, named to what must not say them, and never in an undo.

What the redactor would hide is replaced by an HMAC: the data of every Secret, and whatever else has the name or the
form of a secret. So a digest tells that a password changed, and no preview, record or file can tell which it was.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from codenb.redaction import redactor
from codenb.servers._base import hide
from codenb.servers._base._sealing import PREFIX, Sealer
from codenb.servers._manifests._document import Path
from codenb.servers._manifests._secrecy import secret_paths

SECRET = "Secret"  # noqa: S105  the kind
_SHORTEST = 8


def veiled(value: Any, sealer: Sealer, kind: str = "") -> Any:
    """A value of a manifest with every secret in it sealed.

    Args:
        value: An object, or a part of it.
        sealer: Under which key.
        kind: Of the object, where the value does not say it.
    """
    if kind == SECRET and isinstance(value, Mapping) and "kind" not in value:
        whole = veiled({"kind": kind, **value}, sealer)
        return {key: inner for key, inner in whole.items() if key != "kind"}
    sealed = _sealed(value, redactor().value(value), sealer)
    for path in secret_paths(value) if isinstance(value, Mapping) else ():
        _seal_at(sealed, path, sealer)
    return sealed


def _seal_at(value: Any, path: Path, sealer: Sealer) -> None:
    """Seal what the redactor knows by no name, in a copy that is ours; keys that it replaced hold nothing to seal."""
    for part in path[:-1]:
        value = value.get(part, {}) if isinstance(value, dict) else value[part]
    last = path[-1]
    raw = value.get(last) if isinstance(value, dict) else value[last]
    if raw is not None and not (isinstance(raw, str) and raw.startswith(PREFIX)):
        value[last] = sealer.seal(raw if isinstance(raw, str) else repr(raw))


def _sealed(raw: Any, shown: Any, sealer: Sealer) -> Any:
    if isinstance(raw, Mapping) and isinstance(shown, Mapping):
        pairs = zip(raw.items(), shown.items(), strict=True)
        return {named: _sealed(one, other, sealer) for (_, one), (named, other) in pairs}
    if isinstance(raw, Sequence) and isinstance(shown, Sequence) and not isinstance(raw, str):
        return [_sealed(one, other, sealer) for one, other in zip(raw, shown, strict=True)]
    return raw if raw == shown else sealer.seal(raw if isinstance(raw, str) else repr(raw))


def telling(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest can be kept and shown as it is, and deployed again from what was kept."""
    if manifest.get("kind") == SECRET or redactor().value(manifest) != manifest or any(secret_paths(manifest)):
        return False
    text = as_documents([manifest])
    return redactor().text(text) == text


def as_documents(manifests: Iterable[Mapping[str, Any]]) -> str:
    """Objects as one YAML text."""
    import yaml  # noqa: PLC0415  only where something is deployed

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump_all(list(manifests), Dumper=dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text


def conceal(manifests: Iterable[Mapping[str, Any]], sealer: Sealer) -> None:
    """Let nothing that the present call says hold what its Secrets do, not even an error that quotes it."""
    for at, value in enumerate(one for manifest in manifests for one in _data(manifest)):
        name = f"secret {at}"
        hide({name: value}, {name: sealer.seal(value)})


def _data(manifest: Mapping[str, Any]) -> Iterator[str]:
    data = manifest.get("data")
    if manifest.get("kind") != SECRET or not isinstance(data, Mapping):
        return
    for value in data.values():
        encoded = "".join(str(value).split())
        try:
            plain = base64.b64decode(encoded).decode()
        except (binascii.Error, ValueError):  # a key file or the like
            plain = ""
        yield from (one for one in (encoded, plain) if len(one) >= _SHORTEST)
