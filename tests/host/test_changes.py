"""Changes: only through their own door, only after a yes, and never sent twice."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from codenb.config import ServerSettings
from codenb.errors import ConnectionLost, DeadlineExceeded, NotApproved
from codenb.host import Answered, Ask, Host
from codenb.models import ToolCall
from tests.host.helpers import SERVERS, Journal, eventually

DELETE = ToolCall(server="plain", tool="delete", arguments={"name": "web"})
SLOWLY = ToolCall(server="plain", tool="delete_slowly", arguments={"name": "web"})


class Approver:
    """Answers every question alike, and remembers what it was asked."""

    def __init__(self, answer: object, after_s: float = 0) -> None:
        self.answer = answer
        self.after_s = after_s
        self.asked: list[Ask] = []

    async def __call__(self, ask: Ask) -> Answered | bool | None:
        self.asked.append(ask)
        await asyncio.sleep(self.after_s)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[return-value]


def deleted(journal: Journal) -> list[str]:
    return [line for line in journal.lines() if line.startswith("deleted")]


async def test_a_change_is_approved_once_and_made_once(plain_host: Host, plain: ModuleType, journal: Journal) -> None:
    """The question names the preview, the yes carries its reference and the grant, in both eras and everywhere."""
    approver = Approver(Answered(approve=True, grant="signed"))

    answer = await plain_host.change(DELETE, approver)

    assert answer.data == "deleted web"
    assert approver.asked == [Ask("delete web?", plain.REFERENCE, "plain", "delete")]
    assert deleted(journal) == ["deleted web grant=signed"]
    assert [(record.tool, record.status) for record in plain_host.calls] == [("delete", "ok")]


@pytest.mark.parametrize("answer", [False, None, Answered(approve=False, grant="signed"), "yes"])
async def test_anything_but_yes_changes_nothing(in_process: Host, journal: Journal, answer: object) -> None:
    """Consent is never assumed: not from silence, not from a word, not from a grant beside a no."""
    with pytest.raises(NotApproved, match=r"plain\.delete was not approved"):
        await in_process.change(DELETE, Approver(answer))

    assert deleted(journal) == []
    assert in_process.calls[-1].status == "denied"


async def test_an_approver_that_fails_changes_nothing(some_host: Host, journal: Journal) -> None:
    """An error in an approver is a no for the server, and is raised as it is, or nobody would find it."""
    with pytest.raises(ZeroDivisionError, match="in the approver"):
        await some_host.change(DELETE, Approver(ZeroDivisionError("in the approver")))

    assert deleted(journal) == []


async def test_call_refuses_a_change_and_names_the_way(some_host: Host, journal: Journal) -> None:
    """`nb.call` on a change must not ask on its own: the person is told what to type instead."""
    with pytest.raises(NotApproved, match=r"nb\.propose\('plain', 'delete', name='web'\)"):
        await some_host.call("plain", "delete", {"name": "web"})

    assert deleted(journal) == []
    assert some_host.calls[-1].status == "denied"


async def test_what_to_type_instead_shows_no_secret_and_no_page(in_process: Host) -> None:
    """The message ends up in the cell's output and in the records, and both are kept."""
    with pytest.raises(NotApproved) as secret:
        await in_process.call("plain", "delete", {"name": "web", "password": "hunter2-correct-horse"})
    with pytest.raises(NotApproved) as page:
        await in_process.call("plain", "delete", {"name": "web" * 10_000})

    assert "name='web', password='<redacted:" in str(secret.value)
    assert "hunter2" not in str(secret.value)
    assert "nb.propose('plain', 'delete', ...)" in str(page.value)


async def test_a_tool_that_calls_itself_a_change_is_one_whatever_is_declared(
    make_host: Callable[..., Host], journal: Journal
) -> None:
    """`read_only = ["*"]` for a server with one change among its tools must not open that one."""
    args = (str(SERVERS / "plain.py"), "stdio", str(journal.path))
    host = make_host(ServerSettings("plain", "stdio", command=sys.executable, args=args, read_only=("*",)))

    with pytest.raises(NotApproved):
        await host.call("plain", "delete", {"name": "web"})

    assert (await host.call("plain", "unmarked", {"name": "web"})).data == "did web"


async def test_an_undeclared_tool_of_another_server_counts_as_a_change(
    make_host: Callable[..., Host], raw: Callable[..., ServerSettings]
) -> None:
    """A third party's annotation is a hint and no proof; the message names the setting that would be one."""
    host = make_host(raw("well", read_only=()))

    with pytest.raises(NotApproved, match=r"add 'go' to read_only under \[servers\.raw\] in codenb\.toml"):
        await host.call("raw", "go")


@pytest.mark.parametrize("answer", [True, False])
async def test_a_tool_that_asks_nothing_is_asked_about_first(
    make_host: Callable[..., Host], raw: Callable[..., ServerSettings], answer: object
) -> None:
    """A third-party server that elicits nothing would otherwise change things without anybody's consent."""
    host = make_host(raw("well", read_only=()))
    approver = Approver(answer)
    change = asyncio.ensure_future(host.change(ToolCall(server="raw", tool="go"), approver))
    await asyncio.wait({change})

    assert [ask.reference for ask in approver.asked] == [None]
    assert "no preview available" in approver.asked[0].message
    assert [record.status for record in host.calls] == (["ok"] if answer else ["denied"])
    assert (change.exception() is None) is answer


async def test_thinking_does_not_count_against_the_deadline(some_host: Host, journal: Journal) -> None:
    """In the handshake era the question is asked inside the call; a person may take longer than any server."""
    await some_host.open()
    approver = Approver(Answered(approve=True), after_s=3.5)

    await some_host.change(DELETE, approver, timeout_s=3)

    assert len(deleted(journal)) == 1


async def test_a_change_whose_answer_is_late_is_unknown_and_not_sent_again(some_host: Host, journal: Journal) -> None:
    """It may have been made: the record must not say "failed", and nothing may try it a second time."""
    await some_host.open()

    with pytest.raises(DeadlineExceeded, match="unknown: look before you try again"):
        await some_host.change(SLOWLY, Approver(Answered(approve=True)), timeout_s=3)

    assert deleted(journal) == ["deleted web"]
    assert some_host.calls[-1].status == "unknown"


async def test_a_change_whose_server_dies_is_unknown_and_not_sent_again(
    make_host: Callable[..., Host], raw: Callable[..., ServerSettings]
) -> None:
    """A lost connection is not a no."""
    host = make_host(raw("dies", read_only=()))

    with pytest.raises(ConnectionLost, match="unknown: look before you try again"):
        await host.change(ToolCall(server="raw", tool="go"), Approver(Answered(approve=True)))

    assert [record.status for record in host.calls] == ["unknown"]


async def test_a_change_interrupted_while_a_person_thinks_is_not_made(some_host: Host, journal: Journal) -> None:
    """Stopping the cell is a no; and since nothing was approved, nothing is in doubt."""
    approver = Approver(Answered(approve=True), after_s=600)
    change = asyncio.create_task(some_host.change(DELETE, approver))
    await eventually(lambda: approver.asked, "the question")

    change.cancel()
    with pytest.raises(asyncio.CancelledError):
        await change

    assert deleted(journal) == []
    assert some_host.calls[-1].status == "cancelled"


async def test_an_interrupted_change_that_was_approved_is_unknown(some_host: Host, journal: Journal) -> None:
    """The server may be applying it right now."""
    change = asyncio.create_task(some_host.change(SLOWLY, Approver(Answered(approve=True))))
    await eventually(lambda: deleted(journal), "the change")

    change.cancel()
    with pytest.raises(asyncio.CancelledError):
        await change

    assert some_host.calls[-1].status == "unknown"


async def test_the_servers_own_memory_may_be_written_without_approval(in_process: Host, journal: Journal) -> None:
    """Remembering a case changes nothing outside; asking each time would teach people to say yes."""
    await in_process.call("plain", "remember", {"note_text": "oom"})

    assert journal.lines() == ["remembered oom"]
    assert next(tool for tool in await in_process.tools("plain") if tool.name == "remember").read_only is False
