"""Every tool that reads, as an MCP client calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from mcp.types import CallToolResult

from codenb.demo import WorldThread
from tests.servers_kubernetes.conftest import Caller

READS = {
    "get_pods",
    "list_resources",
    "get_resource",
    "get_events",
    "get_logs",
    "rollout_status",
    "rollout_history",
    "diagnose",
    "can_i",
    "top",
    "gather_context",
}
OF_EVERY_SERVER = {"preview_change", "remember", "recall", "forget"}
CHANGES = {"scale_deployment", "undo_rollout", "restart_deployment", "patch_workload", "delete_resource"}


async def _call(client: Caller, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, _text(result)
    assert result.structured_content is not None
    return result.structured_content


async def _error(client: Caller, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return _text(result)


def _text(result: CallToolResult) -> str:
    return str(getattr(result.content[0], "text", ""))


async def _checkout_pod(client: Caller) -> str:
    pods = (await _call(client, "get_pods", namespace="shop", label_selector="app=checkout"))["pods"]
    return str(pods[0]["name"])


async def test_the_tools_are_those_of_the_reference_and_say_truly_what_they_are(client: Caller) -> None:
    """The host decides by these marks what may be cached, retried and asked for by an expert."""
    tools = [one for one in await client.list_tools() if one.name not in OF_EVERY_SERVER]

    kinds = {one.name: (one.meta or {})["codenb/kind"] for one in tools}
    assert {name for name, kind in kinds.items() if kind == "reads"} == READS
    assert {name for name, kind in kinds.items() if kind == "changes"} == CHANGES
    assert all(bool(one.annotations and one.annotations.read_only_hint) == (one.name in READS) for one in tools)


async def test_the_tools_of_this_server_are_cheap_to_list(client: Caller) -> None:
    """Every conversation that lists them pays for every word; what the kernel adds is not counted here."""
    tools = [one for one in await client.list_tools() if one.name not in OF_EVERY_SERVER]

    words = sum(len(one.description or "") + len(json.dumps(one.input_schema)) for one in tools)
    answers = sum(len(json.dumps(one.output_schema)) for one in tools if one.name in READS)
    assert words + answers < 16_000


async def test_pods_are_rows_with_what_one_looks_for_first(client: Caller) -> None:
    """Restarts, the reason, how it ended before, and whose pod it is."""
    answer = await _call(client, "get_pods", namespace="shop", label_selector="app=checkout")

    row = answer["pods"][0]
    assert answer["total"] == 3
    assert (row["phase"], row["ready"], row["containers"], row["restarts"]) == ("Running", False, "0/1", 6)
    assert (row["reason"], row["last_state"]) == ("CrashLoopBackOff", "app: OOMKilled (137)")
    assert row["owner"] == "Deployment checkout"


async def test_a_list_can_be_read_part_by_part(client: Caller) -> None:
    """No answer is cut without saying so and without a way on."""
    seen: list[str] = []
    answer = await _call(client, "get_pods", namespace="shop", limit=3)
    assert (answer["total"], answer["cut"]) == (7, "there are 4 more: call again with this cursor")
    while True:
        seen += [one["name"] for one in answer["pods"]]
        if not answer["cursor"]:
            break
        answer = await _call(client, "get_pods", namespace="shop", limit=3, cursor=answer["cursor"])

    assert len(set(seen)) == len(seen) == 7


async def test_any_kind_can_be_listed_and_read(client: Caller) -> None:
    """Kinds without a tool of their own are reached by these two."""
    listed = await _call(client, "list_resources", kind="deploy", namespace="shop")
    assert {one["name"]: one["state"] for one in listed["resources"]}["checkout"] == "0/3 ready"
    nodes = await _call(client, "list_resources", kind="nodes")
    assert nodes["total"] == 3

    found = await _call(client, "get_resource", kind="Deployment", name="checkout", namespace="shop")
    assert found["spec"]["replicas"] == 3
    assert "managedFields" not in found["metadata"]


async def test_events_can_be_narrowed_to_a_workload_and_a_time(client: Caller) -> None:
    """A busy namespace has thousands."""
    every = await _call(client, "get_events", namespace="shop", involved="checkout", limit=500)
    last = await _call(client, "get_events", namespace="shop", involved="checkout", limit=2)
    pods = await _call(client, "get_events", namespace="shop", involved="Pod/checkout", since="1s")

    assert last["events"] == every["events"][-2:]
    assert last["cut"] == f"the newest 2 of {every['total']} are shown"
    assert len(pods["events"]) < every["total"]
    assert {one["object"].partition(" ")[0] for one in pods["events"]} <= {"Pod"}


async def test_a_log_can_be_narrowed_and_its_end_is_said(client: Caller) -> None:
    """What is looked for must not be cut away before it is looked for."""
    pod = await _checkout_pod(client)

    tail = await _call(client, "get_logs", pod=pod, namespace="shop", tail=2)
    found = await _call(client, "get_logs", pod=pod, namespace="shop", tail=1, grep="STARTING", previous=True)

    assert tail["lines"] == 2
    assert tail["cut"].startswith("the last 2 lines were read")
    assert found["text"] == 'level=info msg="checkout starting" version=2.4.1'


async def test_the_rollout_and_its_history_say_how_far_and_since_when(client: Caller) -> None:
    """Status is what success conditions are checked against; history is what `changes` reads."""
    status = await _call(client, "rollout_status", name="checkout", namespace="shop")
    history = await _call(client, "rollout_history", name="checkout", namespace="shop")

    assert (status["desired"], status["updated"], status["ready"], status["complete"]) == (3, 3, 0, False)
    assert status["reason"] == "MinimumReplicasUnavailable"
    newest, oldest = history["revisions"]
    assert (history["current"], newest["revision"], oldest["revision"]) == (2, 2, 1)
    assert newest["changes"] == ["containers[app].resources.limits.memory: 256Mi -> 128Mi"]
    assert newest["cause"] == "halve the memory limit of checkout"


async def test_diagnose_and_gather_context_agree(client: Caller) -> None:
    """One look and one set of rules, whoever asks."""
    found = await _call(client, "diagnose", namespace="shop", workload="checkout")
    seen = await _call(client, "gather_context", target={"namespace": "shop", "workload": "checkout"})

    assert found["findings"][0]["cause"] == "OOMKilled"
    assert found["summary"] == seen["summary"]
    assert seen["place"]["name"] == "codenb-demo"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("diagnose", {"namespace": "shop", "workload": "chekcout"}, "did you mean 'checkout'"),
        ("diagnose", {"namespace": "shpo"}, "no Namespace shpo in cluster codenb-demo: did you mean 'shop'"),
        ("gather_context", {"target": {"namespace": "shop", "cluster": "prod"}}, "on cluster codenb-demo, not 'prod'"),
        ("gather_context", {"target": {"nmespace": "shop"}}, "the target is not a Target: nmespace"),
        ("get_logs", {"pod": "none", "namespace": "shop"}, "there is no Pod shop/none"),
        ("get_logs", {"pod": "none", "namespace": "shop", "since": "soon"}, "write it like 90s"),
        ("get_pods", {"namespace": "../kube-system"}, "is no namespace"),
        ("get_pods", {"namespace": "shop", "limit": 0}, "limit"),
        ("get_pods", {"namespace": "shop", "field_selector": "spec.colour=red"}, "it is invalid"),
        ("get_pods", {"namespace": "shop", "cursor": "made-up"}, "cannot list pods"),
        ("list_resources", {"kind": "unicorn"}, "has no kind 'unicorn'"),
        ("get_resource", {"kind": "pod", "name": "../../secrets/x", "namespace": "shop"}, "no object's name"),
        ("rollout_status", {"name": "web", "namespace": "shop", "kind": "ReplicaSet"}, "kind"),
        ("can_i", {"verb": "rm -rf", "resource": "pods"}, "no verb or resource"),
    ],
)
async def test_a_wrong_argument_is_one_line_that_says_what_to_do(
    client: Caller, tool: str, arguments: dict[str, Any], said: str
) -> None:
    """A model corrects its call by this sentence and by nothing else."""
    text = await _error(client, tool, **arguments)

    assert said in text
    assert "\n" not in text


async def test_the_cluster_itself_says_what_these_credentials_may_do(shop: WorldThread, client: Caller) -> None:
    """Asked before a plan is made, so that nobody approves what cannot be done."""
    yes = await _call(client, "can_i", verb="patch", resource="deployments/scale", namespace="shop")

    assert yes["allowed"]
    assert yes["question"] == "patch deployments.apps/scale in namespace shop of cluster codenb-demo"


def test_the_server_is_made_without_the_heavy_libraries() -> None:
    """`connect()` has a second and a half; the client library alone takes half of it."""
    code = (
        "import sys; from codenb.servers.kubernetes.server import server; server(); "
        "from codenb.servers.kubernetes.analyzers import analyze; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'kubernetes', 'aiohttp', 'pandas'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


def test_the_rules_are_read_without_the_protocol() -> None:
    """Experts run them on a bundle, in a room that may not know MCP."""
    code = (
        "import sys; import codenb.servers.kubernetes.snapshot, codenb.servers.kubernetes.analyzers; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'mcp', 'kubernetes', 'aiohttp'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_resource", {"kind": "Secret", "name": "", "namespace": "shop"}),
        ("get_resource", {"kind": "Namespace", "name": ""}),
        ("get_logs", {"pod": "", "namespace": "shop"}),
        ("rollout_status", {"name": "", "namespace": "shop"}),
        ("rollout_history", {"name": "", "namespace": "shop"}),
        ("preview_change", {"tool": "restart_deployment", "arguments": {"name": "", "namespace": "shop"}}),
    ],
)
async def test_an_empty_name_is_no_list(client: Caller, tool: str, arguments: dict[str, Any]) -> None:
    """`get_resource` of a Secret without a name gave all Secrets of the namespace, with their data."""
    result = await client.call_tool(tool, arguments)

    assert result.is_error
    assert "'' is no object's name" in _text(result)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("get_pods", {}), ("get_events", {}), ("list_resources", {"kind": "deploy"}), ("diagnose", {})],
)
async def test_a_misspelt_namespace_is_no_empty_one(client: Caller, tool: str, arguments: dict[str, Any]) -> None:
    """`get_pods` of `shpo` answered with no pods, and whoever asked took them for gone."""
    said = await _error(client, tool, namespace="shpo", **arguments)

    assert "there is no Namespace shpo" in said
    assert "did you mean 'shop'?" in said


async def test_an_empty_namespace_is_empty(client: Caller) -> None:
    """The check for a misspelt one must not refuse it."""
    assert (await _call(client, "get_pods", namespace="default"))["pods"] == []


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("get_resource", {"kind": "deploy", "name": "checkout", "namespace": None}, "a Deployment is in a namespace"),
        ("list_resources", {"kind": "Deployment", "api_version": "v9/x"}, "has no API version 'v9/x'"),
        ("list_resources", {"kind": "Deployment", "api_version": "v1"}, "has no kind 'Deployment' in v1"),
        ("get_logs", {"pod": "checkout", "namespace": "shop"}, "there is checkout-"),
        ("can_i", {"verb": "get", "resource": "../pods"}, "'../pods' is no verb or resource"),
    ],
)
async def test_what_is_asked_wrongly_is_told_rightly(
    client: Caller, tool: str, arguments: dict[str, Any], said: str
) -> None:
    """One sentence that a model can act on; `no kind 'Deployment': did you mean 'Deployment'?` was none."""
    assert said in await _error(client, tool, **arguments)
