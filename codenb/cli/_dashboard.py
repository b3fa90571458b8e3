"""`codenb dashboard`: a Grafana dashboard of what hosts and servers count, to be imported as it is printed.

Expressions leave out what had no traffic: a server that nobody asked has no error rate and no response time, and
Grafana would draw a division by zero as a gap with a name.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_ASKED = '{server=~"$server"}'
_WINDOW = "[$__rate_interval]"
_WIDTH, _WIDE, _HEIGHT = 24, 12, 8


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Say what may be typed."""
    parser = commands.add_parser(
        "dashboard",
        help="print a Grafana dashboard for the metrics",
        description=(
            "Print a Grafana dashboard as JSON: calls, response times, cache, errors, cost, decisions. Import it in"
            " Grafana (Dashboards, New, Import); it asks for the Prometheus that scrapes nb.serve_metrics() or"
            " codenb serve --http."
        ),
        epilog="exit codes: 0 done, 2 it could not run",
    )
    parser.add_argument("--title", default="codenb", help="of the dashboard (default: codenb)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the dashboard."""
    print(json.dumps(dashboard(arguments.title), indent=2))
    return 0


def dashboard(title: str = "codenb") -> dict[str, Any]:
    """The dashboard, as Grafana's JSON model has it (https://grafana.com/docs, "Dashboard JSON model").

    Args:
        title: Of the dashboard.
    """
    panels = [
        _graph("Calls", "reqps", _calls(), "{{server}}", "Calls of tools, those that the cache served included."),
        _graph("Response time, 95th percentile", "s", _p95(), "{{server}}", "Waiting for a person included."),
        _graph("Cache hit rate", "percentunit", _hit_rate(), "{{server}}", "Of the calls that it may serve at all."),
        _graph("Error rate", "percentunit", _error_rate(), "{{server}}", "Denied and cancelled calls included."),
        _graph(
            "Errors by type",
            "reqps",
            f"sum by (server, tool, error_type) (rate(mcp_tool_errors_total{_ASKED}{_WINDOW})) > 0",
            "{{server}}.{{tool}} {{error_type}}",
            "What went wrong where.",
        ),
        _graph(
            "Cost an hour",
            "currencyUSD",
            f"sum by (server, tool) (rate(codenb_cost_usd_total{_WINDOW})) * 3600",
            "{{server}} {{tool}}",
            "Calls whose price is not known are not in it.",
        ),
        _figures(
            "Cost so far",
            "currencyUSD",
            "sum by (server, tool) (codenb_cost_usd_total)",
            "{{server}} {{tool}}",
            "Since each host began; at least, where calls have no known price.",
        ),
        _figures(
            "Decisions so far",
            "none",
            f"sum by (decision, approver) (codenb_decisions_total{_ASKED})",
            "{{decision}} through {{approver}}",
            "About changes, since each host began.",
        ),
    ]
    return {
        "title": title,
        "uid": None,
        "tags": ["mcp", "codenb"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": _placed(panels),
    }


def _calls() -> str:
    return f"sum by (server) (rate(mcp_tool_calls_total{_ASKED}{_WINDOW}))"


def _p95() -> str:
    buckets = f"sum by (server, le) (rate(mcp_tool_duration_seconds_bucket{_ASKED}{_WINDOW}))"
    return f"histogram_quantile(0.95, {buckets}) >= 0"


def _hit_rate() -> str:
    hits, asked = (f"sum by (server) (rate(mcp_cache_{what}_total{_ASKED}{_WINDOW}))" for what in ("hits", "requests"))
    return f"{hits} / ({asked} > 0)"


def _error_rate() -> str:
    errors = f"sum by (server) (rate(mcp_tool_errors_total{_ASKED}{_WINDOW}))"
    return f"({errors} or 0 * {_calls()}) / ({_calls()} > 0)"


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "server",
            "label": "Server",
            "type": "query",
            "datasource": _DATASOURCE,
            "query": {"query": "label_values(mcp_tool_calls_total, server)", "refId": "servers"},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _graph(title: str, unit: str, expression: str, legend: str, description: str) -> dict[str, Any]:
    target = {"expr": expression, "legendFormat": legend}
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {"type": "timeseries", "options": options} | _panel(title, unit, target, description)


def _figures(title: str, unit: str, expression: str, legend: str, description: str) -> dict[str, Any]:
    target = {"expr": expression, "legendFormat": legend, "instant": True, "range": False}
    options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "value_and_name", "colorMode": "none"}
    return {"type": "stat", "options": options} | _panel(title, unit, target, description)


def _panel(title: str, unit: str, target: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [{"refId": "A", "datasource": _DATASOURCE} | target],
    }


def _placed(panels: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two in a row, in the order they are read."""
    return [
        panel
        | {
            "id": at + 1,
            "gridPos": {"h": _HEIGHT, "w": _WIDE, "x": at * _WIDE % _WIDTH, "y": at * _WIDE // _WIDTH * _HEIGHT},
        }
        for at, panel in enumerate(panels)
    ]
