"""What comes back: shown whole, without secrets, errors in one line, one record for each call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb import errors
from codenb.config import Limits, ServerSettings
from codenb.errors import CodenbError
from codenb.host import TRACE_ID, Calls, Entry, Host
from codenb.host._results import _compact, tool_result
from codenb.redaction import redactor
from codenb.views import to_html, to_text

SECRETIVE = st.sampled_from(
    [
        "password=hunter2-correct",
        {"password": "hunter2-correct"},
        [{"name": "TOKEN", "value": "hunter2-correct"}],
        "é 1",
        3,
    ]
)


async def test_lists_and_plain_values_come_unwrapped(some_host: Host) -> None:
    """The SDK wraps what is no object in `result`; a notebook wants the list."""
    rows = await some_host.call("plain", "rows", {"count": 3})

    assert rows.data == [{"at": 0}, {"at": 1}, {"at": 2}]
    assert rows.rows() == [{"at": 0}, {"at": 1}, {"at": 2}]
    assert rows.raw["structuredContent"] == {"result": rows.data}


async def test_text_pictures_and_links_are_all_shown(some_host: Host) -> None:
    """An answer has parts of several kinds; none of them may be dropped on the way to the cell."""
    answer = await some_host.call("plain", "picture")

    html, text = to_html(answer.view()), to_text(answer.view())
    assert [part.kind for part in answer.content] == ["text", "image", "link"]
    assert "see below" in text
    assert "<img" in html
    assert 'href="https://example.com/board"' in html


async def test_a_picture_is_not_touched_by_redaction(in_process: Host, plain) -> None:
    """Base64 looks like a secret to any scanner; a picture with a pseudonym inside is broken."""
    answer = await in_process.call("plain", "picture")

    assert answer.content[1].data == plain.PIXEL
    assert answer.raw["content"][1]["data"] == plain.PIXEL


async def test_a_secret_is_nowhere_in_an_answer(some_host: Host) -> None:
    """The structured answer, the text beside it and the raw result all hold the password; each is a way out."""
    answer = await some_host.call("plain", "secret")

    assert answer.data["user"] == "admin"
    assert "hunter2-correct-horse" not in json.dumps(answer.to_dict())
    assert "redacted" in answer.data["password"]


@pytest.mark.parametrize("kind", ["ChangesOff", "PermissionMissing", "PreviewStale", "NotApproved"])
async def test_errors_about_access_and_changes_keep_their_class(some_host: Host, kind: str) -> None:
    """Code decides on the class what to do next; over the wire only its name travels."""
    with pytest.raises(getattr(errors, kind), match=r"^it may not be"):
        await some_host.call("plain", "fail", {"kind": kind})


@pytest.mark.parametrize("kind", ["BadInput", "Exception", "SystemExit", "no such class"])
async def test_any_other_error_of_a_tool_is_a_tool_error(in_process: Host, kind: str) -> None:
    """A server names the kind of its error, but must not be able to raise whatever it likes here."""
    with pytest.raises(errors.ToolError) as caught:
        await in_process.call("plain", "fail", {"kind": kind})

    assert caught.value.error_type == kind
    assert in_process.calls[-1].error_type == kind


async def test_wrong_arguments_are_named_in_one_line(some_host: Host) -> None:
    """The server checks the arguments; its pages of explanation become one line that names them."""
    with pytest.raises(errors.ToolError, match=r"a Input should be a valid integer") as caught:
        await some_host.call("plain", "add", {"a": "many"})

    assert "\n" not in str(caught.value)
    assert "errors.pydantic.dev" not in str(caught.value)


async def test_arguments_that_are_no_json_are_refused_before_sending(in_process: Host) -> None:
    """A set, a date, a NaN: said here, by name, and not as a stack of the SDK."""
    with pytest.raises(errors.BadInput, match="set has no canonical JSON form"):
        await in_process.call("plain", "add", {"a": {1, 2}})


async def test_misspelt_names_get_the_nearest(in_process: Host) -> None:
    """The commonest error in a notebook is a typing error."""
    with pytest.raises(errors.UnknownServer, match="did you mean 'plain'"):
        await in_process.call("plian", "add")
    with pytest.raises(errors.UnknownTool, match="did you mean 'picture'"):
        await in_process.call("plain", "pictures")
    with pytest.raises(errors.UnknownTool, match="nope://x"):
        await in_process.read("plain", "nope://x")

    assert [record.status for record in in_process.calls] == ["error"] * 3


async def test_an_answer_over_the_limit_is_refused_in_process_too(
    make_host: Callable[..., Host], plain, journal
) -> None:
    """A limit that depended on the transport would be found out when a server is moved."""
    host = make_host(factories={"plain": lambda: plain.build(journal.path)}, limits=Limits(answer_bytes=10_000))

    with pytest.raises(errors.AnswerTooLarge, match=r"plain\.big answered [\d,]+ bytes, the limit is 10,000 bytes"):
        await host.call("plain", "big", {"characters": 20_000})


async def test_resources_prompts_and_their_contents(some_host: Host) -> None:
    """The rest of the protocol goes through the same door, and is recorded the same way."""
    resources = await some_host.resources("plain")
    prompts = await some_host.prompts("plain")
    about = await some_host.read("plain", "about://server")
    greeting = await some_host.prompt("plain", "greet", {"name": "Bo"})

    assert {(one.uri, one.template) for one in resources} == {("about://server", False), ("thing://{name}", True)}
    assert [(one.name, one.arguments) for one in prompts] == [("greet", ("name*",))]
    assert about.data == {"name": "plain", "version": "1"}
    assert greeting.text == "Hello, Bo"
    assert [record.tool for record in some_host.calls] == [
        "resources/list", "prompts/list", "resources/read", "prompts/get",
    ]  # fmt: skip


async def test_tools_say_what_may_be_called(in_process: Host) -> None:
    """Experts, gather and people choose by this list; a change that looked like a read would be called."""
    tools = {tool.name: tool for tool in await in_process.tools()}

    assert (tools["add"].kind, tools["add"].read_only, tools["add"].version) == ("reads", True, "1")
    assert (tools["delete"].kind, tools["delete"].read_only) == ("changes", False)
    assert (tools["unmarked"].kind, tools["unmarked"].read_only) == ("third-party", False)
    assert "needs approval" in to_text(tools["delete"].view())


@pytest.mark.usefixtures("no_waits")
async def test_a_server_that_cannot_be_asked_is_named_beside_the_others(
    make_host: Callable[..., Host], plain, journal
) -> None:
    """One dead server must not hide the tools of the rest, nor be passed over in silence."""
    broken = ServerSettings("broken", "http", url="http://127.0.0.1:9/mcp")
    host = make_host(broken, factories={"plain": lambda: plain.build(journal.path)})

    tools = await host.tools()

    assert {tool.server for tool in tools} == {"plain"}
    assert "127.0.0.1:9" in tools.problems["broken"]
    assert "127.0.0.1:9" in to_text(tools.view())
    assert set(tools.frame()["server"]) == {"plain"}


async def test_a_setting_that_cannot_be_used_fails_its_server_only(make_host: Callable[..., Host]) -> None:
    """A broken entry of .mcp.json is that server's problem, shown in the status and raised on use."""
    host = make_host(ServerSettings("x", "stdio", problem=".mcp.json: mcpServers.x has neither a command nor a url"))

    await host.open()

    assert "neither a command nor a url" in host.status()[0].problem
    with pytest.raises(errors.ConfigError, match="neither a command nor a url"):
        await host.call("x", "go")


async def test_every_call_is_one_row(in_process: Host) -> None:
    """Tables, plots and metrics are made of these rows; their columns are part of the public face."""
    token = TRACE_ID.set("cell-7")
    await in_process.call("plain", "add", {"a": 1, "b": 2})
    TRACE_ID.reset(token)
    with pytest.raises(errors.ToolError):
        await in_process.call("plain", "add", {})

    frame = in_process.calls.frame()

    assert list(frame.columns) == [
        "started_at", "kind", "server", "tool", "status", "error_type", "duration_ms", "attempts", "cache", "bytes",
        "input_tokens", "output_tokens", "cost_usd", "principal", "trace_id", "stale_s",
    ]  # fmt: skip
    assert list(frame["status"]) == ["ok", "error"]
    assert list(frame["trace_id"]) == ["cell-7", ""]
    assert frame["bytes"][0] > 0
    assert list(Calls().frame().columns) == list(frame.columns)


async def test_a_model_call_goes_through_the_same_door(in_process: Host) -> None:
    """One recording holds a whole run, models included; an unknown price stays unknown."""

    async def ask(entry: Entry) -> str:
        entry.input_tokens, entry.output_tokens, entry.cost_usd = 10, 5, Decimal("0.002")
        return "because"

    async def fail(entry: Entry) -> str:
        raise ValueError(f"no such model, key sk-{'a' * 48} was refused {entry.tool}")

    assert await in_process.recorded("model", ("openai", "gpt-4.1"), {"prompt": "why?"}, ask) == "because"
    with pytest.raises(ValueError, match="no such model"):
        await in_process.recorded("model", ("openai", "gpt-4.1"), {}, fail)

    first, second = in_process.calls
    assert (first.kind, first.server, first.tool, first.cost_usd) == ("model", "openai", "gpt-4.1", Decimal("0.002"))
    assert (second.status, second.error_type, second.cost_usd) == ("error", "ValueError", None)
    assert "aaaa" not in (second.message or "")


@pytest.mark.parametrize("server", ["plain", "x" * 100_000], ids=["a server", "none"])
async def test_a_name_that_somebody_made_up_is_kept_like_a_message(in_process: Host, server: str) -> None:
    """A model that took a token for a tool's name had it in every table of calls; and a name may be a whole page."""
    token = "ghp_" + "a1B2c3D4e5" * 4

    with pytest.raises(CodenbError):
        await in_process.call(server, f"{token} {'y' * 100_000}")

    last = in_process.calls[-1]
    assert "a1B2c3" not in last.tool
    assert last.tool.startswith("<redacted:github-token:")
    assert len(last.tool) == 200
    assert last.server == server[:200]


async def test_a_record_is_finished_once_when_its_task_is_cancelled(in_process: Host) -> None:
    """A cancelled cell is a call that was made: it has to be counted, once."""
    call = asyncio.create_task(in_process.recorded("model", ("p", "m"), {}, lambda _: asyncio.sleep(600)))
    await asyncio.sleep(0)

    call.cancel()
    await asyncio.wait({call})

    assert [record.status for record in in_process.calls] == ["cancelled"]


async def test_old_calls_are_forgotten_and_counted() -> None:
    """A session that runs for weeks must not grow without bound, nor claim that it made fewer calls."""
    calls = Calls()
    record = (await _one_record()).model_copy(update={"tool": "latest"})
    for _ in range(10_005):
        calls.append(record)

    assert len(calls) == 10_000
    assert calls.to_dict()["forgotten"] == 5
    assert "5 older calls" in to_text(calls.view())


async def _one_record():
    from codenb.host._records import Recorder  # noqa: PLC0415
    from codenb.redaction import Redactor  # noqa: PLC0415

    calls = Calls()
    recorder = Recorder(calls, "local", Redactor(), lambda _: None)
    await recorder.record(Entry("tool", "s", "t"), lambda _: asyncio.sleep(0))
    return calls[0]


@given(st.dictionaries(st.sampled_from(["password", "note", "a"]), SECRETIVE, max_size=3))
def test_an_answer_said_twice_is_clean_in_both(structured: dict[str, Any]) -> None:
    """Our servers repeat their structured answer as text, which is then made of the clean one and not read again."""
    raw = {"content": [{"type": "text", "text": _compact(structured)}], "structuredContent": structured}

    answer = tool_result("s", "t", raw, redactor(), 1)

    assert answer.text == _compact(redactor().value(structured))
    assert redactor().text(answer.text) == answer.text
    assert "hunter2" not in json.dumps(answer.to_dict())


@pytest.mark.parametrize("timeout_s", ["soon", 0, -1, float("nan"), True])
async def test_a_time_that_is_none_is_refused_in_words(in_process: Host, timeout_s: Any) -> None:
    """Found by a notebook that took its time-out from a text field: a TypeError from inside the event loop."""
    with pytest.raises(errors.BadInput, match=r"timeout_s is .*give seconds"):
        await in_process.call("plain", "add", {"a": 1, "b": 2}, timeout_s=timeout_s)
    with pytest.raises(errors.BadInput, match="give seconds"):
        await in_process.read("plain", "about://server", timeout_s=timeout_s)
