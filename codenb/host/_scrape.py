"""Lets a Prometheus scrape what is counted in this process, from a thread of its own: a busy cell must not hinder it.

A page in somebody's browser can have its own name resolved to this machine and read what listens here; so a request
under another name is not answered.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from codenb.errors import BadInput
from codenb.servers._base._address import Names, host_and_port, is_loopback, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from prometheus_client import CollectorRegistry


class Scraped:
    """A listener that answers every path with the metrics of one registry, until `close`.

    Attributes:
        url: What to scrape.
    """

    def __init__(self, address: str, registry: CollectorRegistry, *, public: bool) -> None:
        """Listen; may take a moment, because the machine is asked for its own name.

        Args:
            address: `HOST:PORT`, HOST being a number; port 0 takes a free one.
            registry: What is shown.
            public: Whether HOST may be an address that other machines reach.

        Raises:
            BadInput: This is no address, one that others reach, or one that is taken.
        """
        from prometheus_client import make_wsgi_app  # noqa: PLC0415  only who is scraped needs it

        host, port = host_and_port(address)
        host = "127.0.0.1" if host == "localhost" else host
        if not (public or is_loopback(host)):
            raise BadInput(f"{address} is reached from other machines: serve at 127.0.0.1:{port}, or say public=True")
        kind = _Server6 if ":" in host else _Server
        try:
            names = Names(host)
            self._server = kind((host, port), _Quiet)
        except (OSError, ValueError) as error:
            raise BadInput(f"metrics cannot be served at {address} ({error}): name another HOST:PORT") from error
        self._server.set_app(_guarded(make_wsgi_app(registry), names.answer_to))
        self.url = f"http://{shown(host)}:{self._server.server_port}/metrics"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="codenb-metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Listen no longer; waits until the listener has ended."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name that the library calls it by
        """Say nothing: a scrape every few seconds would fill the notebook."""


def _guarded(app: WSGIApplication, known: Callable[[str], bool]) -> WSGIApplication:
    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if known(environ.get("HTTP_HOST", "")):
            return app(environ, start_response)
        start_response("421 Misdirected Request", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"not served under this name\n"]

    return guarded
