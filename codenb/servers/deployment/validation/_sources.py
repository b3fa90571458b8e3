"""Which files are meant, and which type of configuration each is."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codenb.errors import BadInput
from codenb.models import ConfigurationType
from codenb.servers._base._paths import Roots, reason
from codenb.servers._manifests import Manifests, read
from codenb.servers._manifests._files import SUFFIXES, named, printable

_TERRAFORM = (".tf", ".tf.json", ".tofu", ".tfvars", ".tfvars.json", ".terraform.lock.hcl")
_DOCKER = re.compile(r"(?:.+[.-])?(?:dockerfile|containerfile)(?:[.-].+)?", re.IGNORECASE)
_FROM = re.compile(r"(?mi)^\s*FROM\s+\S+")
_BLOCK = re.compile(
    r'(?m)^\s*(?:resource|data)\s+"[^"]+"\s+"[^"]+"\s*\{|^\s*(?:terraform|locals|variable\s+"|provider\s+"|module\s+"|output\s+")'
)
_OBJECT = re.compile(r"(?m)^[\s\"'{-]*(?:apiVersion|kind)[\"']?\s*:")
_MOST_FILES = 50_000
_MOST_BYTES = 4 * 1024 * 1024
_LEFT_OUT = {"node_modules", "__pycache__"}


@dataclass(slots=True)
class Sources:
    """Files of one type that is no Kubernetes."""

    files: dict[str, str] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over names, places and texts: a checker may look beside a file, at a module."""
        whole = hashlib.sha256()
        for name, text in sorted(self.files.items()):
            for part in (name, str(self.paths.get(name, "")), text):
                raw = part.encode("utf-8", "surrogatepass")
                whole.update(len(raw).to_bytes(8, "big") + raw)
        return whole.hexdigest()


@dataclass(slots=True)
class Found:
    """What the items hold, by type."""

    terraform: Sources = field(default_factory=Sources)
    docker: Sources = field(default_factory=Sources)
    manifests: Manifests = field(default_factory=Manifests)
    types: tuple[ConfigurationType, ...] = ()
    closed: dict[str, str] = field(default_factory=dict)
    """Folders that could not be looked into, and why."""


def find(items: Sequence[str], roots: Roots, wanted: ConfigurationType | None) -> Found:
    """Read what is to be validated.

    Args:
        items: Each with a newline in it is text; any other is the path of a file or folder.
        roots: Where paths must lie.
        wanted: The only type to look for; None tells by names and contents.

    Raises:
        BadInput: A path is not there or outside of the roots, nothing of the type is there, or a file's type cannot be
            told.
    """
    if not items:
        raise BadInput("there is nothing to validate: name a file or a folder")
    result = Found()
    manifests: list[str] = []
    for number, item in enumerate(items, start=1):
        if "\n" in item:
            kind = wanted or _of_text(item)
            name = "<text>" if sum("\n" in one for one in items) == 1 else f"<text {number}>"
            _add(result, manifests, kind, item, name)
            continue
        path = roots.resolve(item)
        if path.is_dir():
            manifests += [item] if wanted in (None, "kubernetes") else []
            for below, relative in _walk(path, item, result) if wanted != "kubernetes" else ():
                kind_of_file = _of_name(relative.rpartition("/")[2])
                if kind_of_file and wanted in (None, kind_of_file):
                    _load(_sources(result, kind_of_file), below, named(item, relative), roots)
        else:
            kind = wanted or _of_file(path, item, roots)
            if kind == "kubernetes":
                manifests.append(item)
            else:
                _load(_sources(result, kind), path, printable(item), roots)
    if manifests:
        result.manifests = read(manifests, roots)
    result.types = _types(result)
    if not result.types:
        raise BadInput(_nothing(items, wanted, result.manifests))
    return result


def _types(found: Found) -> tuple[ConfigurationType, ...]:
    types: list[ConfigurationType] = []
    if found.terraform.files or found.terraform.unread:
        types.append("terraform")
    if found.manifests.documents or found.manifests.problems or found.manifests.files:
        types.append("kubernetes")
    if found.docker.files or found.docker.unread:
        types.append("docker")
    return tuple(types)


def _nothing(items: Sequence[str], wanted: ConfigurationType | None, manifests: Manifests) -> str:
    where = ", ".join(printable(item) for item in items[:3] if "\n" not in item) or "the text"
    looked = {
        "terraform": "*.tf, *.tf.json, *.tfvars",
        "kubernetes": ", ".join(f"*{suffix}" for suffix in SUFFIXES) + " with a Kubernetes object",
        "docker": "Dockerfile, Containerfile",
        None: "*.tf, *.yaml with a Kubernetes object, Dockerfile",
    }[wanted]
    notes = f" ({manifests.notes[0]})" if manifests.notes else ""
    return f"{where} holds nothing to validate: looked for {looked}{notes}"


def _sources(found: Found, kind: ConfigurationType) -> Sources:
    return found.terraform if kind == "terraform" else found.docker


def _add(found: Found, manifests: list[str], kind: ConfigurationType, item: str, name: str) -> None:
    if kind == "kubernetes":
        manifests.append(item)
    else:
        _sources(found, kind).files[name] = item


def _load(sources: Sources, path: Path, name: str, roots: Roots) -> None:
    try:
        target = path.resolve(strict=True)
        if not any(target.is_relative_to(root.resolve()) for root in roots.folders):
            sources.unread[name] = "the link leads out of the declared roots: it was not followed"
            return
        with roots.opened(target) as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            sources.unread[name] = f"it is larger than {_MOST_BYTES // 1024**2} MiB"
        else:
            sources.files[name] = raw.decode("utf-8-sig")
            sources.paths[name] = target
    except UnicodeDecodeError:
        sources.unread[name] = "it is no UTF-8 text"
    except (OSError, RuntimeError) as error:
        sources.unread[name] = f"it cannot be read: {reason(error)}"


def _walk(top: Path, item: str, found: Found) -> Iterator[tuple[Path, str]]:
    """Every file of a folder that is not hidden, with its relative name; links to folders are not followed."""

    def closed(error: OSError) -> None:
        inside = os.path.relpath(error.filename or top, top)
        found.closed[named(item, "" if inside == "." else inside)] = reason(error)

    count = 0
    for folder, names, files in os.walk(top, onerror=closed):
        names[:] = sorted(name for name in names if not name.startswith(".") and name not in _LEFT_OUT)
        for name in sorted(files):
            if name.startswith(".") and name != ".terraform.lock.hcl":
                continue
            count += 1
            if count > _MOST_FILES:
                found.closed[named(item, "")] = f"it has more than {_MOST_FILES:,} files: the rest was not looked at"
                return
            path = Path(folder, name)
            yield path, path.relative_to(top).as_posix()


def _of_name(name: str) -> ConfigurationType | None:
    if name.endswith(_TERRAFORM):
        return "terraform"
    if _DOCKER.fullmatch(name) and not name.endswith((".md", ".txt", ".py", ".sh", ".go", ".js", ".ts", *SUFFIXES)):
        return "docker"
    return None


def _of_file(path: Path, item: str, roots: Roots) -> ConfigurationType:
    if kind := _of_name(path.name):
        return kind
    if path.name.endswith(SUFFIXES):
        return "kubernetes"
    try:
        with roots.opened(path) as file:
            text = file.read(100_000).decode("utf-8", "replace")
    except OSError as error:
        raise BadInput(f"{printable(item)} cannot be read: {reason(error)}") from error
    if not any(pattern.search(text) for pattern in (_FROM, _BLOCK, _OBJECT)):
        raise BadInput(f"cannot tell what {printable(item)} is: say the type, terraform, kubernetes or docker")
    return _of_text(text)


def _of_text(text: str) -> ConfigurationType:
    if _OBJECT.search(text):
        return "kubernetes"
    if _BLOCK.search(text):
        return "terraform"
    return "docker" if _FROM.search(text) else "kubernetes"
