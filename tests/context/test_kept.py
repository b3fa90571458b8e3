"""What gather says of answers that were kept: how old they are, and that one stands in place of an error."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codenb.config import CacheLimits, GatherRule, Retries, ServerSettings, Settings
from codenb.context import gather
from codenb.host import Host
from codenb.models import Target
from codenb.servers import make_server, reads
from tests.host.helpers import serve


@pytest.fixture
async def counting(tmp_path: Path) -> AsyncIterator[Host]:
    """A host with a server that counts how often it was asked."""
    times = itertools.count(1)

    @reads(ttl_s=600)
    async def counts(target: Target) -> dict[str, Any]:
        """How often it was asked."""
        return {"namespace": target.namespace, "asked": next(times)}

    settings = Settings(home=tmp_path)
    server = make_server("counting", gather=counts, settings=settings)
    async with Host(settings, servers={"counting": lambda: server.mcp}) as host:
        yield host


def asked(bundle: Any) -> int:
    (item,) = bundle.items
    return int(item.data["asked"])


async def test_a_kept_answer_is_dated_when_it_was_had(counting: Host):
    """An expert reads ages; an answer of a minute ago must not look as if it were of now."""
    target = Target(namespace="shop", workload="checkout")

    first, second = await gather(counting, target), await gather(counting, target)
    renewed = await gather(counting, target, fresh=True)

    assert [asked(bundle) for bundle in (first, second, renewed)] == [1, 1, 2]
    assert second.items[0].gathered_at < second.gathered_at
    assert first.digest == second.digest != renewed.digest


async def test_files_of_a_target_are_read_each_time(counting: Host):
    """Somebody edits the manifest and asks again within a second; the answer is about the file as it is."""
    target = Target(namespace="shop", manifests=("web.yaml",))

    assert [asked(await gather(counting, target)) for _ in range(2)] == [1, 2]


async def test_an_answer_in_place_of_an_error_is_stale_and_says_why(tmp_path: Path):
    """While a server is away an older picture may serve, where that is configured; it is marked for all who read it."""
    journal = tmp_path / "journal"
    journal.touch()
    process, url = serve("http", journal)
    try:
        rule = GatherRule("pid", {})
        web = ServerSettings("web", "http", url=url, read_only=("pid",), gather=(rule,), ttl_s={"*": 0.001})
        limits = CacheLimits(stale_while_error_s=3600)
        host = Host(Settings(home=tmp_path, servers={"web": web}, cache=limits, retry=Retries(attempts=1)))
        first = await gather(host, Target(namespace="shop"))
    finally:
        process.kill()
        process.wait()

    second = await gather(host, Target(namespace="shop"))
    await host.close()

    (before,), (after,) = first.items, second.items
    assert (before.status, after.status) == ("ok", "stale")
    assert after.data == before.data
    assert after.error
    assert after.error.startswith("web could not be asked: this is from ")
    assert second.missing == {"web.pid: part": after.error}
    assert "stale" in second._repr_mimebundle_()["text/plain"]
