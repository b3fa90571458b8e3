"""Answers that serve more than one call: which, for how long, for whom, and what a change does to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codenb import config
from codenb.config import CacheLimits, Retries, ServerSettings
from codenb.errors import ConfigError, ConnectFailed, ConnectionLost, NotApproved, ToolError
from codenb.host import Cache, Entry, Host, ToolInfo
from codenb.host._deadline import Deadline
from codenb.host._flight import Shared, Waiting
from codenb.host._kept import Kept, Key, Packed
from codenb.host._lifetime import hinted, lifetime
from codenb.host._progress import Listener
from codenb.models import ToolCall, ToolResult
from codenb.redaction import Redactor
from codenb.servers import make_server, reads
from tests.host.helpers import Journal, eventually, serve

LONG = {"*": 600.0}


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def host(make_host: Callable[..., Host], plain: ModuleType, journal: Journal) -> Host:
    """The fixture server in process, its answers kept for longer than any test runs."""
    bare = ServerSettings("plain", "builtin", ttl_s=LONG)
    return make_host(bare, factories={"plain": lambda: plain.build(journal.path)})


def caches(host: Host) -> list[str]:
    """Which part the cache took in each call so far."""
    return [call.cache for call in host.calls]


async def yes(_: Any) -> bool:
    return True


async def no(_: Any) -> bool:
    return False


async def test_equal_calls_at_one_time_are_one_and_different_ones_are_not(host: Host, journal: Journal):
    """Fifty panels ask the server once; six that ask six things ask it six times."""
    await asyncio.gather(*(host.call("plain", "wait", {"seconds": 0.05}) for _ in range(50)))
    assert len(journal.lines()) == 1
    assert sorted(caches(host)).count("miss") == 1
    assert set(caches(host)) <= {"miss", "joined", "hit"}

    await asyncio.gather(*(host.call("plain", "wait", {"seconds": 0.001 * at}) for at in range(6)))

    assert len(journal.lines()) == 7
    assert caches(host)[50:] == ["miss"] * 6


async def test_a_call_that_served_from_another_was_not_sent(host: Host):
    """The sum of the attempts is what the servers were asked; the size of an answer is the same for all."""
    first = await host.call("plain", "rows", {"count": 3})
    second = await host.call("plain", "rows", {"count": 3})

    assert second.data == first.data == [{"at": 0}, {"at": 1}, {"at": 2}]
    assert second.content == first.content
    assert second.raw == first.raw
    assert (first.age_s, second.age_s > 0) == (0, True)
    assert [(call.cache, call.attempts) for call in host.calls] == [("miss", 1), ("hit", 0)]
    assert len({call.bytes for call in host.calls}) == 1


async def test_nobody_can_spoil_the_answer_of_another(host: Host):
    """Notebooks sort, pop and rename what they are given; the next cell gets what the server said."""
    results = await asyncio.gather(*(host.call("plain", "rows", {"count": 2}) for _ in range(3)))
    results.append(await host.call("plain", "rows", {"count": 2}))
    for result in results:
        result.data[0]["at"] = "spoilt"
        result.data.clear()
        result.raw["content"].clear()

    after = await host.call("plain", "rows", {"count": 2})

    assert after.data == [{"at": 0}, {"at": 1}]
    assert after.raw["structuredContent"] == {"result": [{"at": 0}, {"at": 1}]}
    assert after.raw["content"]


async def test_equal_arguments_are_equal_however_they_are_written(host: Host):
    """The order of keyword arguments, and 3 or 3.0, are one question."""
    await host.call("plain", "add", {"a": 1, "b": 2})
    await host.call("plain", "add", {"b": 2.0, "a": 1})
    await host.call("plain", "add", {"b": 1, "a": 2})

    assert caches(host) == ["miss", "hit", "miss"]


async def test_an_error_is_not_kept(host: Host, plain: ModuleType):
    """What went wrong a moment ago may go well now."""
    for _ in range(2):
        with pytest.raises(ToolError):
            await host.call("plain", "fail", {"kind": "BadInput"})

    assert caches(host) == ["miss", "miss"]
    assert host.cache.entries == 0


async def test_fresh_passes_by_and_renews_what_is_kept(host: Host, journal: Journal):
    """A verification must see what is; and whoever asks after it gets no older answer."""
    for fresh in (False, True, False):
        await host.call("plain", "wait", {"seconds": 0}, fresh=fresh)

    assert caches(host) == ["miss", "bypass", "hit"]
    assert len(journal.lines()) == 2


async def test_an_answer_that_was_asked_for_earlier_does_not_replace_a_later_one():
    """A slow read that began before a fresh one must not bring the older state back when it ends."""
    kept = Kept(CacheLimits(), Clock())
    key, newer, older = Key("me", "plain", "pid", b"{}"), packed("newer"), packed("older")

    kept.put(key, newer, ttl_s=60, asked_at=1002)
    kept.put(key, older, ttl_s=60, asked_at=1001)

    found = kept.find(key)
    assert found
    assert found.packed is newer


async def test_a_change_that_was_made_drops_what_was_read_before(host: Host):
    """After a scale the pods of before are a lie."""
    await host.call("plain", "add", {"a": 1, "b": 2})

    await host.change(ToolCall(server="plain", tool="delete", arguments={"name": "web"}), yes)
    await host.call("plain", "add", {"a": 1, "b": 2})

    assert caches(host) == ["miss", "bypass", "miss"]


async def test_a_change_that_was_refused_drops_nothing(host: Host):
    """Nothing was changed, so what was read still holds; and who is refused must not slow down everybody."""
    await host.call("plain", "add", {"a": 1, "b": 2})

    with pytest.raises(NotApproved):
        await host.change(ToolCall(server="plain", tool="delete", arguments={"name": "web"}), no)
    await host.call("plain", "add", {"a": 1, "b": 2})

    assert caches(host) == ["miss", "bypass", "hit"]


async def test_a_change_whose_outcome_is_unknown_drops_too(host: Host, journal: Journal):
    """It may have been made; who looks then must see."""
    await host.call("plain", "add", {"a": 1, "b": 2})
    change = asyncio.ensure_future(
        host.change(ToolCall(server="plain", tool="delete_slowly", arguments={"name": "web"}), yes)
    )
    await eventually(lambda: "deleted web" in journal.lines(), "the change to be made")

    change.cancel()
    with pytest.raises(asyncio.CancelledError):
        await change
    await host.call("plain", "add", {"a": 1, "b": 2})

    assert [(call.tool, call.status, call.cache) for call in host.calls] == [
        ("add", "ok", "miss"),
        ("delete_slowly", "unknown", "bypass"),
        ("add", "ok", "miss"),
    ]


async def test_an_answer_under_way_during_a_change_is_not_kept_nor_joined_afterwards(host: Host, journal: Journal):
    """It was read before, or in the middle of, the change; who asks after it must not be given it."""
    before = asyncio.ensure_future(host.call("plain", "wait", {"seconds": 0.3}))
    await eventually(lambda: len(journal.lines()) == 1, "the read to begin")

    await host.change(ToolCall(server="plain", tool="delete", arguments={"name": "web"}), yes)
    after = asyncio.ensure_future(host.call("plain", "wait", {"seconds": 0.3}))
    await asyncio.gather(before, after)

    reads = [line for line in journal.lines() if line.startswith("waiting")]
    assert len(reads) == 2
    assert [call.cache for call in host.calls if call.tool == "wait"] == ["miss", "miss"]
    assert host.cache.entries == 1


async def test_while_a_change_may_still_go_on_nothing_is_kept_for_long():
    """Nobody knows when a change whose answer was lost takes hold; what was read before that must not last."""
    clock = Clock()
    cache, key = Cache(CacheLimits(), clock=clock), Key("me", "plain", "pid", b"{}")

    async def ask(_: Shared) -> ToolResult:
        return ToolResult(server="plain", tool="pid", data=1, raw={"content": []})

    async def taken(after_s: float) -> str:
        clock.now += after_s
        entry = Entry("tool", "plain", "pid")
        await cache.answer(entry, key, 300, Waiting("pid", Deadline(None), Listener(None, Redactor())), ask)
        return entry.cache

    cache.changed(settling_s=600)
    doubtful = [await taken(0), await taken(1.9), await taken(0.2), await taken(600)]
    settled = [await taken(1), await taken(298)]

    assert doubtful == ["miss", "hit", "miss", "miss"]
    assert settled == ["hit", "hit"]


async def test_who_asked_first_may_be_stopped_without_the_others(make_host: Callable[..., Host], tmp_path: Path):
    """A cell that is interrupted must not take the answer from the widgets that wait for the same."""
    begun, goes_on, ends = asyncio.Event(), asyncio.Event(), []

    @reads
    async def get_pods() -> str:
        """Wait until told to go on."""
        begun.set()
        try:
            await goes_on.wait()
        finally:
            ends.append(goes_on.is_set())
        return "pods"

    server = make_server("held", tools=[get_pods], settings=config.Settings(home=tmp_path))
    host = make_host(factories={"held": lambda: server.mcp})
    await host.open()
    first, *others = [asyncio.ensure_future(host.call("held", "get_pods")) for _ in range(4)]
    await begun.wait()

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    goes_on.set()

    assert [(await other).data for other in others] == ["pods"] * 3
    assert ends == [True]
    assert sorted((call.cache, call.status) for call in host.calls if call.tool == "get_pods") == [
        ("joined", "ok"), ("joined", "ok"), ("joined", "ok"), ("miss", "cancelled"),
    ]  # fmt: skip


async def test_the_server_hears_when_nobody_waits_any_more(some_host: Host, journal: Journal):
    """The last cell that is stopped stops the work on the server too."""
    tasks = [asyncio.ensure_future(some_host.call("plain", "wait", {"seconds": 600})) for _ in range(3)]
    await eventually(lambda: len(journal.lines()) == 1, "the call to reach the server")

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    await eventually(lambda: "cancelled" in journal.lines(), "the server to be told")


async def test_a_session_that_is_closed_leaves_nobody_waiting(some_host: Host, journal: Journal):
    """Closing ends the shared call; each caller is told so, and what was kept is forgotten."""
    await some_host.call("plain", "add", {"a": 1, "b": 2})
    tasks = [asyncio.ensure_future(some_host.call("plain", "wait", {"seconds": 600})) for _ in range(3)]
    await eventually(lambda: len(journal.lines()) == 1, "the call to reach the server")

    await some_host.close()
    ends = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(end) for end in ends] == [ConnectionLost] * 3
    assert some_host.cache.entries == 0


async def test_a_server_that_remembers_something_drops_what_it_recalled(host: Host):
    """Its own memory is changed without an approval; its answers are older all the same."""
    await host.call("plain", "add", {"a": 1, "b": 2})
    await host.call("plain", "remember", {"note_text": "freeze until Monday"})
    await host.call("plain", "add", {"a": 1, "b": 2})

    assert caches(host) == ["miss", "bypass", "miss"]


async def test_only_what_is_known_to_change_nothing_is_kept(
    make_host: Callable[..., Host], plain: ModuleType, web: str
):
    """Of somebody else's server that is what a person declares; the rest needs an approval anyway."""
    host = make_host(ServerSettings("other", "http", url=web, read_only=("pid",), ttl_s=LONG))

    first, second = [(await host.call("other", "pid")).data for _ in range(2)]
    with pytest.raises(NotApproved):
        await host.call("other", "add", {"a": 1, "b": 2})

    assert first == second
    assert caches(host) == ["miss", "hit", "bypass"]


async def test_no_lifetime_means_neither_kept_nor_shared(
    make_host: Callable[..., Host], plain: ModuleType, journal: Journal
):
    """What reads files, or plans something, is another thing each time."""
    bare = ServerSettings("plain", "builtin", ttl_s={"wait": 0})
    host = make_host(bare, factories={"plain": lambda: plain.build(journal.path)})

    await asyncio.gather(*(host.call("plain", "wait", {"seconds": 0.01}) for _ in range(5)))

    assert len(journal.lines()) == 5
    assert caches(host) == ["bypass"] * 5


async def test_what_is_kept_outlives_the_connection(make_host: Callable[..., Host], journal_file: Path):
    """An idle connection is closed after a while; what it said may still serve, and nothing is started for it."""
    process, url = serve("http", journal_file)
    try:
        host = make_host(ServerSettings("web", "http", url=url, read_only=("pid",), ttl_s=LONG))
        said = (await host.call("web", "pid")).data
    finally:
        process.kill()
        process.wait()

    assert (await host.call("web", "pid")).data == said


async def test_a_stale_answer_serves_while_the_server_is_away_where_that_is_wished_for(
    make_host: Callable[..., Host], journal_file: Path
):
    """Better an old picture that says so than none; in the record and in the answer it is marked, and never fresh."""
    process, url = serve("http", journal_file)
    web = ServerSettings("web", "http", url=url, read_only=("pid", "add"), ttl_s={"*": 0.001})
    away, once = CacheLimits(stale_while_error_s=3600), Retries(attempts=1)
    try:
        host, strict = make_host(web, cache=away, retry=once), make_host(web, retry=once)
        said = (await host.call("web", "pid")).data
        await strict.call("web", "pid")
    finally:
        process.kill()
        process.wait()

    stale = await host.call("web", "pid")

    assert stale.data == said
    assert stale.stale
    assert stale.age_s > 0
    assert stale.view().badges[0].text == "stale"
    record = host.calls[-1]
    assert (record.status, record.stale_s) == ("ok", stale.age_s)
    assert record.message
    assert record.message.startswith("answered from ")
    for asked, more in ((host, {"fresh": True}), (host, {"arguments": {"a": 1}}), (strict, {})):
        with pytest.raises((ConnectFailed, ConnectionLost)):
            await asked.call("web", "pid", **more)


async def test_the_cache_shows_itself_and_can_be_forgotten(host: Host):
    """A person must be able to see what is kept, and to be rid of it."""
    assert host.cache.hit_rate is None
    assert "nothing was asked yet" in str(host.cache.view())
    for _ in range(4):
        await host.call("plain", "add", {"a": 1, "b": 2})

    assert host.cache.hit_rate == 0.75
    assert host.cache.entries == 1
    assert host.cache.to_dict()["servers"]["plain"] == {
        "entries": 1, "bytes": host.cache.bytes, "hit": 3, "joined": 0, "miss": 1, "hit_rate": 0.75,
    }  # fmt: skip
    assert "75%" in host.cache._repr_mimebundle_()["text/plain"]

    host.cache.clear("another")
    assert host.cache.entries == 1
    host.cache.clear("plain")
    assert (host.cache.entries, host.cache.bytes) == (0, 0)
    await host.call("plain", "add", {"a": 1, "b": 2})
    assert caches(host)[-1] == "miss"


@pytest.mark.parametrize(
    ("tool", "hint", "declared", "seconds"),
    [
        ("get_pods", None, {}, 2),
        ("listPods", None, {}, 2),
        ("get_job_logs", None, {}, 2),
        ("list_commits", None, {}, 60),
        ("getRepository", None, {}, 60),
        ("look_up_price", None, {}, 2),
        ("latest", None, {}, 2),
        ("get_pods", 10, {}, 10),
        ("get_pods", 10, {"get_*": 30.0}, 30),
        ("get_pods", 10, {"*": 0.0}, 0),
        ("preview_change", 0, {}, 0),
    ],
)
def test_how_long_an_answer_may_serve(tool: str, hint: float | None, declared: dict[str, float], seconds: float):
    """First what a person says, then the server, then the tool's name: what runs is old after two seconds."""
    settings = ServerSettings("any", "stdio", ttl_s=declared)

    info = ToolInfo(server="any", name=tool, kind="third-party", read_only=True, ttl_s=hint)
    unknown = ToolInfo(server="any", name=tool, kind="third-party", read_only=False, ttl_s=hint)

    assert lifetime(info, settings) == seconds
    assert lifetime(unknown, settings) == 0


def test_what_our_own_servers_look_up_may_serve_for_five_minutes():
    """Prices and schemas move slowly; of somebody else's tool with such a name nobody has said so."""
    ours = ToolInfo(server="any", name="look_up_price", kind="reads", read_only=True)

    assert lifetime(ours, ServerSettings("any", "builtin")) == 300


@pytest.mark.parametrize(
    ("said", "taken"),
    [(2, 2.0), (0, 0.0), (1e9, 3600.0), (-1, None), (True, None), ("2", None), (float("nan"), None), (None, None)],
)
def test_a_servers_word_on_it_is_taken_within_reason(said: Any, taken: float | None):
    """It is text from outside: neither a slip nor a boast of a server may keep an answer for good."""
    assert hinted(said) == taken


def test_an_answer_serves_for_its_time_and_is_then_forgotten():
    """Measured by a clock that nobody sets, to the end of the time and no longer."""
    clock = Clock()
    kept, key = Kept(CacheLimits(), clock), Key("me", "plain", "pid", b"{}")
    kept.put(key, packed("answer"), ttl_s=2, asked_at=999)

    clock.now += 1.999
    assert kept.find(key)
    clock.now += 0.001
    assert kept.find(key) is None
    assert (len(kept), kept.bytes) == (0, 0)


def packed(data: Any) -> Packed:
    made = Packed.of(ToolResult(server="plain", tool="pid", data=data, raw={"content": []}), 10)
    assert made
    return made


KEYS = st.builds(
    Key, st.sampled_from(["me", "ünï"]), st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), st.binary(max_size=8)
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 300), st.integers(0, 50)),
        st.tuples(st.just("find"), KEYS, st.just(0), st.integers(0, 50)),
        st.tuples(st.just("clear"), KEYS, st.just(0), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(0, 5), st.integers(64, 1500))
def test_the_bounds_hold_and_the_bytes_are_exact(steps: list[tuple[str, Key, int, int]], entries: int, most: int):
    """A cache that miscounts grows until the kernel dies, or keeps nothing; the least lately used goes first."""
    clock = Clock()
    kept = Kept(CacheLimits(entries=entries, bytes=most), clock)
    model: dict[Key, tuple[int, float]] = {}

    for what, key, length, seconds in steps:
        clock.now += 1
        if what == "clear":
            kept.clear(key.server)
            model = {one: held for one, held in model.items() if one.server != key.server}
        elif what == "find":
            found = kept.find(key)
            held = model.pop(key, None)
            if held and held[1] > clock.now:
                model[key] = held
            assert (found is not None) == (key in model)
        else:
            answer = packed("x" * length)
            size = len(answer.encoded) + key.size
            kept.put(key, answer, ttl_s=seconds, asked_at=clock.now)
            model.pop(key, None)
            if size <= most and entries:
                model[key] = (size, clock.now + seconds)
            while len(model) > entries or sum(held[0] for held in model.values()) > most:
                del model[next(iter(model))]
        assert kept.bytes == sum(held[0] for held in model.values()) <= most
        assert len(kept) == len(model) <= entries


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_is_given_out_is_what_came_and_never_the_same_object(data: Any):
    """Whatever JSON a server answers, every caller gets all of it, and may do with it what it likes."""
    raw = {"content": [{"type": "text", "text": json.dumps(data)}], "structuredContent": {"result": data}}
    key = Key("me", "plain", "rows", b"{}")
    result = ToolResult(server="plain", tool="rows", data=data, raw=raw)
    kept = Packed.of(result, 1)
    assert kept

    one, other = kept.result(key, duration_ms=1), kept.result(key, duration_ms=2)

    assert one.data == other.data == data
    assert repr(one.data) == repr(data)
    assert one.raw == raw
    assert one.text == json.dumps(data)
    if isinstance(data, dict | list):
        assert one.data is not other.data


def test_what_cannot_be_encoded_is_not_kept():
    """An answer nested deeper than anything meant must not break the call that brought it."""
    deep: Any = []
    for _ in range(3000):
        deep = [deep]

    assert Packed.of(ToolResult.model_construct(server="a", tool="b", data=deep, raw={}), 1) is None


def test_the_cache_is_configured_in_its_own_table(tmp_path: Path):
    """A misspelt key must not leave the usual in place without a word."""
    (tmp_path / "codenb.toml").write_text("[cache]\nentries = 10\nbytes = 4096\nstale_while_error_s = 30\n")
    assert config.load(tmp_path, {}).cache == CacheLimits(entries=10, bytes=4096, stale_while_error_s=30)

    (tmp_path / "codenb.toml").write_text("[cache]\nstale_s = 30\n")
    with pytest.raises(ConfigError, match=r"codenb.toml: cache.stale_s is not a setting"):
        config.load(tmp_path, {})
