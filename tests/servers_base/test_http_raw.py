"""The HTTP listener and what people, pages and programs send to it that is no MCP request."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from codenb.access import Access
from codenb.config import Settings
from codenb.errors import BadInput, ConfigError
from codenb.servers import Server
from codenb.servers._base import _connections, _http_app, _mcp, make_server
from codenb.servers._base._address import Names, host_and_port, is_loopback
from codenb.servers._base._http import Listening, listening
from codenb.servers._base._rounds import shared_rounds
from tests.servers_base.raw import HANDSHAKE, Plain, exchanged, request, status
from tests.servers_base.toy import Toy

HERE = "Host: 127.0.0.1"
JSON = ("Content-Type: application/json", "Accept: application/json, text/event-stream")


@pytest.fixture
async def web(server: Server) -> AsyncIterator[Listening]:
    """The toy over HTTP, for whoever is on this machine."""
    async with listening(server, body_bytes=10_000) as at:
        yield at


async def still_works(web: Listening) -> bool:
    """Whether the next caller is served."""
    async with Plain(web.urls["toy"]) as plain:
        return "get_count" in await plain.names("tools/list", "tools")


def said(answer: bytes) -> str:
    """The one line of a refusal."""
    body = json.loads(answer.rpartition(b"\r\n\r\n")[2])
    assert body["jsonrpc"] == "2.0"
    assert body["id"] is None
    message = str(body["error"]["message"])
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.",
        "localhost@evil",
        "[::1",
        "::1",
        "8.8.8.8",
    ],
)
async def test_a_request_under_another_name_is_not_answered(web: Listening, host: str):
    """DNS rebinding: a page has its own name resolved to this machine, and the browser thinks it is at home."""
    for path in ("/toy/mcp", "/health", "/metrics"):
        answer = await exchanged(web.url, request(f"GET {path} HTTP/1.1", f"Host: {host}"))

        assert status(answer) in {400, 421}, answer  # what is no name at all ends in the parser of HTTP
    assert await still_works(web)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "file://", "http://127.0.0.1.evil.example", "ftp://localhost", "http://"]
)
async def test_a_page_of_another_place_may_not_ask(web: Listening, origin: str):
    """A browser says which page asks; the machine's own name in `Host` does not make a stranger's page ours."""
    answer = await exchanged(web.url, request("GET /health HTTP/1.1", HERE, f"Origin: {origin}"))

    assert status(answer) == 403
    assert "Origin" in said(answer)


async def test_a_page_of_this_machine_may_ask(web: Listening):
    """The inspector that a developer has open beside the server."""
    answer = await exchanged(web.url, request("GET /health HTTP/1.1", HERE, "Origin: http://localhost:6274"))

    assert status(answer) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/toy",
        "/toy/mcp/",
        "//toy/mcp",
        "/toy//mcp",
        "/other/../toy/mcp",
        "/toy%2fmcp",
        "/%74oy/mcp",
        "/toy/mcp%00",
        "/toy/mcp;x=1",
        "/TOY/mcp",
        "http://127.0.0.1/toy/mcp",
        "/metrics/",
        "/health/..",
    ],
)
async def test_a_path_is_one_of_ours_letter_by_letter(web: Listening, path: str):
    """A proxy that guards `/toy/` must not be passed by a path that only we read as that."""
    answer = await exchanged(web.url, request(f"GET {path} HTTP/1.1", HERE))

    assert status(answer) == 404


@pytest.mark.parametrize("name", ["Authorization", "Origin", "Mcp-Session-Id", "MCP-Protocol-Version", "Content-Type"])
async def test_a_header_that_decides_is_there_once(web: Listening, name: str):
    """Two readers of two equal headers may take different ones."""
    answer = await exchanged(web.url, request("GET /health HTTP/1.1", HERE, f"{name}: a", f"{name}: b"))

    assert status(answer) in {400, 403}


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil\r\n\r\n",
        b"POST /toy/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /toy/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /toy/mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 20_000,
        b"GET /health\r\n\r\n",
        b"\x00" * 1000,
    ],
)
async def test_what_is_no_http_is_refused(web: Listening, data: bytes):
    """A TLS hello to a plain port, two lengths for one body, a header without end: told so, and let go."""
    assert status(await exchanged(web.url, data, end=True)) == 400
    assert await still_works(web)


async def test_a_request_over_the_limit_is_refused_in_one_line(web: Listening):
    """Declared, or found on the way; its sender gets to read why, and the next one is served."""
    head = "POST /toy/mcp HTTP/1.1", HERE, *JSON
    body = b"x" * 20_000
    declared = await exchanged(web.url, request(*head, "Content-Length: 20000", body=body))
    chunked = b"".join(b"3e8\r\n" + body[:1000] + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
    found = await exchanged(web.url, request(*head, "Transfer-Encoding: chunked", body=chunked), pieces=7)
    asked = await exchanged(web.url, request(*head, "Content-Length: 99999999999", "Expect: 100-continue"))

    for answer in (declared, found, asked):
        assert status(answer) == 413
        assert "over the limit of 10,000 bytes" in said(answer)
    assert await still_works(web)


async def test_a_body_without_end_is_not_read_for_ever(web: Listening):
    """What is over the limit is thrown away for a while, so that its sender reads why, and then cut off."""
    address = httpx2.URL(web.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(request("POST /toy/mcp HTTP/1.1", HERE, *JSON, "Transfer-Encoding: chunked", close=False))
    sent = 0
    try:
        while not reader.at_eof() and sent < 50_000_000:
            writer.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
            await writer.drain()
            sent += 10_000
    except ConnectionError:
        pass
    finally:
        writer.close()

    assert sent < 50_000_000
    assert await still_works(web)


async def test_the_limit_is_for_each_request_and_not_below_it(web: Listening):
    """A request of just the size that is allowed is served."""
    async with Plain(web.urls["toy"]) as plain:
        reply = await plain.call("noted", text="x" * 9_000)

    assert reply.status == 200
    assert not reply.result["isError"]


async def test_a_body_that_does_not_come_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch):
    """A connection that sends a byte a minute is held by its sender for nothing."""
    monkeypatch.setattr(_http_app, "Bounded", functools.partial(_http_app.Bounded, body_s=0.2))
    async with listening(server) as web:
        answer = await exchanged(
            web.url, request("POST /toy/mcp HTTP/1.1", HERE, *JSON, "Content-Length: 100", body=b'{"json', close=False)
        )

        assert status(answer) == 408
        assert "did not arrive within 0.2 s" in said(answer)


@pytest.mark.parametrize("sent", [b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX"])
async def test_a_head_that_does_not_come_is_not_waited_for(
    server: Server, monkeypatch: pytest.MonkeyPatch, sent: bytes
):
    """Slow heads are the oldest way to take all connections of a server with one machine."""
    monkeypatch.setattr(_connections, "_HEAD_S", 0.2)
    async with listening(server) as web:
        try:
            answer = await exchanged(web.url, sent)
        except ConnectionError:
            answer = b""

        assert answer == b""


async def test_nobody_unknown_has_a_body_read(server: Server):
    """Who has no token is told before the body is in: memory is for those who are known."""
    async with listening(server, access=Access.permit("ops", "toy/*")) as web:
        answer = await exchanged(
            web.url, request("POST /toy/mcp HTTP/1.1", HERE, *JSON, "Content-Length: 4000000", body=b"{")
        )

    assert status(answer) == 401


async def test_sessions_are_bounded_and_those_that_are_open_go_on(server: Server, monkeypatch: pytest.MonkeyPatch):
    """A client in a loop that begins sessions must not take the memory of the server, nor end the others."""
    monkeypatch.setattr(_mcp, "_SESSIONS", 3)
    async with listening(server) as web:
        first = Plain(web.urls["toy"], era="legacy")
        opened = [first, *(Plain(web.urls["toy"], era="legacy") for _ in range(4))]
        replies = [await one.shake_hands() for one in opened]
        tools = await first.names("tools/list", "tools")
        for one in opened:
            await one.http.aclose()
        modern = await still_works(web)

    assert [reply.status for reply in replies] == [200, 200, 200, 503, 503]
    assert "Too many open sessions" in replies[-1].error["message"]
    assert "get_count" in tools
    assert modern


async def test_streams_that_are_left_open_do_not_hold_up_the_end(server: Server):
    """Each client of the older protocol keeps a stream open for what the server may say; nobody ever ends those."""
    async with listening(server) as web:
        clients = [Plain(web.urls["toy"], era="legacy") for _ in range(3)]
        streams = []
        for client in clients:
            await client.shake_hands()
            body = client.http.build_request("GET", web.urls["toy"], headers=client.headers)
            streams.append(await client.http.send(body, stream=True))
        assert [stream.status_code for stream in streams] == [200, 200, 200]

    for stream, client in zip(streams, clients, strict=True):
        async for _ in stream.aiter_raw():
            pass
        await client.http.aclose()


async def test_an_unknown_session_is_told_so(web: Listening):
    """After a restart a client goes on with a session that is gone; by the protocol 404 makes it begin anew."""
    async with Plain(web.urls["toy"], era="legacy") as plain:
        plain.headers["mcp-session-id"] = "0" * 32
        reply = await plain.ask("tools/list")

    assert reply.status == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_do_nothing(web: Listening, method: str):
    """A preflight without an answer is how a browser is told that other pages may not ask."""
    answer = await exchanged(web.url, request(f"{method} /toy/mcp HTTP/1.1", HERE))

    assert status(answer) == 405
    assert b"access-control" not in answer.lower()


async def test_nonsense_in_json_is_an_error_and_no_failure(web: Listening, mode: str):
    """Deep nesting, huge numbers, batches, text that is no JSON: refused, and the next one is served."""
    versions = {"auto": "2026-07-28", "legacy": HANDSHAKE}
    bodies = [
        b"",
        b"{",
        b"[]",
        b"[" * 5000,
        b'{"a":' * 1500,
        b"9" * 5000,
        b"\xff\xfe",
        b"null",
        b'{"jsonrpc":"2.0","id":{}}',
    ]
    async with httpx2.AsyncClient() as http:
        for body in bodies:
            headers = {
                "content-type": "application/json",
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": versions[mode],
            }
            response = await http.post(web.urls["toy"], content=body, headers=headers)
            assert 400 <= response.status_code < 500, body
    assert await still_works(web)


async def test_several_servers_share_a_port_and_only_a_single_one_has_the_short_path(server: Server, tmp_path: Path):
    """One process, one port, one path each; what `/mcp` means must not depend on an order."""
    second = make_server("second", settings=Settings(home=tmp_path))
    async with (
        listening(server, second) as web,
        Plain(web.urls["toy"]) as one,
        Plain(web.urls["second"]) as two,
        Plain(f"{web.url}/mcp") as short,
    ):
        first, other = await one.names("tools/list", "tools"), await two.names("tools/list", "tools")
        neither = await short.ask("tools/list")
    async with listening(second) as web, Plain(f"{web.url}/mcp") as short:
        alone = await short.names("tools/list", "tools")

    assert "get_count" in first
    assert "get_count" not in other
    assert neither.status == 404
    assert alone == other


async def test_a_server_can_be_served_again(server: Server):
    """In a notebook a listener is stopped and started over; the second one must not find the first one's end."""
    for _ in range(2):
        async with listening(server) as web:
            assert await still_works(web)
        with pytest.raises(httpx2.ConnectError):
            async with Plain(web.urls["toy"]) as plain:
                await plain.ask("tools/list")


async def test_a_port_that_is_taken_is_one_line(web: Listening, server: Server):
    """The commonest error of all when a server is started twice."""
    port = httpx2.URL(web.url).port
    with pytest.raises(BadInput, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
        async with listening(server, port=port):
            pass


async def test_others_are_not_served_without_access(server: Server):
    """Bound to every address with nobody to tell apart, a server would be the whole network's."""
    with pytest.raises(ConfigError, match=r"nothing says who may call: configure \[access\]"):
        async with listening(server, host="0.0.0.0"):
            pass
    async with listening(server, host="0.0.0.0", access=Access.permit("ops", "toy/*")) as web:
        assert web.secured


async def test_what_fits_not_together_is_not_served(toy: Toy, server: Server):
    """Two servers of one name would answer for each other; none at all would listen for nothing."""
    with pytest.raises(BadInput, match="two servers have one name"):
        async with listening(server, server):
            pass
    with pytest.raises(BadInput, match="name at least one"):
        async with listening():
            pass


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("ops.example.org:80", ("ops.example.org", 80)),
    ],
)
def test_an_address_is_read(text: str, read: tuple[str, int]):
    """As it stands in a URL."""
    assert host_and_port(text) == read


@pytest.mark.parametrize(
    "text", ["8000", ":8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:8000", "a b:1", "http://x:1", "-x:1"]
)
def test_what_is_no_address_is_one_line(text: str):
    """A port alone would have to guess who may reach it."""
    with pytest.raises(BadInput, match="give HOST:PORT"):
        host_and_port(text)


def test_names_are_those_that_were_given():
    """A name for every port, or for one; in any case, as DNS has it."""
    names = Names("10.1.2.3", ["Ops.Example.org", "edge.example.org:8443"])

    assert all(map(names.answer_to, ["10.1.2.3:80", "ops.example.ORG", "ops.example.org:9", "edge.example.org:8443"]))
    assert not any(map(names.answer_to, ["edge.example.org", "edge.example.org:80", "10.1.2.4", "example.org", ""]))
    assert names.answer_page_of("https://ops.example.org")
    assert not names.answer_page_of("https://example.org")


def test_on_every_address_a_number_is_a_name_and_a_page_of_a_number_is_not():
    """Probes ask by the address of the machine; a page that comes from some address is still a stranger's."""
    names = Names("0.0.0.0")

    assert names.answer_to("10.9.8.7:8000")
    assert names.answer_to("[2001:db8::1]:8000")
    assert not names.answer_to("evil.example")
    assert not names.answer_page_of("http://10.9.8.7:8000")


@pytest.mark.parametrize("name", ["http://x", "a/b", "*", "", "a b", "x:99999999"])
def test_a_name_that_is_none_is_refused(name: str):
    """A name that never fits would look as if it were allowed."""
    with pytest.raises(BadInput, match="is no name of a host"):
        Names("127.0.0.1", [name])


@pytest.mark.parametrize(
    ("address", "here"), [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("::", False)]
)
def test_what_is_this_machine_alone(address: str, here: bool):  # noqa: FBT001
    """All addresses of the machine are not its own one."""
    assert is_loopback(address) is here


def test_workers_share_a_key_and_an_old_one_still_opens():
    """Behind a balancer the rounds of a call reach different workers, and a key is changed while they run."""
    old, new = "o" * 32, "n" * 32
    worker, next_one, last = (shared_rounds({"CODENB_STATE_KEY": keys}) for keys in (old, f"{new}, {old}", new))
    assert worker
    assert next_one
    assert last

    assert next_one.codec.unseal(worker.codec.seal(b"state")) == b"state"
    assert last.codec.unseal(next_one.codec.seal(b"state")) == b"state"
    assert shared_rounds({}) is None


@pytest.mark.parametrize("keys", ["short", "a" * 32 + ",", "a" * 32 + "," + "a" * 32])
def test_a_key_that_keeps_nothing_is_refused(keys: str):
    """A guessable key lets a client write its own state; the message must not repeat it."""
    with pytest.raises(ConfigError, match="CODENB_STATE_KEY has") as refused:
        shared_rounds({"CODENB_STATE_KEY": keys})

    assert keys not in str(refused.value)
