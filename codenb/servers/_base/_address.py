"""Where a server listens, and under which names it answers.

A page in somebody's browser can have its own name resolved to this machine and then speak to whatever listens here, as
if it were its own server. It cannot choose what the browser sends as `Host` and `Origin`; so a request for another
name, or from a page of another place, is not answered.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterable

from codenb.errors import BadInput

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"https?://(.+)")
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORTS = 65_535
_BACKLOG = 128


def host_and_port(text: str) -> tuple[str, int]:
    """Read `HOST:PORT`; an address of IPv6 stands in brackets.

    Raises:
        BadInput: It is something else.
    """
    match = _HOST.fullmatch(text)
    if match is None or match[2] is None or int(match[2]) > _PORTS:
        raise BadInput(f"{text!r} is no address to listen on: give HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000")
    return match[1].strip("[]"), int(match[2])


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Args:
        host: An address, or a name that leads to one.
        port: 0 for any that is free.

    Raises:
        BadInput: Nothing can listen there.
    """
    listener = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        # With protocol 0 asyncio sets no TCP_NODELAY on what is accepted, and each answer takes 44 ms instead of 1.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # who is gone without a word is noticed
        listener.bind(address)
        listener.listen(_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        if listener is not None:
            listener.close()
        raise BadInput(f"cannot listen on {host}:{port}: {error}; choose another, or port 0 for a free one") from error
    return listener


def is_loopback(address: str) -> bool:
    """Whether an address is reached from this machine only."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(address).is_loopback
    return False


def shown(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


class Names:
    """The names under which one listener answers."""

    def __init__(self, address: str, given: Iterable[str] = ()) -> None:
        """Settle them.

        Args:
            address: What it listens on. Where that is every address of the machine, each of them is a name of it: a
                page can take over a name, not a number.
            given: Further names, for every port or for one (`ops.example.org`, `ops.example.org:8443`).

        Raises:
            BadInput: One given is no name.
        """
        names = []
        for name in given:
            if not _HOST.fullmatch(name):
                raise BadInput(f"{name!r} is no name of a host: give it as in a URL, without scheme and path")
            names.append(name.lower())
        self._names = _HERE | {shown(address), *names}
        self._any_number = ipaddress.ip_address(address).is_unspecified

    def answer_to(self, host: str) -> bool:
        """Whether a request with this `Host` is for us."""
        return self._knows(host) or (self._any_number and _is_number(host))

    def answer_page_of(self, origin: str) -> bool:
        """Whether a page of this `Origin` may ask."""
        match = _ORIGIN.fullmatch(origin)
        return match is not None and self._knows(match[1])

    def _knows(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        return match is not None and not {match[1].lower(), host.lower()}.isdisjoint(self._names)


def _is_number(host: str) -> bool:
    if match := _HOST.fullmatch(host):
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(match[1].strip("[]"))
            return True
    return False
