"""A remote state over HTTP, as the `http` backend speaks it: state, lock, unlock."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Remote:
    """What is kept, and what was asked of it."""

    def __init__(self) -> None:
        self.state = b""
        self.lock = b""
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.url = ""

    @property
    def backend(self) -> str:
        """The block that uses it."""
        return (
            'terraform {\n  backend "http" {\n'
            f'    address        = "{self.url}"\n    lock_address   = "{self.url}"\n    unlock_address = "{self.url}"\n'
            "  }\n}\n"
        )


@contextlib.contextmanager
def remote() -> Iterator[Remote]:
    """One on a free port of the loopback; while `go_on` is cleared, who holds the lock waits for the state."""
    kept = Remote()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Say nothing."""

        def answer(self, code: int, body: bytes = b"") -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def do_GET(self) -> None:
            kept.asked.append("GET locked" if kept.lock else "GET")
            if kept.lock:
                kept.go_on.wait()
            self.answer(200 if kept.state else 204, kept.state)

        def do_POST(self) -> None:
            kept.state = self.body()
            self.answer(200)

        def do_LOCK(self) -> None:
            body = self.body()
            kept.asked.append("LOCK")
            if kept.lock:
                self.answer(423, kept.lock)
                return
            kept.lock = body
            self.answer(200)

        def do_UNLOCK(self) -> None:
            self.body()
            kept.asked.append("UNLOCK")
            kept.lock = b""
            self.answer(200)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_port}/state"
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield kept
        finally:
            kept.go_on.set()
            server.shutdown()
            serving.join()
