"""HTML as a browser's tokenizer would see it: which elements, attributes and comments there are."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"br", "img", "hr", "input"}


class Parsed(HTMLParser):
    """Elements in order with their attributes, the visible text, comments, and whether every element was closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.comments: list[str] = []
        self.text = ""
        self.stack: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == [], "an element was left open"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if "style" not in self.stack:
            self.text += data

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_decl(self, decl):
        raise AssertionError(f"a declaration: {decl}")

    def unknown_decl(self, data):
        raise AssertionError(f"a section: {data}")

    def handle_pi(self, data):
        raise AssertionError(f"an instruction: {data}")

    def tags(self) -> list[str]:
        """Element names in order."""
        return [tag for tag, _ in self.elements]
