"""The room itself: light to enter, and the same whenever it is entered."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from codenb.views import Shown, Text, View, to_html, to_text

PROGRAM = """
import sys, json
import codenb
before = set(sys.modules)
from codenb.views import *
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
view = View("t", [Badge("b", Tone.BAD)], "s", [Table(["a"], [[1.5]], "c", 2), Diff("a", "b"), Bar("x", 0.5, Tone.GOOD)])
loaded = sorted(loaded - sys.stdlib_module_names)
print(json.dumps([loaded, to_html(view), to_text(view, color=True), to_markdown(view)]))
"""


def fresh(seed: str) -> list:
    """What a new interpreter with this hash seed loads and renders."""
    environment = os.environ | {"PYTHONHASHSEED": seed}
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment)
    return json.loads(ran.stdout)


def test_views_need_the_standard_library_alone_and_render_alike_in_every_process():
    """Outputs are compared between runs, and a repr must never be what makes a notebook slow to start."""
    first, second = fresh("1"), fresh("2")

    assert first[0] == ["codenb"]
    assert first == second


def test_whatever_has_a_view_is_shown_in_both_forms():
    """A cell may end with any of our objects, in a notebook, a terminal or a log."""

    class Thing(Shown):
        def view(self) -> View:
            return View("checkout", blocks=[Text("1 of 3 ready")])

    thing = Thing()

    assert thing._repr_mimebundle_() == {"text/html": to_html(thing.view()), "text/plain": to_text(thing.view())}
    assert thing._repr_mimebundle_(exclude={"text/html"}).keys() == {"text/plain"}
    assert str(thing) == "checkout\n\n1 of 3 ready"
