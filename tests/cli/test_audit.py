"""`codenb audit`: what an auditor types, and what an exit code tells a pipeline."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from codenb.access import AuditEvent, AuditLog
from codenb.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Types a command in an empty project."""
    (tmp_path / "codenb.toml").touch()
    monkeypatch.setenv("CODENB_HOME", str(tmp_path))

    def ran(*words: str) -> tuple[int, str, str]:
        code = main(["audit", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    """The project's, with three entries."""
    made = AuditLog(tmp_path / ".mcp" / "audit")
    for number in range(1, 4):
        made.append(AuditEvent(kind="approved", source="server", summary=f"change {number}", principal="ann"))
    return made


def test_a_log_that_stands_is_said_with_its_newest_hash(run: Run, log: AuditLog):
    """The hash is what one notes elsewhere, and gives back later."""
    code, out, err = run("verify")

    assert (code, err) == (0, "")
    assert out == f"3 entries stand as written; the newest is {log.head()}\n"
    noted = log.head() or ""
    log.append(AuditEvent(kind="applied", source="server"))
    assert run("verify", "--head", noted)[0] == 0


def test_the_first_bad_entry_is_named_and_the_exit_code_is_1(run: Run, log: AuditLog):
    """A pipeline stops on it, and a person knows where to look."""
    with closing(sqlite3.connect(log.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER entries_are_not_changed")
        db.execute("UPDATE entries SET body = replace(body, 'change 2', 'change 9') WHERE seq = 2")

    code, out, err = run("verify")
    assert (code, out) == (1, "")
    assert err == f"codenb: {log.path}: entry 2 was altered: it is not what its hash says\n"


def test_a_head_that_is_not_there_any_more_is_1(run: Run, log: AuditLog):
    """The end was cut off so well that nothing in the file tells."""
    noted = log.head() or ""
    with closing(sqlite3.connect(log.path, isolation_level=None)) as db:
        guard = db.execute("SELECT sql FROM sqlite_master WHERE name = 'entries_are_not_dropped'").fetchone()[0]
        db.execute("DROP TRIGGER entries_are_not_dropped")
        db.execute("DELETE FROM entries WHERE seq = 3")
        db.execute("UPDATE sqlite_sequence SET seq = 2")
        db.execute(guard)

    assert run("verify")[0] == 0
    code, _, err = run("verify", "--head", noted)
    assert code == 1
    assert f"no entry has the hash {noted[:16]}" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify",), "there is no audit log in"),
        (("verify", "--head", "abc"), "--head 'abc' is no hash"),
        (("show", "--since", "yesterday"), "--since 'yesterday' is no time"),
        (("show", "--since", "9999999w"), "is no time"),
        (("show", "--since", "999999d"), "--since '999999d' is no time"),
        (("show", "--last", "0"), "--last 0: give a number of entries over 0"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_2(run: Run, words: tuple[str, ...], said: str):
    """A wrong word must not look like a log that is bad, nor like one that is good."""
    code, out, err = run(*words)

    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_entries_are_shown_newest_last(run: Run, log: AuditLog):
    """The end of the output is what a person looks at first."""
    code, out, _ = run("show", "--last", "2")

    assert code == 0
    assert "change 1" not in out
    assert out.index("change 2") < out.index("change 3")
    assert "1 older" in out


def test_entries_are_shown_as_json_with_all_that_they_hold(run: Run, log: AuditLog):
    """For whoever ships them to where all logs are."""
    code, out, _ = run("show", "--since", "1h", "--json")

    told = json.loads(out)
    assert code == 0
    assert [one["event"]["summary"] for one in told["entries"]] == ["change 1", "change 2", "change 3"]
    assert told["entries"][-1]["hash"] == log.head()
    assert run("show", "--since", "2999-01-01", "--json")[1] == '{\n  "entries": [],\n  "cut": 0\n}\n'


def test_an_empty_log_says_so(run: Run, tmp_path: Path):
    """Nothing is made by looking."""
    code, out, _ = run("show")

    assert code == 0
    assert "Nothing was changed, asked for or denied." in out
    assert not (tmp_path / ".mcp").exists()
