"""A change whose answer is lost was made or was not; which of both is found out, and it is never sent again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from codenb.actions import Outcomes, demo_policy, execute, propose, settled
from codenb.config import Limits, load
from codenb.errors import BadInput
from codenb.host import Host
from codenb.models import Proposal, ToolCall

WEB_TO_SIX = ToolCall(server="toy", tool="scale", arguments={"name": "web", "replicas": 6})


def writes_asked(host: Host) -> list[str]:
    """How each call of the change ended, as recorded."""
    return [call.status for call in host.calls if call.tool == "scale"]


async def test_a_server_killed_after_the_write_is_found_to_have_made_it(stdio_host: Any, shop: Any) -> None:
    """The process dies between the write and its answer; the state itself says that it was made."""
    async with stdio_host() as host:
        proposal = await propose(host, WEB_TO_SIX)
        shop.set(fault="die after")

        outcomes = await execute(host, [proposal], demo_policy())

        assert [one.status for one in outcomes] == ["verified"]
        assert "all of it was applied" in outcomes[0].message
        assert outcomes[0].undo == proposal.undo
        assert shop.get()["writes"] == 1
        assert writes_asked(host) == ["unknown"]


async def test_a_server_killed_before_the_write_is_found_not_to_have_made_it(stdio_host: Any, shop: Any) -> None:
    """The approval was used up and nothing was written: that is read back and said, and the next step is not tried."""
    async with stdio_host() as host:
        proposal = await propose(host, WEB_TO_SIX)
        assert proposal.success is not None
        soon = proposal.success.model_copy(update={"within_s": 0.3})
        shop.set(fault="die before")
        next_step = Proposal(call=ToolCall(server="toy", tool="scale", arguments={"name": "api", "replicas": 9}))

        outcomes = await execute(host, [proposal.model_copy(update={"success": soon}), next_step], demo_policy())

        assert [one.status for one in outcomes] == ["failed", "refused"]
        assert "stopped while it carried this out" in outcomes[0].message
        assert "nothing was applied" in outcomes[0].message
        assert outcomes[0].undo is None
        assert shop.get()["writes"] == 0
        assert outcomes.exit_code == 1
        assert writes_asked(host) == ["unknown"]


async def test_a_server_that_lost_its_own_answer_does_not_make_it_a_failure(host: Host, shop: Any) -> None:
    """The server answers, and says that it does not know: found by reading an error as a no, while it was made."""
    proposal = await propose(host, WEB_TO_SIX)
    shop.set(fault="in doubt")

    outcomes = await execute(host, [proposal], demo_policy())

    assert [one.status for one in outcomes] == ["verified"]
    assert shop.get()["writes"] == 1
    assert writes_asked(host) == ["unknown"]


async def test_a_change_may_take_longer_than_a_call(toy: Any, shop: Any, tmp_path: Any) -> None:
    """A host that gives up on a write before its server does makes a doubt of a change that is going well."""
    settings = replace(load(tmp_path, {}, builtin=()), limits=Limits(timeout_s=3))
    async with Host(settings, servers={"toy": lambda: toy.make(tmp_path).mcp}) as host:
        proposal = await propose(host, WEB_TO_SIX)
        shop.set(fault="held")
        asyncio.get_running_loop().call_later(3.3, (tmp_path / "go").touch)

        outcomes = await execute(host, [proposal], demo_policy())

        assert [one.status for one in outcomes] == ["verified"]
        assert writes_asked(host) == ["ok"]


async def test_the_outcome_can_be_asked_for_later_and_elsewhere(stdio_host: Any, shop: Any) -> None:
    """A notebook that was closed is opened again; the reference in its output is all that is left."""
    async with stdio_host() as host:
        outcomes = await execute(host, [await propose(host, WEB_TO_SIX)], demo_policy())
        reference = outcomes[0].reference or ""

    async with stdio_host() as later:
        outcome = await settled(later, reference, within_s=60)  # its server is started first

    assert outcome.status == "applied"
    assert outcome.answer == {"replicas": 6}


async def test_what_nobody_keeps_is_said_so(host: Host) -> None:
    """A mistyped reference is not an unknown outcome."""
    with pytest.raises(BadInput, match="no server keeps"):
        await settled(host, f"{'0' * 64}.nothing", within_s=0.2)
    with pytest.raises(BadInput, match="is no reference"):
        await settled(host, "preview")


async def test_a_change_that_was_never_begun_is_unknown(host: Host) -> None:
    """A preview that nobody approved has no outcome, and none is made up for it."""
    proposal = await propose(host, WEB_TO_SIX)
    assert proposal.preview is not None

    outcome = await settled(host, proposal.preview.reference, within_s=0.2)

    assert outcome.status == "unknown"
    assert "not begun" in outcome.message


async def test_a_change_under_way_is_told_from_one_that_was_never_begun(host: Host, shop: Any, tmp_path: Any) -> None:
    """Whoever reads "not begun" may go and make the change by hand, while the server is making it."""
    proposal = await propose(host, WEB_TO_SIX)
    assert proposal.preview is not None
    shop.set(fault="held")
    outcomes = Outcomes()
    running = asyncio.create_task(execute(host, [proposal], demo_policy(), into=outcomes))
    while not (tmp_path / "writing").exists():  # noqa: ASYNC110  the server makes it
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    during = await settled(host, outcomes[0].reference or "", within_s=0.01)
    (tmp_path / "go").touch()
    after = await settled(host, outcomes[0].reference or "")

    assert during.status == "unknown"
    assert "still carrying it out" in during.message
    assert after.status == "applied"


async def test_a_stopped_cell_does_not_cut_off_the_write_of_a_server_of_its_own(
    stdio_host: Any, shop: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ending the connection ended its process after two seconds, in the middle of what it was writing."""
    monkeypatch.setattr("codenb.host._process._GRACE_S", 0.05)
    async with stdio_host() as host:
        proposal = await propose(host, WEB_TO_SIX)
        shop.set(fault="held")
        outcomes = Outcomes()
        running = asyncio.create_task(execute(host, [proposal], demo_policy(), into=outcomes))
        while not (tmp_path / "writing").exists():  # noqa: ASYNC110  the server makes it
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.sleep(0.5)
        (tmp_path / "go").touch()

        after = await settled(host, outcomes[0].reference or "", within_s=60)

    assert after.status == "applied"
    assert shop.get()["writes"] == 1
