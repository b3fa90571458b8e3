"""Fields of the target in the arguments of other people's tools."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codenb.config import GatherRule
from codenb.config._gather import FIELDS, gather_rule
from codenb.config._table import Table
from codenb.errors import BadInput, ConfigError


def rule(**arguments):
    """Read a rule as from a file."""
    return gather_rule(Table.of({"tool": "q", "arguments": arguments}, Path("codenb.toml"), "gather[0]"))


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("{namespace}", "shop"),
        ('up{namespace="{namespace}"}', 'up{namespace="shop"}'),
        ('up{{namespace="{namespace}"}}', 'up{namespace="shop"}'),
        ("{{namespace}} {workload}", "{namespace} checkout"),
        ("a{2,3}", "a{2,3}"),
        (["{workload}", 1, True, {"deep": "{namespace}/{workload}"}], ["checkout", 1, True, {"deep": "shop/checkout"}]),
    ],
)
def test_fields_are_put_in_and_other_braces_stay(written, sent):
    """PromQL and JSON are full of braces; both ways of writing them work."""
    assert rule(x=written).arguments_for({"namespace": "shop", "workload": "checkout"}) == {"x": sent}


def test_a_rule_whose_field_is_missing_makes_no_call():
    """Asking for a release that nobody named would ask for all of them."""
    made = rule(x="{release}")

    assert made.arguments_for({"namespace": "shop"}) is None
    assert made.arguments_for({"release": None}) is None
    assert made.arguments_for({"release": ""}) is None
    assert rule(x="all").arguments_for({}) == {"x": "all"}


@pytest.mark.parametrize("value", ['x"} or up{', "a\\", "a b", "{workload}", "a\nb"])
def test_a_value_cannot_break_out_of_a_query(value):
    """A target may come from a notebook parameter; alone it may be any text, inside a query only a name."""
    assert rule(x="{namespace}").arguments_for({"namespace": value}) == {"x": value}
    with pytest.raises(BadInput, match="namespace"):
        rule(x='up{n="{namespace}"}').arguments_for({"namespace": value})


@pytest.mark.parametrize("text", ["{name}", "{Namespace}", "{{x}", '{"a":{"b":"{namespace}"}}'])
def test_what_would_be_sent_wrong_is_refused_when_read(text):
    """A query that silently lost a brace would answer about something else."""
    with pytest.raises(ConfigError, match="gather"):
        rule(x=text)


@settings(deadline=None)
@given(st.text(max_size=20), st.dictionaries(st.sampled_from(FIELDS), st.none() | st.text(max_size=8)))
def test_any_text_is_sent_or_refused(text, fields):
    """Nothing but these three may come of a rule."""
    try:
        sent = GatherRule("q", {"x": text}).arguments_for(fields) if rule(x=text) else None
    except (ConfigError, BadInput):
        return
    assert sent is None or isinstance(sent["x"], str)
