"""Manifests from files and folders, whatever lies in them.

A folder of other people's holds charts, links in circles, named pipes, files of a gigabyte and folders without
permission. Each of them becomes a problem or a note; only a path that the caller named itself and that is not there, or
lies outside of the roots, is the caller's error.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codenb.models import Severity
from codenb.servers._base._paths import NO_FILE, Roots, reason
from codenb.servers._manifests._document import Document, Manifests, Problem
from codenb.servers._manifests._kustomize import patches_of
from codenb.servers._manifests._parse import MOST_BYTES, parse

SUFFIXES = (".yaml", ".yml", ".json")
MOST_FILES = 5_000
MOST_DOCUMENTS = 20_000
MOST_BYTES_TOGETHER = 64 * 1024 * 1024
_MOST_NAMED = 5
_OTHERS = (".tf.json", ".tfvars.json")
_LEFT_OUT = {"node_modules", "__pycache__", "__MACOSX"}
_OF_DATA = {"kubernetes/no-object", "yaml/boolean-key", "yaml/tag", "yaml/number", "yaml/key"}
_KUSTOMIZATION = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def read(items: Sequence[str], roots: Roots) -> Manifests:
    """Read objects from files, folders and texts.

    Args:
        items: Each with a newline in it is YAML text; any other is the path of a file, or of a folder whose `*.yaml`,
            `*.yml` and `*.json` are read, those of folders in it too. Hidden files and folders are left out.
        roots: Where paths must lie.

    Returns:
        The objects of all items in order, and what is wrong with what was found.

    Raises:
        BadInput: A path is outside of the roots, or is not there.
    """
    reading = _Reading(roots)
    texts = sum("\n" in item for item in items)
    for number, item in enumerate(items, start=1):
        if "\n" in item:
            reading.add(parse(item, "<text>" if texts == 1 else f"<text {number}>"))
            continue
        path = roots.resolve(item, what="manifest")
        if path.is_dir():
            reading.folder(path, item)
        else:
            reading.file(path, printable(item))
    return reading.result()


@dataclass(slots=True)
class _Reading:
    """What was read so far, and how much may follow."""

    roots: Roots
    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    size: int = 0
    left_out: list[str] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)

    def result(self) -> Manifests:
        digest = hashlib.sha256("\n".join([*self.digests, *map(str, self.problems)]).encode("utf-8", "replace"))
        if self.left_out:
            more = f" and {len(self.left_out) - _MOST_NAMED} more" if len(self.left_out) > _MOST_NAMED else ""
            shown = ", ".join(self.left_out[:_MOST_NAMED])
            self.notes.append(f"left out, for they hold no Kubernetes object: {shown}{more}")
        documents, problems, files = tuple(self.documents), tuple(self.problems), tuple(self.files)
        return Manifests(documents, problems, files, tuple(dict.fromkeys(self.notes)), digest.hexdigest())

    def add(self, read: Manifests, *, in_folder: bool = False) -> None:
        """Take over what one file or text held."""
        self.digests.append(read.digest)
        if in_folder and not _any_object(read):
            self.left_out += read.files
            return
        room = MOST_DOCUMENTS - len(self.documents)
        self.documents += read.documents[:room]
        if len(read.documents) > room:
            self._unread(
                "read/too-many", f"there are more than {MOST_DOCUMENTS:,} objects: the rest was not read", *read.files
            )
        self.problems += read.problems
        self.files += read.files
        self.notes += read.notes

    def file(self, path: Path, shown: str, *, in_folder: bool = False) -> None:
        """Read one file."""
        if len(self.files) >= MOST_FILES:
            return
        raw = self._raw(path, shown)
        if raw is None:
            self.files.append(shown)
            return
        self.size += len(raw)
        if self.size > MOST_BYTES_TOGETHER:
            said = f"the files are larger than {MOST_BYTES_TOGETHER // 1024**2} MiB together: this one was not read"
            self._unread("read/too-many", said, shown)
            return
        self.add(parse(raw, shown), in_folder=in_folder)

    def folder(self, top: Path, item: str) -> None:
        """Read the manifests of a folder and of those in it."""
        count = 0
        for path, relative in self._walk(top, item, ""):
            count += 1
            if count > MOST_FILES:
                said = f"there are more than {MOST_FILES:,} manifests in this folder: the rest was not read"
                self._unread("read/too-many", said, named(item, ""))
                return
            self.file(path, named(item, relative), in_folder=True)
        if not count:
            self.notes.append(f"{named(item, '')} has no {', '.join(f'*{suffix}' for suffix in SUFFIXES)}")

    def _walk(self, folder: Path, item: str, relative: str) -> Iterator[tuple[Path, str]]:
        """Every manifest of a folder, in order; each folder once, however many links lead to it."""
        open_folders = [(folder, relative)]
        while open_folders:
            current, inside = open_folders.pop()
            entries = self._entries(current, named(item, inside))
            if entries is None:
                continue
            names = {name for name, _ in entries}
            if "Chart.yaml" in names and "templates" in names:
                said = "this is a Helm chart, whose templates were not rendered: validate what `helm template` writes"
                self._unread("read/helm-chart", said, named(item, inside))
                continue
            patches = self._patches(current, names, named(item, inside))
            deeper: list[tuple[Path, str]] = []
            for name, path in entries:
                below = f"{inside}/{name}" if inside else name
                if name.startswith(".") or name in _LEFT_OUT or name in _KUSTOMIZATION or name in patches:
                    continue
                target = self._inside(path, named(item, below), meant=name.endswith(SUFFIXES))
                if target is None:
                    continue
                if target.is_dir():
                    deeper.append((target, below))
                elif name.endswith(SUFFIXES) and not name.endswith(_OTHERS):
                    yield target, below
            open_folders += reversed(deeper)

    def _entries(self, folder: Path, shown: str) -> list[tuple[str, Path]] | None:
        """Names and paths of a folder, in order; None where it was read before or cannot be."""
        try:
            about = folder.stat()
            if (about.st_dev, about.st_ino) in self.seen:
                return None
            self.seen.add((about.st_dev, about.st_ino))
            return sorted((entry.name, Path(entry.path)) for entry in os.scandir(folder))
        except OSError as error:
            self._unread("read/no-access", f"the folder cannot be read: {reason(error)}", shown)
            return None

    def _patches(self, folder: Path, names: set[str], shown: str) -> set[str]:
        """Files of a kustomization's folder that are parts of objects, and no objects."""
        name = next((one for one in _KUSTOMIZATION if one in names), None)
        raw = self._raw(folder / name, f"{shown}/{name}") if name else None
        if raw is None:
            return set()
        patches = patches_of(raw)
        if here := sorted(patches & names):
            said = ", ".join(here)
            self.notes.append(
                f"{shown}: patches of a kustomization are left out ({said}): validate what `kustomize build` writes"
            )
        return patches

    def _inside(self, path: Path, shown: str, *, meant: bool) -> Path | None:
        """What a path of a folder leads to; None where that is outside of the roots or nowhere.

        A link to nowhere is worth a word only where its name says that it was `meant` as a manifest.
        """
        try:
            if not path.is_symlink():
                return path
            target = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            if meant:
                self._unread("read/link", f"the link leads nowhere: {reason(error)}", shown)
            return None
        if not any(target.is_relative_to(root.resolve()) for root in self.roots.folders):
            self._unread("read/link", "the link leads out of the declared roots: it was not followed", shown)
            return None
        return target

    def _raw(self, path: Path, shown: str) -> bytes | None:
        """A file's bytes, one more than may be at most; None where it cannot be read."""
        try:
            with self.roots.opened(path) as file:
                return file.read(MOST_BYTES + 1)
        except (OSError, RuntimeError) as error:
            if getattr(error, "strerror", None) == NO_FILE:
                self._unread("read/no-file", NO_FILE, shown)
            else:
                self._unread("read/no-access", f"the file cannot be read: {reason(error)}", shown)
            return None

    def _unread(self, rule: str, message: str, *shown: str) -> None:
        self.problems += [Problem(rule, message, name, severity=Severity.MEDIUM) for name in shown]


def _any_object(read: Manifests) -> bool:
    """Whether a file of a folder is meant for a cluster; folders have values, workflows and the like beside them."""
    if not read.documents and not read.problems:
        return True
    meant = any(document.api_version or document.kind for document in read.documents)
    return meant or any(problem.rule not in _OF_DATA for problem in read.problems)


def named(item: str, relative: str) -> str:
    """A file of a folder as the caller would name it."""
    base = item.rstrip("/") or "/"
    if not relative:
        return printable(base)
    return printable(relative if base == "." else f"{'' if base == '/' else base}/{relative}")


def printable(name: str) -> str:
    """A name that can be written anywhere; file names may hold bytes that are no text."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
