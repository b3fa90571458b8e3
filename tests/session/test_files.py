"""Files as people name them, for a server on this machine and for one on another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from codenb.config import ServerSettings
from codenb.errors import BadInput
from codenb.session import _files

HERE = ServerSettings("deployment", "builtin")
ELSEWHERE = ServerSettings("deployment", "http", url="https://deployment.example/mcp")
TEXT = "kind: ConfigMap\nmetadata: {name: a}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with two manifests and what is none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifests" / "inner").mkdir(parents=True)
    (tmp_path / "manifests" / "a.yaml").write_text(TEXT)
    (tmp_path / "manifests" / "inner" / "b.yml").write_text(TEXT.replace("a}", "b}"))
    (tmp_path / "manifests" / "notes.txt").write_text("not for the server")
    return tmp_path


def test_a_relative_path_is_meant_from_the_notebook(folder: Path) -> None:
    """The server resolves relative paths from its own root, which is another folder."""
    assert _files.items(["manifests", Path("manifests/a.yaml"), TEXT], HERE) == [
        str(folder / "manifests"),
        str(folder / "manifests" / "a.yaml"),
        TEXT,
    ]


def test_a_server_elsewhere_gets_what_the_files_say(folder: Path) -> None:
    """A path of this machine means nothing on another; only manifests are sent, and nothing beside them."""
    sent = _files.items("manifests", ELSEWHERE)

    assert [text.partition("\n")[0] for text in sent] == ["# a.yaml", "# b.yml"]
    assert "name: b" in sent[1]
    assert all("\n" in text for text in sent)


@pytest.mark.parametrize("given", ["", " ", "-rf", [], [3], None, "missing.yaml"])
def test_what_names_no_file_is_refused_in_a_line(folder: Path, given: Any) -> None:
    """A wrong type or an option for a path must not reach a server, nor come back as a traceback."""
    with pytest.raises(BadInput) as caught:
        _files.items(given, ELSEWHERE)

    assert "\n" not in str(caught.value)


def test_a_folder_is_not_sent_whole_however_large(folder: Path) -> None:
    """Somebody names their home folder; what would be sent is counted first."""
    for number in range(501):
        (folder / "manifests" / f"{number}.yaml").write_text(TEXT)

    with pytest.raises(BadInput, match="503 files, more than the 500"):
        _files.items("manifests", ELSEWHERE)


def test_what_is_priced_is_data_or_files(folder: Path) -> None:
    """A plan and a list of items are data already; text and paths go as manifests do."""
    items = [{"type": "m5.large", "count": 3}]
    assert _files.infrastructure(items, HERE) == items
    assert _files.infrastructure({"resource_changes": []}, HERE) == {"resource_changes": []}
    assert _files.infrastructure(TEXT, HERE) == [TEXT]
    assert _files.infrastructure(["manifests"], HERE) == [str(folder / "manifests")]


def test_a_pipe_among_the_manifests_is_not_waited_for(folder: Path) -> None:
    """A named pipe in the folder had the cell wait for ever."""
    os.mkfifo(folder / "manifests" / "pipe.yaml")

    with pytest.raises(BadInput, match=r"pipe\.yaml is no file"):
        _files.items("manifests", ELSEWHERE)
