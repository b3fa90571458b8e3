"""Who may do what over HTTP: by a plain client, in both eras, where no host is there to be polite.

A server that leaves its permits to its hosts is open to whoever speaks HTTP by hand and calls what was not listed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from codenb.access import Access
from codenb.access._keys import SigningKey
from codenb.access._tokens import signed
from codenb.config import Settings
from codenb.errors import ConfigError
from codenb.servers import Server, make_server
from codenb.servers._base._http import Listening, listening
from codenb.servers.deployment.server import server as deployment
from tests.servers_base.raw import Plain, Reply
from tests.servers_base.toy import Toy

SET = {"name": "checkout", "value": 6}

ACCESS = (
    Access.permit("reader", "toy/get_*", "toy/noted")
    .permit("writer", "toy/set_count", "toy/get_count")
    .permit("other", "toy/set_count", "toy/get_count")
    .permit("ops", "toy/*", resources=["toy/*"])
    .permit("elsewhere", "elsewhere/*", resources=["elsewhere/*"])
    .permit("public", resources=["toy/memory://toy/public/*"])
)

PAST = {"iss": ACCESS.issuer, "aud": ACCESS.audiences[0], "iat": 1_000_000_000 - 60, "exp": 1_000_000_000}
"""Claims of a token that was good in September 2001."""

Clients = Callable[..., Plain]


@pytest.fixture
async def web(server: Server) -> AsyncIterator[Listening]:
    """The toy over HTTP, behind tokens."""
    async with listening(server, access=ACCESS) as at:
        yield at


@pytest.fixture
def client(web: Listening, mode: str) -> Clients:
    """Makes plain clients of a principal, in one era."""
    return lambda name, **claims: Plain(web.urls["toy"], ACCESS.token(name, **claims), era=mode)


def error_type(reply: Reply) -> str:
    """The class that a tool's error names."""
    assert reply.result.get("isError") is True, reply.result
    return str(reply.result["_meta"]["codenb/error"]["type"])


async def asked(client: Plain) -> dict[str, Any]:
    """The first round of a change: what the server asks, and the state that has to come back with the answer."""
    reply = await client.call("set_count", **SET)
    assert reply.result["resultType"] == "input_required", reply.result
    return reply.result


def answered(question: dict[str, Any], reference: str | None = None) -> dict[str, Any]:
    """The last round: yes, to what was asked, or to a preview that somebody else was asked about."""
    ((key, request),) = question["inputRequests"].items()
    reference = reference or request["params"]["requestedSchema"]["properties"]["preview"]["const"]
    content = {"approve": True, "preview": reference, "grant": ""}
    return {
        "name": "set_count",
        "arguments": SET,
        "inputResponses": {key: {"action": "accept", "content": content}},
        "requestState": question["requestState"],
    }


def reference_of(question: dict[str, Any]) -> str:
    (request,) = question["inputRequests"].values()
    return str(request["params"]["requestedSchema"]["properties"]["preview"]["const"])


async def test_validating_does_not_permit_applying(tmp_path: Path, mode: str):
    """A pipeline's token for `validate_*` must not reach the tools that change something, listed or not."""
    access = Access.permit("ci", "deployment/validate_*")
    apply = {"workspace": "infra"}
    async with (
        listening(deployment(Settings(home=tmp_path)), access=access) as at,
        Plain(at.urls["deployment"], access.token("ci"), era=mode) as ci,
    ):
        tools = await ci.names("tools/list", "tools")
        templates = await ci.names("resources/templates/list", "resourceTemplates", "uriTemplate")
        refused = [
            await ci.call("apply_terraform", **apply),
            await ci.call("plan_terraform", **apply),
            await ci.call("preview_change", tool="apply_terraform", arguments=apply),
            await ci.call("deploy_kubernetes", manifests=["x\ny"]),
        ]
        preview = await ci.ask("resources/read", {"uri": f"preview://{'a' * 64}.{'b' * 32}"})
        memory = await ci.ask("resources/read", {"uri": "memory://deployment/notes"})

    assert tools == {"validate_deployment"}
    assert templates == set()
    assert [error_type(reply) for reply in refused] == ["PermissionMissing"] * 4
    assert "deployment/apply_terraform" in refused[0].text
    assert len(refused[0].text.splitlines()) == 1
    for reply in (preview, memory):
        assert reply.error["code"] == -32003
        assert "ask for a permit on the resource deployment/" in reply.error["message"]


async def test_a_denied_call_reaches_nothing(client: Clients, toy: Toy):
    """Refused means before the arguments are looked at, not after the change was planned."""
    async with client("reader") as reader:
        replies = [
            await reader.call("set_count", **SET),
            await reader.call("set_count", nonsense=1),
            await reader.call("preview_change", tool="set_count", arguments=SET),
        ]

    assert [error_type(reply) for reply in replies] == ["PermissionMissing"] * 3
    assert toy.backend.reads() == 0
    assert toy.backend.writes() == []


async def test_what_is_permitted_is_listed_and_works(client: Clients):
    """The other half: a permit opens what it names, and previewing a change belongs to the permit for it."""
    async with client("reader") as reader, client("writer") as writer:
        read = await reader.call("get_count", name="checkout")
        seen = await reader.names("tools/list", "tools"), await writer.names("tools/list", "tools")
        previewed = await writer.call("preview_change", tool="set_count", arguments=SET)
        uri = (
            f"preview://{previewed.result['structuredContent']['digest']}.{previewed.result['structuredContent']['id']}"
        )
        kept = await writer.ask("resources/read", {"uri": uri})
        hidden = await reader.ask("resources/read", {"uri": uri})

    assert read.result["structuredContent"]["value"] == 3
    assert seen == ({"get_count", "noted"}, {"get_count", "set_count", "preview_change"})
    assert json.loads(kept.result["contents"][0]["text"])["digest"] in uri
    assert hidden.error["code"] == -32003


async def test_names_of_what_is_hidden_are_not_told(client: Clients):
    """A message that lists what there is must not list what the caller may not know."""
    async with client("writer", tools=["toy/set_count", "toy/preview_change", "toy/nothing"]) as writer:
        replies = [
            await writer.call("restart", name="checkout"),
            await writer.call("no_such_tool"),
            await writer.call("nothing"),
            await writer.call("preview_change", tool="no_such_tool", arguments={}),
        ]

    assert error_type(replies[0]) == error_type(replies[1]) == "PermissionMissing"
    assert not any("restart" in reply.text for reply in replies[1:])


async def test_a_known_principal_without_permits_here_sees_nothing(client: Clients):
    """Deny by default: who may use another server is let in here, and finds nothing but what this server is."""
    async with client("elsewhere") as known:
        tools = await known.names("tools/list", "tools")
        resources = await known.names("resources/list", "resources", "uri")
        about = await known.ask("resources/read", {"uri": "about://server"})

    assert tools == set()
    assert resources == {"about://server"}
    assert json.loads(about.result["contents"][0]["text"])["name"] == "toy"


async def test_templates_are_listed_where_a_permit_reaches_into_them(server: Server, mode: str):
    """A permit on one key of a template is a permit on something in it."""
    access = Access.permit("some", "toy/nothing", resources=["toy/preview://ab*"]).permit("none", "toy/nothing")
    async with listening(server, access=access) as at:
        async with Plain(at.urls["toy"], access.token("some"), era=mode) as one:
            some = await one.names("resources/templates/list", "resourceTemplates", "uriTemplate")
        async with Plain(at.urls["toy"], access.token("none"), era=mode) as one:
            none = await one.names("resources/templates/list", "resourceTemplates", "uriTemplate")
        narrowed = access.token("some", resources=["toy/memory://*"])
        async with Plain(at.urls["toy"], narrowed, era=mode) as one:
            both = await one.names("resources/templates/list", "resourceTemplates", "uriTemplate")

    assert "preview://{reference}" in some
    assert none == set()
    assert "preview://{reference}" not in both


async def test_prompts_take_a_permit_too(server: Server, mode: str):
    """A prompt may hold what only some should read; it is named as a tool is."""

    @server.mcp.prompt()
    def secret_plan() -> str:
        """Tell it."""
        return "the plan"

    async with listening(server, access=ACCESS) as at:
        async with Plain(at.urls["toy"], ACCESS.token("ops"), era=mode) as ops:
            told = await ops.ask("prompts/get", {"name": "secret_plan"})
        async with Plain(at.urls["toy"], ACCESS.token("reader"), era=mode) as reader:
            listed = await reader.names("prompts/list", "prompts")
            hidden = await reader.ask("prompts/get", {"name": "secret_plan"})

    assert told.result["messages"][0]["content"]["text"] == "the plan"
    assert listed == set()
    assert "toy/secret_plan" in hidden.error["message"]


def _key() -> SigningKey:
    assert ACCESS.signing
    return ACCESS.signing


def bad_tokens() -> dict[str, tuple[str | None, str]]:
    """Headers that must not let anybody in, and what each is told."""
    good = ACCESS.token("ops")
    head, body, seal = good.split(".")
    return {
        "none": (None, "Authorization: Bearer"),
        "not bearer": (f"Basic {good}", "Authorization: Bearer"),
        "garbage": ("Bearer x", "malformed"),
        "expired": (f"Bearer {signed({**PAST, 'sub': 'ops'}, _key())}", "it expired at 2001-09-09"),
        "altered": (f"Bearer {head}.{body}.{seal[:-4]}AAAA", "signature"),
        "another issuer's key": (f"Bearer {Access.permit('ops', '*/*').token('ops')}", "signature"),
        "for somebody else": (
            f"Bearer {replace(ACCESS, audiences=('billing',)).token('ops')}",
            "it is for another audience ('billing')",
        ),
        "from somebody else": (f"Bearer {replace(ACCESS, issuer='them').token('ops')}", "another issuer"),
        "too large": (f"Bearer {'a' * 9000}.b.c", "at most"),
    }


@pytest.mark.parametrize("name", bad_tokens())
async def test_a_bad_token_is_refused_with_its_reason(web: Listening, name: str, caplog: pytest.LogCaptureFixture):
    """The SDK's own 401 says `Authentication required` whatever is wrong, and a person renews what is not expired."""
    header, reason = bad_tokens()[name]
    caplog.set_level(logging.DEBUG)
    async with Plain(web.urls["toy"]) as plain:
        if header is not None:
            plain.headers["authorization"] = header
        reply = await plain.ask("tools/list")

    challenge = reply.headers["www-authenticate"]
    assert reply.status == 401
    assert reason in reply.error["message"]
    assert challenge.startswith('Bearer realm="codenb"')
    assert ('error="invalid_token"' in challenge) == (header is not None and "Bearer" in header)
    if header is not None and len(header) > 40:
        assert header.partition(" ")[2] not in json.dumps(reply.message) + challenge + caplog.text


async def test_two_tokens_in_one_request_are_none(web: Listening):
    """A gateway that checks the first header, and a server that takes the second, let a stranger in together."""
    async with httpx2.AsyncClient() as http:
        headers = [("authorization", f"Bearer {ACCESS.token(name)}") for name in ("reader", "ops")]
        response = await http.post(web.urls["toy"], headers=headers, json={})

    assert response.status_code == 400
    assert "more than once" in response.text


async def test_a_session_belongs_to_the_one_who_began_it(web: Listening):
    """Whoever finds a session's id in a log must not go on with it, listen to it or end it."""
    async with Plain(web.urls["toy"], ACCESS.token("ops"), era="legacy") as ops:
        stolen = {**ops.headers, "authorization": f"Bearer {ACCESS.token('reader')}"}
        async with httpx2.AsyncClient(headers=stolen) as thief:
            body = {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}
            seen = [
                (await thief.post(web.urls["toy"], json=body)).status_code,
                (await thief.get(web.urls["toy"])).status_code,
                (await thief.delete(web.urls["toy"])).status_code,
            ]
        mine = await ops.names("tools/list", "tools")

    assert seen == [404, 404, 404]
    assert "restart" in mine


async def test_a_session_goes_on_with_tokens_that_are_good_for_the_same(web: Listening):
    """A renewed token continues what was begun; one for less must not answer for the whole, an expired one for none."""
    less = ACCESS.token("ops", tools=["toy/noted"])
    async with Plain(web.urls["toy"], ACCESS.token("ops"), era="legacy") as ops:
        ops.headers["authorization"] = f"Bearer {less}"
        narrowed = await ops.ask("tools/list")
        ops.headers["authorization"] = f"Bearer {ACCESS.token('ops')}"
        renewed = await ops.names("tools/list", "tools")
        ops.headers["authorization"] = f"Bearer {signed({**PAST, 'sub': 'ops'}, _key())}"
        late = await ops.ask("tools/list")
    async with Plain(web.urls["toy"], less, era="legacy") as ops:
        own = await ops.names("tools/list", "tools")
        refused = await ops.call("get_count", name="checkout")

    assert narrowed.status == 404
    assert "get_count" in renewed
    assert late.status == 401
    assert own == {"noted"}
    assert error_type(refused) == "PermissionMissing"


async def test_a_round_is_not_finished_with_a_token_for_less(web: Listening, toy: Toy):
    """In the later protocol each round is a request of its own: each is judged by its own token."""
    async with Plain(web.urls["toy"], ACCESS.token("writer")) as writer:
        question = await asked(writer)
        writer.headers["authorization"] = f"Bearer {ACCESS.token('writer', tools=['toy/get_count'])}"
        refused = await writer.ask("tools/call", answered(question))

    assert "error" in refused.message
    assert toy.backend.writes() == []


async def test_a_stream_ends_with_the_token_it_was_opened_with(server: Server):
    """A stream stays open for days, and what the server has to say is for those who may still hear it."""
    access = replace(ACCESS, leeway_s=0)
    token = access.token("ops", ttl_s=2)
    async with listening(server, access=access) as web, Plain(web.urls["toy"], token, era="legacy") as ops:
        request = ops.http.build_request("GET", web.urls["toy"], headers=ops.headers)
        async with asyncio.timeout(60):
            stream = await ops.http.send(request, stream=True)
            heard = [part async for part in stream.aiter_raw()]

    assert stream.status_code in {200, 401}  # the other on a machine that took two seconds to get here
    assert not any(b"event: message" in part for part in heard)


async def test_a_round_is_answered_by_the_one_who_was_asked(web: Listening, toy: Toy):
    """The last round of a change can be sent again for ten minutes; with another token it must be worth nothing."""
    async with (
        Plain(web.urls["toy"], ACCESS.token("writer")) as writer,
        Plain(web.urls["toy"], ACCESS.token("other")) as other,
    ):
        question = await asked(writer)
        stolen = await other.ask("tools/call", answered(question))
        assert toy.backend.writes() == []
        mine = await writer.ask("tools/call", answered(question))
        again = await other.ask("tools/call", answered(question))

    assert "requestState" in stolen.error["message"]
    assert mine.result["structuredContent"]["status"] == "applied"
    assert "requestState" in again.error["message"]
    assert toy.backend.writes() == [(6, "")]


async def test_a_preview_of_somebody_else_cannot_be_approved(web: Listening, toy: Toy):
    """Two people may make the same change; each yes is for the preview that its own giver was shown."""
    async with (
        Plain(web.urls["toy"], ACCESS.token("writer")) as writer,
        Plain(web.urls["toy"], ACCESS.token("other")) as other,
    ):
        theirs = reference_of(await asked(writer))
        refused = await other.ask("tools/call", answered(await asked(other), theirs))

    outcome = refused.message.get("result", {})
    assert outcome.get("isError") or outcome.get("resultType") == "input_required", refused.message
    assert toy.backend.writes() == []


async def test_nobody_else_answers_a_question_of_a_session(web: Listening, toy: Toy):
    """In the older protocol the question waits in a stream; an answer that comes with another token is not heard."""
    async with Plain(web.urls["toy"], ACCESS.token("writer"), era="legacy") as writer:
        body = {"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {"name": "set_count", "arguments": SET}}
        async with writer.http.stream("POST", web.urls["toy"], json=body, headers=writer.headers) as events:
            lines = events.aiter_lines()
            question = await _next(lines)
            reference = question["params"]["requestedSchema"]["properties"]["preview"]["const"]
            content = {"approve": True, "preview": reference, "grant": ""}
            answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": content}}
            stolen = {**writer.headers, "authorization": f"Bearer {ACCESS.token('other')}"}
            async with httpx2.AsyncClient() as thief:
                status = (await thief.post(web.urls["toy"], json=answer, headers=stolen)).status_code
            before = toy.backend.writes()
            await writer.http.post(web.urls["toy"], json=answer, headers=writer.headers)
            outcome = await _next(lines)

    assert status == 404
    assert before == []
    assert outcome["result"]["structuredContent"]["status"] == "applied"


async def _next(lines: AsyncIterator[str]) -> Any:
    async for line in lines:
        if line.startswith("data:") and line.removeprefix("data:").strip():
            return json.loads(line.removeprefix("data:"))
    raise AssertionError("the stream ended")


async def test_callers_at_the_same_time_are_told_apart(web: Listening, mode: str):
    """The principal is kept for each request; one that leaked into the next would be everybody's."""

    async def tools(name: str) -> set[str]:
        async with Plain(web.urls["toy"], ACCESS.token(name), era=mode) as one:
            return await one.names("tools/list", "tools")

    names = ["ops", "reader", "writer", "elsewhere"] * 3
    seen = await asyncio.gather(*(tools(name) for name in names))

    whole = {"get_count", "noted", "gather_context", "set_count", "restart", "fail", "preview_change"}
    for name, listed in zip(names, seen, strict=True):
        match name:
            case "ops":
                assert listed >= whole
            case "reader":
                assert listed == {"get_count", "noted"}
            case "writer":
                assert listed == {"get_count", "set_count", "preview_change"}
            case _:
                assert listed == set()


async def test_metrics_are_for_who_may_read_them(web: Listening, client: Clients):
    """They name tools that not everybody sees; Prometheus has a token like everybody else."""
    async with client("ops") as ops, client("reader") as reader:
        await ops.call("noted", text="x")
        await ops.call("made_up_name")
        scraped = await ops.http.get(f"{web.url}/metrics", headers=ops.headers)
        refused = await reader.http.get(f"{web.url}/metrics", headers=reader.headers)
        unknown = await reader.http.get(f"{web.url}/metrics")

    assert scraped.headers["content-type"].startswith("text/plain")
    assert 'mcp_tool_calls_total{server="toy",tool="noted"} 1.0' in scraped.text
    assert "made_up_name" not in scraped.text
    assert (refused.status_code, unknown.status_code) == (403, 401)
    assert "metrics://server" in refused.text
    assert "mcp_tool" not in refused.text + unknown.text


async def test_health_takes_no_token_and_tells_no_place(web: Listening):
    """What watches a server has no token; what anybody may read says nothing of clusters, addresses or callers."""
    async with httpx2.AsyncClient() as http:
        answers = [await http.get(f"{web.url}{path}") for path in ("/health", "/healthz")]

    for answer in answers:
        told = answer.json()
        assert answer.status_code == 200
        assert told.keys() == {"status", "version", "servers"}
        assert [one["name"] for one in told["servers"]] == ["toy"]
        assert "6443" not in answer.text


async def test_who_asked_is_in_the_log_and_the_token_is_not(web: Listening, caplog: pytest.LogCaptureFixture):
    """A log is read by many; a token in it is a token of all of them."""
    caplog.set_level(logging.DEBUG)
    token = ACCESS.token("reader")
    async with Plain(f"{web.urls['toy']}?token={token}", token) as reader:
        await reader.call("noted", text="x")

    ours = [record for record in caplog.records if not record.name.startswith("http")]  # not what the client logs
    lines = [record.getMessage() for record in ours if record.name == "codenb.servers.http"]
    assert any(line.startswith('127.0.0.1 reader "POST /toy/mcp" 200') for line in lines), lines
    assert not any(token in record.getMessage() for record in ours)


async def test_a_note_that_is_missing_names_none_that_one_may_not_read(client: Clients):
    """Whoever might read `public/*` asked for a note that is not there, and was told the names of those that are."""
    async with client("ops") as ops, client("public") as public:
        for key in ("public/plan", "passwords/plan"):
            await ops.call("remember", key=key, value="x")
        missing = (await public.ask("resources/read", {"uri": "memory://toy/public/plans"})).error["message"]
        unlike = (await public.ask("resources/read", {"uri": f"memory://toy/public/{'0' * 60}"})).error["message"]
        known = (await ops.ask("resources/read", {"uri": "memory://toy/passwords/plans"})).error["message"]

    assert missing == "toy remembers nothing under 'public/plans': did you mean 'public/plan'?"
    assert unlike.endswith("': it remembers 1 notes")
    assert "'passwords/plan'" in known


async def test_access_of_any_served_project_stands_before_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Two servers on one port, and `[access]` with the second: only the first was asked, so nobody needed a token."""
    monkeypatch.setenv("SHARED", "s" * 32)
    says = {"algorithm": "HS256", "issuer": "me", "audience": "us", "secrets": {"one": "SHARED"}}
    guarded, other, third = (
        make_server(name, settings=Settings(home=tmp_path / name, access=access))
        for name, access in (("guarded", says), ("other", None), ("third", says))
    )

    async with listening(other, guarded) as at, httpx2.AsyncClient() as http:
        answers = [await http.post(url, json={}) for url in at.urls.values()]
    with pytest.raises(
        ConfigError, match=r"\[access\] is configured in .*guarded and .*third: serve these on a port each"
    ):
        async with listening(guarded, third):
            pass

    assert at.secured
    assert [answer.status_code for answer in answers] == [401, 401]
