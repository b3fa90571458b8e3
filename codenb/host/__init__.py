"""Between a notebook and its MCP servers: connections, and the way of every call.

A call is recorded, permitted, perhaps answered from a recording or the cache, tried again where that is safe, and sent.
"""

from codenb.host._cache import Cache
from codenb.host._cassette import Cassette
from codenb.host._clock import Clock
from codenb.host._elicit import Answered, Approve, Ask
from codenb.host._host import Host
from codenb.host._listing import (
    PromptInfo,
    Prompts,
    ResourceInfo,
    Resources,
    Servers,
    ServerStatus,
    ToolInfo,
    Tools,
)
from codenb.host._playback import Playback
from codenb.host._recording import Recording
from codenb.host._records import TRACE_ID, Calls, Entry
from codenb.host._requests import Requests
from codenb.host._tape import FORMAT, MARK, Tape, Track, Writer, encoded
from codenb.host._tape import read as read_tape

__all__ = [
    "FORMAT",
    "MARK",
    "TRACE_ID",
    "Answered",
    "Approve",
    "Ask",
    "Cache",
    "Calls",
    "Cassette",
    "Clock",
    "Entry",
    "Host",
    "Playback",
    "PromptInfo",
    "Prompts",
    "Recording",
    "Requests",
    "ResourceInfo",
    "Resources",
    "ServerStatus",
    "Servers",
    "Tape",
    "ToolInfo",
    "Tools",
    "Track",
    "Writer",
    "encoded",
    "read_tape",
]
