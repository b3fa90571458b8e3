"""One call to a server or a model: who, what, how long, what it cost, how it ended."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from codenb.models._base import Model
from codenb.views import Badge, Field, Tone, View

CallStatus = Literal["ok", "error", "denied", "cancelled", "timeout", "unknown"]


class CallRecord(Model):
    """One finished call.

    Attributes:
        started_at: UTC.
        kind: `tool` for anything a server was asked, `model` for a language model.
        server: Server name, or the model's provider.
        tool: Tool name; `resources/read`, `prompts/get` and the like for the rest of the protocol.
        status: How it ended. `unknown`: a change was sent and its answer was lost.
        error_type: Name of the error's class, where it failed.
        duration_ms: Wall time, waiting for a person included.
        attempts: How often it was sent; 0 where another call's answer served.
        cache: `bypass` where no cache took part.
        bytes: Size of the answer.
        input_tokens: Of a model call; None for a tool.
        output_tokens: Likewise.
        cost_usd: None is unknown, never zero.
        principal: Who called, as far as it was proved.
        trace_id: Links the calls of one operation, such as a gather with all its servers; 32 hexadecimal digits.
        stale_s: Age of the answer in seconds, where it was kept from before and stands in place of an error.
        message: The error in one line; of a stale answer, the one that it stands in place of.
    """

    started_at: datetime
    kind: Literal["tool", "model"] = "tool"
    server: str
    tool: str
    status: CallStatus
    error_type: str | None = None
    duration_ms: float
    attempts: int = 1
    cache: Literal["hit", "miss", "joined", "bypass"] = "bypass"
    bytes: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None
    principal: str = "local"
    trace_id: str = ""
    stale_s: float | None = None
    message: str | None = None

    def row(self) -> dict[str, Any]:
        """The record as one row of `nb.calls.frame()`."""
        return self.model_dump(exclude={"message"})

    def view(self) -> View:
        tone = {"ok": Tone.GOOD, "cancelled": Tone.PLAIN}.get(self.status, Tone.BAD)
        blocks = [Field("took", f"{self.duration_ms:.1f} ms"), Field("answer", f"{self.bytes:,} bytes")]
        if self.message:
            blocks.append(Field("error", f"{self.error_type}: {self.message}"))
        return View(title=f"{self.server}.{self.tool}", badges=[Badge(self.status, tone)], blocks=blocks)
