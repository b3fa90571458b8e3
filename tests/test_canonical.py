"""Equal values give equal bytes; a digest that a person approved is compared in another process."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codenb.canonical import canonical_json, digest
from codenb.errors import BadInput

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=15
)


def reordered(value):
    """The same JSON value, with every object's keys the other way round and tuples for lists."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return tuple(map(reordered, value)) if isinstance(value, list) else value


@settings(deadline=None)
@given(values)
def test_the_order_of_keys_and_the_kind_of_sequence_do_not_matter(value):
    """A preview is built by one program and read back by another."""
    assert canonical_json(reordered(value)) == canonical_json(value)


@settings(deadline=None)
@given(values)
def test_what_was_encoded_reads_back_equal_and_encodes_the_same(value):
    """Nothing is lost, and a stored preview has the digest it had; hence unequal values have unequal bytes."""
    encoded = canonical_json(value)

    assert json.loads(encoded) == value
    assert canonical_json(json.loads(encoded)) == encoded


@settings(deadline=None)
@given(
    st.integers(-(10**30), 10**30).map(float) | st.floats(allow_nan=False, allow_infinity=False).map(round).map(float)
)
def test_a_whole_number_is_one_number_however_it_is_held(number):
    """3 and 3.0 are equal, and so are 10**16 and 1e16: found when the second pair had two digests."""
    assert canonical_json(number) == canonical_json(int(number))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ({"😀": 1, "\ufb33": 2, "€": 3, "\r": 4, "1": 5}, '{"\\r":4,"1":5,"€":3,"😀":1,"\ufb33":2}'),
        ([-0.0, 1.0, 1.5, 1e16], "[0,1,1.5,10000000000000000]"),
        ('é"\\\n\x7f/', '"é\\"\\\\\\n\x7f/"'),
    ],
)
def test_the_form_is_that_of_rfc_8785(value, encoded):
    """Keys in the order of UTF-16 units: an emoji stands before U+FB33 (RFC 8785, section 3.2.3)."""
    assert canonical_json(value) == encoded.encode()


@pytest.mark.parametrize(
    "value",
    [
        *[math.nan, math.inf, [-math.inf], "\ud800", {"\udfff": 1}, {1: 2}, {None: 1}, {"a": {True: 1}}],
        *[b"x", bytearray(b"x"), memoryview(b"x"), {1, 2}, object(), 1j],
        pytest.param(10**5000, id="5001 digits"),
    ],
)
def test_what_json_cannot_carry_exactly_is_refused(value):
    """A value that changed on its way would be approved as one thing and applied as another."""
    with pytest.raises(BadInput):
        canonical_json(value)


def test_what_never_ends_is_refused():
    """A value that holds itself, and one that is nested deeper than any reader follows."""
    endless: list[object] = []
    endless.append(endless)
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]

    for value in (endless, deep):
        with pytest.raises(BadInput, match="deep"):
            canonical_json(value)


def test_the_digest_is_the_same_in_another_process():
    """Hash randomisation must not reach it: the approver runs elsewhere."""
    value = {"tool": "scale_deployment", "arguments": {"replicas": 6, "name": "checkout"}}
    code = f"from codenb.canonical import digest; print(digest({value!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == digest(value)
    assert len(digest(value)) == 64
