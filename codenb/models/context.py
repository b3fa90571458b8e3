"""The context bundle: what every server said about a target, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import pydantic_core
from pydantic import Field as Setting
from pydantic import JsonValue

from codenb.canonical import digest
from codenb.models._base import Model
from codenb.models._yaml import as_yaml
from codenb.models.target import Place, Target
from codenb.views import Badge, Block, Cards, Code, Field, Fold, Table, Text, Tone, View

if TYPE_CHECKING:
    import pandas as pd

ItemStatus = Literal["ok", "partial", "missing", "timeout", "denied", "stale", "error"]

STATUS_TONES: dict[str, Tone] = {
    "ok": Tone.GOOD,
    "partial": Tone.WARN,
    "stale": Tone.WARN,
    "missing": Tone.BAD,
    "timeout": Tone.BAD,
    "denied": Tone.BAD,
    "error": Tone.BAD,
}

_SHOWN_LINES = 60
_REMEMBERED, _LONGEST = 64, 64 * 1024


class Trim(Model):
    """What was left out of an item to keep the bundle within its budget.

    Attributes:
        tokens_before: Estimated.
        tokens_after: Estimated.
        method: What was left out, such as `oldest events dropped: 40 of 60`.
    """

    tokens_before: int
    tokens_after: int
    method: str

    def view(self) -> View:
        return View(title=f"{self.tokens_before} → {self.tokens_after} tokens", subtitle=self.method)


class ContextItem(Model):
    """One server's answer about a target.

    Attributes:
        id: Unique in the bundle, such as `kubernetes.gather_context`; evidence names it.
        server: Who answered.
        tool: What was called.
        status: `ok`, or in which way it is not.
        data: The structured answer after trimming; text where the server has no structure.
        summary: What the server itself holds for the most important facts, as label and value.
        untrusted: Whether it holds text of workloads, commits or people.
        gathered_at: UTC, when the answer came.
        latency_ms: How long it took.
        tokens_kept: Estimated tokens of the text, after trimming.
        trims: What was left out.
        error: One line, where there is no (whole) answer.
        error_type: Name of the error's class.
    """

    id: str
    server: str
    tool: str
    status: ItemStatus
    data: JsonValue = None
    summary: dict[str, str] = Setting(default_factory=dict)
    untrusted: bool = True
    gathered_at: datetime
    latency_ms: float = 0
    tokens_kept: int = 0
    trims: tuple[Trim, ...] = ()
    error: str | None = None
    error_type: str | None = None

    @cached_property
    def text(self) -> str:
        """The data as plain lines: what experts read, and where their quotes are looked up."""
        return "" if self.data is None else _written(self.data)

    @property
    def cuts(self) -> tuple[str, ...]:
        """What was left out, a line a place, each beginning with the path in the data, such as `events: 40 of 60 ...`.

        What is not in a list that was cut may exist all the same.
        """
        return tuple(line for trim in self.trims for line in trim.method.split("; "))

    def view(self) -> View:
        blocks: list[Block] = [Field(label, value) for label, value in self.summary.items()]
        if self.error:
            blocks.append(Text(self.error, STATUS_TONES[self.status]))
        blocks += [Text(f"trimmed: {trim.method}", Tone.WARN) for trim in self.trims]
        if self.text:
            lines = self.text.splitlines()
            shown = "\n".join(lines[:_SHOWN_LINES])
            more = f"\n… {len(lines) - _SHOWN_LINES} more lines: .data has them" if len(lines) > _SHOWN_LINES else ""
            inner = View(title="", blocks=[Code(shown + more)])
            blocks.append(Fold(f"what {self.server} said ({self.tokens_kept:,} tokens)", inner))
        return View(
            title=self.server,
            badges=[Badge(self.status, STATUS_TONES[self.status])],
            subtitle=f"{self.tool}, {self.latency_ms:.0f} ms",
            blocks=blocks,
        )


class ContextBundle(Model):
    """What every server said about a target, at one moment.

    Attributes:
        target: What was asked about.
        items: One a server (or one a mapped tool).
        missing: What could not be had, as server and reason.
        gathered_at: UTC; ages count from here, also when the bundle is read later.
        wall_ms: How long it took altogether.
        place: Which cluster, where a server said so.
        token_budget: How many tokens all items together may have.
    """

    target: Target
    items: tuple[ContextItem, ...]
    missing: dict[str, str] = Setting(default_factory=dict)
    gathered_at: datetime
    wall_ms: float = 0
    place: Place | None = None
    token_budget: int | None = None

    @cached_property
    def digest(self) -> str:
        """Identity of what was seen: every opinion names the bundle that it was formed on."""
        return digest({item.id: item.data for item in self.items} | {"target": self.target.to_dict()})

    def item(self, item_id: str) -> ContextItem | None:
        """The item with this id, or the only one of the server of this name."""
        return next((item for item in self.items if item_id in (item.id, item.server)), None)

    def has_quote(self, item_id: str, quote: str) -> bool:
        """Whether the item holds these words, white space aside."""
        item = self.item(item_id)
        return bool(item and quote.strip()) and _squeezed(quote) in _squeezed(item.text if item else "")

    def frame(self) -> pd.DataFrame:
        """One row an item."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        columns = ["server", "tool", "status", "latency_ms", "tokens_kept", "gathered_at", "error"]
        return pd.DataFrame([item.model_dump(include=set(columns)) for item in self.items], columns=columns)

    def view(self) -> View:
        blocks: list[Block] = [Cards([item.view() for item in self.items])]
        if self.missing:
            rows = [(server, reason) for server, reason in self.missing.items()]
            blocks.append(Table(["missing", "why"], rows, caption="What could not be had"))
        answered = sum(item.status in ("ok", "partial", "stale") for item in self.items)
        place = f", {self.place.kind} {self.place.name}" if self.place else ""
        return View(
            title=f"Context of {self.target}",
            badges=[Badge(f"{answered} of {len(self.items)} answered", Tone.WARN if self.missing else Tone.GOOD)],
            subtitle=f"{self.gathered_at:%Y-%m-%d %H:%M:%S} UTC, {self.wall_ms:.0f} ms{place}",
            blocks=blocks,
        )


def estimate_tokens(value: Any) -> int:
    """Estimate the tokens of a text or a JSON value: four characters a token, the usual rule for English and JSON."""
    text = value if isinstance(value, str) else as_yaml(value) if isinstance(value, Mapping | list) else str(value)
    return (len(text) + 3) // 4


def _written(data: JsonValue) -> str:
    """The data as plain lines; a gather from answers at hand has the same data as the one before."""
    try:
        encoded = pydantic_core.to_json(data)
        return _rewritten(encoded) if len(encoded) <= _LONGEST else as_yaml(data)
    except ValueError:  # text that is no Unicode, or nested deeper than a parser goes
        return as_yaml(data)


@lru_cache(maxsize=_REMEMBERED)
def _rewritten(encoded: bytes) -> str:
    return as_yaml(pydantic_core.from_json(encoded))


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
