"""Variables in `.mcp.json`."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codenb.config._expand import expand
from codenb.errors import ConfigError

variables = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
anything = st.text(max_size=20)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain $HOME $(x) %y", "plain $HOME $(x) %y"),
        ("${A}${A}-${B:-b}", "11-b"),
        ("${EMPTY}|${EMPTY:-full}|${B:-}", "|full|"),
        ("${B:-http://x:80/?a={b}", "http://x:80/?a={b"),
        ("${", "${"),
    ],
)
def test_what_shells_and_other_hosts_mean(text, expanded):
    """A default also stands in for an empty value, as in the shell."""
    assert expand(text, {"A": "1", "EMPTY": ""}, where="here") == expanded


@pytest.mark.parametrize("text", ["${B}", "x${B}y", "${}", "${1}", "${env:A}", "${A-b}"])
def test_what_cannot_be_expanded_is_quoted_with_its_place(text):
    """An empty text in its place would send an empty token somewhere."""
    with pytest.raises(ConfigError, match=r"^servers\.x: "):
        expand(text, {"A": "1"}, where="servers.x")


@settings(deadline=None)
@given(variables, anything, anything.filter(lambda text: "$" not in text))
def test_values_are_data(name, value, around):
    """A value that itself looks like a variable is not expanded, or a token could read another."""
    assert expand(f"{around}${{{name}}}{around}", {name: value}, where="") == around + value + around


@settings(deadline=None)
@given(anything, st.dictionaries(variables, anything, max_size=3))
def test_any_text_is_expanded_or_refused(text, env):
    """Nothing else may happen; and a text without `${` stays as it is."""
    try:
        expanded = expand(text, env, where="")
    except ConfigError:
        assert re.search(r"\$\{[^}]*\}", text)
    else:
        assert expanded == text or "${" in text
