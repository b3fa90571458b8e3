"""Which files a tool may look at: paths from outside are resolved inside declared folders, or refused.

A path is checked as what it names once every link in it was followed, so that neither `..` nor a link leads out. What
lies outside is refused before it is looked for: an answer must not tell which files a machine has.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from codenb.errors import BadInput

if TYPE_CHECKING:
    from codenb.config import Settings

NO_FILE = "this is a device or a pipe, not a file"

_SHOWN = 200


@dataclass(frozen=True)
class Roots:
    """The folders that path arguments must stay inside.

    Attributes:
        folders: At least one; a file stands for itself alone. Relative paths are taken from the first.
        server: Whose setting `roots` declares them, for messages; empty where no setting does.
    """

    folders: tuple[Path, ...]
    server: str = ""

    @classmethod
    def of(cls, settings: Settings, server: str) -> Roots:
        """The roots that `[servers.NAME]` declares, else the project folder.

        Args:
            settings: What is configured.
            server: Its name.
        """
        configured = settings.servers.get(server)
        return cls((configured.roots if configured else ()) or (settings.home,), server)

    def resolve(self, path: str, *, what: str = "path") -> Path:
        """Find what a path from outside names.

        Args:
            path: Absolute, or relative to the first root.
            what: What it is, for messages, such as `workspace`.

        Returns:
            The absolute path, every link in it followed.

        Raises:
            BadInput: It is empty, begins with `-`, holds NUL, is outside of every root, or does not exist.
        """
        given: Any = path  # of whatever type it came
        if not isinstance(given, str) or not given.strip():
            raise BadInput(f"{what} is empty: name a file or folder inside of {self}")
        if given.startswith("-"):
            raise BadInput(f"{what} {_quoted(given)} begins with -, as an option does: write ./ before it")
        if "\0" in given:
            raise BadInput(f"{what} {_quoted(given)} holds NUL, which no file name has")
        try:
            wanted = self._base / given
            if not self._root_of(wanted.resolve()):
                raise BadInput(f"{what} {_quoted(given)} is outside of {self}: {self._advice}")
            found = wanted.resolve(strict=True)
        except FileNotFoundError as error:
            raise BadInput(f"{what} {_quoted(given)} does not exist in {self}") from error
        except (OSError, RuntimeError, ValueError) as error:  # links in a loop, a name too long, half a character
            raise BadInput(f"{what} {_quoted(given)} cannot be used: {reason(error)}") from error
        if not self._root_of(found):  # a link was put there between the two looks
            raise BadInput(f"{what} {_quoted(given)} is outside of {self}: {self._advice}")
        return found

    def opened(self, path: Path) -> BinaryIO:
        """Open a file inside of the roots for reading.

        What a path leads to may change between the look at it and its opening, so what was opened is compared with
        what the path leads to afterwards. A named pipe, which would keep its reader waiting, and a device, which may
        never end, are refused.

        Args:
            path: As `resolve` returned it, or below such a folder.

        Raises:
            OSError: It cannot be read, is no file, or is outside of the roots; `reason` says which.
        """
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(path, flags), "rb")
        try:
            self._require_file(path, os.fstat(file.fileno()))
        except BaseException:
            file.close()
            raise
        return file

    def _require_file(self, path: Path, about: os.stat_result) -> None:
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, NO_FILE)
        there = path.resolve(strict=True)
        if not self._root_of(there) or not os.path.samestat(about, there.stat()):
            raise OSError(errno.EACCES, "it leads out of the declared roots")

    def shown(self, path: Path) -> str:
        """A path as people read it and as `resolve` finds it again: relative to the first root where it is inside.

        Args:
            path: As `resolve` returned it.
        """
        try:
            relative = path.relative_to(self._base.resolve())
        except (OSError, ValueError):
            return str(path)
        text = relative.as_posix()
        return f"./{text}" if text.startswith("-") else text

    @property
    def _base(self) -> Path:
        first = self.folders[0]
        return first.parent if first.is_file() else first

    @property
    def _advice(self) -> str:
        if not self.server:
            return "name a file or folder inside"
        return f"add its folder to roots under [servers.{self.server}] in codenb.toml"

    def _root_of(self, path: Path) -> Path | None:
        return next((root for root in self.folders if path.is_relative_to(root.resolve())), None)

    def __str__(self) -> str:
        folders = ", ".join(str(folder) for folder in self.folders)
        return f"the roots {folders}" if len(self.folders) > 1 else f"the root {folders}"


def reason(error: OSError | RuntimeError | ValueError) -> str:
    """Why a path leads nowhere or cannot be read, in a few words that repeat no path."""
    if isinstance(error, RuntimeError) or getattr(error, "errno", None) == errno.ELOOP:
        return "its links lead in a circle"
    said = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return said[:1].lower() + said[1:]


def _quoted(path: str) -> str:
    """A path as one short line, whatever it holds."""
    return repr(path if len(path) <= _SHOWN else f"{path[:_SHOWN]}...")
