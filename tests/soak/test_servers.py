"""The short version of the soak: the long one is `make soak`."""

from __future__ import annotations

from pathlib import Path

from codenb.config import Retries
from tests.soak.servers import soaked

_KILLS = 3


async def test_reads_are_answered_and_no_change_is_made_twice_while_servers_are_killed(tmp_path: Path) -> None:
    """`kill -9` may meet a server at every moment: starting, reading, between doing a change and saying so."""
    soak = await soaked(
        tmp_path,
        done=lambda soak: soak.kills == _KILLS and soak.reads > 50,
        servers=1,
        most_kills=_KILLS,
        pace_s=0.1,
        # One attempt more than there are kills: on the slowest machine no read can run out of attempts.
        retry=Retries(attempts=_KILLS + 1, pause_after_s=3600),
    )

    assert soak.faults() == []
    assert soak.kills == _KILLS
    assert soak.reads > 50
