"""Between a notebook and its MCP servers: connections, calls, records."""

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
from codenb.host._records import TRACE_ID, Calls, Entry

__all__ = [
    "TRACE_ID",
    "Answered",
    "Approve",
    "Ask",
    "Calls",
    "Entry",
    "Host",
    "PromptInfo",
    "Prompts",
    "ResourceInfo",
    "Resources",
    "ServerStatus",
    "Servers",
    "ToolInfo",
    "Tools",
]
