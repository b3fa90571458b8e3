"""`python -m codenb.demo`: the embedded world as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from codenb.demo import scenarios
from codenb.errors import CodenbError

_BANNER = (
    "codenb demo: an embedded Kubernetes API server for trying, teaching and testing. "
    "It is a double, not a real cluster: nothing runs in it and nothing in it is real."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"codenb demo: {message}; --help lists the options", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m codenb.demo", description=_BANNER)
    parser.add_argument("--scenario", default="oom", help="what is wrong in the world (default: oom)")
    parser.add_argument("--kubeconfig", type=Path, help="where to write the kubeconfig (default: a temporary file)")
    parser.add_argument("--foreign", action="store_true", help="count as a cluster that is not embedded")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any that is free)")
    parser.add_argument("--seed", type=int, default=1, help="equal seeds give equal names and uids (default: 1)")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    parser.add_argument("--list", action="store_true", help="list the scenarios and end")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    options = _parser().parse_args(argv)
    try:
        if options.list:
            for name in scenarios.names():
                print(f"{name:16} {scenarios.load(name).title}")
            return 0
        with tempfile.TemporaryDirectory(prefix="codenb-demo-") as folder:
            asyncio.run(_serve(options, options.kubeconfig or Path(folder) / "kubeconfig"))
    except CodenbError as error:
        print(f"codenb demo: {error}", file=sys.stderr)
        return error.exit_code
    return 0


async def _serve(options: argparse.Namespace, path: Path) -> None:
    from codenb.demo.serving import serve  # noqa: PLC0415 - a wrong argument is answered without a web server

    print(_BANNER, file=sys.stderr, flush=True)
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    if options.until_eof:
        loop.add_reader(sys.stdin.fileno(), _at_eof, over)
    async with serve(options.scenario, path, seed=options.seed, foreign=options.foreign, port=options.port) as served:
        scenario = served.live.scenario
        facts = {
            "scenario": scenario.name,
            "server": served.server,
            "kubeconfig": str(served.kubeconfig.absolute()),
            "uid": served.live.uid,
            "context": served.context,
            "embedded": served.embedded,
            "namespace": scenario.namespace,
            "workload": scenario.workload,
            "question": scenario.question,
            "kind": scenario.kind,
        }
        print(json.dumps(facts), flush=True)
        await over.wait()


def _at_eof(over: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        over.set()


if __name__ == "__main__":
    sys.exit(main())
