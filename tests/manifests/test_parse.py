"""Other people's YAML: read as Kubernetes reads it, every place known, nothing raised."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codenb.models import Severity
from codenb.servers._manifests import Manifests, Position, parse

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: app
        image: app:1
        args: ["-v", 'x']
"""


PIECES = [
    "a: ",
    "- ",
    "&x ",
    "*x",
    "<<: ",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "  ",
    "\t",
    "---\n",
    "...\n",
    "|\n",
    ">",
    "'",
    '"',
]
PIECES += ["!!str ", "!t ", "? ", ": ", "#c", "%YAML 1.1\n", "no", "0x1", ".nan", "1e400", "kind: List\n", "items: "]
PIECES += ["\ufeff", "\u2028", "\x85", "{{ .Values.a }}", "\u00e9", ","]


def rules(read: Manifests) -> list[str]:
    """Which rules have something to say."""
    return [problem.rule for problem in read.problems]


def test_every_value_and_key_has_its_place():
    """An editor jumps to what a finding names; one line off and nobody trusts it."""
    document = parse(DEPLOYMENT, "web.yaml").documents[0]
    containers = ("spec", "template", "spec", "containers")

    assert document.at(("spec", "replicas")) == Position(7, 13)
    assert document.at(("spec", "replicas"), key=True) == Position(7, 3)
    assert document.at((*containers, 0, "image")) == Position(12, 16)
    assert document.at((*containers, 0, "args", 1)) == Position(13, 22)
    assert document.source(12) == "        image: app:1"
    assert str(document.entity) == "Deployment shop/web"


def test_what_is_missing_is_shown_where_it_belongs():
    """A required field that is not there has no line; its nearest ancestor's key has."""
    document = parse(DEPLOYMENT).documents[0]

    assert document.at(("spec", "selector", "matchLabels")) == Position(6, 1)
    assert document.at(("status",)) == Position(1, 1)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", False),
        ("on", True),
        ("y", True),
        ("'no'", "no"),
        ("0777", 511),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("08", 8),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("2024-01-02", "2024-01-02"),
        ("1e3", 1000),
        ("1.5", 1.5),
        ("1.2.3", "1.2.3"),
        ("~", None),
        ("!!str 5", "5"),
        ("=", "="),
    ],
)
def test_words_are_what_kubernetes_takes_them_for(written, value):
    """PyYAML reads `12:30` as 750 and `1e3` as text; the API server does neither, and its reading is what counts."""
    read = parse(f"a: {written}\n").documents[0].data["a"]

    assert read == value
    assert type(read) is type(value)


def test_a_key_that_is_a_boolean_is_named_as_one():
    """`on:` becomes the key `true`; found as a config map whose key nobody could mount."""
    read = parse("data:\n  on: x\n")

    assert read.documents[0].data == {"data": {"true": "x"}}
    assert [(problem.rule, problem.line, problem.column) for problem in read.problems] == [("yaml/boolean-key", 2, 3)]


def test_anchors_and_merge_keys_are_filled_in_as_copies():
    """A consumer that changes one of two merged mappings must not change the other."""
    read = parse("base: &b {k: 1, m: 2}\na:\n  <<: *b\n  m: 3\nc: *b\n")
    data = read.documents[0].data

    assert data["a"] == {"k": 1, "m": 3}
    assert data["c"] == data["base"]
    assert data["c"] is not data["base"]
    assert read.problems == ()


def test_an_alias_bomb_costs_nothing():
    """Nine lines that unfold to a billion values must be refused before they are unfolded."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{one}: &{one} [{','.join(['*' + before] * 9)}]" for before, one in zip("abcdefgh", "bcdefghi", strict=True)
    ]

    read = parse("\n".join(lines) + "\n---\napiVersion: v1\nkind: Pod\n")

    assert rules(read) == ["yaml/alias-bomb"]
    assert [document.kind for document in read.documents] == ["Pod"]


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("a: &a [*a]\n", "yaml/alias-loop", 1),
        ("a: *b\n", "yaml/syntax", 1),
        ("a: 1\nb: 2\na: 3\n", "yaml/duplicate-key", 3),
        ("a:\n\tb: 1\n", "yaml/tab", 2),
        ("a: [\n", "yaml/syntax", 2),
        ("a: .inf\n", "yaml/number", 1),
        ("a: !!int x\n", "yaml/tag", 1),
        ("a: !vault x\n", "yaml/tag", 1),
        ("? [a]\n: b\n", "yaml/key", 1),
        ("[" * 1000, "yaml/too-deep", 1),
        ("- a\n", "kubernetes/no-object", 1),
        ("plain words\n", "kubernetes/no-object", 1),
        ("a: b\n---\n\ufeffc: d\n", "yaml/byte-order-mark", 3),
        ("a: \x07\n", "yaml/syntax", 1),
        ("a: \ud800\n", "yaml/encoding", 1),
        ("a: {{ .Values.x }}\n", "helm/not-rendered", 1),
        ("a: b\n{{- if .Values.x }}\nc: d\n{{- end }}\n", "helm/not-rendered", 2),
    ],
)
def test_each_kind_of_fault_is_named_with_its_line(text, rule, line):
    """Whatever is wrong with a text is said in our words, at its line, and only once."""
    read = parse(text)

    assert [(problem.rule, problem.line) for problem in read.problems] == [(rule, line)]


@pytest.mark.parametrize(
    ("raw", "rule"),
    [(b"\x7fELF\0\1\2", "yaml/binary"), (b"a: \xff\n", "yaml/encoding"), (b"\xff\xfea\0:\0", None), (b"", None)],
)
def test_bytes_that_are_no_utf8_text_are_told_apart(raw, rule):
    """A program called x.yaml, a file in Latin-1 and one that an editor saved as UTF-16 are three things."""
    assert rules(parse(raw)) == ([rule] if rule else [])


def test_a_broken_document_does_not_hide_the_others():
    """One fault in a bundle of a hundred objects must leave ninety-nine to be checked."""
    read = parse("apiVersion: v1\nkind: A\n---\nx: [\n---\napiVersion: v1\nkind: B\n---\nz: {\n---\nkind: C\n")

    assert [document.kind for document in read.documents] == ["A", "B", "C"]
    assert [problem.line for problem in read.problems] == [5, 10]
    assert read.documents[2].at(("kind",)) == Position(11, 7)


def test_template_words_that_are_meant_are_no_helm_template():
    """Alert rules and workflows hold {{ }} of their own, rendered or not."""
    text = 'apiVersion: v1\nkind: ConfigMap\ndata:\n  a: "{{ $labels.pod }}"\n  b: |\n    {{ .Values.x }}\n'

    assert parse(text).problems == ()


def test_members_of_a_list_are_objects_of_their_own():
    """`kubectl get -o yaml` writes one List; each of its members has its own place."""
    read = parse("apiVersion: v1\nkind: List\nitems:\n- kind: A\n- kind: BList\n  items:\n  - kind: C\n")

    assert [(document.kind, document.index, document.line) for document in read.documents] == [("A", 0, 4), ("C", 1, 7)]


def test_json_is_read_with_letters_of_every_plane():
    """Python and kubectl write an emoji as a pair of escapes, which YAML refuses."""
    text = json.dumps({"kind": "ConfigMap", "data": {"a": "\U0001f600", "b": "a\tb/"}}, indent="\t")

    assert parse(text).documents[0].data["data"] == {"a": "\U0001f600", "b": "a\tb/"}


def test_a_line_of_a_secret_is_not_quoted():
    """A fault in a Secret's file must not carry its data into a report."""
    read = parse("kind: Secret\ndata:\n  a: c2VjcmV0\n  a: c2VjcmV0Mg==\n")

    assert [problem.source for problem in read.problems] == ["  a: <redacted>"]


def test_ten_thousand_lines_keep_their_numbers():
    """A bundle of an operator has as many; the last object's line must still be right."""
    read = parse((DEPLOYMENT + "---\n") * 800)

    assert len(read.documents) == 800
    assert read.documents[-1].at(("spec", "replicas")).line == 799 * 14 + 7


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_raise(raw):
    """Whatever lies in a folder, reading it answers."""
    read = parse(raw)

    json.dumps([document.data for document in read.documents], allow_nan=False)
    assert all(problem.severity >= Severity.LOW for problem in read.problems)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@settings(max_examples=400, deadline=None)
def test_no_yaml_raises(text):
    """Any pieces of YAML in any order give JSON data and problems with places that exist."""
    read = parse(text)

    json.dumps([document.data for document in read.documents], allow_nan=False)
    assert all(problem.line is None or problem.line >= 1 for problem in read.problems)


_KEYS = st.text(max_size=50)  # YAML takes no key of more than 1,024 characters, escapes included
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(_KEYS, _JSON, max_size=4))
@settings(max_examples=200, deadline=None)
def test_json_comes_back_as_it_was_written(data):
    """JSON is YAML here: what a program wrote is what is checked and applied."""
    read = parse(json.dumps(data))

    assert read.problems == ()
    assert [document.data for document in read.documents] == [data]
