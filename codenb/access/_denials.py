"""Denied calls on their way into the audit log, so many a minute.

Every change leaves a few entries and waits for a person; a denied call costs its caller nothing. Whoever may do nothing
must not be able to fill the disk with it, because then no change could be made any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from codenb.access._audit import AuditLog
from codenb.access._audit_event import AuditEvent

A_MINUTE = 30
_WINDOW_S = 60.0
_PRINCIPALS = 1_000


@dataclass(slots=True)
class _Window:
    since: float
    written: int = 0
    left_out: int = 0


class Denials:
    """Writes denied calls, of each principal 30 a minute; those left out are counted in the next that is written."""

    def __init__(self, log: Callable[[], AuditLog], clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare; nothing is written yet.

        Args:
            log: Where they are written.
            clock: Tells the time in seconds.
        """
        self._log = log
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._one_at_a_time = threading.Lock()

    def append(self, event: AuditEvent) -> None:
        """Write one, or count it.

        Raises:
            ConfigError: It could not be written.
        """
        with self._one_at_a_time:
            window, now = self._windows.get(event.principal), self._clock()
            if window is None or now - window.since >= _WINDOW_S:
                if window is None and len(self._windows) >= _PRINCIPALS:
                    self._windows.pop(next(iter(self._windows)))
                left_out = window.left_out if window else 0
                window = self._windows[event.principal] = _Window(now, left_out=left_out)
            if window.written >= A_MINUTE:
                window.left_out += 1
                return
            window.written += 1
            left_out, window.left_out = window.left_out, 0
        if left_out:
            message = f"{event.message}; {left_out:,} denied calls before it were not written one by one"
            event = event.model_copy(update={"message": message})
        self._log().append(event)
