"""Paths from outside: found inside the roots, refused in one line anywhere else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb.config import ServerSettings, Settings
from codenb.errors import BadInput
from codenb.servers import Roots

PARTS = st.sampled_from(["a", "b", "..", ".", "in", "out", "loop", "-x", "gone", "é", " ", "\0", "~", "//", "x" * 300])


@pytest.fixture(scope="module")
def tree() -> Path:
    """A root with folders, a file, and links: to itself, into itself, out of it, to nothing, in a loop."""
    top = Path(tempfile.mkdtemp(prefix="codenb-roots-")).resolve()
    root = top / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "-x").write_text("inside")
    (root / "-x").write_text("inside")
    (top / "secret").write_text("outside")
    (top / "root-2").mkdir()
    (root / "in").symlink_to("a")
    (root / "out").symlink_to(top)
    (root / "a" / "out").symlink_to("/etc")
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere")
    return root


def resolved(roots: Roots, path: str) -> Path | BadInput:
    """Where a path leads, or why it is refused; anything else that is raised fails the test."""
    try:
        return roots.resolve(path)
    except BadInput as error:
        return error


@given(parts=st.lists(PARTS | st.text(max_size=4), max_size=6), absolute=st.booleans())
def test_whatever_is_asked_for_it_is_inside_or_refused(tree: Path, parts: list[str], *, absolute: bool) -> None:
    """No combination of `..`, links and odd names leads out, and none raises anything but one line."""
    path = "/".join([str(tree), *parts] if absolute else parts)
    roots = Roots((tree,), "deployment")
    found = resolved(roots, path)
    if isinstance(found, BadInput):
        assert len(str(found).splitlines()) == 1
        assert str(found).startswith("path ")
        return
    assert found.is_relative_to(tree)
    assert found == Path(os.path.realpath(found))
    assert roots.resolve(roots.shown(found)) == found, "what is shown can be asked for again"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("-x", "write ./ before it"),
        ("a\0b", "holds NUL"),
        ("../secret", "outside"),
        ("../root-2", "outside"),
        ("out/secret", "outside"),
        ("a/out/passwd", "outside"),
        ("/etc/passwd", "outside"),
        ("/etc/no-such-file", "outside"),
        ("nothing-here", "does not exist"),
        ("gone", "does not exist"),
        ("a/b/-x/below", "cannot be used"),
        ("loop", "cannot be used"),
        ("\ud800", "cannot be used"),
        ("x" * 5000, "cannot be used"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(tree: Path, path: str, words: str) -> None:
    """What is outside is refused as outside whether it exists or not: the answer tells nothing of the machine."""
    with pytest.raises(BadInput, match=words) as caught:
        Roots((tree,), "deployment").resolve(path, what="workspace")

    assert str(caught.value).startswith("workspace ")
    assert len(str(caught.value)) < 700
    if words == "outside":
        assert f"the root {tree}" in str(caught.value)
        assert "add its folder to roots under [servers.deployment] in codenb.toml" in str(caught.value)


def test_a_name_that_looks_like_an_option_can_be_given_as_a_path(tree: Path) -> None:
    """It is found by `./-x` and comes back absolute, which no program takes for an option."""
    found = Roots((tree,)).resolve("./-x")

    assert found == tree / "-x"
    assert Roots((tree,)).shown(found) == "./-x"


def test_the_roots_are_those_declared_else_the_project(tree: Path, tmp_path: Path) -> None:
    """Relative paths are of the first root; a path in another one is written out."""
    declared = ServerSettings("deployment", "builtin", roots=(tmp_path, tree))
    settings = Settings(home=tree, servers={"deployment": declared})
    (tmp_path / "here").touch()
    roots = Roots.of(settings, "deployment")

    assert roots.folders == (tmp_path, tree)
    assert roots.resolve("here") == tmp_path / "here"
    assert roots.resolve(str(tree / "a")) == tree / "a"
    assert roots.shown(tree / "a") == str(tree / "a")
    with pytest.raises(BadInput, match="does not exist"):
        roots.resolve("a")
    assert Roots.of(settings, "other").folders == (tree,)


def test_one_file_may_be_a_root(tree: Path) -> None:
    """What is typed on the command line is the root of that run, and its neighbours are not."""
    roots = Roots((tree / "a" / "b" / "-x",))

    assert roots.resolve("./-x") == tree / "a" / "b" / "-x"
    with pytest.raises(BadInput, match="outside"):
        roots.resolve("..")


def test_a_link_that_is_put_there_after_the_look_is_not_followed(tmp_path: Path) -> None:
    """Between the look at a path and its opening somebody may exchange a file for a link that leads out."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        folder.mkdir()
        (folder / "a.yaml").write_text(folder.name)
    roots = Roots((root,))
    found = roots.resolve("a.yaml")
    with roots.opened(found) as file:
        assert file.read() == b"root"

    found.unlink()
    found.symlink_to(outside / "a.yaml")
    with pytest.raises(OSError, match="leads out of the declared roots"):
        roots.opened(found)
    found.unlink()
    root.rename(tmp_path / "moved")
    root.symlink_to(outside)  # the root itself is where it says
    with roots.opened(found) as file:
        assert file.read() == b"outside"


def test_neither_a_pipe_nor_a_device_is_opened(tmp_path: Path) -> None:
    """`codenb validate` of a named pipe waited for ever for somebody to write into it."""
    os.mkfifo(tmp_path / "pipe")
    roots = Roots((tmp_path, Path("/dev/zero")))

    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="not a file"):
            roots.opened(path)
