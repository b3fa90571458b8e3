"""MCP servers of codenb's kind, and what they share."""
