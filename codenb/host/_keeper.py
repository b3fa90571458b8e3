"""Ends servers whose kernel is gone.

A server that ignores the end of its input outlives a kernel that was killed. This program, run as a script beside the
servers, is told their process groups over its own input (`+PID`, `-PID`, one a line); when that ends, so do they. It
needs nothing but the standard library and stands in a session of its own, out of reach of the kernel's interrupts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

_GRACE_S = 2.0


def main() -> None:
    """Keep the list until it is empty, or until the input ends; then end what is still on it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        (groups.add if line.startswith(b"+") else groups.discard)(int(line[1:]))
        if not groups:
            return  # whoever told us has no further servers, and starts another keeper when it has
    for group in groups:
        _send(group, signal.SIGTERM)
    until = time.monotonic() + _GRACE_S
    while groups and time.monotonic() < until:
        groups = {group for group in groups if _send(group, 0)}
        time.sleep(0.02)
    for group in groups:
        _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    main()
