"""A copy of Terraform modules in which `init` and `validate` may write.

Files lie in it as they lie in their roots, so that `source = "../network"` finds its module. What was read is copied as
it was read; what else lies in a module's folder, such as the files that `file()` reads, is linked to. What is outside
of the declared roots is not there.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from codenb.servers.deployment.validation._job import Job
from codenb.servers.security._hcl_text import Unreadable, tokens

_CODE = (".tf", ".tf.json", ".tofu")
_MAX_FILES = 5_000
_MAX_BYTES = 4 * 1024 * 1024
_LEFT_OUT = {".terraform", ".git", "node_modules", "__pycache__"}
_STATE = re.compile(r".*\.tfstate(?:\..*)?|crash\.log")


@dataclass(frozen=True, slots=True)
class Module:
    """A module that is validated by itself.

    Attributes:
        folder: Of its copy.
        data: The copy's data folder.
        providers: Where providers that were installed for the original lie; an empty folder where none were.
        has_remote: Whether it uses modules from elsewhere.
        shown: As problems name it.
        names: What findings call a file, by the copy's path.
    """

    folder: Path
    data: Path
    providers: Path
    has_remote: bool
    shown: str
    names: dict[Path, str] = field(repr=False)

    def named(self, filename: str) -> str:
        """What findings call a file that the program names relative to the copy."""
        copy = Path(os.path.normpath(self.folder / filename))
        return self.names.get(copy, filename or self.shown)


def modules_of(job: Job, folder: Path) -> list[Module]:
    """Copy what is to be validated.

    Args:
        job: What is to be checked.
        folder: Where the copies go; empty.

    Returns:
        The modules that no other one of them calls.
    """
    copies = _Copies(job, folder)
    for name in job.files:
        copies.add(name)
    copies.add_called()
    called = {target for here in copies.modules for target in copies.calls(here)}
    tops = [here for here in copies.modules if here not in called and here in copies.asked]
    return [copies.module(here, number) for number, here in enumerate(tops or sorted(copies.asked))]


class _Copies:
    def __init__(self, job: Job, folder: Path) -> None:
        self._job, self._folder = job, folder
        self._roots = [root.resolve() for root in job.roots.folders]
        self.names: dict[Path, str] = {}
        self.originals: dict[Path, Path] = {}
        self.modules: dict[Path, list[str]] = {}
        self.asked: set[Path] = set()
        self._files = 0

    def add(self, name: str) -> None:
        """Copy one of the files that were read."""
        original, text = self._job.paths.get(name), self._job.files[name]
        text_only = self._folder / "text" / str(len(self.names)) / "main.tf"  # a module of its own
        copy = self._place(original) if original else text_only
        here = copy.parent
        self._link(here, original.parent if original else None)
        copy.unlink(missing_ok=True)
        copy.write_text(text, encoding="utf-8", newline="")
        self.names[copy] = name
        if copy.name.endswith(_CODE):
            self.asked.add(here)
            self.modules.setdefault(here, []).append(text)

    def add_called(self) -> None:
        """Add the modules in other folders of the roots that those there call."""
        while missing := {target for here in self.modules for target in self.calls(here) if target not in self.modules}:
            for target in missing:
                self.modules[target] = []
                original = self._original(target)
                if original is None or not original.is_dir() or not self._is_inside(original):
                    continue
                self._link(target, original)
                code = [path for path in sorted(target.iterdir()) if path.name.endswith(_CODE)]
                self.modules[target] = [self._text(path) for path in code]

    def _text(self, path: Path) -> str:
        """The code of a module that is called; empty where the program has to say why it cannot be read."""
        try:
            with self._job.roots.opened(path.resolve()) as file:
                return file.read(_MAX_BYTES).decode("utf-8", "replace")
        except (OSError, RuntimeError):
            return ""

    def calls(self, here: Path) -> set[Path]:
        """The folders of local modules that a folder's files call."""
        return {
            Path(os.path.normpath(here / source))
            for source in self._sources(here)
            if source.startswith(("./", "../")) and Path(os.path.normpath(here / source)).is_relative_to(self._folder)
        }

    def module(self, here: Path, number: int) -> Module:
        """What is needed to run the program on a copy."""
        original = self.originals.get(here)
        installed = original / ".terraform" if original else None
        data = self._folder / "data" / str(number)
        data.mkdir(parents=True)
        remote = any(
            not source.startswith(("./", "../")) for one in self._reached(here) for source in self._sources(one)
        )
        if installed and remote and self._is_inside(installed / "modules") and (installed / "modules").is_dir():
            (data / "modules").mkdir()
            shutil.copyfile(installed / "modules" / "modules.json", data / "modules" / "modules.json")
            (here / ".terraform").mkdir(exist_ok=True)
            (here / ".terraform" / "modules").symlink_to(installed / "modules")
        providers = installed / "providers" if installed else None
        if providers is None or not providers.is_dir():
            providers = self._folder / "none"
            providers.mkdir(exist_ok=True)
        shown = posixpath.dirname(next((name for path, name in self.names.items() if path.parent == here), "")) or "."
        return Module(here, data, providers, remote, shown, self.names)

    def _reached(self, here: Path) -> set[Path]:
        reached, left = {here}, [here]
        while left:
            for target in self.calls(left.pop()) - reached:
                reached.add(target)
                left.append(target)
        return reached

    def _sources(self, here: Path) -> Iterator[str]:
        for text in self.modules.get(here, ()):
            yield from _module_sources(text)

    def _place(self, original: Path) -> Path:
        for number, root in enumerate(self._roots):
            if original.is_relative_to(root):
                return self._folder / str(number) / original.relative_to(root)
            if original == root:  # a file that is a root by itself
                return self._folder / str(number) / original.name
        return self._folder / "other" / original.name

    def _original(self, copy: Path) -> Path | None:
        parts = copy.relative_to(self._folder).parts
        if not parts or not parts[0].isdecimal() or int(parts[0]) >= len(self._roots):
            return None
        return self._roots[int(parts[0])].joinpath(*parts[1:])

    def _is_inside(self, path: Path) -> bool:
        try:
            target = path.resolve()
        except (OSError, RuntimeError):  # links in a loop
            return False
        return any(target.is_relative_to(root) for root in self._roots)

    def _link(self, here: Path, original: Path | None) -> None:
        """Have what lies in a folder beside the files that were read, as links; what leads out is left out."""
        if here in self.originals:
            return
        here.mkdir(parents=True, exist_ok=True)
        if original is None or not self._is_inside(original):
            return
        self.originals[here] = original
        for folder, names, files in os.walk(original):
            names[:] = sorted(name for name in names if name not in _LEFT_OUT)
            for name in files:
                self._files += 1
                path = Path(folder, name)
                copy = here / path.relative_to(original)
                if self._files > _MAX_FILES or _STATE.fullmatch(name) or copy.exists() or not self._is_inside(path):
                    continue
                if not path.is_file():  # the program would wait for whoever writes into a named pipe
                    continue
                copy.parent.mkdir(parents=True, exist_ok=True)
                if name == ".terraform.lock.hcl":  # init writes it
                    shutil.copyfile(path, copy)
                else:
                    copy.symlink_to(path.resolve())


def _module_sources(text: str) -> Iterator[str]:
    """What the module blocks of a file name as their source."""
    try:
        code = [token for token in tokens(text.removeprefix("\ufeff")) if token.kind not in {"comment", "newline"}]
    except Unreadable:
        return
    source = text.removeprefix("\ufeff")
    words = [source[token.start : token.end] for token in code]
    depth, inside = 0, False
    for number, word in enumerate(words):
        if code[number].kind == "mark" and word in "{}":
            depth += 1 if word == "{" else -1
            if depth == 1 and word == "{":
                inside = words[max(0, number - 2)] == "module"
        value = code[number + 2] if number + 2 < len(code) else None
        if inside and depth == 1 and words[number : number + 2] == ["source", "="] and value and value.kind == "string":
            yield words[number + 2]
