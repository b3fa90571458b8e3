"""What a tool answered, in one shape for every server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field as Setting
from pydantic import JsonValue

from codenb.models._base import Model
from codenb.models._yaml import as_yaml
from codenb.views import Badge, Block, Code, Field, Image, Link, Table, Tone, View

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 50
_MOST_COLUMNS = 10
_REPR_CHARS = 60


class Content(Model):
    """One part of an answer.

    Attributes:
        kind: What it is.
        text: For text and embedded text resources.
        data: Base64, for images, audio and binary resources.
        mime_type: Of the data.
        uri: Of a link or a resource.
        name: Of a link.
    """

    kind: Literal["text", "image", "audio", "link", "resource"]
    text: str | None = None
    data: str | None = None
    mime_type: str | None = None
    uri: str | None = None
    name: str | None = None

    def __repr__(self) -> str:
        if self.text is None:
            what = self.uri or self.mime_type or "nothing"
            return f"<{self.kind}: {what}>"
        line = " ".join(self.text[: 2 * _REPR_CHARS].split())
        cut = len(line) > _REPR_CHARS or len(self.text) > 2 * _REPR_CHARS
        return f"<{self.kind}: {line[:_REPR_CHARS] + ' ...' if cut else line}>"

    def view(self) -> View:
        return View(title=self.kind, blocks=self.blocks())

    def blocks(self) -> list[Block]:
        """How this part is shown."""
        if self.kind == "image" and self.data:
            return [Image(self.data, self.mime_type or "", alt=self.name or "image")]
        if self.kind == "link" and self.uri:
            return [Link(self.uri, self.name or "")]
        if self.text is not None:
            return [Code(self.text, caption=self.uri or "")]
        return [Field(self.kind, f"{self.mime_type or 'unknown type'}, {len(self.data or ''):,} characters of base64")]


class ToolResult(Model):
    """What a tool, a resource or a prompt answered.

    Attributes:
        server: Who answered.
        tool: What was called.
        data: The structured answer; where there is none, the text parsed as JSON, or the text itself.
        content: Every part as it came.
        raw: The whole protocol result, as JSON data.
        duration_ms: Wall time.
        age_s: For how long the answer had been kept, in seconds; 0 where it came for this call.
        stale: Whether that is longer than it should serve, and it stands in place of an error.
    """

    server: str
    tool: str
    data: JsonValue = None
    content: tuple[Content, ...] = ()
    raw: dict[str, Any] = Setting(default_factory=dict)
    duration_ms: float = 0
    age_s: float = 0
    stale: bool = False

    @property
    def text(self) -> str:
        """All text parts."""
        return "\n".join(part.text for part in self.content if part.text is not None)

    def rows(self) -> list[dict[str, Any]]:
        """The list in the answer, as rows: the answer itself, or its longest list of objects.

        Returns:
            One dict a row; a single object is one row.
        """
        if isinstance(self.data, list):
            return [row if isinstance(row, dict) else {"value": row} for row in self.data]
        if not isinstance(self.data, dict):
            return [] if self.data is None else [{"value": self.data}]
        lists = [_objects(value) for value in self.data.values()]
        longest = max(lists, key=len, default=[])
        return longest or [self.data]

    def frame(self) -> pd.DataFrame:
        """`rows()` as a pandas frame; nested objects become dotted columns."""
        import pandas as pd  # noqa: PLC0415  heavy, and many notebooks never ask for it

        return pd.json_normalize(self.rows())

    def view(self) -> View:
        return View(
            title=f"{self.server}.{self.tool}",
            badges=[Badge("stale", Tone.WARN) if self.stale else Badge("ok", Tone.GOOD)],
            subtitle=f"{self.duration_ms:.0f} ms" + (f", kept for {self.age_s:.0f} s" if self.age_s else ""),
            blocks=self._blocks(),
        )

    def _blocks(self) -> list[Block]:
        beyond_text = [block for part in self.content if part.kind != "text" for block in part.blocks()]
        if isinstance(self.data, dict | list):
            return [*self._structured(), *beyond_text]
        return [block for part in self.content for block in part.blocks()]

    def _structured(self) -> list[Block]:
        rows = self.rows()
        if rows == [self.data] or not rows:
            return [Code(as_yaml(self.data))]
        shown = rows[:_MOST_ROWS]
        names = dict.fromkeys(key for row in shown for key in row)
        columns = [key for key in names if _told(shown, key)][:_MOST_COLUMNS]
        cells = [[_cell(row.get(column)) for column in columns] for row in shown]
        beside = self.data.items() if isinstance(self.data, dict) else ()
        fields: list[Block] = [
            Field(key, _cell_text(value))
            for key, value in beside
            if value not in (None, "") and not isinstance(value, dict | list)
        ]
        return [*fields, Table(columns, cells, cut=max(0, len(rows) - _MOST_ROWS))]


def _objects(value: JsonValue) -> list[dict[str, Any]]:
    """The value, where it is a list of objects only."""
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    return rows if isinstance(value, list) and len(rows) == len(value) else []


def _told(rows: list[dict[str, Any]], column: str) -> bool:
    """Whether any row has something in this column; a table is narrow enough without empty ones."""
    return any(row.get(column) not in (None, "", [], {}) for row in rows)


def _cell(value: Any) -> str | int | float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return _cell_text(value)


def _cell_text(value: Any) -> str:
    return as_yaml(value).replace("\n", "; ")
