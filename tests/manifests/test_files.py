"""Folders of other people: what is read, what is left out, and that it is said."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from codenb.errors import BadInput
from codenb.servers._base._paths import Roots
from codenb.servers._manifests import read

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that users without privileges may enter."""
    made = Path(tempfile.mkdtemp(prefix="codenb-manifests-"))
    made.chmod(0o755)
    yield made.resolve()
    shutil.rmtree(made)


def write(folder: Path, **files: str) -> None:
    """Files by name, with `__` for a slash and `_yaml` for the suffix."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/").replace("_yaml", ".yaml"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_files_are_named_as_the_caller_would(folder):
    """`codenb validate deploy` prints deploy/a.yaml, which a terminal can open."""
    write(folder, deploy__b_yaml=POD, deploy__sub__a_yaml=POD)

    assert read(["deploy"], Roots((folder,))).files == ("deploy/b.yaml", "deploy/sub/a.yaml")
    assert read(["."], Roots((folder,))).files == ("deploy/b.yaml", "deploy/sub/a.yaml")
    assert read(["deploy/b.yaml", POD], Roots((folder,))).files == ("deploy/b.yaml", "<text>")


def test_a_link_in_a_circle_is_followed_once(folder):
    """`ln -s .. loop` in a checkout made a walk without end."""
    write(folder, sub__a_yaml=POD)
    (folder / "sub" / "loop").symlink_to("..")
    (folder / "knot.yaml").symlink_to("knot.yaml")

    found = read(["."], Roots((folder,)))

    assert found.files == ("sub/a.yaml",)
    assert [(problem.rule, problem.file) for problem in found.problems] == [("read/link", "knot.yaml")]


def test_a_link_out_of_the_roots_is_not_followed(folder):
    """A link to /etc in somebody's repository must not bring its files into a report."""
    write(folder, inside__a_yaml=POD, outside__b_yaml=POD)
    (folder / "inside" / "out").symlink_to(folder / "outside")

    found = read(["."], Roots((folder / "inside",)))

    assert found.files == ("a.yaml",)
    assert [(problem.rule, problem.file, problem.unread) for problem in found.problems] == [("read/link", "out", True)]


def test_a_pipe_keeps_nobody_waiting(folder):
    """Opening a named pipe waits for a writer that never comes."""
    write(folder, a_yaml=POD)
    os.mkfifo(folder / "pipe.yaml")

    assert [problem.rule for problem in read(["."], Roots((folder,))).problems] == ["read/no-file"]


def test_a_folder_without_permission_is_said_to_be_unread(folder):
    """What may not be looked at may hold anything: it must not count as good."""
    write(folder, a_yaml=POD, closed__b_yaml=POD)
    (folder / "closed").chmod(0)
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(65534)  # root may read everything
    try:
        found = read(["."], Roots((folder,)))
    finally:
        if privileged:
            os.seteuid(0)
        (folder / "closed").chmod(0o755)

    assert found.files == ("a.yaml",)
    assert [(problem.rule, problem.file, problem.unread) for problem in found.problems] == [
        ("read/no-access", "closed", True)
    ]


def test_names_that_are_no_text_can_be_shown(folder):
    """A file name of Latin-1 bytes must not break a report when it is written."""
    Path(os.fsdecode(os.fsencode(folder) + b"/\xe9.yaml")).write_text(POD)

    (name,) = read(["."], Roots((folder,))).files

    assert name.encode() == "\ufffd.yaml".encode()


def test_charts_patches_and_values_are_left_out_and_named(folder):
    """A chart's templates are no YAML, a patch is no object; a report says what it did not look at."""
    write(
        folder,
        chart__Chart_yaml="name: x\n",
        chart__templates__a_yaml="a: {{ .Values.x }}\n",
        kust__kustomization_yaml="resources: [base.yaml]\npatches: [{path: patch.yaml}]\n",
        kust__base_yaml=POD,
        kust__patch_yaml="kind: Pod\n",
        values_yaml="replicas: 3\n",
        empty_yaml="",
    )

    found = read(["."], Roots((folder,)))

    assert [document.file for document in found.documents] == ["kust/base.yaml"]
    assert [(problem.rule, problem.file) for problem in found.problems] == [("read/helm-chart", "chart")]
    assert any("patch.yaml" in note for note in found.notes)
    assert any("values.yaml" in note for note in found.notes)
    assert "empty.yaml is empty" in found.notes


def test_a_file_that_was_named_is_never_left_out(folder):
    """Who names values.yaml wants to know that it is no manifest."""
    write(folder, values_yaml="replicas: 3\n")

    assert len(read(["values.yaml"], Roots((folder,))).documents) == 1


@pytest.mark.parametrize("path", ["missing.yaml", "../x.yaml", "-f"])
def test_a_path_that_cannot_be_is_the_callers_error(folder, path):
    """A mistyped path must not pass as an empty folder."""
    with pytest.raises(BadInput, match="manifest"):
        read([path], Roots((folder,)))


def test_the_digest_tells_content_and_name_apart(folder):
    """Answers are kept by it: another text or another name is another answer."""
    write(folder, a_yaml=POD)
    first = read(["a.yaml"], Roots((folder,))).digest

    assert read(["a.yaml"], Roots((folder,))).digest == first
    write(folder, b_yaml=POD)
    assert read(["b.yaml"], Roots((folder,))).digest != first
    write(folder, a_yaml=POD + "spec: {}\n")
    assert read(["a.yaml"], Roots((folder,))).digest != first
