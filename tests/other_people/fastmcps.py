"""Starts the host that other people wrote."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import part

_PROGRAM = Path(__file__).with_name("fastmcp_host.py")


async def fastmcp(
    command: Sequence[str], calls: Sequence[tuple[str, dict[str, Any]]], *, mode: str = "auto", approves: bool = False
) -> tuple[set[str], list[dict[str, Any]]]:
    """Let FastMCP's client call tools of a server.

    Returns:
        The names of the server's tools, and of each call either its `answer` or its `error`.
    """
    wanted = {"command": list(command), "calls": list(calls), "mode": mode, "approves": approves}
    process = await asyncio.create_subprocess_exec(
        part("fastmcp", "bin", "python"), str(_PROGRAM), json.dumps(wanted), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    told = json.loads(printed)
    return set(told["tools"]), told["results"]
