"""The file of a recording: whatever was done to it, it opens as far as it is whole, or says in one line why not."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codenb.errors import CassetteError
from codenb.host import FORMAT, MARK, Playback, Requests, Writer, encoded, read_tape
from codenb.redaction import redactor
from tests.host.helpers import PATIENCE_S

HEADER: dict[str, Any] = {
    MARK: FORMAT,
    "codenb": "0.1.0",
    "recorded_at": "2026-03-01T12:00:00+00:00",
    "connected": {"kind": "project", "scenario": None, "where": "shop"},
    "about": [],
    "servers": [],
    "limits": {},
    "principal": {"name": "local", "proof": "local", "permits": None},
}


def line(n: int, /, **changes: Any) -> dict[str, Any]:
    """A line as it is recorded."""
    usual = {"n": n, "kind": "tool", "server": "s", "name": "t", "request": {"arguments": {"at": n}}, "occurrence": 1}
    return usual | {"at": n / 10, "call": {"took_ms": 1.5}, "result": {"raw": {"content": []}}} | changes


def tape(path: Path, *lines: Any, header: Any = None) -> Path:
    """A recording with these lines; bytes stand as they are."""
    held = [header or HEADER, *lines]
    path.write_bytes(b"".join(one if isinstance(one, bytes) else encoded(one) for one in held))
    return path


def test_a_recording_that_is_cut_anywhere_opens_with_what_is_whole(tmp_path: Path) -> None:
    """A kill may come at any byte: nothing that was whole may be lost, and nothing else may be played."""
    texts = ["plain", "Zürich ✓", 'with "quotes" and \\ and \n', "\u2028 and \r\n and \ud800"]
    whole = tape(tmp_path / "a", *(line(at, result={"raw": {"t": text}}) for at, text in enumerate(texts, 1)))
    data = whole.read_bytes()
    first = data.index(b"\n")
    ends = [at for at, byte in enumerate(data) if byte == ord("\n")]
    cut = tmp_path / "cut"

    for size in range(len(data) + 1):
        cut.write_bytes(data[:size])
        if size < first:
            with pytest.raises(CassetteError, match=r"\A[^\n]*holds nothing[^\n]*\Z"):
                read_tape(cut)
            continue
        found = read_tape(cut)
        assert len(found.tracks) == sum(size >= end for end in ends[1:])
        assert found.cut == (size not in {at for end in ends for at in (end, end + 1)})
    assert [one.result["raw"]["t"] for one in read_tape(whole).tracks] == texts
    assert b"".join(one.line for one in read_tape(whole).tracks) == data[first + 1 :]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (b"", "holds nothing"),
        (b"\n", "no recording of codenb"),
        (b"[]\n", "no recording of codenb"),
        (b'{"cells": []}\n', "no recording of codenb"),
        (b"\x89PNG\r\n\x1a\n\x00", "no recording of codenb"),
        pytest.param(b"[" * 100_000, "no recording of codenb", id="nested"),
        (encoded({MARK: "1"}), "no recording of codenb"),
        (encoded({MARK: True}), "no recording of codenb"),
        (encoded({MARK: 0}), "no recording of codenb"),
        (encoded({MARK: FORMAT + 1, "codenb": "9.9.9"}), r"by codenb 9\.9\.9 in a newer format.*upgrade"),
        (encoded({MARK: FORMAT}), "line 1 is not as it was recorded: 'codenb' is missing"),
        (encoded({**HEADER, "servers": {}}), "line 1 is not as it was recorded: 'servers'"),
    ],
)
def test_what_is_no_recording_is_said_in_one_line(tmp_path: Path, made: bytes, said: str) -> None:
    """A wrong path, a file of somebody else's, one of a newer codenb."""
    path = tmp_path / "a"
    path.write_bytes(made)
    with pytest.raises(CassetteError, match=rf"\A[^\n]*{said}[^\n]*\Z"):
        read_tape(path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line(1), b"{nothing\n", line(3)], "line 3 is not as it was recorded: it is no JSON object"),
        ([b"\n", line(1)], "line 2 is not"),
        ([b"[1]\n"], "it is no JSON object"),
        ([line(1), line(1)], "line 3.*number 1 was there before"),
        ([line(1, n="1")], "'n' is missing or no int"),
        ([line(1, occurrence=True)], "'occurrence' is missing or no int"),
        ([line(1, at=-1)], "'at' is no time since it began"),
        ([line(1, at=float("inf"))], "'at' is no time since it began"),
        ([line(1, at=float("nan"))], "'at' is no time since it began"),
        ([line(1, at="soon")], "'at' is missing or no float"),
        ([line(1, request=[])], "'request' is missing or no dict"),
        ([line(1, call=[1])], "'call' or 'asked'"),
        ([line(1, asked=["yes"])], "'call' or 'asked'"),
        ([{key: value for key, value in line(1).items() if key != "result"}], "neither a result nor an error"),
        ([line(1, same_as=7)], "names line 7, which is not before it"),
        ([line(1, same_as=[1])], "which is not before it"),
    ],
)
def test_a_line_that_was_edited_wrongly_is_named(tmp_path: Path, lines: list[Any], said: str) -> None:
    """Recordings are text, and people edit text."""
    path = tape(tmp_path / "a", *lines)
    with pytest.raises(CassetteError, match=rf"\A[^\n]*{said}[^\n]*\Z"):
        read_tape(path)


def test_a_folder_or_nothing_is_no_recording(tmp_path: Path) -> None:
    """A mistyped path is one line."""
    with pytest.raises(CassetteError, match="is no file"):
        read_tape(tmp_path)
    with pytest.raises(CassetteError, match="does not exist"):
        read_tape(tmp_path / "nothing")
    for moment in ("soon", "9999-12-31T00:00:00+00:00", "0001-01-01T00:00:00+14:00"):
        path = tape(tmp_path / "a", header={**HEADER, "recorded_at": moment})
        with pytest.raises(CassetteError, match="'recorded_at' is no time"):
            Playback(read_tape(path), Requests(redactor()))


def test_a_recording_is_its_owners(tmp_path: Path) -> None:
    """What servers said of a cluster is nobody else's business."""
    before = os.umask(0)
    try:
        writer = Writer(tmp_path / "a", encoded(HEADER))
        writer.append(encoded(line(1)))
        writer.close([encoded(line(1))])
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_only_recordings_are_written_over(tmp_path: Path) -> None:
    """`record="notebook.ipynb"` is a slip that must not cost a notebook."""
    notebook = tmp_path / "a.ipynb"
    notebook.write_text('{"cells": []}')
    with pytest.raises(CassetteError, match="is no recording, so it is not written over"):
        Writer(notebook, encoded(HEADER))
    with pytest.raises(CassetteError, match="is no recording, so it is not written over"):
        Writer(tmp_path, encoded(HEADER))
    with pytest.raises(CassetteError, match="cannot be recorded to: No such file"):
        Writer(tmp_path / "nowhere" / "a", encoded(HEADER))
    assert notebook.read_text() == '{"cells": []}'

    old = tape(tmp_path / "a", line(1))
    link = tmp_path / "link"
    link.symlink_to(old)
    Writer(link, encoded(HEADER)).close()
    assert link.is_symlink()
    assert read_tape(old).tracks == ()


def test_two_sessions_do_not_record_to_one_file(tmp_path: Path) -> None:
    """The second would take the file away under the first, which would go on writing for nobody."""
    writer = Writer(tmp_path / "a", encoded(HEADER))
    with pytest.raises(CassetteError, match="another session is recording to"):
        Writer(tmp_path / "a", encoded(HEADER))
    assert writer.append(encoded(line(1)))
    writer.close()
    Writer(tmp_path / "a", encoded(HEADER)).close()


def test_a_full_disk_ends_the_recording_at_a_whole_line(tmp_path: Path) -> None:
    """The call was made, so its answer is not lost with its line; the next one is refused before it is sent."""
    writer = Writer(tmp_path / "a", encoded(HEADER))
    assert writer.append(encoded(line(1)))
    size = (tmp_path / "a").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        assert not writer.append(encoded(line(2)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not writer.append(encoded(line(3)))
    with pytest.raises(CassetteError, match="ends here: File too large: make room"):
        writer.check()
    writer.close()
    found = read_tape(tmp_path / "a")
    assert ([one.n for one in found.tracks], found.cut) == ([1], False)


_WRITES = """
import sys
from pathlib import Path
from codenb.host import Writer, encoded
from tests.host.test_tape import HEADER, line
writer = Writer(Path(sys.argv[1]), encoded(HEADER))
for n in range(1, 1_000_000):
    assert writer.append(encoded(line(n)))
    print(n, flush=True)
"""


def test_what_was_written_before_a_kill_is_there(tmp_path: Path) -> None:
    """A kernel that is killed leaves a recording that opens, with every line that was acknowledged."""
    process = subprocess.Popen([sys.executable, "-c", _WRITES, str(tmp_path / "a")], stdout=subprocess.PIPE)
    assert process.stdout
    for _ in range(200):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    acknowledged = 200 + len(process.stdout.read().splitlines())
    process.wait(PATIENCE_S)
    process.stdout.close()

    assert len(read_tape(tmp_path / "a").tracks) >= acknowledged - 1  # the last number may have been cut in the pipe


def test_the_last_line_of_the_file_is_no_json_and_yet_has_an_end(tmp_path: Path) -> None:
    """Only what was cut off is left out; what somebody has written there is said."""
    with pytest.raises(CassetteError, match="line 3"):
        read_tape(tape(tmp_path / "a", line(1), b"garbage\n"))
    assert json.loads((tmp_path / "a").read_bytes().splitlines()[1])["n"] == 1
