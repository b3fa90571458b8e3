"""The mixin behind every repr."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import Any

from codenb.views._data import View
from codenb.views._html import to_html
from codenb.views._text import to_text


class Shown:
    """Gives an object with a `view()` its HTML, its plain text and its Markdown."""

    @abstractmethod
    def view(self) -> View:
        """What a reader should see, as data."""

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        view = self.view()
        bundle = {"text/html": to_html(view), "text/plain": to_text(view)}
        return {
            kind: data
            for kind, data in bundle.items()
            if (include is None or kind in include) and (exclude is None or kind not in exclude)
        }

    def __str__(self) -> str:
        return to_text(self.view())
