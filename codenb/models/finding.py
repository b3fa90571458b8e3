"""One thing that an analysis, a validation or a scan found."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic import Field as Setting

from codenb.models._base import Model
from codenb.models.cause import Cause
from codenb.models.change import SuccessCondition, ToolCall
from codenb.models.target import Entity
from codenb.views import Badge, Block, Field, Quote, Tone, View


class Severity(IntEnum):
    """How bad a finding is; comparable, worst last."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    def __str__(self) -> str:
        return self.name.lower()


def _from_word(value: Any) -> Any:
    return Severity.__members__.get(value.upper(), value) if isinstance(value, str) else value


SeverityWord = Annotated[
    Severity,
    BeforeValidator(_from_word),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "enum": [str(one) for one in Severity]}),
]
"""A severity that is a word (`high`) in JSON and is read from words and numbers alike."""

SEVERITY_TONES = {
    Severity.INFO: Tone.INFO,
    Severity.LOW: Tone.PLAIN,
    Severity.MEDIUM: Tone.WARN,
    Severity.HIGH: Tone.BAD,
    Severity.CRITICAL: Tone.BAD,
}


class Remedy(Model):
    """What mends a finding: in words, and as a call where a tool exists.

    Attributes:
        text: For a person.
        call: What would do it.
        success: How one can tell that it worked.
        group: Remedies of one group are alternatives.
    """

    text: str
    call: ToolCall | None = None
    success: SuccessCondition | None = None
    group: str | None = None

    def view(self) -> View:
        return View(title=self.text, subtitle=str(self.call) if self.call else "")


class Finding(Model):
    """One thing that was found.

    Attributes:
        rule: Name of the rule that found it, such as `pods/oom-killed`.
        severity: How bad.
        cause: Its code in the closed vocabulary.
        entity: The object it was seen on.
        root: The workload it is raised to, by ownership.
        message: One sentence.
        quotes: Words of the state that show it, exactly as they stand there.
        remedies: What mends it, best first.
    """

    rule: str
    severity: Severity
    cause: Cause
    entity: Entity
    root: Entity
    message: str
    quotes: tuple[str, ...] = Setting(default=(), max_length=5)
    remedies: tuple[Remedy, ...] = ()

    def view(self) -> View:
        blocks: list[Block] = [Field("on", str(self.entity)), Field("root", str(self.root))]
        blocks += [Quote(quote) for quote in self.quotes]
        blocks += [Field("remedy", remedy.text) for remedy in self.remedies]
        return View(
            title=self.message,
            badges=[Badge(str(self.severity), SEVERITY_TONES[self.severity]), Badge(self.cause)],
            subtitle=self.rule,
            blocks=blocks,
        )
