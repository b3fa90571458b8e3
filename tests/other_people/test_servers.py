"""Servers that other people wrote, each joined by an entry in .mcp.json and its lines in codenb.toml alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import codenb
from codenb.errors import NotApproved
from tests.conftest import part
from tests.ports import free_port

pytestmark = pytest.mark.parts

LOOPBACK = Path(__file__).with_name("loopback.cjs")
EVERYTHING_TOML = """
[servers.kubernetes]
enabled = false

[servers.deployment]
enabled = false

[servers.everything]
read_only = ["echo", "get-*"]
gather = [{ tool = "echo", arguments = { message = "about {namespace}/{workload}" } }]
"""
PROMETHEUS_TOML = """
[servers.kubernetes]
enabled = false

[servers.deployment]
enabled = false

[servers.prometheus]
read_only = ["execute_query", "execute_range_query", "list_metrics", "get_*", "health_check"]
gather = [{ tool = "execute_query", arguments = { query = "up{{job=\\"{namespace}\\"}}" } }]
"""


def project(folder: Path, entry: dict[str, object], toml: str) -> Path:
    """A team's folder with one server."""
    name = "prometheus" if "prometheus]" in toml else "everything"
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {name: entry}}))
    (folder / "codenb.toml").write_text(toml)
    return folder


@pytest.fixture
def program() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts programs and ends them with the test, with all that they started."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            words,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)
    for process in started:
        process.wait(60)


def wait_for(port: int, path: str | None = None) -> None:
    """Wait until something listens on a port of this machine (and answers a path)."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if path is None:
                socket.create_connection(("127.0.0.1", port), 1).close()
            else:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"nothing listens on port {port}")


@pytest.fixture(params=["stdio", "http"])
def everything(request, tmp_path, program) -> Path:
    """The npm reference server, over both transports that people use it with."""
    script = part("npm", "node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js")
    node = shutil.which("node")
    assert node, "node is missing: install Node.js 20 or newer"
    if request.param == "stdio":
        return project(tmp_path, {"command": node, "args": [script, "stdio"]}, EVERYTHING_TOML)
    port = free_port()
    program(node, "--require", str(LOOPBACK), script, "streamableHttp", PORT=str(port))
    wait_for(port)
    return project(tmp_path, {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}, EVERYTHING_TOML)


async def test_the_npm_reference_server_is_listed_called_and_gathered(everything):
    """A team's existing .mcp.json works unchanged; two lines say what may be read, and it takes part."""
    async with codenb.connect(everything) as nb:
        tools = {tool.name for tool in await nb.tools("everything")}
        answer = await nb.call("everything", "get-sum", a=2, b=3)
        context = await nb.gather(namespace="shop", workload="checkout")

    assert {"echo", "get-sum", "get-tiny-image"} <= tools
    assert "5" in answer.text
    assert [(item.server, item.status) for item in context.items] == [("everything", "ok")]
    assert "about shop/checkout" in context.items[0].text


async def test_pictures_and_links_of_another_server_are_shown(everything):
    """An answer is more than text: an image must be seen, a link must be one that can be clicked."""
    async with codenb.connect(everything) as nb:
        picture = await nb.call("everything", "get-tiny-image")
        links = await nb.call("everything", "get-resource-links", count=2)

    assert 'src="data:image/png;base64,' in picture._repr_mimebundle_()["text/html"]
    assert any(part.kind == "link" for part in links.content)


async def test_what_is_not_declared_read_only_counts_as_a_change(everything):
    """A server's own annotation is a hint, not proof: nothing is called that nobody declared."""
    async with codenb.connect(everything) as nb:
        with pytest.raises(NotApproved, match="propose"):
            await nb.call("everything", "toggle-simulated-logging")


async def test_a_prometheus_server_from_pypi_takes_part_with_a_real_prometheus(tmp_path, program):
    """Metrics come from whichever server the team already has; here a real Prometheus scrapes itself."""
    port = free_port()
    config = tmp_path / "prometheus.yml"
    target = f"127.0.0.1:{port}"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    program(
        part("prometheus", "usr", "bin", "prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={target}",
    )
    wait_for(port, "/-/ready")
    entry = {
        "command": part("prometheus-mcp", "bin", "prometheus-mcp-server"),
        "env": {
            "PROMETHEUS_URL": "${TEST_PROMETHEUS:-http://127.0.0.1:" + str(port) + "}",
            "FASTMCP_CHECK_FOR_UPDATES": "off",
        },
    }

    async with codenb.connect(project(tmp_path, entry, PROMETHEUS_TOML)) as nb:
        tools = {tool.name for tool in await nb.tools("prometheus")}
        deadline = time.monotonic() + 60
        while '"1"' not in json.dumps((await nb.call("prometheus", "execute_query", query="up")).data):
            assert time.monotonic() < deadline, "Prometheus never scraped itself"
        context = await nb.gather(namespace="shop")

    assert {"execute_query", "list_metrics"} <= tools
    (item,) = context.items
    assert item.status == "ok"
    assert target in item.text
