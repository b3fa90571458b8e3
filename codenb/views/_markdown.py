"""Views as Markdown."""
from codenb.views._data import View

def to_markdown(view: View) -> str:
    return view.title
