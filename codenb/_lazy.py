"""Public names that load on first use.

`import codenb` stands at the top of every notebook; it must not cost the import of a Kubernetes client or of pandas.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def attach(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make a package's `__getattr__`, `__dir__` and `__all__` from a table of where each name lives.

    Args:
        package: The package's `__name__`.
        names: Public name to module; a module that ends in the name itself stands for the module.

    Returns:
        `__getattr__`, `__dir__` and `__all__` (sorted).
    """

    def load(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(names[name])
        return module if names[name] == f"{package}.{name}" else getattr(module, name)

    return load, lambda: sorted(names), sorted(names)
