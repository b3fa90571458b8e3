"""Text for formats that other programs read: control characters and broken halves of characters become U+FFFD.

A view names such a character for a person; in XML most of them are forbidden even as references (XML 1.0, production
2), in JSON a lone surrogate is no text that a strict reader takes, and in a log an escape code would act.
"""

from __future__ import annotations

import re

_NOT_PLAIN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def plain(text: str) -> str:
    """The text with line feeds, tabs and carriage returns kept."""
    return _NOT_PLAIN.sub("\ufffd", text)
