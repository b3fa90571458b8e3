"""checkov as a library: loaded once, when a check is first asked for, and kept from the notebook it runs in.

Its modules speak through the root logger (which sets up a handler on standard error where there is none) and have the
standard streams wrapped, so every step into them is taken under `_aside`. Its checks keep the result of their last run
in themselves, so one scan runs at a time. Its command line, and with it the platform, its telemetry and its downloads,
is never imported.
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from importlib import import_module, metadata
from typing import Any, ParamSpec, TextIO, TypeVar

from codenb.errors import PartMissing

P = ParamSpec("P")
T = TypeVar("T")

_LOCK = threading.RLock()
_MODULES = {
    "kubernetes": ("checkov.kubernetes.checks.resource",),
    "docker": ("checkov.dockerfile.checks",),
    "terraform": tuple(f"checkov.terraform.checks.{kind}" for kind in ("resource", "data", "module", "provider")),
}
_REGISTRIES = {
    "kubernetes": {"": ("checkov.kubernetes.checks.resource.registry", "registry")},
    "docker": {"": ("checkov.dockerfile.registry", "registry")},
    "terraform": {
        kind: (f"checkov.terraform.checks.{kind}.registry", f"{kind}_registry")
        for kind in ("resource", "data", "module", "provider")
    },
}
_LOUD = ("urllib3", "requests")  # which set filters for their own warnings when they are imported
_GRAPHS = {"kubernetes": "kubernetes", "docker": "dockerfile", "terraform": "terraform"}


class _NoCheckov(logging.Filter):
    """Lets a record pass unless a module of checkov wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "checkov" not in record.pathname.replace("\\", "/").split("/")


_FILTER = _NoCheckov()


@contextmanager
def _aside() -> Iterator[None]:
    """Run checkov's code without a trace of it in the root logger or the standard streams."""
    root, handler, streams = logging.getLogger(), logging.NullHandler(), (sys.stdout, sys.stderr)
    kept = set(map(id, warnings.filters))
    root.addHandler(handler)  # a root without handlers would be given one by the first `logging.info`
    root.addFilter(_FILTER)
    try:
        yield
    finally:
        root.removeFilter(_FILTER)
        root.removeHandler(handler)
        _without_colorama(*streams)
        warnings.filters[:] = [  # type: ignore[index]  # a list, whatever its stub says
            entry for entry in warnings.filters if id(entry) in kept or not entry[2].__module__.startswith(_LOUD)
        ]


def inside(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function that enters checkov: one at a time, and aside from the notebook's logging."""

    @wraps(function)
    def entered(*args: P.args, **kwargs: P.kwargs) -> T:
        with _LOCK, _aside():
            return function(*args, **kwargs)

    return entered


@cache
def version() -> str:
    """Checkov's version.

    Raises:
        PartMissing: It is not installed.
    """
    try:
        return metadata.version("checkov")
    except metadata.PackageNotFoundError as error:
        raise _missing() from error


@cache
@inside
def registries(framework: str) -> Mapping[str, Any]:
    """The checks of a framework, by the kind of block they look at.

    Args:
        framework: `kubernetes`, `terraform` or `docker`.

    Returns:
        Registries of checkov under `resource`, `data`, `module`, `provider` for Terraform, else one under the empty
        text.

    Raises:
        PartMissing: checkov is not installed.
    """
    version()
    try:
        for module in _MODULES[framework]:
            import_module(module)
        found = {kind: getattr(import_module(module), name) for kind, (module, name) in _REGISTRIES[framework].items()}
    except ImportError as error:
        raise _missing() from error
    finally:
        logging.getLogger("checkov").setLevel(logging.CRITICAL)
    return found


def _without_colorama(stdout: TextIO, stderr: TextIO) -> None:
    """Give back the streams that checkov lets colorama wrap, for good and for what it would write at the end."""
    colorama = sys.modules.get("colorama.initialise")
    if colorama is None or type(stdout).__module__.startswith("colorama"):
        return
    for name, stream in (("stdout", stdout), ("stderr", stderr)):
        if type(getattr(sys, name)).__module__.startswith("colorama"):
            setattr(sys, name, stream)
    atexit.unregister(colorama.reset_all)


@cache
@inside
def graph_checks(framework: str) -> tuple[Any, ...]:
    """Checkov's checks over several blocks at once, such as a bucket and what blocks public access to it.

    Args:
        framework: `kubernetes`, `terraform` or `docker`.
    """
    registries(framework)
    registry = import_module("checkov.common.checks_infra.registry").get_graph_checks_registry(_GRAPHS[framework])
    registry.load_checks()
    return tuple(registry.checks)


def is_loaded() -> bool:
    """Whether anything of checkov is in this process."""
    return "checkov" in sys.modules


def _missing() -> PartMissing:
    return PartMissing("policies are checked by checkov, which is not installed: pip install 'codenb[security]'")
