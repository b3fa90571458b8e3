"""The API server of the embedded world: an ASGI application over one `Live` world."""
