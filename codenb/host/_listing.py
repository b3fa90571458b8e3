"""What servers offer, and how they are: lists of small models that show themselves as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from pydantic import Field as Setting

from codenb.models._base import Model
from codenb.views import Badge, Block, Code, Field, Shown, Table, Text, Tone, View

if TYPE_CHECKING:
    import pandas as pd

ToolKind = Literal["reads", "changes", "memory", "third-party"]


class ToolInfo(Model):
    """One tool of one server.

    Attributes:
        server: Whose it is.
        name: Its name.
        title: Its name for people.
        description: What the server says it does; text from outside.
        kind: What a server of codenb's kind says of it; `third-party` for a tool of anybody else's.
        read_only: Whether it is known to change nothing: by its kind for a built-in server, by `read_only` in
            `codenb.toml` for any other.
        input_schema: JSON Schema of the arguments.
        version: Of the tool, where it has one.
        ttl_s: For how many seconds its answers may be kept, where the server says so.
    """

    server: str
    name: str
    title: str = ""
    description: str = ""
    kind: ToolKind
    read_only: bool
    input_schema: dict[str, Any] = Setting(default_factory=dict)
    version: str = ""
    ttl_s: float | None = None

    @property
    def callable(self) -> bool:
        """Whether it may be called without an approval: it changes nothing, or the server's own memory only."""
        return self.read_only or self.kind == "memory"

    def view(self) -> View:
        """The tool with its arguments."""
        properties = self.input_schema.get("properties")
        required = self.input_schema.get("required") or ()
        rows = [
            (name, str(schema.get("type", "")), "required" if name in required else "", _line(schema, "description"))
            for name, schema in (properties.items() if isinstance(properties, dict) else ())
            if isinstance(schema, dict)
        ]
        blocks: list[Block] = [Code(self.description, caption=f"{self.server} says")] if self.description else []
        if rows:
            blocks.append(Table(["argument", "type", "", "meaning"], rows))
        tone = Tone.GOOD if self.callable else Tone.WARN
        says = "read-only" if self.read_only else "no approval" if self.callable else "needs approval"
        badges = [Badge(self.kind), Badge(says, tone)]
        return View(title=f"{self.server}.{self.name}", badges=badges, subtitle=self.title, blocks=blocks)


class ResourceInfo(Model):
    """One resource of one server, or a template of resources.

    Attributes:
        server: Whose it is.
        uri: Its address; with `{...}` parts where it is a template.
        name: Its name.
        description: What the server says it is; text from outside.
        mime_type: Of its contents.
        template: Whether parts of the address have to be filled in.
    """

    server: str
    uri: str
    name: str = ""
    description: str = ""
    mime_type: str = ""
    template: bool = False

    def view(self) -> View:
        """The resource's address and what it is."""
        return View(title=self.uri, subtitle=f"{self.server} {self.mime_type}", blocks=[Text(self.description)])


class PromptInfo(Model):
    """One prompt of one server.

    Attributes:
        server: Whose it is.
        name: Its name.
        description: What the server says it is for; text from outside.
        arguments: Their names; a required one ends with `*`.
    """

    server: str
    name: str
    description: str = ""
    arguments: tuple[str, ...] = ()

    def view(self) -> View:
        """The prompt and its arguments."""
        return View(title=f"{self.server}.{self.name}", subtitle=self.description, blocks=[])


class ServerStatus(Model):
    """How one server is.

    Attributes:
        server: Its name.
        transport: `in process`, `stdio` or `http`.
        state: `closed` until it is first needed and after nobody has used it for a while, `open`, `failed` (the next
            call tries again), or `paused`: it failed so often that it is not asked, see `paused_until`.
        tools: How many it offers; None until they were listed.
        needs_approval: How many of them change something, or are not known not to; None until they were listed.
        connections: How many are open.
        protocol: The negotiated protocol version; empty until then.
        paused_until: When a call may try it again, UTC; `nb.reset(NAME)` lets the next one try.
        problem: Why it cannot be used, or what is odd about it, in one line.
    """

    server: str
    transport: Literal["in process", "stdio", "http"]
    state: Literal["closed", "open", "failed", "paused"]
    tools: int | None = None
    needs_approval: int | None = None
    connections: int = 0
    protocol: str = ""
    paused_until: datetime | None = None
    problem: str = ""

    def view(self) -> View:
        """State, protocol and problem."""
        tone = {"open": Tone.GOOD, "failed": Tone.BAD, "paused": Tone.BAD}.get(self.state, Tone.PLAIN)
        blocks: list[Block] = [Field("transport", self.transport), Field("protocol", self.protocol or "not known yet")]
        if self.connections:
            blocks.append(Field("connections", f"{self.connections}"))
        if self.problem:
            blocks.append(Text(self.problem, Tone.BAD))
        return View(title=self.server, badges=[Badge(self.state, tone)], blocks=blocks)


M = TypeVar("M", bound=Model)


class Listing(Shown, Sequence[M], Generic[M]):
    """A list of models that a cell can end with.

    Attributes:
        problems: Servers that could not be asked, and why; the rest of the list is complete.
    """

    what = "things"
    hidden: tuple[str, ...] = ()

    def __init__(self, items: Iterable[M] = (), problems: Mapping[str, str] | None = None) -> None:
        self._items = tuple(items)
        self.problems = dict(problems or {})

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[M]:
        return iter(self._items)

    @overload
    def __getitem__(self, at: int) -> M: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[M]: ...
    def __getitem__(self, at: int | slice) -> M | Sequence[M]:
        return self._items[at]

    def to_dict(self) -> dict[str, Any]:
        """The list as JSON data."""
        return {"items": [item.to_dict() for item in self._items], "problems": self.problems}

    def frame(self) -> pd.DataFrame:
        """One row an item."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        return pd.DataFrame([item.to_dict() for item in self._items])

    def view(self) -> View:
        """The list as a table, and which servers could not be asked."""
        blocks: list[Block] = []
        if self._items:
            columns = [name for name in type(self._items[0]).model_fields if name not in self.hidden]
            rows = [[_cell(getattr(item, column)) for column in columns] for item in self._items]
            blocks.append(Table([column.replace("_", " ") for column in columns], rows))
        blocks += [Text(f"{server}: {problem}", Tone.BAD) for server, problem in self.problems.items()]
        what = self.what.removesuffix("s") if len(self) == 1 else self.what
        return View(title=f"{len(self):,} {what}", blocks=blocks)

    def __repr__(self) -> str:
        return f"<{self.view().title}>"


class Tools(Listing[ToolInfo]):
    """The tools of one server, or of all."""

    what = "tools"
    hidden = ("input_schema", "title")


class Resources(Listing[ResourceInfo]):
    """The resources and resource templates of one server, or of all."""

    what = "resources"


class Prompts(Listing[PromptInfo]):
    """The prompts of one server, or of all."""

    what = "prompts"


class Servers(Listing[ServerStatus]):
    """How every server is."""

    what = "servers"


def _cell(value: Any) -> str | int | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, int):
        return value
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return text.strip().partition("\n")[0]


def _line(schema: Mapping[str, Any], key: str) -> str:
    return " ".join(str(schema.get(key, "")).split())
