"""The host on a server of codenb's kind over HTTP, behind tokens: each refusal with its reason, in one line."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import pytest

from codenb.access import Access
from codenb.access._tokens import signed
from codenb.config import ServerSettings, Settings
from codenb.errors import AccessError, CredentialsRejected, PermissionMissing
from codenb.host import Host
from codenb.servers import Server, make_server
from codenb.servers._base._http import Listening, listening

MakeHost = Callable[..., Host]

ACCESS = Access.permit("reader", "own/get_time").permit("ops", "own/*", resources=["own/*"])


@pytest.fixture
async def web(tmp_path) -> AsyncIterator[Listening]:
    """A server with two tools and a resource."""
    server: Server = make_server("own", settings=Settings(home=tmp_path))

    @server.reads
    def get_time() -> float:
        """What time it is."""
        return time.time()

    @server.reads
    def get_secret() -> str:
        """What only some may know."""
        return "open sesame"

    @server.mcp.resource("notes://all")
    def notes() -> str:
        return "all of them"

    async with listening(server, access=ACCESS) as at:
        yield at


@pytest.fixture(params=["auto", "legacy"])
def reach(request: pytest.FixtureRequest, web: Listening, make_host: MakeHost) -> Callable[[str], Host]:
    """A host with a token, in each era."""

    def host(token: str) -> Host:
        headers = {"Authorization": f"Bearer {token}"}
        url = web.urls["own"]
        return make_host(
            ServerSettings("own", "http", url=url, headers=headers, read_only=("*",), mode=str(request.param))  # type: ignore[arg-type]
        )

    return host


def expired(name: str) -> str:
    """A token of September 2001."""
    assert ACCESS.signing
    claims = {"iss": ACCESS.issuer, "aud": ACCESS.audiences[0], "sub": name, "iat": 999_999_000, "exp": 1_000_000_000}
    return signed(claims, ACCESS.signing)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (expired("ops"), "it expired at 2001-09-09"),
        (Access.permit("ops", "*/*").token("ops"), "its signature is wrong"),
        ("nonsense", "it is malformed"),
    ],
    ids=["expired", "forged", "malformed"],
)
async def test_a_token_that_is_not_accepted_is_told_with_the_servers_reason(
    reach: Callable[[str], Host], token: str, reason: str
):
    """A person renews what is expired and copies again what is broken; `internal error` says neither."""
    host = reach(token)

    with pytest.raises(CredentialsRejected, match=rf"own at .*{reason}.*renew them in mcpServers\.own") as caught:
        await host.call("own", "get_time")

    assert token not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert host.calls[-1].status == "denied"


async def test_a_tool_that_is_not_permitted_is_told_with_the_permit(reach: Callable[[str], Host]):
    """The host's list does not show it; whoever calls it all the same is told what to ask for."""
    host = reach(ACCESS.token("reader"))

    assert isinstance((await host.call("own", "get_time")).data, float)
    assert [tool.name for tool in await host.tools("own")] == ["get_time"]
    with pytest.raises(AccessError) as refused:
        await host.read("own", "notes://all")

    assert isinstance(refused.value, PermissionMissing)
    assert "reader may not read notes://all of own" in str(refused.value)
    assert host.calls[-1].status == "denied"


async def test_who_is_permitted_reads_and_calls(reach: Callable[[str], Host]):
    """The other half of every refusal."""
    host = reach(ACCESS.token("ops"))

    assert (await host.call("own", "get_secret")).data == "open sesame"
    assert (await host.read("own", "notes://all")).text == "all of them"
