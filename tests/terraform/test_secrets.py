"""Sensitive values: found by their marks, replaced wherever they stand."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from codenb.models import ResourceChange, TerraformPlan
from codenb.redaction import redactor
from codenb.servers._base._sealing import Sealer
from codenb.servers.deployment.terraform._secrets import Secrets
from codenb.servers.deployment.terraform._table import changes_of
from codenb.views import to_html, to_text

KEY = Sealer(b"a key of the tests")

# The sign is in no word of ours, so that a secret is never found in what stands for it.
words = st.text(st.characters(codec="utf-8"), min_size=2, max_size=40).map(lambda text: f"§{text}§")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def plan(change: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Plan JSON of one resource."""
    return {"resource_changes": [{"address": "db.main", "type": "db", "change": change}], **more}


def shown(data: dict[str, Any]) -> str:
    """All that is shown of it."""
    secrets = Secrets.of_plan(KEY, data, (), redactor())
    changes = changes_of(data, secrets, {})
    model = TerraformPlan(plan_id="p", digest="d", workspace="w", changes=tuple(changes), counts={"create": 1})
    return json.dumps(model.to_dict(), ensure_ascii=False) + to_text(model.view()) + to_html(model.view())


@given(secret=words, around=values)
def test_a_marked_value_is_nowhere_in_what_is_shown(secret: str, around: Any):
    """Marked once, deep inside; copied elsewhere whole, in a list and within a longer text without a mark."""
    change = {
        "actions": ["create"],
        "before": None,
        "after": {
            "login": {"words": ["x", {"deep": secret}]},
            "copy": secret,
            "url": f"db://u:{secret}@host",
            "list": [secret],
            "around": around,
        },
        "after_unknown": {"id": True},
        "after_sensitive": {"login": {"words": [False, {"deep": True}]}},
    }
    masked = Secrets.of(KEY, [secret]).masked(change["after"])

    assert secret not in [*_texts(masked)]
    assert secret not in masked["url"]  # type: ignore[index, call-overload, operator]
    assert f"db://u:{secret}@host" not in shown(plan(change))


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


@given(value=values)
def test_equal_secrets_look_equal_under_one_key_and_only_there(value: Any):
    """So that two plans can be compared without their secrets, by whoever has the key and by nobody else."""
    here, again = Secrets(KEY), Secrets(Sealer(b"a key of the tests"))
    assert here.sealed(value) == again.sealed(value)
    assert here.sealed(value) != Secrets(Sealer(b"another key, elsewhere")).sealed(value)


@given(value=values)
def test_what_holds_no_secret_is_shown_as_it_is(value: Any):
    """A plan in which everything is starred out cannot be approved."""
    assert Secrets(KEY).masked(value) == value


def test_a_whole_that_is_marked_is_one_secret():
    """`sensitive = true` on an object says nothing of its parts, their names included."""
    data = plan({
        "actions": ["update"],
        "before": {"conf": {"user-name-1": "value-one-1"}, "same": 1},
        "after": {"conf": {"user-name-1": "value-two-2"}, "same": 1},
        "after_unknown": {},
        "before_sensitive": {"conf": True},
        "after_sensitive": {"conf": True},
    })  # fmt: skip
    secrets = Secrets.of_plan(KEY, data, (), redactor())
    (change,) = changes_of(data, secrets, {})

    assert isinstance(change, ResourceChange)
    assert list(change.before) == list(change.after) == ["conf"]  # type: ignore[arg-type]
    assert change.before != change.after
    assert "user-name-1" not in shown(data)
    assert "value-two-2" not in shown(data)


def test_a_variable_is_secret_by_its_declaration_or_its_name():
    """A module may forget `sensitive = true` on its `db_password`."""
    data = plan(
        {"actions": ["no-op"], "before": {}, "after": {}},
        variables={
            "db_password": {"value": "one-secret-1"},
            "k": {"value": "two-secret-2"},
            "size": {"value": "small"},
        },
        configuration={"root_module": {"variables": {"db_password": {}, "k": {"sensitive": True}, "size": {}}}},
    )
    secrets = Secrets.of_plan(KEY, data, ["db_password", "k", "size"], redactor())

    assert secrets.values == {"one-secret-1", "two-secret-2"}
    assert secrets.text("one-secret-1, two-secret-2, small") == "(sensitive value), (sensitive value), small"


def test_a_secret_of_several_lines_is_hidden_line_by_line():
    """A provisioner prints a private key one line at a time."""
    secrets = Secrets.of(KEY, ["BEGIN 12345\nline-one-of-key\nEND 12345"])
    assert secrets.text("> line-one-of-key") == "> (sensitive value)"
    assert secrets.text(r'{"k": "BEGIN 12345\nline-one-of-key\nEND 12345"}') == '{"k": "(sensitive value)"}'
