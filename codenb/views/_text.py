"""Views as text."""
from codenb.views._data import View

def to_text(view: View, width: int = 100) -> str:
    return view.title
