"""Views as HTML."""
from codenb.views._data import View

def to_html(view: View) -> str:
    return view.title
