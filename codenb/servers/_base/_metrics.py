"""What a process's servers count, for Prometheus.

Whoever serves chooses what is counted together: one `ToolMetrics` for all servers of an HTTP process, none for servers
inside of a notebook, whose host counts the same calls already. Names and labels are the same on both sides.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from mcp.types import CallToolResult, InputRequiredResult

from codenb.errors import CodenbError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

OTHER = "other"
"""Stands for every name that a caller made up: anybody may ask for anything, and each label value is kept for good."""

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600)
"""From an answer out of a cache to a rollout that is waited for."""

_NOT_OURS = frozenset({"CancelledError", "KeyboardInterrupt", "MCPError", "TimeoutError"})


class ToolMetrics:
    """Counts calls of tools; safe to use from any thread.

    Attributes:
        registry: Its own, so that nothing else of the process shows in it; more collectors may be registered.
    """

    def __init__(self) -> None:
        from prometheus_client import Counter, Histogram  # noqa: PLC0415  only who is scraped needs it

        self.registry = _registry()
        labels = ("server", "tool")
        self._calls = Counter("mcp_tool_calls", "Calls of tools.", labels, registry=self.registry)
        self._seconds = Histogram(
            "mcp_tool_duration_seconds", "Time to the answer.", labels, buckets=BUCKETS_S, registry=self.registry
        )
        self._errors = Counter("mcp_tool_errors", "Calls that failed.", (*labels, "error_type"), registry=self.registry)

    def observe(self, server: str, tool: str, seconds: float, error_type: str | None) -> None:
        """Count a finished call.

        Args:
            server: Name of the server.
            tool: Name of the tool; `OTHER` where there is none of that name.
            seconds: Until the answer.
            error_type: Name of the error's class, None where it did not fail; one that is not ours counts as `OTHER`.
        """
        self._calls.labels(server, tool).inc()
        self._seconds.labels(server, tool).observe(seconds)
        if error_type is not None:
            self._errors.labels(server, tool, error_type if error_type in _known() else OTHER).inc()

    @contextmanager
    def observing(self, server: str, tool: str) -> Iterator[Observed]:
        """Count the call that is made inside; what it raises is counted as its error."""
        seen, begun = Observed(), time.perf_counter()
        try:
            yield seen
        except BaseException as error:
            seen.error_type = getattr(error, "error_type", type(error).__name__)
            raise
        finally:
            if seen.counts:
                self.observe(server, tool, time.perf_counter() - begun, seen.error_type)

    def exposition(self) -> tuple[bytes, str]:
        """Everything counted, in Prometheus's text format, and its content type."""
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest  # noqa: PLC0415

        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4


class Observed:
    """What becomes of one call.

    Attributes:
        error_type: Name of the error's class, where it failed.
        counts: Whether it is over; a call that came back with a question is made once more with the answer.
    """

    __slots__ = ("counts", "error_type")

    def __init__(self) -> None:
        self.error_type: str | None = None
        self.counts = True

    def answered(self, result: CallToolResult | InputRequiredResult) -> None:
        """Take note of what the call came back with."""
        self.counts = isinstance(result, CallToolResult)
        if isinstance(result, CallToolResult) and result.is_error:
            told = (result.meta or {}).get("codenb/error") or {}
            self.error_type = told.get("type", "ToolError")


def _registry() -> CollectorRegistry:
    from prometheus_client import CollectorRegistry, Metric  # noqa: PLC0415

    class Registry(CollectorRegistry):
        """Without the moment at which each series began: it doubles what is scraped, and nobody asks for it."""

        def collect(self) -> Iterator[Metric]:
            for metric in super().collect():
                metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
                yield metric

    return Registry()


@cache
def _known() -> frozenset[str]:
    """The error types that have a series of their own; a server of somebody else may send any text."""
    kinds: list[type[CodenbError]] = [CodenbError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return frozenset({kind.__name__ for kind in kinds} | _NOT_OURS)
