"""What a host counts, for Prometheus: its calls, its cache, what models cost, what was decided.

Nothing is loaded before somebody looks. Then the calls so far are counted from their records, and every later one as
it ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from codenb.servers._base._metrics import OTHER, ToolMetrics

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from codenb.host._scrape import Scraped
    from codenb.models.call import CallRecord
    from codenb.models.outcome import Decision

_METHODS = frozenset({"tools/list", "resources/list", "resources/read", "prompts/list", "prompts/get"})
_APPROVERS = frozenset({"ask_me", "decisions", "policy", "demo_policy", "auto_approve", "none"})
_MOST_NAMES = 1_000


class HostMetrics:
    """Counts what one host does, apart from everything else in the process."""

    def __init__(self, calls: Iterable[CallRecord], offered: Callable[[str], Collection[str] | None]) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            calls: The records that are kept; read when somebody first looks.
            offered: The tools that a server is known to have, by its name; None where there is no such server.
        """
        self._calls = calls
        self._offered = offered
        self._families: _Families | None = None
        self._known: set[tuple[str, str]] = set()
        self._decided: Counter[tuple[str, str, str]] = Counter()
        self._scraped: list[Scraped] = []

    def finished(self, record: CallRecord) -> None:
        """Count a call that has ended."""
        if self._families is not None:
            self._count(self._families, record)

    def decided(self, server: str, decision: Decision) -> None:
        """Count what was decided about a change.

        Args:
            server: That would carry it out.
            decision: Yes, no, or not yet.
        """
        said = "approved" if decision.approve else "pending" if decision.pending else "rejected"
        approver = decision.approver if decision.approver in _APPROVERS else OTHER
        labels = (server if self._offered(server) is not None else OTHER, said, approver)
        self._decided[labels] += 1
        if self._families is not None:
            self._families.decisions.labels(*labels).inc()

    def text(self) -> str:
        """Everything counted, in Prometheus's text format."""
        return self._loaded().tools.exposition()[0].decode()

    async def serve(self, address: str, *, public: bool = False) -> str:
        """Let Prometheus scrape; until `close`.

        Args:
            address: `HOST:PORT`, HOST being a number; port 0 takes a free one.
            public: Whether it may be an address that other machines reach: whoever does can read what is counted.

        Returns:
            The URL to scrape.

        Raises:
            BadInput: This is no address, one that others reach, or one that is taken.
        """
        from codenb.host._scrape import Scraped  # noqa: PLC0415  brings an HTTP server, which few notebooks need

        scraped = await asyncio.to_thread(Scraped, address, self._loaded().tools.registry, public=public)
        self._scraped.append(scraped)
        return scraped.url

    async def close(self) -> None:
        """Let nobody scrape any more."""
        scraped, self._scraped = self._scraped, []
        for one in scraped:
            await asyncio.to_thread(one.close)

    def _loaded(self) -> _Families:
        if self._families is None:
            self._families = families = _Families()
            for record in self._calls:
                self._count(families, record)
            for labels, count in self._decided.items():
                families.decisions.labels(*labels).inc(count)
        return self._families

    def _count(self, families: _Families, record: CallRecord) -> None:
        labels = self._labels(record)
        if record.kind == "tool":
            families.tools.observe(*labels, record.duration_ms / 1000, record.error_type)
        if record.cache != "bypass":
            families.cache_requests.labels(*labels).inc()
            families.cache_hits.labels(*labels).inc(record.cache != "miss")
        if record.cost_usd is not None:
            families.cost.labels(*labels).inc(float(record.cost_usd))
        elif record.kind == "model" and record.status == "ok":
            families.unpriced.labels(*labels).inc()

    def _labels(self, record: CallRecord) -> tuple[str, str]:
        """Names that are known to exist: what a caller made up would be a series of its own for good."""
        name = record.server, record.tool
        if name in self._known:
            return name
        offered = self._offered(record.server) if record.kind == "tool" else None
        exists = record.status == "ok" or record.tool in _METHODS or record.tool in (offered or ())
        if exists and (record.kind == "model" or offered is not None) and len(self._known) < _MOST_NAMES:
            self._known.add(name)
            return name
        return (record.server if offered is not None else OTHER), OTHER


class _Families:
    """The metrics themselves; of the tools those that servers have as well."""

    def __init__(self) -> None:
        from prometheus_client import Counter as Total  # noqa: PLC0415  only who is scraped needs it

        self.tools = ToolMetrics()
        self.cache_requests, self.cache_hits, self.cost, self.unpriced = (
            Total(name, meaning, ("server", "tool"), registry=self.tools.registry)
            for name, meaning in (
                ("mcp_cache_requests", "Calls that an earlier answer, or one under way, could serve."),
                ("mcp_cache_hits", "Those that one did serve, so that no server was asked."),
                ("codenb_cost_usd", "What calls cost, in US dollars, as far as the price is known."),
                ("codenb_unpriced_calls", "Calls of models whose price is not known."),
            )
        )
        self.decisions: Any = Total(
            "codenb_decisions",
            "Decisions about changes.",
            ("server", "decision", "approver"),
            registry=self.tools.registry,
        )
