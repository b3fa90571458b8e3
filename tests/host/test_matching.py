"""Which recorded call is the one that is asked: the same but for secrets and folders, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.canonical import canonical_json
from codenb.errors import BadInput
from codenb.host import Requests, Track
from codenb.host._matching import Shelf, fits
from codenb.host._requests import HIDDEN, masked
from codenb.redaction import Redactor, redactor

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab/<>", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(st.text("abc", max_size=3), JSON, max_size=3)

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
PLAIN_MANIFEST = "kind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 3\n"
SECRET_MANIFEST = "kind: Secret\nmetadata:\n  name: web\nstringData:\n  valu: swordfish\n"


def track(n: int, request: dict[str, Any], **changes: Any) -> Track:
    """A recorded call."""
    usual: dict[str, Any] = {"kind": "tool", "server": "s", "name": "t", "occurrence": n, "at": 0.0}
    return Track(n=n, request=request, **(usual | changes))


@given(OBJECT)
def test_a_request_fits_itself_and_keeps_its_form(request: dict[str, Any]) -> None:
    """What was recorded is found again, also when its keys come in another order."""
    requests = Requests(redactor())
    written = requests.written(request)
    turned = dict(reversed(list(request.items())))

    assert fits(written, requests.written(turned))
    assert requests.written(written) == written
    assert json.loads(canonical_json(written)) == written


@given(OBJECT, OBJECT)
def test_another_request_does_not_fit(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Without anything hidden, only equal JSON is the same call; true is not 1."""
    requests = Requests(redactor())
    left, right = requests.written(one), requests.written(other)
    assert fits(left, right) is (canonical_json(left) == canonical_json(right))


@given(st.text(max_size=20), st.text(max_size=20), st.lists(st.text(min_size=8, max_size=12), min_size=1, max_size=4))
def test_a_stand_in_stands_for_any_text_in_its_place(before: str, after: str, secrets: list[str]) -> None:
    """Another process has other pseudonyms for the same secrets."""
    recorded = before + "|".join("<redacted:secret:01234567>" for _ in secrets) + after
    assert fits(recorded, before + "|".join(secrets) + after)
    assert not fits(recorded + "~", before + "|".join(secrets) + after + "#")


def test_many_stand_ins_are_compared_in_no_time() -> None:
    """A log with a thousand secrets must not stop a replay by the way in which it is compared."""
    recorded = "a".join(["<redacted:secret:01234567>"] * 1_000)
    assert not fits(recorded + "b", "a" * 100_000)


def test_secrets_never_stand_in_a_request() -> None:
    """Neither by form, nor by name, nor by what only a manifest's kind tells, nor among variables."""
    requests = Requests(Redactor([r"corp-[0-9]+"]))
    given_ = {
        "arguments": {
            "text": f"use {TOKEN}",
            "password": "hunter2hunter2",
            "note": "corp-4711",
            "manifests": [PLAIN_MANIFEST, SECRET_MANIFEST, "kind: [\n broken"],
            "variables": {"zone": "eu", "pin": 8888, "list": ["deep-one"]},
            "headers": [{"name": "Authorization", "value": "Bearer deep-two-deep-two"}],
        }
    }
    written = requests.written(given_)
    shown = json.dumps(written)

    for secret in (TOKEN, "hunter2hunter2", "corp-4711", "swordfish", "8888", 'eu"', "deep-one", "deep-two"):
        assert secret not in shown
    assert written["arguments"]["manifests"] == [PLAIN_MANIFEST, HIDDEN, HIDDEN]
    assert written["arguments"]["variables"] == {"zone": HIDDEN, "pin": HIDDEN, "list": HIDDEN}
    assert fits(written, Requests(Redactor()).written(given_))


def test_paths_are_told_from_where_the_notebook_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded on a laptop, played in CI: the same files, elsewhere."""
    project, here = tmp_path / "project", tmp_path / "project" / "notebooks"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    laptop = Requests(redactor(), project=project)
    written = laptop.written(
        {"a": str(here / "x.yaml"), "b": [str(project / "infra")], "c": str(project), "d": f"{project}er"}
    )

    assert written == {"a": "<folder>/x.yaml", "b": ["<project>/infra"], "c": "<project>", "d": f"{project}er"}
    assert fits(written, {"a": "/ci/x.yaml", "b": ["/build/infra"], "c": "/build", "d": f"{project}er"})
    assert not fits(written, {"a": "/ci/y.yaml", "b": ["/build/infra"], "c": "/build", "d": f"{project}er"})


def test_what_is_no_json_is_no_request() -> None:
    """It could not be found again."""
    with pytest.raises(BadInput):
        Requests(redactor()).written({"a": object()})


def test_arguments_of_a_change_are_hidden_as_its_preview_says() -> None:
    """Where no preview came to tell which of them are secret, every text may be."""
    given_ = {"names": ["a"], "value": 5, "secrets": {"k": "v"}, "how": "fast"}
    assert masked(given_, ("secrets", "other")) == {**given_, "secrets": HIDDEN}
    assert masked(given_, None) == {"names": [HIDDEN], "value": 5, "secrets": {"k": HIDDEN}, "how": HIDDEN}


def test_equal_calls_are_had_in_their_order_and_once() -> None:
    """What a poll saw first it sees first again."""
    shelf = Shelf([track(3, {"a": 1}, occurrence=2), track(1, {"a": 1}, occurrence=1), track(2, {"a": 2})])
    taken = [shelf.take("tool", "s", "t", {"a": 1}) for _ in range(3)]

    assert [one.n if one else None for one in taken] == [1, 3, None]
    assert [one.n for one in shelf.left] == [2]


def test_an_exact_call_comes_before_one_that_fits() -> None:
    """What stands for anything must not be used up by what is recorded as it is."""
    shelf = Shelf([track(1, {"a": HIDDEN}), track(2, {"a": "b"})])
    assert shelf.take("tool", "s", "t", {"a": "b"}).n == 2  # type: ignore[union-attr]
    assert shelf.take("tool", "s", "t", {"a": "c"}).n == 1  # type: ignore[union-attr]


def test_the_nearest_is_shown_in_one_line() -> None:
    """However large requests are, the message can be read."""
    shelf = Shelf([track(1, {"arguments": {"a": "x" * 10_000, "b": [1, {"c": 2}]}}), track(2, {"arguments": {"z": 1}})])
    said = shelf.nearest("tool", "s", "t", {"arguments": {"a": "y" * 10_000, "b": [1, {"c": 3}]}})

    assert "b.1.c: recorded 2, asked 3" in said
    assert len(said) < 300
    assert "\n" not in said
    assert shelf.nearest("tool", "other", "t", {}) == "of other it holds nothing of this kind"
