"""Values of Secrets never leave the server, in whichever answer one looks for them."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from codenb.demo import WorldThread
from codenb.servers._clients.cluster import Cluster
from codenb.servers._clients.kinds import KINDS
from codenb.servers.kubernetes.gather import snapshot
from codenb.servers.kubernetes.reading import shown
from codenb.servers.kubernetes.surroundings import keys
from tests.servers_kubernetes.conftest import Caller

_VALUES = st.dictionaries(
    st.text("abcXYZ.-_", min_size=1, max_size=8), st.text("0123456789abcdef", min_size=12, max_size=40), min_size=1
)


@given(_VALUES, st.sampled_from(["data", "stringData"]))
def test_no_value_of_a_secret_is_in_what_is_shown_of_it(values: dict[str, str], part: str) -> None:
    """Names and lengths are enough for any diagnosis; `kubectl apply` leaves a second copy in an annotation."""
    carried = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    secret: dict[str, Any] = {
        "kind": "Secret",
        "metadata": {
            "name": "s",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": carried})},
        },
        part: carried,
    }

    told = json.dumps(shown(secret)) + keys(secret).model_dump_json()

    assert all(value not in told for value in [*values.values(), *carried.values()])
    assert all(json.dumps(key)[1:-1] in told for key in values)


async def test_no_value_of_a_secret_is_in_any_answer(shop: WorldThread, client: Caller, cluster: Cluster) -> None:
    """Every tool that could carry one, over the wire."""
    found = await cluster.get(KINDS["Secret"], "payment-provider", "shop")
    carried = list(found["data"].values())
    plain = [base64.b64decode(value).decode() for value in carried]
    asked: list[tuple[str, dict[str, Any]]] = [
        ("get_resource", {"kind": "Secret", "name": "payment-provider", "namespace": "shop"}),
        ("list_resources", {"kind": "secrets", "namespace": "shop"}),
        ("gather_context", {"target": {"namespace": "shop"}}),
        ("diagnose", {"namespace": "shop"}),
    ]

    for tool, arguments in asked:
        told = (await client.call_tool(tool, arguments)).model_dump_json()
        assert all(value not in told for value in [*carried, *plain]), tool
    inside = (await snapshot(cluster, "shop")).model_dump_json()
    assert all(value not in inside for value in [*carried, *plain])
    assert "payment-provider" in inside
