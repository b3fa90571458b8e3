"""Ports for servers that have to be told theirs before they start."""

from __future__ import annotations

import itertools
import os
import socket

_EACH = 1_000
"""How many ports a worker of the test run has to itself."""


def _mine() -> itertools.cycle[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
    first, begin = 20_000 + worker * _EACH, os.getpid() % _EACH
    return itertools.cycle([first + (begin + step) % _EACH for step in range(_EACH)])


_PORTS = _mine()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on, and that nobody else takes before the server does.

    A port that the system gives out is in the range from which it serves everybody: between asking for it and a slow
    program's listening on it, a connection or the other worker may get it. These are below that range, and each worker
    has its own.
    """
    for port in itertools.islice(_PORTS, _EACH):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:  # somebody has it
                continue
            return port
    raise RuntimeError("every port of this worker is taken")
