"""What every server's tools have in common, whatever they read."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

import codenb
from codenb.errors import ConfigError
from codenb.models import EMBEDDED_UID, Place, ServerAbout
from codenb.servers import Server, make_server
from tests.other_people.fastmcps import fastmcp
from tests.servers_base.people import error_type, read_json, stdio, text
from tests.servers_base.toy import SECRET, UID, Toy, serve, settings


async def test_a_tool_says_truthfully_what_it_is(server: Server, mode: str):
    """Hosts decide by these hints which tool may run without asking."""
    async with Client(server.mcp, mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    assert {name: tool.annotations.read_only_hint for name, tool in tools.items()} == {
        "preview_change": True,
        "remember": False,
        "recall": True,
        "forget": False,
        "get_count": True,
        "noted": True,
        "gather_context": True,
        "set_count": False,
        "restart": False,
        "fail": False,
    }
    assert {name for name, tool in tools.items() if tool.annotations.destructive_hint} == {"restart"}
    assert tools["get_count"].meta == {
        "codenb/kind": "reads",
        "codenb/version": "1",
        "codenb/ttl_s": 2,
    }
    assert tools["set_count"].meta == {
        "codenb/kind": "changes",
        "codenb/version": "1",
        "codenb/undo": "set_count",
    }


async def test_the_docstring_is_what_a_model_reads(server: Server):
    """Each word stands once: what the tool does in its description, what an argument means beside the argument."""
    async with Client(server.mcp) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    schema = tools["get_count"].input_schema
    assert tools["get_count"].description == "How far a counter has come.\n\nReturns: Its value."
    assert {name: item["description"] for name, item in schema["properties"].items()} == {
        "name": "Counter.",
        "namespace": "Where it is; this line goes on.",
    }
    assert schema["required"] == ["name"]
    assert "fixed" not in tools["restart"].input_schema["properties"]
    assert set(tools["set_count"].input_schema["properties"]) == {"name", "value", "namespace", "note"}


async def test_an_answer_is_structured_as_its_schema_says(server: Server, mode: str):
    """The notebook reads the structure, a model that knows only text reads the same as JSON."""
    async with Client(server.mcp, mode=mode) as client:
        result = await client.call_tool("get_count", {"name": "checkout"})
        (tool,) = [tool for tool in (await client.list_tools()).tools if tool.name == "get_count"]

    assert result.structured_content == {"name": "checkout", "value": 3, "note": ""}
    assert json.loads(text(result)) == result.structured_content
    assert set(tool.output_schema["properties"]) == {"name", "value", "note"}


async def test_a_gather_function_takes_a_target(server: Server):
    """The host asks every server of our kind in the same way."""
    async with Client(server.mcp) as client:
        result = await client.call_tool("gather_context", {"target": {"namespace": "shop", "workload": "checkout"}})

    assert result.structured_content["namespace"] == "shop"


@pytest.mark.parametrize(
    ("tool", "arguments", "kind", "said"),
    [
        ("get_count", {}, "BadInput", "argument 'name' of get_count: Field required"),
        ("get_count", {"nam": "x"}, "BadInput", "get_count has no argument 'nam': it takes name, namespace"),
        ("set_count", {"name": "x", "value": "many"}, "BadInput", "argument 'value' of set_count"),
        ("gather_context", {"target": {"namespace": 1}}, "BadInput", "argument 'target.namespace' of gather_context"),
        ("get_counts", {}, "UnknownTool", "server toy has no tool 'get_counts': it has fail, forget, gather_context"),
        (
            "get_count",
            {"name": "forbidden"},
            "PermissionMissing",
            "you may not read default/forbidden: ask for a role with verb 'get'",
        ),
        ("get_count", {"name": "together"}, "PermissionMissing", "you may not read default/forbidden"),
        ("get_count", {"name": "broken"}, "ToolError", "internal error in tool get_count: ValueError: disk on fire"),
    ],
)
async def test_an_error_is_one_line_that_says_what_to_do(
    server: Server, mode: str, *, tool: str, arguments, kind: str, said: str
):
    """A model and a person act on this line, and the host raises the class that it names."""
    async with Client(server.mcp, mode=mode) as client:
        result = await client.call_tool(tool, arguments)

    assert error_type(result) == kind
    assert text(result).startswith(said)
    assert "\n" not in text(result)
    assert "Traceback" not in text(result)


async def test_a_crash_is_logged_with_its_place_and_without_secrets(server: Server, caplog: pytest.LogCaptureFixture):
    """Whoever runs the server needs the traceback; nobody needs the token that was in the message."""
    with caplog.at_level(logging.ERROR):
        async with Client(server.mcp) as client:
            result = await client.call_tool("get_count", {"name": "broken"})

    (record,) = [record for record in caplog.records if record.name == "codenb.servers.toy"]
    assert "toy.py" in record.getMessage()
    assert SECRET not in record.getMessage() + text(result)


async def test_a_secret_in_an_answer_is_replaced(server: Server, mode: str):
    """Whatever a tool reads may end in a cell output, and those are copied further."""
    async with Client(server.mcp, mode=mode) as client:
        result = await client.call_tool("noted", {"text": f"token {SECRET}"})

    assert SECRET not in text(result) + str(result.structured_content)
    assert "<redacted:github-token:" in result.structured_content["text"]


@pytest.mark.parametrize(("times", "cut"), [(30_000, False), (600_000, False), (1_100_000, True)])
async def test_an_answer_over_the_limit_is_an_error_that_says_how_to_narrow_it(
    server: Server, mode: str, *, times: int, cut: bool
):
    """Over the older protocol an answer above 1 MiB would be lost without a word."""
    async with Client(server.mcp, mode=mode) as client:
        result = await client.call_tool("noted", {"text": "x", "times": times})

    if cut:
        assert error_type(result) == "AnswerTooLarge"
        assert "narrow it" in text(result)
    else:
        assert len(result.structured_content["text"]) == times
        assert len(text(result)) < 1_000_000


async def test_a_large_answer_arrives_over_stdio(tmp_path: Path):
    """What the limit lets through must also pass the pipe."""
    async with Client(stdio(tmp_path), mode="legacy") as client:
        result = await client.call_tool("noted", {"text": "x", "times": 990_000})

    assert len(result.structured_content["text"]) == 990_000


async def test_a_server_says_where_it_acts_and_what_it_may_change(toy: Toy, mode: str):
    """The first thing a notebook shows is which cluster this is, and whether anything can be harmed."""
    server = serve(toy, settings(toy.backend.folder, changes={UID: ("shop", "jobs")}))
    async with Client(server.mcp, mode=mode) as client:
        about = ServerAbout.from_dict(await read_json(client, "about://server"))

    assert (about.name, about.changes) == ("toy", ("shop", "jobs"))
    assert about.place == await toy.place()


@pytest.mark.parametrize(
    ("uid", "changes", "may"),
    [(UID, {}, ()), (UID, {UID: ("*", "shop")}, ("*",)), (EMBEDDED_UID, {}, ("*",)), ("other", {UID: ("*",)}, ())],
)
async def test_a_server_that_may_change_nothing_names_the_setting(toy: Toy, uid: str, changes, may):
    """Read-only is the default, and the way out of it is said where it is met."""
    toy.uid = uid
    about = await serve(toy, settings(toy.backend.folder, changes=changes)).about()

    assert about.changes == may
    assert ("codenb.toml" in about.changes_reason) is (may == ())


async def test_a_server_that_cannot_reach_its_place_still_says_who_it_is(toy: Toy):
    """A cluster that is down is a fact to show, not a reason to show nothing."""

    async def unreachable() -> Place:
        raise codenb.CodenbError("the API server does not answer")

    server = make_server("toy", place=unreachable, settings=settings(toy.backend.folder))
    about = await server.about()

    assert (about.place, about.place_problem, about.changes) == (None, "the API server does not answer", ())


async def test_a_server_of_ones_own_is_its_own_place(tmp_path: Path):
    """A user's server with no cluster behind it is named under `[changes]` by its name."""
    server = codenb.make_server("tickets", settings=settings(tmp_path, changes={"server:tickets": ("*",)}))

    about = await server.about()

    assert (about.place, about.changes) == (None, ("*",))


async def test_an_unknown_preview_is_an_error_of_the_protocol(server: Server, mode: str):
    """A reference that names no row, and above all one that is a path, reads nothing."""
    async with Client(server.mcp, mode=mode) as client:
        for reference in ("0" * 64 + "." + "0" * 32, "x", "..%2F..%2Fetc.passwd"):
            with pytest.raises(Exception, match=r"preview|Unknown resource"):
                await client.read_resource(f"preview://{reference}")


def test_a_function_without_a_mark_is_no_tool(server: Server):
    """What a tool does to the world is said by its author, not guessed."""
    with pytest.raises(ConfigError, match="@reads"):
        server.add(print)


def test_two_tools_of_one_name_are_refused(server: Server, toy: Toy):
    """The SDK keeps the first and says nothing; a change could hide behind a read."""
    with pytest.raises(ConfigError, match="get_count"):
        server.add(toy.get_count)


def test_the_root_logger_is_left_alone():
    """Found in a notebook: after `MCPServer()` every library logged into the cells."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, root.disabled)

    make_server("quiet")

    assert (root.handlers, root.level, root.disabled) == before


def test_in_a_fresh_interpreter_the_root_logger_is_left_alone_and_nothing_heavy_is_imported():
    """The test runner puts handlers on the root logger, and with handlers there the bug does not show."""
    program = (
        "import logging, sys; from codenb.servers import make_server; server = make_server('quiet');"
        "assert logging.getLogger().handlers == [], logging.getLogger().handlers;"
        "assert logging.getLogger().level == logging.WARNING;"
        "heavy = {'kubernetes', 'aiohttp', 'pandas', 'plotly', 'ipywidgets', 'pydantic_ai'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_declaring_a_server_reads_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Servers are declared when a module is imported, which may be anywhere."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "codenb.toml").write_text("not toml")

    server = make_server("late")

    assert [path.name for path in tmp_path.iterdir()] == ["codenb.toml"]
    with pytest.raises(ConfigError, match=r"codenb\.toml"):
        _ = server.settings


async def test_settings_that_cannot_be_read_refuse_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The broken file may have said what is secret, so nothing is answered without it."""
    monkeypatch.setenv("CODENB_HOME", str(tmp_path))
    (tmp_path / "codenb.toml").write_text("not toml")
    toy = Toy(tmp_path)
    async with Client(make_server("toy", tools=[toy.get_count]).mcp) as client:
        result = await client.call_tool("get_count", {"name": "checkout"})

    assert error_type(result) == "ConfigError"
    assert toy.backend.reads() == 0


@pytest.mark.parts
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_other_peoples_host_reads_and_may_change_nothing_unasked(tmp_path: Path, era: str):
    """FastMCP's client lists and calls the tools of a codenb server; without a person a change is refused."""
    toy = Toy(tmp_path)
    calls = [("get_count", {"name": "checkout"}), ("set_count", {"name": "checkout", "value": 6})]
    tools, [count, refused] = await fastmcp(_argv(tmp_path), calls, mode=era)

    assert {"get_count", "preview_change", "set_count"} <= tools
    assert count["answer"]["value"] == 3
    assert "cannot ask" in refused["error"]
    assert toy.backend.writes() == []


@pytest.mark.parts
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_person_at_other_peoples_host_can_approve(tmp_path: Path, era: str):
    """The question and its answer are plain MCP, so that a change needs a person and not our client."""
    toy = Toy(tmp_path)
    set_count = ("set_count", {"name": "checkout", "value": 6})
    _, [done] = await fastmcp(_argv(tmp_path), [set_count], mode=era, approves=True)

    assert done["answer"]["status"] == "applied"
    assert toy.backend.writes() == [(6, "")]


def test_a_gather_function_is_registered_under_the_name_that_hosts_call(toy: Toy):
    """Whatever the author calls it, `gather_context` is what every host asks for."""
    server = make_server("one", gather=toy.get_count)

    assert server.mcp.registered("gather_context").fn == toy.get_count


async def test_logs_of_a_process_do_not_reach_the_protocol(tmp_path: Path):
    """A print in a tool's library must not break the connection of another host."""
    program = (
        "import asyncio, sys; from codenb.servers import make_server, reads, serve_stdio\n"
        "from codenb.config import Settings; from pathlib import Path\n"
        "@reads()\n"
        "async def noisy() -> str:\n"
        "    print('on standard output'); sys.stdout.flush(); import os; os.system('echo from a child; cat')\n"
        "    return 'fine'\n"
        f"settings = Settings(home=Path({str(tmp_path)!r}))\n"
        "asyncio.run(serve_stdio(make_server('noisy', tools=[noisy], settings=settings)))"
    )
    async with Client(StdioServerParameters(command=sys.executable, args=["-c", program])) as client:
        results = [await client.call_tool("noisy", {}) for _ in range(2)]

    assert [result.structured_content for result in results] == [{"result": "fine"}] * 2


@pytest.mark.parametrize("stdin", ["/dev/null", "a file"])
def test_a_process_without_a_client_ends(tmp_path: Path, stdin: str):
    """`codenb serve kubernetes < /dev/null` in a script must not hang, nor fail."""
    if stdin == "a file":
        (tmp_path / "empty").touch()
    with Path("/dev/null" if stdin == "/dev/null" else tmp_path / "empty").open("rb") as source:
        process = subprocess.run(_argv(tmp_path), stdin=source, capture_output=True, timeout=600, check=False)

    assert (process.returncode, process.stdout) == (0, b"")


def _argv(folder: Path) -> list[str]:
    command, arguments = _command(folder)
    return [command, *arguments]


def _command(folder: Path) -> tuple[str, list[str]]:
    started = stdio(folder)
    return started.command, list(started.args)
