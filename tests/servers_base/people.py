"""Clients with a person behind them, who says yes, no, or first does something else."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.types import ElicitRequestParams, ElicitResult, TextContent

from tests.ports import free_port

TOY = Path(__file__).with_name("toy.py")

Answer = Callable[[str, str], Awaitable[ElicitResult] | ElicitResult]


def yes(message: str, reference: str) -> ElicitResult:
    return ElicitResult(action="accept", content={"approve": True, "preview": reference, "grant": ""})


def no(message: str, reference: str) -> ElicitResult:
    return ElicitResult(action="decline")


class Person:
    """Answers every question in one way, and remembers what was asked."""

    def __init__(self, answer: Answer = yes) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.references: list[str] = []

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        reference = params.requested_schema["properties"]["preview"]["const"]
        self.asked.append(params.message)
        self.references.append(reference)
        answered = self.answer(params.message, reference)
        return answered if isinstance(answered, ElicitResult) else await answered


def text(result: Any) -> str:
    """What a model reads of a result."""
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def error_type(result: Any) -> str:
    """The class that an error result names."""
    assert result.is_error, text(result)
    return str(result.meta["codenb/error"]["type"])


async def read_json(client: Client, uri: str) -> Any:
    """A resource of JSON text."""
    (content,) = (await client.read_resource(uri)).contents
    return json.loads(content.text)


def stdio(folder: Path) -> StdioServerParameters:
    """How to start the toy as a process."""
    return StdioServerParameters(command=sys.executable, args=[str(TOY), str(folder)])


@contextlib.contextmanager
def http(folder: Path) -> Iterator[str]:
    """The toy as an HTTP server of its own process."""
    with http_process(folder) as (_, url):
        yield url


@contextlib.contextmanager
def http_process(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """That process and its address; several share their key, as workers behind a balancer do."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(TOY), str(folder), str(port)], env={**os.environ, "CODENB_STATE_KEY": "toy" * 16}
    )
    try:
        while True:
            assert process.poll() is None, "the toy server did not start"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield process, f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(60)
