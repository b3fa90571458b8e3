"""Secrets in JSON values: under names, in Kubernetes Secrets, in lists, at any depth."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codenb.errors import ConfigError
from codenb.redaction import Redactor, redactor

PLACEHOLDER = re.compile(r"<redacted:[a-z-]+:[0-9a-f]{8}>")
ENCODED = base64.b64encode(b"hunter2").decode()


def secret(**more):
    """Make a Secret as the API server shows it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db"},
        "data": {"pw": ENCODED, "x": "YQ=="},
    } | more


def hidden(text):
    """Whether nothing but a pseudonym is left."""
    return bool(PLACEHOLDER.fullmatch(text))


def test_every_value_of_a_secret_is_hidden_and_its_names_stay():
    """Which keys a Secret has is what a diagnosis needs; what they hold is nobody's business."""
    shown = redactor().value(secret(stringData={"on": "true", "empty": ""}, type="Opaque"))

    assert list(shown["data"]) == ["pw", "x"]
    assert all(map(hidden, shown["data"].values()))
    assert hidden(shown["stringData"]["on"])
    assert shown["metadata"] == {"name": "db"}


def test_the_last_applied_copy_of_a_secret_is_hidden():
    """`kubectl apply` keeps the whole object in an annotation, in clear."""
    applied = {
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(secret()), "team": "shop"}
    }
    shown = redactor().value(secret(metadata=applied))

    assert hidden(shown["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
    assert shown["metadata"]["annotations"]["team"] == "shop"


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "List", "items": [secret()]},
        {"kind": "SecretList", "items": [{"metadata": {"name": "db"}, "data": {"pw": ENCODED}}]},
        {"type": "MODIFIED", "object": secret()},
        {"kind": None, "type": "Opaque", "data": {"pw": ENCODED}},
        {"kind": None, "type": "kubernetes.io/tls", "string_data": {"pw": ENCODED}},
        {"before": json.dumps(secret()), "after": json.dumps(secret(), indent=2)},
        {"text": json.dumps(json.dumps(secret()))},
        {"python": repr(secret())},
        {"yaml": f"apiVersion: v1\r\ndata:\r\n  pw: {ENCODED}\r\nkind: Secret\r\n"},
        {"yaml": f"items:\n- data:\n    pw: '{ENCODED}'\n  kind: Secret\n- kind: ConfigMap\n  data:\n    mode: fast"},
        {"yaml": f"kind: Secret\nstringData:\n  pw: |\n    {ENCODED}\n    {ENCODED}\nmetadata:\n  name: db"},
        {"yaml": f"kind: Secret\ndata: {{pw: {ENCODED}}}"},
        {"cut": '"data": {"a": null, "pw": "' + ENCODED + '", "b": "YQ=="}, "kind": "Secret", "metadata": {"na'},
    ],
)
def test_secrets_are_found_in_lists_events_and_text(value):
    """A Secret travels in lists whose items carry no kind, in watch events, in diffs and in escaped JSON."""
    assert ENCODED not in json.dumps(redactor().value(value))


def test_config_maps_beside_a_secret_in_yaml_keep_their_values():
    """A chart's output has both, and what is wrong often stands in the config map."""
    text = "kind: ConfigMap\ndata:\n  mode: fast\n---\nkind: Secret\ndata:\n  pw: YQ==\n"

    assert PLACEHOLDER.sub("...", redactor().text(text)) == text.replace("YQ==", "...")


@pytest.mark.parametrize(
    "value",
    [
        {"password": "hunter2"},
        {"password": 123456},
        {"db": {"clientSecret": "hunter2"}},
        {"tokens": ["hunter2"]},
        {"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]},
        {"tags": [{"value": "hunter2", "key": "api_key"}]},
        [{"op": "replace", "path": "/spec/password", "value": "hunter2"}],
        {"db_password": {"sensitive": True, "type": "string", "value": "hunter2"}},
        {"out": {"sensitive": True, "value": {"user": "bob", "x": "hunter2"}}},
        {"command": ["serve", "--password", "hunter2"]},
        {"headers": {"Authorization": "Bearer hunter2"}},
        {"auths": {"ghcr.io": {"auth": base64.b64encode(b"bob:hunter2").decode()}}},
        {"url": "postgres://bob:hunter2@db/shop"},
        {"ghp_" + "hunter2" * 6: 1},
    ],
)
def test_values_under_secret_names_are_hidden(value):
    """Structure says more than text: the name, the flag before, the sensitive mark."""
    shown = json.dumps(redactor().value(value))

    assert "hunter2" not in shown
    assert "123456" not in shown
    assert PLACEHOLDER.search(shown)


@pytest.mark.parametrize(
    "value",
    [
        {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        {"volumes": [{"name": "v", "secret": {"secretName": "db", "items": [{"key": "password", "path": "pw"}]}}]},
        {"imagePullSecrets": [{"name": "regcred"}], "secrets": [{"name": "default-token-x2x4z"}]},
        {"automountServiceAccountToken": False, "token": None, "password": "", "secret": True},
        {
            "usage": {"input_tokens": 512, "output_tokens": 17, "max_tokens": 4096},
            "share": {"MissingSecret": 0.6},
            "kinds": {"Secret": 1},
        },
        {"kind": "ConfigMap", "data": {"mode": "fast"}},
        {"nextPageToken": "abc", "metadata": {"continue": "abc"}, "progressToken": "7"},
        {"f:data": {"f:password": {}}},
        {"password": "${DB_PASSWORD}", "token": "<none>", "secret": "****"},
        {"command": ["serve", "--token", "--verbose"]},
        {"args": [1, 2.5, None, True, "plain"]},
    ],
)
def test_names_references_and_counts_survive(value):
    """What points at a secret is what explains why a pod does not start."""
    assert redactor().value(value) == value


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20))
keys = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["password", "kind", "data", "metadata", "annotations", "items", "value", "name", "auth", "sensitive"]
    )
    | st.sampled_from(["type", "token", "kubectl.kubernetes.io/last-applied-configuration", "ghp_" + "a" * 36]),
)
marks = leaves | st.sampled_from(
    ["Secret", "SecretList", "Opaque", "DB_PASSWORD", "--token", "Bearer x", "password=x", ENCODED]
)
trees = st.recursive(
    marks, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=20
)


@settings(deadline=None)
@given(trees)
def test_redacting_a_value_twice_changes_nothing(value):
    """Records, cassettes and prompts redact what a server has redacted before."""
    once = Redactor(key=b"key", emails=True).value(value)

    assert Redactor(key=b"key", emails=True).value(once) == once


@settings(deadline=None)
@given(trees)
def test_the_argument_is_left_as_it_was(value):
    """What is shown is redacted; what is sent to a cluster must not be."""
    before = repr(value)
    redactor().value(value)

    assert repr(value) == before


@pytest.mark.parametrize("key", ["password", "a", "value"])
def test_a_value_nested_without_end_is_cut(key):
    """A server may send what no recursion survives."""
    value = "hunter2"
    for _ in range(5000):
        value = {key: [value]}

    assert "hunter2" not in repr(redactor().value(value))


@pytest.mark.parametrize("pattern", ["(", "a*", "", "(?:x|)", r"\b", "^", "a{1,99999999999999999999}"])
def test_a_pattern_that_cannot_be_used_is_quoted_in_the_error(pattern):
    """A pattern that matches nothing everywhere would write pseudonyms between all letters."""
    with pytest.raises(ConfigError, match=re.escape(repr(pattern))):
        Redactor([pattern])


def test_configured_patterns_hide_their_first_group_or_the_whole():
    """A team knows its own tokens; the group keeps what tells where they stood."""
    shown = Redactor([r"acme-\d+", re.compile(r"ticket (\w+)")]).text("acme-12345 ticket abc")

    assert PLACEHOLDER.sub("...", shown) == "... ticket ..."


def test_the_hmac_that_stands_for_a_secret_is_kept():
    """An approval is bound to it: replaced by another process's pseudonym, its digest could not be checked."""
    shown = {"variables": {"db_password": f"hmac-sha256:{'ab' * 32}", "token": "hmac-sha256:not-one-but-a-secret"}}
    hidden = redactor().value(shown)

    assert hidden["variables"]["db_password"] == shown["variables"]["db_password"]
    assert hidden["variables"]["token"].startswith("<redacted:")


_SEEN = Redactor(key=b"k" * 32)
_WORDS = st.sampled_from([
    "Running", "auth", "password", "hunter2-hunter2", "dXNlcjpodW50ZXIy", "value", "name", "Secret", "kind", "data",
    "DB_PASSWORD", "token=abc123def", "ghp_" + "a1B2" * 9, "sensitive", "items", "SecretList", "type", "Opaque",
])  # fmt: skip
_VALUES = st.recursive(
    _WORDS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_what_was_seen_before_changes_nothing(value):
    """Words and keys are remembered for speed; one that is harmless in one place is a password in another."""
    assert _SEEN.value(value) == Redactor(key=b"k" * 32).value(value)
