"""Changes: a call, what it would do, and how one can tell that it worked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, Self

from pydantic import Field as Setting
from pydantic import JsonValue, PrivateAttr

from codenb.canonical import digest
from codenb.models._base import Model
from codenb.models._yaml import as_side
from codenb.models.target import Entity, Place
from codenb.redaction import redactor
from codenb.views import Diff, View

_ARGUMENT_CHARS, _ARGUMENT_SHOWN = 400, 80


class ToolCall(Model):
    """A tool and its arguments, not yet called."""

    server: str
    tool: str
    arguments: dict[str, JsonValue] = Setting(default_factory=dict)

    def __str__(self) -> str:
        arguments = redactor().value(self.arguments)  # a call is shown in cells and reports, which are copied further
        shown = ", ".join(f"{key}={_short(value)}" for key, value in arguments.items() if value is not None)
        return f"{self.server}.{self.tool}({shown})"

    def view(self) -> View:
        return View(title=str(self))


class Expectation(Model):
    """What one field of a tool's answer has to be.

    Attributes:
        field: Dotted path into the structured answer, list indices as numbers.
        op: How the field is compared.
        value: With what; another field of the same answer where it is text that begins with `$`, such as `$desired`.
    """

    field: str
    op: Literal["==", "!=", ">=", "<=", ">", "<"] = "=="
    value: JsonValue

    def view(self) -> View:
        return View(title=f"{self.field} {self.op} {self.value}")


class SuccessCondition(Model):
    """How one can tell that a change did what it was for: a read, and what it must answer.

    Attributes:
        text: The condition as a sentence.
        check: A read-only tool and its arguments.
        expect: All of these must hold at once.
        within_s: How long it may take, in seconds.
    """

    text: str
    check: ToolCall
    expect: tuple[Expectation, ...] = Setting(min_length=1)
    within_s: float = Setting(default=120, gt=0, le=3600)

    def view(self) -> View:
        return View(title=self.text, subtitle=str(self.check))


class Owner(Model):
    """Who manages what would change, other than the caller: Argo CD, Flux, Helm, an autoscaler.

    Attributes:
        manager: Name of the tool.
        fields: Dotted paths that it owns; empty is all of the object.
        note: What to do instead, such as a pull request.
    """

    manager: str
    fields: tuple[str, ...] = ()
    note: str = ""

    def view(self) -> View:
        return View(title=f"managed by {self.manager}", subtitle=self.note)


class Change(Model):
    """What a `@changes` function says it would do. Nothing has been done yet.

    Attributes:
        summary: One line, such as `scale Deployment shop/checkout from 3 to 6`.
        entity: What changes.
        namespaces: Every namespace that it reaches, each of which has to be open for changes; None stands for what is
            in none, which only `*` covers. Empty is the entity's alone.
        before: The part that changes, as it is.
        after: The same part, as it would be.
        success: How one can tell that it worked.
        undo: The call that takes it back, where there is one.
        owner: Who else manages it.
        cost_usd_month: Change in monthly cost; None is unknown.
        destructive: Whether something is lost that the undo does not bring back.
        fixed: Values settled at the preview and applied as they are (a restart's time), left out of the digest.
        place: Which system it acts on, where that is another than its server's own, such as a Terraform workspace.
        shown_arguments: What stands in place of arguments of the call that hold secrets, such as HMACs of them,
            wherever the call is kept, shown or part of a digest. The change itself must not hold them either.
        notes: What else whoever approves has to know, a line each.
        reads_back: Whether planning the same call again, after its server was killed while it carried this out, tells
            by its `before` how far it came; dicts are compared key by key. Secret arguments are then as they are shown,
            so with those it is planned again only where `fixed` says what is looked for.
        timeout_s: How long carrying it out may take, in seconds, where that is not as configured.
        auto_approved_by: Which entry of `auto_approve` in the server's own configuration allows it without asking;
            one that is destructive is asked about all the same.
    """

    summary: str
    entity: Entity
    before: JsonValue
    after: JsonValue
    success: SuccessCondition | None = None
    undo: ToolCall | None = None
    owner: Owner | None = None
    cost_usd_month: float | None = None
    destructive: bool = False
    fixed: dict[str, JsonValue] = Setting(default_factory=dict)
    namespaces: tuple[str | None, ...] = ()
    place: Place | None = None
    shown_arguments: dict[str, JsonValue] = Setting(default_factory=dict)
    notes: tuple[str, ...] = ()
    reads_back: bool = True
    timeout_s: float | None = Setting(default=None, gt=0)
    auto_approved_by: str | None = None
    _write: Callable[[], Awaitable[JsonValue]] | None = PrivateAttr(default=None)

    def written_by(self, write: Callable[[], Awaitable[JsonValue]]) -> Self:
        """Bind the one write that makes this change; it must refuse when what was read for it has moved since.

        Args:
            write: Makes the change and returns what the system answered, as JSON data.
        """
        self._write = write
        return self

    @property
    def write(self) -> Callable[[], Awaitable[JsonValue]] | None:
        """The bound write; None for a change that came over the wire."""
        return self._write

    def digest(self, place: Place, call: ToolCall) -> str:
        """What an approval is bound to: place, call, before and after; see the design, section 6.

        Args:
            place: Its server's; a place of its own stands in its stead.
            call: As it is sent, or as it is shown.

        Returns:
            SHA-256 in hexadecimal.
        """
        return digest(
            {
                "place": (self.place or place).identity,
                "server": call.server,
                "tool": call.tool,
                "arguments": call.arguments | self.shown_arguments,
                "before": self.before,
                "after": self.after,
            }
        )

    def view(self) -> View:
        return View(
            title=self.summary, blocks=[Diff(as_side(self.before), as_side(self.after), caption=str(self.entity))]
        )


def _short(value: JsonValue) -> str:
    """One argument as a call shows it; a whole manifest is in the diff, and not in a line."""
    if isinstance(value, list):
        return f"[{', '.join(_short(item) for item in value)}]"
    shown = repr(value)
    if len(shown) <= _ARGUMENT_CHARS:
        return shown
    return f"{shown[:_ARGUMENT_SHOWN]}… ({len(shown):,} characters)"


def unified_diff(before: str, after: str) -> str:
    """Unified diff of two texts, three lines of context, without file names."""
    import difflib  # noqa: PLC0415  only when a diff is shown

    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="")
    return "\n".join(lines)
