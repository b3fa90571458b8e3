"""Files that a widget writes: inside the project folder, whole or not at all, and never over another one unasked."""

from __future__ import annotations

import os
from pathlib import Path

from codenb.errors import BadInput


def save(text: str, name: str, folder: Path, *, replace: bool) -> Path:
    """Write a text file.

    Args:
        text: What it holds.
        name: Where, relative to the folder; its own folder has to be there.
        folder: What it must be inside of.
        replace: Whether a file that is there already may be replaced.

    Returns:
        The file.

    Raises:
        BadInput: The name leads out of the folder, a file is there, or it cannot be written.
    """
    if not name.strip() or "\0" in name:
        raise BadInput("name the file to write")
    root = folder.resolve()
    try:
        file = (root / name).parent.resolve(strict=True) / Path(name).name
        if not file.is_relative_to(root) or not Path(name).name:
            raise BadInput(f"{name} is outside of the project folder {root}: name a file inside")
        if file.is_dir() or (os.path.lexists(file) and not replace):
            raise BadInput(f"{name} is there already: choose another name, or allow to replace it")
        part = file.with_name(f".{file.name}.{os.getpid()}.part")
        try:
            part.write_text(text, encoding="utf-8", newline="")
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, RuntimeError, ValueError) as error:  # links in a loop, half a character
        raise BadInput(f"{name} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    return file
