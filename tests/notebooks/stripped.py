"""Check that notebooks are committed without outputs: a diff shows what was written, and no output leaks."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def carrying_outputs(paths: list[Path]) -> list[str]:
    """Names of the notebooks that hold outputs, execution counts or widget state."""
    found = []
    for path in paths:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        ran = any(cell.get("outputs") or cell.get("execution_count") for cell in notebook["cells"])
        if ran or "widgets" in notebook["metadata"]:
            found.append(str(path))
    return found


def main(arguments: list[str]) -> int:
    """Look at notebooks, or at every notebook below a folder."""
    given = [Path(argument) for argument in arguments]
    paths = sorted(file for path in given for file in (path.rglob("*.ipynb") if path.is_dir() else [path]))
    found = carrying_outputs(paths)
    for name in found:
        print(f"{name}: carries outputs; clear them before committing", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
