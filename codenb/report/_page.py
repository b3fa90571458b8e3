"""A run as one HTML file that needs nothing else: no script, no font, no picture from elsewhere.

A content security policy in the page itself keeps it that way, whatever a system's answer may hold.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime

from codenb.report._step import Step

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --line: #d1d9e0; --ground: #ffffff; --code: #f6f8fa }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ed; --dim: #9aa4af; --line: #3a424b; --ground: #15181c; --code: #1e2329 }
}
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif }
main { max-width: 900px; margin: 0 auto; padding: 32px 20px 64px }
header { border-bottom: 1px solid var(--line); padding-bottom: 14px; margin-bottom: 8px }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 6px }
h2 { font-size: 17px; margin: 34px 0 6px }
p { margin: 6px 0 10px; max-width: 72ch }
.dim { color: var(--dim) }
details.code { margin: 6px 0 10px }
details.code > summary { cursor: pointer; color: var(--dim); font-size: 13px }
pre.printed { white-space: pre-wrap; overflow-wrap: anywhere }
pre.source, pre.printed { background: var(--code); border: 1px solid var(--line); border-radius: 6px;
  padding: 10px 12px; overflow-x: auto; margin: 6px 0;
  font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
@media print { details.code { display: none } }
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(title: str, steps: Sequence[Step], *, made_at: datetime, note: str = "") -> str:
    """Write the steps as one HTML page.

    Args:
        title: Of the page.
        steps: In order.
        made_at: UTC.
        note: One line below the title, such as which cluster.

    Returns:
        A whole HTML document.
    """
    body = "\n".join(_section(step, title) for step in steps)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>{html.escape(title)}</h1>
<p class="dim">{html.escape(note)}{" · " if note else ""}{made_at:%Y-%m-%d %H:%M} UTC · written by codenb</p>
</header>
{body}
</main>
</body>
</html>
"""


def _section(step: Step, title: str) -> str:
    parts = []
    if step.prose:
        if step.heading != title:
            parts.append(f"<h2>{html.escape(step.heading)}</h2>")
        parts += [f"<p>{_inline(paragraph)}</p>" for paragraph in step.text.split("\n\n") if paragraph.strip()]
    if step.code:
        source = html.escape(step.code.strip())
        summary = "<summary>the code of this step</summary>"
        parts.append(f'<details class="code">{summary}<pre class="source">{source}</pre></details>')
    if step.printed.strip():
        parts.append(f'<pre class="printed">{html.escape(step.printed.rstrip())}</pre>')
    if step.shown:
        # text/html comes from our own renderer, which escapes everything that came from outside.
        plain = str(step.shown.get("text/plain", ""))
        parts.append(str(step.shown.get("text/html") or f'<pre class="printed">{html.escape(plain)}</pre>'))
    return "<section>\n" + "\n".join(parts) + "\n</section>"


def _inline(paragraph: str) -> str:
    """The little Markdown that our prose uses: code in backticks, and bold."""
    text = html.escape(" ".join(paragraph.split()))
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
