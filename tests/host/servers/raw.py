"""A stdio server of the handshake era in a few lines, which misbehaves as its argument says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HOW = sys.argv[1]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def answer(request: dict, result: object) -> None:
    say(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}))


def text(request: dict, words: str) -> None:
    answer(request, {"content": [{"type": "text", "text": words}]})


def go(request: dict) -> None:
    """The one tool."""
    if HOW == "garbled":
        say('{"jsonrpc": "2.0", "id": 3, "result": password=hunter2-correct-horse')
    elif HOW == "prints-instead":
        say("done!")
    elif HOW == "chatters":
        for at in range(1_000):
            say(f"progress {at}")
    elif HOW == "floods":
        message = {"jsonrpc": "2.0", "id": request["id"], "result": {"content": [{"type": "text", "text": "@"}]}}
        before, after = json.dumps(message).split("@")
        sys.stdout.write(before)
        for _ in range(int(sys.argv[2])):
            sys.stdout.write("x" * 1024 * 1024)
        say(after)
    elif HOW == "dies":
        sys.stderr.write("the database is on fire\n")
        sys.stderr.flush()
        os._exit(3)
    elif HOW == "deaf":
        time.sleep(600)
    else:
        text(request, "went")


if HOW == "stubborn":
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", deaf])
    Path(sys.argv[2]).write_text(f"{os.getpid()} {child.pid}")
if HOW == "dies-at-once":
    with Path(sys.argv[2]).open("a") as file:
        file.write("started\n")
    sys.exit(1)
if HOW == "banner":
    say("Welcome to the server!")
if HOW == "noisy":
    for at in range(14_000):
        sys.stderr.write(f"line {at:06} of a log that nobody reads, token=ghp_{'a' * 36}\n")

for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "initialize":
        about = {"name": "raw", "version": "1"}
        answer(message, {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": about})
    elif method == "tools/list":
        answer(message, {"tools": [{"name": "go", "inputSchema": {"type": "object"}}]})
    elif method == "tools/call":
        go(message)
    elif "id" in message:
        say(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no such method"}}))
if HOW == "stubborn":
    time.sleep(600)
