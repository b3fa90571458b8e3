"""Views: what a thing shows, as data, and its renderings for notebooks, terminals and Markdown.

`Shown` is the mixin behind every repr: an object with a `view()` is readable wherever a cell can end.
"""

from codenb.views._data import (
    Badge,
    Bar,
    Block,
    Cards,
    Code,
    Diff,
    Field,
    Fold,
    Image,
    Link,
    Quote,
    Source,
    Table,
    Text,
    Tone,
    View,
)
from codenb.views._html import to_html
from codenb.views._markdown import to_markdown
from codenb.views._progress import Progress
from codenb.views._shown import Shown
from codenb.views._text import to_text

__all__ = [
    "Badge",
    "Bar",
    "Block",
    "Cards",
    "Code",
    "Diff",
    "Field",
    "Fold",
    "Image",
    "Link",
    "Progress",
    "Quote",
    "Shown",
    "Source",
    "Table",
    "Text",
    "Tone",
    "View",
    "to_html",
    "to_markdown",
    "to_text",
]
