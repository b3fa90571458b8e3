"""The kubeconfig by which clients find the embedded API server."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from codenb.demo.auth import Tokens
from codenb.errors import BadInput

EMBEDDED_CONTEXT = "codenb-demo"
FOREIGN_CONTEXT = "foreign"
VIEWER_SUFFIX = "-viewer"


def write(path: Path, server: str, authority: str, context: str, tokens: Tokens) -> None:
    """Write a kubeconfig that only its owner can read; JSON, which is YAML too.

    Args:
        path: Where; replaced if it is there.
        server: URL of the API server.
        authority: Certificate of its authority, in PEM.
        context: Name of the current context, the admin's; the viewer's has `-viewer` added.
        tokens: The two bearer tokens.

    Raises:
        BadInput: The file cannot be written.
    """
    viewer = context + VIEWER_SUFFIX
    users = {context: tokens.admin, viewer: tokens.viewer}
    trusted = base64.b64encode(authority.encode()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": {"server": server, "certificate-authority-data": trusted}}],
        "users": [{"name": name, "user": {"token": token}} for name, token in users.items()],
        "contexts": [
            {"name": name, "context": {"cluster": context, "user": name, "namespace": "default"}} for name in users
        ],
        "current-context": context,
    }
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise BadInput(f"cannot write the kubeconfig {path}: {error.strerror or error}") from error
