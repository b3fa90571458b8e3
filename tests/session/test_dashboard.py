"""The dashboard over real traffic, with a real Prometheus between."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import codenb
from codenb.cli import main
from codenb.errors import ToolError
from codenb.host import Entry
from tests.conftest import part
from tests.host.helpers import PATIENCE_S
from tests.ports import free_port
from tests.session.conftest import Yes


@pytest.fixture
async def nb(tmp_path: Path) -> AsyncIterator[codenb.Session]:
    """A session whose answers are kept for longer than a test runs, however slow the machine."""
    (tmp_path / "codenb.toml").write_text("[servers.kubernetes]\nttl = 600\n")
    async with codenb.connect("demo:healthy", home=tmp_path) as session:
        yield session


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[[str], Callable[[str], Any]]]:
    """Starts a Prometheus that scrapes a URL; returns what evaluates an expression there."""
    programs: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> Callable[[str], Any]:
        at, scraped = f"127.0.0.1:{free_port()}", url.removeprefix("http://").removesuffix("/metrics")
        config = tmp_path / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\n"
            f"scrape_configs: [{{job_name: codenb, static_configs: [{{targets: ['{scraped}']}}]}}]\n"
        )
        command = [part("prometheus", "usr", "bin", "prometheus"), f"--config.file={config}"]
        command += [f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address={at}"]
        with (tmp_path / "prometheus.log").open("wb") as log:
            programs.append(subprocess.Popen(command, stdout=log, stderr=log))
        return lambda expression: evaluated(at, expression)

    yield start
    for program in programs:
        program.kill()
        program.wait()


def evaluated(at: str, expression: str) -> list[dict[str, Any]]:
    """The series of an expression; none while Prometheus is not up yet."""
    asked = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"http://{at}/api/v1/query?{asked}", timeout=60) as answer:
            found = json.load(answer)
    except OSError as error:
        if isinstance(error, urllib.error.HTTPError) and error.code == 400:
            pytest.fail(f"{expression}: {error.read().decode()}")
        return []
    assert found["status"] == "success"
    return list(found["data"]["result"])


async def traffic(nb: codenb.Session, yes: Yes, replicas: int) -> None:
    """Reads that hit and miss, one that fails, a model with a price, a decision."""
    for _ in range(3):
        await nb.call("kubernetes", "can_i", verb="list", resource="pods", namespace="shop")
    with pytest.raises(ToolError):
        await nb.call("kubernetes", "rollout_status", name="nothing-of-this-name", namespace="shop")

    async def scripted(entry: Entry) -> str:
        entry.input_tokens, entry.output_tokens, entry.cost_usd = 1200, 80, Decimal("0.0042")
        return "nothing is wrong"

    await nb.host.recorded("model", ("scripted", "small"), {"prompt": "What is wrong?"}, scripted)
    change = {"name": "checkout", "namespace": "shop", "replicas": replicas}
    await nb.execute(await nb.propose("kubernetes", "scale_deployment", **change), yes)


async def test_every_panel_shows_something_true_over_real_traffic(
    nb: codenb.Session, yes: Yes, prometheus: Callable[[str], Callable[[str], Any]], capsys: pytest.CaptureFixture[str]
):
    """A panel whose expression matches nothing, or divides by zero, is found out in an incident."""
    assert main(["dashboard"]) == 0
    dashboard = json.loads(capsys.readouterr().out)
    await traffic(nb, yes, replicas=4)
    evaluate = prometheus(await nb.serve_metrics("127.0.0.1:0"))
    await scraped(evaluate, "codenb_decisions_total == 1")
    await traffic(nb, yes, replicas=5)  # what is there at the first scrape has no rate; this has
    await scraped(evaluate, "codenb_decisions_total == 2")

    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            series = await scraped(evaluate, asked(target["expr"]))
            values = [float(one["value"][1]) for one in series]
            assert all(math.isfinite(value) and value >= 0 for value in values), (panel["title"], series)
            assert any(values), (panel["title"], series)
            assert names(target["legendFormat"]) <= set(series[0]["metric"]), panel["title"]

    kubernetes = {
        panel["title"]: await scraped(evaluate, asked(panel["targets"][0]["expr"], server="kubernetes"))
        for panel in dashboard["panels"]
    }
    (errors,), (hits,) = kubernetes["Error rate"], kubernetes["Cache hit rate"]
    assert 0 < float(errors["value"][1]) < 1
    assert 0 < float(hits["value"][1]) < 1
    (cost,) = kubernetes["Cost so far"]
    assert cost["metric"] == {"server": "scripted", "tool": "small"}
    assert float(cost["value"][1]) == pytest.approx(0.0084)
    (decisions,) = kubernetes["Decisions so far"]
    assert (decisions["metric"]["decision"], float(decisions["value"][1])) == ("approved", 2)


def test_the_dashboard_can_be_imported_anywhere(capsys: pytest.CaptureFixture[str]):
    """It names no data source of its author, its panels do not overlap, and ids are unique."""
    assert main(["dashboard", "--title", "Runbooks of shop"]) == 0
    dashboard = json.loads(capsys.readouterr().out)

    assert dashboard["title"] == "Runbooks of shop"
    assert [one["name"] for one in dashboard["templating"]["list"]] == ["datasource", "server"]
    sources = [one["datasource"] for panel in dashboard["panels"] for one in (panel, *panel["targets"])]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in dashboard["panels"]})
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in dashboard["panels"])


def asked(expression: str, server: str = ".*") -> str:
    """An expression as Grafana would send it."""
    filled = expression.replace("$__rate_interval", "10m").replace("$server", server)
    assert "$" not in filled
    return filled


def names(legend: str) -> set[str]:
    """The labels that a legend shows."""
    return {piece.partition("}}")[0] for piece in legend.split("{{")[1:]}


async def scraped(evaluate: Callable[[str], Any], expression: str) -> list[dict[str, Any]]:
    """Wait until Prometheus has something for an expression: a scrape that a busy machine misses leaves a gap."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := await asyncio.to_thread(evaluate, expression)):  # noqa: ASYNC110  another process
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"waited in vain for a series of {expression}")
    return found
